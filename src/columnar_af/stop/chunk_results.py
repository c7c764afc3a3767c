"""The results of a chunk of the stop search, added up view by view.

Events are counted in two ways: with identified leptons, and, for the estimate of fakes, with anti-identified leptons and the
weight of their fake factors. The same events with the same weights give the same sums to the last bit, so that a variation that
moves nothing in a region has nominal's numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.cutflow import Cutflow
from columnar_af.stop.fakes import FAKE, SHIFTS
from columnar_af.stop.region_counts import RegionCounts, RegionHistograms
from columnar_af.stop.variable_table import PARTIAL
from columnar_af.stop.views import Events, Mask, View, Weights
from columnar_af.systematics import NOMINAL

FAKE_VARIATIONS = {"up": "FNP_TOTAL__1up", "down": "FNP_TOTAL__1down"}
"""Shift of the fake factors -> name of the variation, which only the estimate of fakes has."""


@dataclass(frozen=True)
class _Way:
    """A way of counting events.

    Attributes:
        prefix: Of the names of its results.
        counts, histograms: What is filled.
        closed: Regions that are left out.
    """

    prefix: str
    counts: RegionCounts
    histograms: RegionHistograms
    closed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Weighted:
    """Some events with their weights.

    Attributes:
        names: The variations that the weights are of.
        matrix: Shape (chosen events, variations).
        places: Row of each event of the chunk in the matrix; what stands there for other events means nothing.
    """

    names: tuple[str, ...]
    matrix: Weights
    places: NDArray[np.intp]

    @classmethod
    def of(cls, names: tuple[str, ...], events: Events, matrix: Weights, size: int) -> _Weighted:
        """The weights of some events of a chunk of a size."""
        places = np.zeros(size, np.intp)
        places[events] = np.arange(len(events))
        return cls(names, matrix, places)

    def scaled(self, events: Events, scales: Mapping[str, Weights]) -> _Weighted:
        """The weights of some of the events times the first scale; the others scale nominal, under names of their own."""
        rows = self.matrix[self.places[events]]
        (_, first), *others = scales.items()
        own = [rows[:, :1] * scale[events][:, None] for _, scale in others]
        names = (*self.names, *(name for name, _ in others))
        matrix = np.hstack([rows * first[events][:, None], *own])
        return _Weighted.of(names, events, matrix, len(self.places))


class ChunkResults:
    """Adds up what a chunk leaves in each region; regions whose variables these events lack are left out.

    Args:
        nominal: The nominal view.
        variations: Names of the variations of objects and of weights, in the order of the result.
        shapes: Variables whose histograms are filled for all variations.
    """

    def __init__(self, nominal: View, variations: Sequence[str], shapes: Sequence[str]) -> None:
        method = nominal.method
        missing = {name for each in nominal.evaluations.values() for name in each.unavailable}
        regions = [name for name in method.regions.names if name not in missing]
        names = (NOMINAL, *variations)
        closed = frozenset(method.blinding.closed if nominal.is_data else ())
        open_regions = [name for name in regions if name not in closed]
        fake_names = (*names, *FAKE_VARIATIONS.values())
        self.nominal = nominal
        self.cutflows: dict[str, Cutflow] = {}
        self.fallbacks: dict[str, set[str]] = {}
        self._identified = _Way(
            "", RegionCounts(open_regions, names), RegionHistograms(names, shapes), closed
        )
        self._fakes = _Way(FAKE, RegionCounts(regions, fake_names), RegionHistograms(fake_names, shapes))

    def add(self, variation: str, view: View) -> None:
        """Count and draw the regions of a view; nominal with all its weights."""
        names = view.weights.names if variation == NOMINAL else (variation,)
        weighted = _Weighted.of(names, *view.weighted, view.size)
        for objects, evaluation in view.evaluations.items():
            counted = view.counted[objects]
            self._count(self._identified, view, objects, evaluation.masks, counted, weighted)
            scales = _fake_scales(view, objects)
            if scales:
                counted = counted & view.in_any[objects] & (scales[NOMINAL] != 0.0)
                fakes = weighted.scaled(np.flatnonzero(counted), scales)
                self._count(self._fakes, view, objects, view.anti_identified[objects], counted, fakes)
        self._note_fallbacks(variation, view.source.fallbacks)
        if variation == NOMINAL:
            for name, columns in view.weights.fallbacks.items():
                self._note_fallbacks(name, columns)
            self._add_walks(view)

    def hists(self) -> dict[str, Any]:
        """All histograms."""
        ways = (self._identified, self._fakes) if self.nominal.method.fakes else (self._identified,)
        found: dict[str, Any] = {}
        for way in ways:
            found |= way.counts.histograms(way.prefix)
            found |= way.histograms.filled
        return found

    def _note_fallbacks(self, variation: str, columns: Sequence[str]) -> None:
        if columns:
            self.fallbacks.setdefault(variation, set()).update(columns)

    def _count(
        self,
        way: _Way,
        view: View,
        objects: str,
        masks: Mapping[str, Mask],
        counted: Mask,
        weighted: _Weighted,
    ) -> None:
        """Count and draw the events of the regions that count."""
        columns = way.counts.columns(weighted.names)
        for name, mask in masks.items():
            if name in way.closed or not mask.any():
                continue
            events = np.flatnonzero(mask & counted)
            if len(events):
                way.counts.add(name, columns, weighted.matrix, weighted.places[events])
                self._draw(way, name, view, objects, events, weighted)

    def _draw(
        self, way: _Way, name: str, view: View, objects: str, events: Events, weighted: _Weighted
    ) -> None:
        """The variables of a region."""
        variables = view.variables[objects]
        for binning in view.method.regions[name].histograms:
            variable = binning.variable
            columns = way.histograms.filled_columns(variable, weighted.names)
            if columns and not variables.why_missing(variable):
                values = _values(variables, variable, events, view.size)
                filled = tuple(weighted.names[n] for n in columns)
                weights = weighted.matrix[weighted.places[events][:, None], columns]
                way.histograms.fill(f"{name}/{way.prefix}{variable}", binning, values, filled, weights)

    def _add_walks(self, view: View) -> None:
        """Cutflow and N-1 of each region, nominal."""
        for objects, evaluation in view.evaluations.items():
            counted, weights = view.counted[objects], view.weights.nominal
            for name in evaluation.masks:
                if name in self._identified.closed:
                    continue
                walk = evaluation.walk(name).of(counted)
                start = view.method.blinding.first_row(walk.region) if view.is_data else -1
                self.cutflows[name] = walk.cutflow(weights[counted], start)
                for cut, binning in walk.region.n_minus_1.items():
                    events = np.flatnonzero(counted)[walk.all_but(cut)]
                    values = _values(view.variables[objects], binning.variable, events, view.size)
                    title = f"{name}/n_minus_1_{cut}"
                    column = weights[events][:, None]
                    self._identified.histograms.fill(title, binning, values, [NOMINAL], column)


def _fake_scales(view: View, objects: str) -> dict[str, Weights]:
    """Weight of the fake factors by name of the variation, of nominal with their shifts; empty where there is no estimate."""
    fake = view.fake_weights(objects)
    if fake is None:
        return {}
    shifted = {}
    for shift in SHIFTS if view.is_nominal else ():
        weights = view.fake_weights(objects, shift)
        if weights is not None:
            shifted[FAKE_VARIATIONS[shift]] = weights
    return {NOMINAL: fake, **shifted}


def _values(variables: Any, name: str, events: Events, size: int) -> Any:
    """A variable of some events."""
    if name not in PARTIAL:
        return getattr(variables, name)[events]
    where = np.zeros(size, np.bool_)
    where[events] = True
    return getattr(variables, PARTIAL[name])(where)[events]
