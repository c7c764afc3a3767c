"""Which events pass an expression of the language of cuts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.cut_expressions import All, Comparison, Expression, Flag, Sum

Mask = NDArray[np.bool_]
Values = NDArray[Any]


def passes(expression: Expression, values: Mapping[str, Values]) -> Mask:
    """Which events pass an expression.

    Args:
        expression: Of a cut.
        values: Variable -> its values, shape (events,).

    Returns:
        Shape (events,); False where a value that decides is NaN.
    """
    if isinstance(expression, Flag):
        flags = np.asarray(values[expression.name], dtype=np.bool_)
        return flags if expression.wanted else ~flags
    if isinstance(expression, Comparison):
        return _compared(expression, values)
    parts = [passes(part, values) for part in expression.parts]
    return np.asarray((np.logical_and if isinstance(expression, All) else np.logical_or).reduce(parts))


def _compared(comparison: Comparison, values: Mapping[str, Values]) -> Mask:
    with np.errstate(invalid="ignore"):  # differences of infinities are NaN, and pass nothing
        left, right = _sum(comparison.left, values), _sum(comparison.right, values)
        if comparison.operator == "!=":  # NaN is not another number
            return np.asarray((left < right) | (left > right))
        compare = {
            "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal,
        }[comparison.operator]  # fmt: skip
        return np.asarray(compare(left, right))


def _sum(side: Sum, values: Mapping[str, Values]) -> Any:
    total: Any = None
    for part in side.parts:
        amount: Any = part.factor if part.name is None else values[part.name]
        if part.name is not None and part.factor is not None:
            amount = part.factor * amount
        if total is None:
            total = -amount if part.sign < 0 else amount
        else:
            total = total - amount if part.sign < 0 else total + amount
    return np.abs(total) if side.absolute else total
