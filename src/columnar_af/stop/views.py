"""The events of a chunk under one variation: variables for each set of objects, regions, weights, and which events count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import WorkAddress
from columnar_af.ntuples.stop import EVENT_WEIGHTS, MissingVariation, StopSource, stop_source, weight_factors
from columnar_af.ntuples.stop.variations import NOMINAL as NOMINAL_SOURCE
from columnar_af.selection.cut_expressions import Expression
from columnar_af.selection.region_evaluation import Evaluation, RegionEvaluator
from columnar_af.selection.regions import RegionSet
from columnar_af.stop.blinding import Blinding
from columnar_af.stop.choice import stop_variables
from columnar_af.stop.fakes import (
    FAKE,
    NOMINAL_SHIFT,
    STORED_SHIFTS,
    STORED_WEIGHT,
    FakeFactors,
    anti_identified,
)
from columnar_af.stop.objects import OBJECTS_36, OBJECTS_139
from columnar_af.stop.stitching import Stitching
from columnar_af.stop.survivors import first_cuts, survivors
from columnar_af.stop.variable_table import BOUNDS, PARTIAL, STAGES
from columnar_af.systematics import NOMINAL, EventWeights, Variation, WeightPolicy

OBJECTS = {"139fb": OBJECTS_139, "36fb": OBJECTS_36}

UNUSED_FACTORS = ("WeightEvents_trigger_single",)
"""The search triggers on ETmiss, so that the weight of lepton triggers stays out."""

Mask = NDArray[np.bool_]
Weights = NDArray[np.float64]
Events = NDArray[np.intp]


@dataclass(frozen=True)
class Method:
    """How events are selected and weighted.

    Attributes:
        regions: All regions.
        evaluators: Set of objects -> evaluator of its regions, of identified and, for the estimate of fakes, of
            anti-identified leptons.
        fakes: Whether events with non-prompt leptons are estimated from anti-identified leptons in data.
        fake_factors: The fake factors, for layouts that do not hold the weight ready.
        stitching: Which events of sliced samples are used.
        blinding: Regions whose data are left out.
        missing: What to do where a variation is declared and absent.
    """

    regions: RegionSet
    evaluators: Mapping[str, RegionEvaluator]
    fakes: bool
    fake_factors: FakeFactors | None
    stitching: Stitching
    blinding: Blinding
    missing: MissingVariation

    @classmethod
    def of(cls, regions: RegionSet, *, fakes: bool, **rest: Any) -> Method:
        """The method for some regions; the other attributes by name."""
        evaluators = {}
        for objects in regions.object_sets:
            chosen = regions.only([region.name for region in regions if region.objects == objects])
            both = {**chosen.regions, **(anti_identified(chosen).regions if fakes else {})}
            evaluators[objects] = RegionEvaluator(replace(chosen, regions=both), PARTIAL, STAGES, BOUNDS)
        return cls(regions, evaluators, fakes, **rest)


class ReadOnce:
    """A source that reads each column once, for all sets of objects."""

    def __init__(self, source: StopSource) -> None:
        self._source = source
        self._columns: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Whatever else the source has."""
        return getattr(self._source, name)

    def read(self, name: str) -> Any:
        """A column."""
        if name not in self._columns:
            self._columns[name] = self._source.read(name)
        return self._columns[name]

    def chosen(self, events: NDArray[np.intp]) -> ReadOnce:
        """The same for some events; what was read is kept for them. For columns of one number per event."""
        source: Any = self._source
        other = ReadOnce(source.only(events))
        other._columns = {name: column[events] for name, column in self._columns.items()}
        return other


