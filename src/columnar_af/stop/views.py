"""The events of a chunk under one variation: variables for each set of objects, regions, weights, and which events count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import WorkAddress
from columnar_af.ntuples.stop import EVENT_WEIGHTS, MissingVariation, StopSource, stop_source, weight_factors
from columnar_af.ntuples.stop.variations import NOMINAL as NOMINAL_SOURCE
from columnar_af.selection.region_evaluation import Evaluation, RegionEvaluator
from columnar_af.selection.regions import RegionSet
from columnar_af.stop.blinding import Blinding
from columnar_af.stop.choice import stop_variables
from columnar_af.stop.fakes import (
    NOMINAL_SHIFT,
    STORED_SHIFTS,
    STORED_WEIGHT,
    AntiIdentified,
    FakeFactors,
    pair_fake_weight,
)
from columnar_af.stop.objects import OBJECTS_36, OBJECTS_139
from columnar_af.stop.stitching import Stitching
from columnar_af.stop.variable_table import PARTIAL
from columnar_af.systematics import EventWeights, Variation, WeightPolicy

OBJECTS = {"139fb": OBJECTS_139, "36fb": OBJECTS_36}

UNUSED_FACTORS = ("WeightEvents_trigger_single",)
"""The search triggers on ETmiss, so that the weight of lepton triggers stays out."""

Mask = NDArray[np.bool_]
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """How events are selected and weighted.

    Attributes:
        regions: All regions.
        evaluators: Set of objects -> evaluator of its regions.
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
    def of(cls, regions: RegionSet, **rest: Any) -> Method:
        """The method for some regions; the other attributes by name."""
        evaluators = {
            objects: RegionEvaluator(
                regions.only([region.name for region in regions if region.objects == objects]), PARTIAL
            )
            for objects in regions.object_sets
        }
        return cls(regions, evaluators, **rest)


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
    _known_fakes: dict[tuple[str, str], Weights] = field(default_factory=dict)

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
        return cls(method, source, is_data, variables, None, None, tuple(weight_variations), address)

    def varied(self, events: Any, variation: str) -> View:
        """The view of a variation of objects; the quantities that do not change are nominal's."""
        source: Any = ReadOnce(stop_source(events, variation, self.method.missing))
        variables = {name: each.varied(source) for name, each in self.variables.items()}
        nominal = None if source.shifted is None else self
        return View(self.method, source, self.is_data, variables, self, nominal, (), self.address)

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
    def weighted(self) -> tuple[NDArray[np.intp], Weights]:
        """The events that are in any region, and their weights: of nominal with all variations, one column each."""
        some = np.zeros(self.size, np.bool_)
        ways = (self.evaluations, self.fake_evaluations if self.method.fakes else {})
        for evaluation in (each for way in ways for each in way.values()):
            for mask in evaluation.masks.values():
                some |= mask
        events = np.flatnonzero(some)
        if self.is_nominal:
            return events, self.weights.matrix(some)
        return events, self.weights.nominal[events][:, None]

    # --- events that count -------------------------------------------------------------------------------------------------

    @cached_property
    def stitched(self) -> Mask:
        """Events of simulation that belong to the slice they are in; a layout without sample numbers was stitched before."""
        if not self.has_samples:
            return np.ones(self.size, np.bool_)
        if self.nominal is not None and _are_same(self, "channel_number", "gen_filt_met"):
            return self.nominal.stitched
        variables = self.any_variables
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
        nominal = self.nominal
        if name not in self.with_origins:
            return self.stitched
        if (
            nominal is not None
            and self.stitched is nominal.stitched
            and variables.prompt is nominal.variables[name].prompt
        ):
            return nominal.counted[name]
        return np.asarray(self.stitched & variables.prompt)

    # --- regions -----------------------------------------------------------------------------------------------------------

    @cached_property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """Set of objects -> regions of the events with identified leptons."""
        found = {}
        for name, evaluator in self.method.evaluators.items():
            first = None if self.first is None else self.first.evaluations[name]
            found[name] = evaluator.evaluate(
                self.variables[name],
                self.size,
                None if self.nominal is None else first,
                walks=self.is_nominal,
                unavailable=None if first is None else first.unavailable,
            )
            found[name].refuse_overlaps()
        return found

    @cached_property
    def fake_evaluations(self) -> Mapping[str, Evaluation]:
        """The same of the events with anti-identified leptons, among which those without are."""
        found = {}
        for name, evaluator in self.method.evaluators.items():
            found[name] = evaluator.evaluate(
                AntiIdentified(self.variables[name]),
                self.size,
                None if self.nominal is None else self.nominal.fake_evaluations[name],
                unavailable=self.evaluations[name].unavailable,
            )
        return found

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
        """Weight of the fake factors for a set of objects; None where there is no estimate."""
        if not self.method.fakes:
            return None
        if self.has_stored_fakes:
            column = STORED_SHIFTS.get(shift, STORED_WEIGHT)
            return np.asarray(self.source.read(column), np.float64)
        factors = self.method.fake_factors
        if factors is None or name not in self.with_anti_identified:
            return None
        return self._pair_fake_weights(factors, name, shift)

    def _pair_fake_weights(self, factors: FakeFactors, name: str, shift: str) -> Weights:
        if (name, shift) not in self._known_fakes:
            inputs = ("lep1_pt", "lep2_pt", "lep1_eta", "lep2_eta", "identified1", "identified2")
            if self.nominal is not None and _are_same(self, *inputs, objects=name):
                weights = self.nominal._pair_fake_weights(factors, name, shift)
            else:
                weights = pair_fake_weight(self.variables[name], factors, shift)
            self._known_fakes[name, shift] = weights
        return self._known_fakes[name, shift]


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


def _are_same(view: View, *names: str, objects: str | None = None) -> bool:
    """Whether these variables of a view are nominal's own."""
    if view.nominal is None:
        return False
    if objects is None:
        mine, nominal = view.any_variables, view.nominal.any_variables
    else:
        mine, nominal = view.variables[objects], view.nominal.variables[objects]
    return all(getattr(mine, name) is getattr(nominal, name) for name in names)
