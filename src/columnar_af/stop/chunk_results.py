"""The results of a chunk of the stop search, added up view by view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.cutflow import Cutflow
from columnar_af.selection.region_evaluation import Evaluation
from columnar_af.stop.fakes import SHIFTS
from columnar_af.stop.region_counts import RegionCounts, RegionHistograms
from columnar_af.stop.variable_table import PARTIAL
from columnar_af.stop.views import View
from columnar_af.systematics import NOMINAL

FAKE = "fake_"
"""How the names of what is made of anti-identified leptons begin."""

FAKE_VARIATIONS = {"up": "FNP_TOTAL__1up", "down": "FNP_TOTAL__1down"}
"""Shift of the fake factors -> name of the variation, which only the estimate of fakes has."""

Weights = NDArray[np.float64]
Events = NDArray[np.intp]


@dataclass(frozen=True)
class _Weighted:
    """Weights of some events: rows of a matrix of events and variations."""

    events: Events
    names: tuple[str, ...]
    matrix: Weights

    def of(self, events: Events) -> Weights:
        """The rows of a part of the events."""
        if len(events) == len(self.events):
            return self.matrix
        return self.matrix[np.searchsorted(self.events, events)]


class ChunkResults:
    """Adds up what a chunk leaves in each region.

    Args:
        nominal: The nominal view.
        variations: Names of the variations of objects and of weights, in the order of the result.
        shapes: Variables whose histograms are filled for all variations.
    """

    def __init__(self, nominal: View, variations: Sequence[str], shapes: Sequence[str]) -> None:
        method = nominal.method
        self.nominal = nominal
        self.closed: frozenset[str] = frozenset(method.blinding.closed if nominal.is_data else ())
        fakes = tuple(FAKE_VARIATIONS.values()) if method.fakes else ()
        open_regions = [name for name in method.regions.names if name not in self.closed]
        self.yields = RegionCounts(open_regions, (NOMINAL, *variations))
        self.fakes = RegionCounts(method.regions.names, (NOMINAL, *variations, *fakes))
        self.histograms = RegionHistograms((NOMINAL, *variations), shapes)
        self.fake_histograms = RegionHistograms((NOMINAL, *variations, *fakes), shapes)
        self.cutflows: dict[str, Cutflow] = {}
        self.fallbacks: dict[str, set[str]] = {}

    def add(self, variation: str, view: View) -> None:
        """Count and draw the regions of a view; nominal with all its weights."""
        for objects, evaluation in view.evaluations.items():
            self._add_regions(variation, view, objects, evaluation)
            self._add_fakes(variation, view, objects)
        if view.source.fallbacks:
            self.fallbacks.setdefault(variation, set()).update(view.source.fallbacks)
        if variation == NOMINAL:
            for name, columns in view.weights.fallbacks.items():
                self.fallbacks.setdefault(name, set()).update(columns)
            self._add_walks(view)

    def hists(self) -> dict[str, Any]:
        """All histograms."""
        return {
            **self.yields.histograms(),
            **(self.fakes.histograms(FAKE) if self.nominal.method.fakes else {}),
            **self.histograms.filled,
            **self.fake_histograms.filled,
        }

    def _add_regions(self, variation: str, view: View, objects: str, evaluation: Evaluation) -> None:
        counted = view.counted[objects]
        shared = _is_shared(view, objects)
        chosen = {
            name: np.flatnonzero(mask & counted)
            for name, mask in evaluation.masks.items()
            if name not in self.closed and not (shared and name in evaluation.shared)
        }
        weighted = _weights(variation, view, chosen)
        for name in evaluation.masks:
            if name in chosen:
                self.yields.add(name, weighted.names, weighted.of(chosen[name]))
            elif name not in self.closed:
                self.yields.repeat(name, variation)
            self._draw(name, "", self.histograms, view, objects, chosen.get(name), weighted, counted)

    def _add_fakes(self, variation: str, view: View, objects: str) -> None:
        fake = view.fake_weights(objects)
        if fake is None:
            return
        counted = view.counted[objects] & (fake != 0.0)
        evaluation = view.fake_evaluations[objects]
        shared = _is_shared(view, objects) and view.nominal is not None
        shared = shared and fake is view.nominal.fake_weights(objects)  # type: ignore[union-attr]
        chosen = {
            name: np.flatnonzero(mask & counted)
            for name, mask in evaluation.masks.items()
            if not (shared and name in evaluation.shared)
        }
        weighted = _weights(variation, view, chosen)
        matrix = weighted.matrix * fake[weighted.events][:, None]
        names = weighted.names
        if variation == NOMINAL:
            matrix, names = self._with_fake_shifts(view, objects, weighted, matrix)
        weighted = _Weighted(weighted.events, names, matrix)
        for name in evaluation.masks:
            if name in chosen:
                self.fakes.add(name, names, weighted.of(chosen[name]))
            else:
                self.fakes.repeat(name, variation)
            self._draw(name, FAKE, self.fake_histograms, view, objects, chosen.get(name), weighted, counted)

    @staticmethod
    def _with_fake_shifts(
        view: View, objects: str, weighted: _Weighted, matrix: Weights
    ) -> tuple[Weights, tuple[str, ...]]:
        nominal = weighted.matrix[:, weighted.names.index(NOMINAL)]
        columns = [matrix]
        for shift in SHIFTS:
            fake = view.fake_weights(objects, shift)
            columns.append((nominal * (fake if fake is not None else 0.0)[weighted.events])[:, None])
        return np.hstack(columns), (*weighted.names, *(FAKE_VARIATIONS[shift] for shift in SHIFTS))

    def _draw(
        self,
        name: str,
        prefix: str,
        histograms: RegionHistograms,
        view: View,
        objects: str,
        events: Events | None,
        weighted: _Weighted,
        counted: NDArray[np.bool_],
    ) -> None:
        """The variables of a region; those of nominal that a variation shares are drawn again, with its name."""
        if name in self.closed and not prefix:
            return
        variation = weighted.names[0]
        for binning in view.method.regions[name].histograms:
            variable = binning.variable
            if not histograms.fills(variable, variation) or view.variables[objects].why_missing(variable):
                continue
            if events is None:
                evaluations = view.fake_evaluations if prefix else view.evaluations
                events = np.flatnonzero(evaluations[objects].masks[name] & counted)
                weighted = _weights(variation, view, {name: events})
                if prefix:
                    fake = view.fake_weights(objects)
                    scaled = weighted.matrix * (fake if fake is not None else 0.0)[weighted.events][:, None]
                    weighted = _Weighted(weighted.events, weighted.names, scaled)
            values = _values(view.variables[objects], variable, events, view.size)
            histograms.fill(
                f"{name}/{prefix}{variable}", binning, values, weighted.names, weighted.of(events)
            )

    def _add_walks(self, view: View) -> None:
        """Cutflow and N-1 of each region, nominal."""
        for objects, evaluation in view.evaluations.items():
            counted = view.counted[objects]
            weights = view.weights.nominal
            for name in evaluation.masks:
                if name in self.closed:
                    continue
                walk = evaluation.walk(name).of(counted)
                start = view.method.blinding.first_row(walk.region) if view.is_data else -1
                self.cutflows[name] = walk.cutflow(weights[counted], start)
                for cut, binning in walk.region.n_minus_1.items():
                    events = np.flatnonzero(counted)[walk.all_but(cut)]
                    values = _values(view.variables[objects], binning.variable, events, view.size)
                    self.histograms.fill(
                        f"{name}/n_minus_1_{cut}", binning, values, [NOMINAL], weights[events][:, None]
                    )


def _is_shared(view: View, objects: str) -> bool:
    """Whether which events count, and their weights, are nominal's."""
    nominal = view.nominal
    return (
        nominal is not None
        and view.weights is nominal.weights
        and view.counted[objects] is nominal.counted[objects]
    )


def _weights(variation: str, view: View, chosen: dict[str, Events]) -> _Weighted:
    """Weights of the events of any of the regions: of nominal with all variations of weights, else the view's own."""
    some = np.zeros(view.size, np.bool_)
    for events in chosen.values():
        some[events] = True
    events = np.flatnonzero(some)
    if variation == NOMINAL:
        return _Weighted(events, view.weights.names, view.weights.matrix(events))
    return _Weighted(events, (variation,), view.weights.nominal[events][:, None])


def _values(variables: Any, name: str, events: Events, size: int) -> Any:
    """A variable of some events."""
    if name not in PARTIAL:
        return getattr(variables, name)[events]
    where = np.zeros(size, np.bool_)
    where[events] = True
    return getattr(variables, PARTIAL[name])(where)[events]
