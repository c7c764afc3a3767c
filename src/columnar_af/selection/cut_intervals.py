"""What cuts leave of each variable: whether selections contradict themselves, exclude or certainly overlap each other.

A selection becomes alternatives (joined by "or"), each a range per variable. A sum of several variables counts as a variable of
its own, so ``dphi_beta > 0.9 * cos_theta_b + 1.6`` excludes ``dphi_beta <= 0.9 * cos_theta_b + 1.6``. Variables that are known
to depend on each other are taken as independent, so that two selections that are not found exclusive here may still be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product

from columnar_af.selection.cut_expressions import (
    SWAPPED,
    All,
    Any,
    Atom,
    Comparison,
    Expression,
    Flag,
    Operator,
    Part,
    Sum,
    Variable,
)

MOST_ALTERNATIVES = 512
"""A selection with more of them is left to the check on events; chosen."""

RELATIVE = 1e-9
"""Coefficients of one sum that differ by less are the same; far above the rounding of 0.9 / 3."""


@dataclass(frozen=True)
class Range:
    """Values between two ends, each of which belongs to it or not.

    Attributes:
        low, high: The ends.
        low_open, high_open: Whether the end itself is left out.
        without: Single values that are left out.
    """

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    without: frozenset[float] = frozenset()

    def both(self, other: Range) -> Range:
        """What is in both."""
        low = max((self.low, self.low_open), (other.low, other.low_open))
        high = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Range(low[0], high[0], low[1], not high[1], self.without | other.without)

    def in_whole_numbers(self) -> Range:
        """The whole numbers from 0 that are in it."""
        low, high = max(self.low, 0.0), self.high
        low_open = self.low_open and self.low >= 0.0
        first = low if math.isinf(low) else math.floor(low) + 1 if low_open else math.ceil(low)
        last = high if math.isinf(high) else math.ceil(high) - 1 if self.high_open else math.floor(high)
        while first in self.without and first <= last:
            first += 1
        while last in self.without and first <= last:
            last -= 1
        return Range(float(first), float(last), without=self.without)

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        if self.low == self.high:
            return self.low_open or self.high_open or self.low in self.without
        return self.low > self.high


Box = Mapping[str, Range]
"""Variable, or sum of variables, -> what is left of it."""


def boxes(cuts: Iterable[Expression], variables: Mapping[str, Variable]) -> tuple[Box, ...] | None:
    """The alternatives that cuts leave together; none where they contradict each other, None where there are too many."""
    alternatives: list[dict[str, Range]] = [{}]
    for cut in cuts:
        parts = _alternatives(cut)
        if len(alternatives) * len(parts) > MOST_ALTERNATIVES:
            return None
        joined = (_joined(box, part, variables) for box, part in product(alternatives, parts))
        alternatives = [box for box in joined if box is not None]
    return tuple(alternatives)


def exclude(first: Iterable[Box], second: Iterable[Box]) -> bool:
    """Whether no event can be in both, whatever its variables are."""
    return all(
        any(left[key].both(right[key]).empty for key in left.keys() & right.keys())
        for left, right in product(tuple(first), tuple(second))
    )


def overlap(first: Iterable[Box], second: Iterable[Box]) -> bool:
    """Whether some event certainly is in both, if the selections are not empty.

    That is certain where two alternatives differ in one variable at most, and their ranges of it have something in common.
    """
    return any(
        not any(left[key].both(right[key]).empty for key in left.keys() & right.keys())
        and sum(left.get(key) != right.get(key) for key in left.keys() | right.keys()) <= 1
        for left, right in product(tuple(first), tuple(second))
    )


def _joined(
    box: Mapping[str, Range], atoms: Iterable[Atom], variables: Mapping[str, Variable]
) -> dict[str, Range] | None:
    result = dict(box)
    for atom in atoms:
        for key, allowed in _ranges(atom):
            left = result.get(key, Range()).both(allowed)
            if key in variables and variables[key].kind == "count":
                left = left.in_whole_numbers()
            if left.empty:
                return None
            result[key] = left
    return result


def _alternatives(expression: Expression) -> list[tuple[Atom, ...]]:
    if isinstance(expression, Any):
        return [each for part in expression.parts for each in _alternatives(part)]
    if isinstance(expression, All):
        parts = [_alternatives(part) for part in expression.parts]
        return [tuple(atom for part in chosen for atom in part) for chosen in product(*parts)]
    if isinstance(expression, Comparison) and (expression.left.absolute or expression.right.absolute):
        return _without_absolute(expression)
    return [(expression,)]


def _without_absolute(comparison: Comparison) -> list[tuple[Atom, ...]]:
    """|s| > t as s > t or s < -t, and |s| < t as both s < t and s > -t."""
    if comparison.left.absolute and comparison.right.absolute:
        return [()]  # nothing is known
    left, operator, right = comparison.left, comparison.operator, comparison.right
    if right.absolute:
        left, operator, right = right, SWAPPED[operator], left
    inner = replace(left, absolute=False)
    minus = Sum(tuple(replace(part, sign=-part.sign) for part in right.parts))
    above, below = Comparison(inner, operator, right), Comparison(inner, SWAPPED[operator], minus)
    if operator in (">", ">=", "=="):
        return [(above,), (below,)]
    return [(above, below)]


def _ranges(atom: Atom) -> list[tuple[str, Range]]:
    """The variable (or sum) of an atom and what it leaves of it."""
    if isinstance(atom, Flag):
        value = float(atom.wanted)
        return [(atom.name, Range(value, value))]
    coefficients: dict[str, float] = {}
    constant = 0.0
    for part, side in [(part, 1) for part in atom.left.parts] + [(part, -1) for part in atom.right.parts]:
        amount = side * part.sign * _number(part)
        if part.name is None:
            constant += amount
        else:
            coefficients[part.name] = coefficients.get(part.name, 0.0) + amount
    coefficients = {name: value for name, value in sorted(coefficients.items()) if value}
    if not coefficients:
        return []
    scale = next(iter(coefficients.values()))
    operator = atom.operator if scale > 0 else SWAPPED[atom.operator]
    return [(_key(coefficients, scale), _range(operator, -constant / scale + 0.0))]


def _number(part: Part) -> float:
    return 1.0 if part.factor is None else part.factor


def _key(coefficients: Mapping[str, float], scale: float) -> str:
    if len(coefficients) == 1:
        return next(iter(coefficients))
    return " + ".join(
        f"{round(value / scale / RELATIVE) * RELATIVE:.9g} {name}" for name, value in coefficients.items()
    )


def _range(operator: Operator, value: float) -> Range:
    if operator in ("<", "<="):
        return Range(high=value, high_open=operator == "<")
    if operator in (">", ">="):
        return Range(low=value, low_open=operator == ">")
    return Range(value, value) if operator == "==" else Range(without=frozenset((value,)))