@dataclass
class View:
    """The events of a chunk under one variation.

    Attributes:
        method: How events are selected and weighted.
        source: The columns.
        is_data: Whether these are data.
        variables: Set of objects -> its variables.
        first: The nominal view, for a variation.
        nominal: The same, for a variation of the same events; None for nominal and for another tree.
        weight_variations: Variations of weights, for nominal.
        address: Where the chunk is, for errors.
    """

    method: Method
    source: Any
    is_data: bool
    variables: Mapping[str, Any]
    first: View | None = None
    nominal: View | None = None
    weight_variations: tuple[Variation, ...] = ()
    address: WorkAddress = field(default_factory=WorkAddress)

    @classmethod
    def of(
        cls,
        method: Method,
        events: Any,
        *,
        is_data: bool,
        weight_variations: Iterable[Variation],
        address: WorkAddress,
    ) -> View:
        """The nominal view."""
        source: Any = ReadOnce(stop_source(events))
        variables = {name: stop_variables(source, OBJECTS[name]) for name in method.evaluators}
        for each in variables.values():
            each.fake_factors = method.fake_factors
        return cls(method, source, is_data, variables, None, None, tuple(weight_variations), address)

    def varied(self, events: Any, variation: str) -> View:
        """The view of a variation of objects; the quantities that do not change are nominal's."""
        source: Any = ReadOnce(stop_source(events, variation, self.method.missing))
        if source.shifted is None:
            source = self._staged(source)
        variables = {name: each.varied(source) for name, each in self.variables.items()}
        nominal = None if source.shifted is None else self
        return View(self.method, source, self.is_data, variables, self, nominal, (), self.address)

    def _staged(self, source: ReadOnce) -> ReadOnce:
        """A source of other events that reads on only for those that may be in a region."""
        cuts = self.first_cuts
        if not cuts:
            return source
        variables = self.any_variables.varied(source)
        alive = survivors(cuts, variables, len(variables.column("met")))
        return source if alive.all() else source.chosen(np.flatnonzero(alive))

    @cached_property
    def first_cuts(self) -> frozenset[tuple[Expression, ...]]:
        """First cuts of the regions of all sets of objects; empty where a region has none."""
        found = [
            first_cuts(evaluator.regions, self.evaluations[name].unavailable)
            for name, evaluator in self.method.evaluators.items()
            if len(self.evaluations[name].unavailable) < len(evaluator.regions)
        ]
        return frozenset().union(*found) if all(found) else frozenset()

    @property
    def is_nominal(self) -> bool:
        """Whether this is nominal."""
        return bool(self.source.variation == NOMINAL_SOURCE)

    @property
    def any_variables(self) -> Any:
        """Variables of some set of objects, for what does not depend on it."""
        return next(iter(self.variables.values()))

    @cached_property
    def size(self) -> int:
        """Number of events."""
        return len(self.any_variables.column("met"))

    # --- weights ---------------------------------------------------------------------------------------------------------

    @cached_property
    def weights(self) -> EventWeights:
        """The weight of each event and its variations; 1 for data."""
        if self.is_data:
            return EventWeights({"data": np.ones(self.size)})
        shifted = self.source.shifted
        if self.nominal is not None and shifted.isdisjoint(EVENT_WEIGHTS):
            return self.nominal.weights
        branches = getattr(self.source, "branches", None)
        return EventWeights(
            weight_factors(_Columns(self.any_variables, self.source)),
            self.weight_variations,
            self.source.read,
            branches.names if branches is not None else (),
            policy=WeightPolicy(missing=self.method.missing, unused=UNUSED_FACTORS),
            address=self.address,
        )

    @cached_property
    def weighted(self) -> tuple[Events, Weights]:
        """The events that are in any region, and their weights: of nominal with all variations, one column each."""
        some = np.zeros(self.size, np.bool_)
        for where in self.in_any.values():
            some |= where
        events = np.flatnonzero(some)
        return events, self.weights.matrix(events, None if self.is_nominal else (NOMINAL,))

    @cached_property
    def in_any(self) -> Mapping[str, Mask]:
        """Set of objects -> events that are in any of its regions, of identified or of anti-identified leptons."""
        found = {}
        for name, evaluation in self._evaluated.items():
            found[name] = np.zeros(self.size, np.bool_)
            for mask in evaluation.filled:
                found[name] |= mask
        return found

    # --- events that count -------------------------------------------------------------------------------------------------

    @cached_property
    def stitched(self) -> Mask:
        """Events of simulation that belong to the slice they are in; a layout without sample numbers was stitched before."""
        if not self.has_samples:
            return np.ones(self.size, np.bool_)
        variables = self.any_variables
        if self.nominal is not None and all(
            getattr(variables, name) is getattr(self.nominal.any_variables, name)
            for name in ("channel_number", "gen_filt_met")
        ):
            return self.nominal.stitched
        return self.method.stitching.keeps(variables.channel_number, variables.gen_filt_met)

    @cached_property
    def has_samples(self) -> bool:
        """Whether events of simulation tell their sample and the generator's ETmiss."""
        if self.first is not None:
            return self.first.has_samples
        missing = self.any_variables.why_missing
        return not (self.is_data or missing("channel_number") or missing("gen_filt_met"))

    @cached_property
    def with_origins(self) -> frozenset[str]:
        """Sets of objects whose leptons, in simulation, tell whether they are prompt."""
        if self.first is not None:
            return self.first.with_origins
        return frozenset(name for name, each in self.variables.items() if not each.why_missing("prompt"))

    @cached_property
    def counted(self) -> Mapping[str, Mask]:
        """Set of objects -> events that count.

        Simulation: what is stitched, and prompt, if the other leptons are estimated from data. Data: what is in no closed
        region, of whatever set of objects.
        """
        if self.is_data:
            allowed = self.method.blinding.allowed(list(self.evaluations.values()), self.size)
            return dict.fromkeys(self.variables, allowed)
        if not self.method.fakes:
            return dict.fromkeys(self.variables, self.stitched)
        return {name: self._counted(name, variables) for name, variables in self.variables.items()}

    def _counted(self, name: str, variables: Any) -> Mask:
        """Prompt leptons are asked for in all events of nominal, for its cutflows, and in regions of variations."""
        if name not in self.with_origins:
            return self.stitched
        if self.is_nominal:
            return np.asarray(self.stitched & variables.prompt)
        return np.asarray(self.stitched & (variables.prompt_where(self.in_any[name]) == 1.0))

    # --- regions -----------------------------------------------------------------------------------------------------------

    @cached_property
    def _evaluated(self) -> Mapping[str, Evaluation]:
        """Set of objects -> all regions, of identified and of anti-identified leptons."""
        found = {}
        for name, evaluator in self.method.evaluators.items():
            first = None if self.first is None else self.first._evaluated[name]
            found[name] = evaluator.evaluate(
                self.variables[name],
                self.size,
                None if self.nominal is None else first,
                walks=self.method.regions.names if self.is_nominal else (),
                unavailable=None if first is None else first.unavailable,
            )
            found[name].refuse_overlaps()
        return found

    @cached_property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """Set of objects -> regions of the events with identified leptons."""
        return {name: each.only(self.method.regions) for name, each in self._evaluated.items()}

    @cached_property
    def anti_identified(self) -> Mapping[str, Mapping[str, Mask]]:
        """Set of objects -> region -> its events with anti-identified leptons, among which those without are."""
        return {
            name: {
                region.removeprefix(FAKE): mask
                for region, mask in each.masks.items()
                if region not in self.method.regions
            }
            for name, each in self._evaluated.items()
        }

    @cached_property
    def has_stored_fakes(self) -> bool:
        """Whether the ntuple holds the weight of the fake factors."""
        return bool(self.source.why_missing(STORED_WEIGHT) is None)

    @cached_property
    def with_anti_identified(self) -> frozenset[str]:
        """Sets of objects whose leptons tell whether they are anti-identified."""
        if self.first is not None:
            return self.first.with_anti_identified
        missing = {name: each.why_missing("anti_identified1") for name, each in self.variables.items()}
        return frozenset(name for name, reason in missing.items() if not reason)

    def fake_weights(self, name: str, shift: str = NOMINAL_SHIFT) -> Weights | None:
        """Weight of the fake factors for a set of objects, of events in any region; None where there is no estimate."""
        if not self.method.fakes:
            return None
        if self.has_stored_fakes:
            column = STORED_SHIFTS.get(shift, STORED_WEIGHT)
            return np.asarray(self.source.read(column), np.float64)
        if self.method.fake_factors is None or name not in self.with_anti_identified:
            return None
        part = "" if shift == NOMINAL_SHIFT else f"_{shift}"
        weights = getattr(self.variables[name], f"fake_weight{part}_where")(self.in_any[name])
        return np.asarray(weights, np.float64)


@dataclass(frozen=True)
class _Columns:
    """Columns as weights want them: read once, nominal's where they are not shifted."""

    variables: Any
    source: Any

    @property
    def layout(self) -> str:
        return str(self.source.layout)

    def read(self, name: str) -> Any:
        return self.variables.column(name)

    def why_missing(self, name: str) -> str | None:
        reason: str | None = self.source.why_missing(name)
        return reason
