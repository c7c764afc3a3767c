"""Regions of events: which events are in which region.

Each cut is evaluated once, whatever the number of regions that use it, in one of two ways. Where cutflow and N-1 are wanted
(nominal), every cut is evaluated for all events, but for those on variables that are dear. Where they are not (variations), the
cuts go stage by stage, each for the events that the earlier ones leave to any region.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.kernels.cut_walk import cut_walk
from columnar_af.selection.cut_passing import passes
from columnar_af.selection.cut_table import ROOT, CutTable
from columnar_af.selection.region_walk import RegionWalk
from columnar_af.selection.regions import RegionSet

Mask = NDArray[np.bool_]
Values = NDArray[Any]

NEAR = 2
"""Events that fail fewer cuts than this are looked at for N-1."""


@dataclass(frozen=True)
class _Column:
    """Which events pass a cut, and the arrays that this was found from; None where they were not kept."""

    passes: Mask
    inputs: tuple[Values, ...] | None


@dataclass
class Evaluation:
    """The regions of the events of one variation.

    Attributes:
        regions: The regions.
        masks: Region -> which events are in it, for the regions that are available; not to be written to.
        unavailable: Region -> why its variables are not in these events.
    """

    regions: RegionSet
    masks: dict[str, Mask] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    _rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    _columns: dict[int, _Column] = field(default_factory=dict)
    _nothing: Mask | None = None

    @property
    def filled(self) -> tuple[Mask, ...]:
        """The masks of the regions that have events, each once."""
        return tuple({id(mask): mask for mask in self.masks.values() if mask is not self._nothing}.values())

    def only(self, names: Container[str]) -> Evaluation:
        """The same for some of the regions."""
        masks = {name: mask for name, mask in self.masks.items() if name in names}
        unavailable = {name: reason for name, reason in self.unavailable.items() if name in names}
        return replace(self, masks=masks, unavailable=unavailable)

    def walk(self, name: str) -> RegionWalk:
        """What the cuts of a region leave; its name must have been among the ``walks`` of the evaluation."""
        table = np.stack([self._columns[number].passes for number in self._rows[name]])
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
            ``variables.attribute(mask)``; what it gives for all other events does not matter.
        stages: Variable -> stage, from 0, in which it is looked at where no walks are wanted; 0 for all others. Before each
            later stage, ``variables.narrow(mask)`` is told which events may still be in a region.
        bounds: Variable -> the variable that it never exceeds and that is found sooner; see :class:`CutTable`.
    """

    def __init__(
        self,
        regions: RegionSet,
        partial: Mapping[str, str] | None = None,
        stages: Mapping[str, int] | None = None,
        bounds: Mapping[str, str] | None = None,
    ) -> None:
        self.regions = regions
        self.partial = dict(partial or {})
        self.stages = dict(stages or {})
        self.bounds = dict(bounds or {})
        self._table = CutTable.of(regions, self.partial, self.stages, self.bounds)
        self._tables: dict[frozenset[str], CutTable] = {}

    def evaluate(
        self,
        variables: Any,
        size: int,
        nominal: Evaluation | None = None,
        *,
        walks: Collection[str] = (),
        unavailable: Mapping[str, str] | None = None,
    ) -> Evaluation:
        """The regions of some events.

        Args:
            variables: Has each variable as an attribute, shape (events,), ``why_missing(name)``, and, where there are stages,
                ``narrow(mask)``.
            size: Number of events.
            nominal: The evaluation of the same events to take over from what is the same.
            walks: Regions whose cutflow and N-1 are wanted, for which all variables are needed for more events.
            unavailable: Region -> why it is not available, where that is known from other events with the same columns.

        Returns:
            The evaluation; regions whose variables are missing are among its unavailable ones.
        """
        missing = dict(self._unavailable(variables) if unavailable is None else unavailable)
        table = self._table_without(missing)
        evaluation = Evaluation(self.regions, unavailable=missing, _rows=table.rows)
        work = _Work(variables, size, nominal, evaluation, table, self.partial)
        if walks:
            work.add_all_columns(walks)
            for number in range(1, len(table.nodes)):
                work.add_node(number)
        else:
            work.go_through_stages()
        evaluation._nothing = nothing = np.zeros(size, np.bool_)
        evaluation.masks = {name: work.masks.get(leaf, nothing) for name, leaf in table.leaves.items()}
        return evaluation

    def _table_without(self, unavailable: Collection[str]) -> CutTable:
        """The table of the regions that are available, made once for those that these events lack."""
        if not unavailable:
            return self._table
        key = frozenset(unavailable)
        if key not in self._tables:
            available = self.regions.only([name for name in self.regions.names if name not in key])
            self._tables[key] = CutTable.of(available, self.partial, self.stages, self.bounds)
        return self._tables[key]

    def _unavailable(self, variables: Any) -> dict[str, str]:
        names = {name for region in self.regions for name in region.variables}
        missing = {name: variables.why_missing(name) for name in names}
        found = {}
        for region in self.regions:
            reasons = [missing[name] for name in region.variables if missing[name]]
            if reasons:
                found[region.name] = reasons[0]
        return found


