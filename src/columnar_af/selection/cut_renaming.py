"""Cuts on other variables than they were written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from columnar_af.selection.cut_expressions import Comparison, Expression, Flag


def renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    """The same on other variables.

    Args:
        expression: Of a cut.
        names: Variable -> the one that stands in its place; all others stay.
    """
    if isinstance(expression, Flag):
        return replace(expression, name=names.get(expression.name, expression.name))
    if isinstance(expression, Comparison):
        sides = [
            replace(side, parts=tuple(replace(p, name=names.get(p.name or "", p.name)) for p in side.parts))
            for side in (expression.left, expression.right)
        ]
        return Comparison(sides[0], expression.operator, sides[1])
    return type(expression)(tuple(renamed(part, names) for part in expression.parts))
