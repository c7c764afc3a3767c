"""Regions of events: which events are in which region, what each cut leaves, and what all others leave.

Each cut is evaluated once, whatever the number of regions that use it. A variation takes over the column of a cut, and the mask
of a region, from nominal where the variables in it are nominal's own arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.kernels.cut_walk import cut_walk
from columnar_af.selection.cut_expressions import All, Comparison, Expression, Flag, Sum, names_of
from columnar_af.selection.cutflow import Cutflow, CutflowRow
from columnar_af.selection.regions import Region, RegionSet

Mask = NDArray[np.bool_]
Values = NDArray[Any]

NEAR = 2
"""Events that fail fewer cuts than this are looked at for N-1."""


@dataclass(frozen=True)
class RegionWalk:
    """What the cuts of a region leave, one after the other and each without the others.

    Attributes:
        region: The region.
        first: Index of the first cut that an event fails; the number of cuts where it fails none; shape (events,).
        only: Index of the only cut that it fails; the number of cuts where it fails none, negative where several.
    """

    region: Region
    first: NDArray[np.int16]
    only: NDArray[np.int16]

    def of(self, chosen: Mask) -> RegionWalk:
        """The walk of some of the events."""
        return RegionWalk(self.region, self.first[chosen], self.only[chosen])

    def all_but(self, cut: str) -> Mask:
        """Events that pass all cuts but perhaps this one."""
        index = [each.name for each in self.region.cuts].index(cut)
        return np.asarray((self.only == index) | (self.only == len(self.region.cuts)))

    def cutflow(self, weights: Values, start: int = -1) -> Cutflow:
        """What is left after each cut.

        Args:
            weights: Weight of each event.
            start: Index of the cut that the first row is of; -1 for a row ``all`` before them.
        """
        size = len(self.region.cuts) + 1
        raw = np.bincount(self.first, minlength=size)
        sumw = np.bincount(self.first, weights=weights, minlength=size)
        sumw2 = np.bincount(self.first, weights=np.square(weights), minlength=size)
        left = [np.cumsum(counts[::-1])[::-1] for counts in (raw, sumw, sumw2)]
        rows = []
        for index in range(start, size - 1):
            cut = None if index < 0 else self.region.cuts[index]
            note = (f"{cut.text} is not verified ({cut.source})",) if cut and not cut.verified else ()
            counts = [values[index + 1] for values in left]
            rows.append(
                CutflowRow(
                    cut.name if cut else "all",
                    int(counts[0]),
                    int(counts[0]),
                    float(counts[1]),
                    float(counts[2]),
                    notes=note,
                )
            )
        return Cutflow(tuple(rows))


@dataclass(frozen=True)
class _Column:
    """Which events pass a cut, and the arrays that this was found from; None where they were not kept."""

    passes: Mask
    inputs: tuple[Values, ...] | None


@dataclass(frozen=True)
class _Cut:
    """A cut that regions have in common, whatever they call it.

    Attributes:
        expression: What passes.
        names: Its variables.
        is_partial: Whether a partial variable is among them.
    """

    expression: Expression
    names: tuple[str, ...]
    is_partial: bool


@dataclass(frozen=True)
class _Table:
    """The cuts of all regions, each once, and for each region the numbers of its cuts in order."""

    cuts: tuple[_Cut, ...]
    regions: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, regions: RegionSet, partial: Collection[str]) -> _Table:
        numbers: dict[Expression, int] = {}
        rows = {
            region.name: tuple(numbers.setdefault(cut.expression, len(numbers)) for cut in region.cuts)
            for region in regions
        }
        cuts = tuple(
            _Cut(expression, names_of(expression), any(name in partial for name in names_of(expression)))
            for expression in numbers
        )
        return cls(cuts, rows)


@dataclass
class Evaluation:
    """The regions of the events of one variation.

    Attributes:
        regions: The regions.
        masks: Region -> which events are in it, for the regions that are available.
        unavailable: Region -> why its variables are not in these events.
        shared: Regions whose masks are nominal's own.
    """

    regions: RegionSet
    masks: dict[str, Mask] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    _numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    _columns: dict[int, _Column] = field(default_factory=dict)

    def walk(self, name: str) -> RegionWalk:
        """What the cuts of a region leave; the evaluation must have been made with ``walks=True`` for its N-1."""
        table = np.stack([self._columns[number].passes for number in self._numbers[name]])
        return RegionWalk(self.regions[name], *cut_walk(table))

    def refuse_overlaps(self) -> None:
        """Compare the regions that shall exclude each other, where their cuts alone do not prove that they do.

        Raises:
            ConfigError: An event is in two of them.
        """
        for first, second in self.regions.checked_on_events:
            if first in self.masks and second in self.masks:
                both = int(np.count_nonzero(self.masks[first] & self.masks[second]))
                if both:
                    places = ", ".join(f"{name} ({self.regions[name].place})" for name in (first, second))
                    msg = f"{both} events are in two regions that shall exclude each other: {places}"
                    raise ConfigError(msg, advice="give one of them a cut that the other inverts")


class RegionEvaluator:
    """Evaluates regions on the variables of one set of objects.

    Args:
        regions: The regions.
        partial: Variable that is computed only for events that ask for it -> the attribute that computes it, as
            ``variables.attribute(mask)``, with NaN for all other events.
    """

    def __init__(self, regions: RegionSet, partial: Mapping[str, str] | None = None) -> None:
        self.regions = regions
        self.partial = dict(partial or {})
        self._table = _Table.of(regions, self.partial)

    def evaluate(
        self,
        variables: Any,
        size: int,
        nominal: Evaluation | None = None,
        *,
        walks: bool = False,
        unavailable: Mapping[str, str] | None = None,
    ) -> Evaluation:
        """The regions of some events.

        Args:
            variables: Has each variable as an attribute, shape (events,), and ``why_missing(name)``; and ``shares(name)``,
                where there are partial variables and ``nominal`` is given.
            size: Number of events.
            nominal: The evaluation to take over from what is the same; its events are those of ``variables``.
            walks: Whether cutflow and N-1 are wanted, for which the partial variables are needed for more events.
            unavailable: Region -> why it is not available, where that is known from other events with the same columns.

        Returns:
            The evaluation; regions whose variables are missing are among its unavailable ones.
        """
        evaluation = Evaluation(self.regions, _numbers=self._table.regions)
        evaluation.unavailable = dict(self._unavailable(variables) if unavailable is None else unavailable)
        work = _Work(variables, size, nominal, evaluation, self._table, self.partial)
        available = [name for name in self.regions.names if name not in evaluation.unavailable]
        for number in dict.fromkeys(n for name in available for n in self._table.regions[name]):
            work.add_column(number)
        work.add_partial_columns(available, walks=walks)
        for name in available:
            work.add_mask(name)
        return evaluation

    def _unavailable(self, variables: Any) -> dict[str, str]:
        names = {name for cut in self._table.cuts for name in cut.names}
        missing = {name: variables.why_missing(name) for name in names}
        found = {}
        for region in self.regions:
            reasons = [missing[name] for name in region.variables if missing[name]]
            if reasons:
                found[region.name] = reasons[0]
        return found


@dataclass
class _Work:
    """The evaluation of some events on its way."""

    variables: Any
    size: int
    nominal: Evaluation | None
    evaluation: Evaluation
    table: _Table
    partial: Mapping[str, str]
    needed: dict[str, Mask] = field(default_factory=dict)
    prefixes: dict[tuple[int, ...], Mask] = field(default_factory=dict)

    def add_column(self, number: int) -> None:
        """The column of a cut, unless a partial variable is in it."""
        cut = self.table.cuts[number]
        if cut.is_partial:
            return
        inputs = tuple(getattr(self.variables, name) for name in cut.names)
        known = None if self.nominal is None else self.nominal._columns.get(number)
        if known is None or known.inputs is None or not _are_same(known.inputs, inputs):
            values = dict(zip(cut.names, inputs, strict=True))
            known = _Column(passes(cut.expression, values), inputs)
        self.evaluation._columns[number] = known

    def passing(self, numbers: tuple[int, ...]) -> Mask:
        """Events that pass all these cuts; what regions begin with together is found once. Not to be written to."""
        if numbers in self.prefixes:
            return self.prefixes[numbers]
        if not numbers:
            mask = np.ones(self.size, np.bool_)
        else:
            before = self.passing(numbers[:-1])
            mask = before & self.evaluation._columns[numbers[-1]].passes if before.any() else before
        self.prefixes[numbers] = mask
        return mask

    def add_partial_columns(self, names: Iterable[str], *, walks: bool) -> None:
        """Columns of cuts on partial variables: these are asked for only where the other cuts leave a question."""
        rows = {name: self.table.regions[name] for name in names}
        chosen = {name: row for name, row in rows.items() if any(self.table.cuts[n].is_partial for n in row)}
        asked: dict[tuple[int, ...], Mask] = {}
        for name, row in chosen.items():
            key = tuple(-1 if self.table.cuts[number].is_partial else number for number in row)
            if key not in asked:
                asked[key] = self._asks(row, walks=walks)
                for variable in self.partial.keys() & self.evaluation.regions[name].variables:
                    self.needed[variable] = self.needed.get(variable, asked[key]) | asked[key]
        values = {
            name: np.asarray(getattr(self.variables, self.partial[name])(mask))
            for name, mask in self.needed.items()
        }
        for number in dict.fromkeys(n for row in chosen.values() for n in row):
            cut = self.table.cuts[number]
            if cut.is_partial:
                others = {
                    name: getattr(self.variables, name) for name in cut.names if name not in self.partial
                }
                self.evaluation._columns[number] = _Column(passes(cut.expression, values | others), None)

    def _asks(self, row: tuple[int, ...], *, walks: bool) -> Mask:
        """Events for which the partial variables decide something: whether they are in the region, or its cutflow or N-1."""
        others = tuple(number for number in row if not self.table.cuts[number].is_partial)
        if not walks:
            return self.passing(others)
        before = next(index for index, number in enumerate(row) if self.table.cuts[number].is_partial)
        failed = np.zeros(self.size, np.int16)
        for number in others:
            failed += ~self.evaluation._columns[number].passes
        return np.asarray(self.passing(row[:before]) | (failed < NEAR))

    def add_mask(self, name: str) -> None:
        """Which events are in a region; nominal's mask where all that it depends on is nominal's."""
        if self.nominal is not None and name in self.nominal.masks and self._is_shared(name):
            self.evaluation.masks[name] = self.nominal.masks[name]
            self.evaluation.shared.add(name)
        else:
            self.evaluation.masks[name] = self.passing(self.table.regions[name])

    def _is_shared(self, name: str) -> bool:
        nominal = self.nominal._columns if self.nominal is not None else {}
        for number in self.table.regions[name]:
            cut = self.table.cuts[number]
            if cut.is_partial:
                same = all(self._shares(variable) for variable in cut.names)
            else:
                same = self.evaluation._columns[number] is nominal.get(number)
            if not same:
                return False
        return True

    def _shares(self, variable: str) -> bool:
        """Whether a variable is nominal's; a partial one that no event asked for is, because nominal asked for none either."""
        if variable not in self.partial:
            return bool(self.variables.shares(variable))
        return not self.needed[variable].any() or bool(self.variables.shares(self.partial[variable]))


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


def _are_same(known: tuple[Values, ...], inputs: tuple[Values, ...]) -> bool:
    return all(one is other for one, other in zip(known, inputs, strict=True))