@dataclass
class _Work:
    """The evaluation of some events on its way.

    Attributes:
        variables, size, nominal, evaluation, table, partial: As in :class:`RegionEvaluator`.
        masks: Node -> its events; nodes without any are left out.
        values: Partial variable -> its values.
    """

    variables: Any
    size: int
    nominal: Evaluation | None
    evaluation: Evaluation
    table: CutTable
    partial: Mapping[str, str]
    masks: dict[int, Mask] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.masks[ROOT] = np.ones(self.size, np.bool_)

    # --- stage by stage --------------------------------------------------------------------------------------------------

    def go_through_stages(self) -> None:
        """The events of all nodes, the dear cuts only for those that the cheap ones leave."""
        asked: dict[str, Mask] = {}
        for number, step in enumerate(self.table.steps):
            if number:
                self.variables.narrow(self._any_of(step.asking))
            for name, nodes in step.partial.items():
                asked[name] = asked[name] | self._any_of(nodes) if name in asked else self._any_of(nodes)
                self._ask_for(name, asked[name])
            for node in step.nodes:
                self.add_node(node)

    def add_node(self, number: int) -> None:
        """The events of a node, from those of its parent."""
        node = self.table.nodes[number]
        before = self.masks.get(node.parent)
        if before is None:
            return
        if node.cut not in self.evaluation._columns:
            self._add_column(node.cut)
        mask = before & self.evaluation._columns[node.cut].passes
        if mask.any():
            self.masks[number] = mask

    def _any_of(self, nodes: Iterable[int]) -> Mask:
        """Events of any of some nodes."""
        masks = [self.masks[node] for node in nodes if node in self.masks]
        return masks[0] if len(masks) == 1 else _any(masks, self.size)

    def _ask_for(self, name: str, where: Mask) -> None:
        if where.any():
            self.values[name] = np.asarray(getattr(self.variables, self.partial[name])(where))

    def _add_column(self, number: int) -> None:
        """The column of a cut, nominal's where it is found from the same arrays."""
        cut = self.table.cuts[number]
        inputs = tuple(
            self.values[name] if name in self.partial else getattr(self.variables, name) for name in cut.names
        )
        known = None if self.nominal is None else self.nominal._columns.get(number)
        if known is None or known.inputs is None or not _are_same(known.inputs, inputs):
            values = dict(zip(cut.names, inputs, strict=True))
            known = _Column(passes(cut.expression, values), None if cut.partial else inputs)
        self.evaluation._columns[number] = known

    # --- all cuts for all events -----------------------------------------------------------------------------------------

    def add_all_columns(self, walks: Collection[str]) -> None:
        """The columns of all cuts; those on partial variables only where the other cuts leave a question."""
        declared = {number for row in self.table.rows.values() for number in row}
        for number, cut in enumerate(self.table.cuts):
            if number not in declared:  # it follows from another one, and is not needed to find that sooner
                self.evaluation._columns[number] = _Column(np.ones(self.size, np.bool_), None)
            elif not cut.partial:
                self._add_column(number)
        for variable, masks in self._asked(walks).items():
            self._ask_for(variable, _any(masks, self.size))
        for number in declared - self.evaluation._columns.keys():
            if all(name in self.values for name in self.table.cuts[number].partial):
                self._add_column(number)
            else:  # no event asks for it
                self.evaluation._columns[number] = _Column(np.zeros(self.size, np.bool_), None)

    def _asked(self, walks: Collection[str]) -> dict[str, list[Mask]]:
        """Partial variable -> events that ask for it, region by region."""
        cuts = self.table.cuts
        asked: dict[str, list[Mask]] = {}
        known: dict[tuple[bool, tuple[int, ...]], Mask] = {}
        for name, row in self.table.rows.items():
            variables = dict.fromkeys(variable for number in row for variable in cuts[number].partial)
            key = (name in walks, tuple(-1 if cuts[number].partial else number for number in row))
            if variables and key not in known:
                known[key] = self._asks(row, walks=name in walks)
            for variable in variables:
                asked.setdefault(variable, []).append(known[key])
        return asked

    def _asks(self, row: tuple[int, ...], *, walks: bool) -> Mask:
        """Events for which the partial variables decide something: whether they are in the region, or its cutflow or N-1."""
        cuts, columns = self.table.cuts, self.evaluation._columns
        failed = np.zeros(self.size, np.int16)
        for number in row:
            if not cuts[number].partial:
                failed += ~columns[number].passes
        if not walks:
            return failed == 0
        asks = failed < NEAR
        before = np.ones(self.size, np.bool_)
        for number in row:
            if cuts[number].partial:
                break
            before &= columns[number].passes
        return asks | before


def _any(masks: Collection[Mask], size: int) -> Mask:
    """Events of any of some masks."""
    found = np.zeros(size, np.bool_)
    for mask in {id(mask): mask for mask in masks}.values():
        found |= mask
    return found


def _are_same(known: tuple[Values, ...], inputs: tuple[Values, ...]) -> bool:
    return all(one is other for one, other in zip(known, inputs, strict=True))
