"""The results of a chunk of the stop search, added up view by view.

Events are counted in two ways: with identified leptons, and, for the estimate of fakes, with anti-identified leptons and the
weight of their fake factors. A region of a variation that has nominal's events and weights is not counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.cutflow import Cutflow
from columnar_af.selection.region_evaluation import Evaluation
from columnar_af.stop.fakes import SHIFTS
from columnar_af.stop.region_counts import RegionCounts, RegionHistograms
from columnar_af.stop.variable_table import PARTIAL
from columnar_af.stop.views import Mask, View, Weights
from columnar_af.systematics import NOMINAL

FAKE = "fake_"
"""How the names of what is made of anti-identified leptons begin."""

FAKE_VARIATIONS = {"up": "FNP_TOTAL__1up", "down": "FNP_TOTAL__1down"}
"""Shift of the fake factors -> name of the variation, which only the estimate of fakes has."""

Events = NDArray[np.intp]


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
class _Chosen:
    """The events of a view that are counted in one way, on one set of objects.

    Attributes:
        view, objects: The view, and the set of objects.
        evaluation: Its regions.
        counted: Events that count.
        same: Whether these, and their weights, are nominal's.
        scales: Extra weight of each event, by name of the variation of nominal that has it; empty for none.
    """

    view: View
    objects: str
    evaluation: Evaluation
    counted: Mask
    same: bool
    scales: dict[str, Weights]

    def events(self, region: str) -> Events:
        """The events of a region."""
        inside = np.flatnonzero(self.evaluation.masks[region])
        return inside[self.counted[inside]]

    def is_same(self, region: str) -> bool:
        """Whether the events of a region, and their weights, are nominal's."""
        return self.same and region in self.evaluation.shared


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
        for objects in view.evaluations:
            self._count(self._identified, variation, _identified(view, objects))
            fakes = _anti_identified(view, objects)
            if fakes is not None:
                self._count(self._fakes, variation, fakes)
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

    def _count(self, way: _Way, variation: str, chosen: _Chosen) -> None:
        names = [name for name in chosen.evaluation.masks if name not in way.closed]
        events = {name: chosen.events(name) for name in names if not chosen.is_same(name)}
        weighted = _Weighted.of(variation, chosen, events.values())
        for name in names:
            if name in events:
                rows = weighted.rows(events[name])
                way.counts.add(name, weighted.names, rows)
                self._draw(way, name, chosen, events[name], weighted.names, rows)
            else:
                way.counts.repeat(name, variation)
                self._draw_again(way, name, variation, chosen)

    def _draw_again(self, way: _Way, name: str, variation: str, chosen: _Chosen) -> None:
        """What a variation shares with nominal is drawn under its name, where it is drawn for variations."""
        binnings = chosen.view.method.regions[name].histograms
        if any(way.histograms.fills(binning.variable, variation) for binning in binnings):
            events = chosen.events(name)
            weighted = _Weighted.of(variation, chosen, [events])
            self._draw(way, name, chosen, events, weighted.names, weighted.matrix)

    def _draw(
        self,
        way: _Way,
        name: str,
        chosen: _Chosen,
        events: Events,
        variations: tuple[str, ...],
        weights: Weights,
    ) -> None:
        """The variables of a region."""
        variables = chosen.view.variables[chosen.objects]
        for binning in chosen.view.method.regions[name].histograms if len(events) else ():
            variable = binning.variable
            columns = [n for n, each in enumerate(variations) if way.histograms.fills(variable, each)]
            if columns and not variables.why_missing(variable):
                values = _values(variables, variable, events, chosen.view.size)
                filled = tuple(variations[n] for n in columns)
                title = f"{name}/{way.prefix}{variable}"
                way.histograms.fill(title, binning, values, filled, weights[:, columns])

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


@dataclass(frozen=True)
class _Weighted:
    """Weights of some events: rows of a matrix of events and variations."""

    events: Events
    names: tuple[str, ...]
    matrix: Weights

    @classmethod
    def of(cls, variation: str, chosen: _Chosen, parts: Iterable[Events]) -> _Weighted:
        """Weights of the events of any of the parts: of nominal with all variations of weights, else the view's own."""
        view = chosen.view
        some = np.zeros(view.size, np.bool_)
        for events in parts:
            some[events] = True
        events = np.flatnonzero(some)
        every, weights = view.weighted
        matrix = weights if len(every) == len(events) else weights[np.searchsorted(every, events)]
        names = view.weights.names if variation == NOMINAL else (variation,)
        if not chosen.scales:
            return cls(events, names, matrix)
        own = [matrix[:, :1] * scale[events][:, None] for scale in list(chosen.scales.values())[1:]]
        scaled = matrix * chosen.scales[NOMINAL][events][:, None]
        return cls(events, (*names, *list(chosen.scales)[1:]), np.hstack([scaled, *own]))

    def rows(self, events: Events) -> Weights:
        """The rows of a part of the events."""
        if len(events) == len(self.events):
            return self.matrix
        return self.matrix[np.searchsorted(self.events, events)]


def _identified(view: View, objects: str) -> _Chosen:
    """Events with identified leptons."""
    return _Chosen(
        view, objects, view.evaluations[objects], view.counted[objects], _is_nominal(view, objects), {}
    )


def _anti_identified(view: View, objects: str) -> _Chosen | None:
    """Events with anti-identified leptons, of nominal with the shifts of the fake factors; None where there is no estimate."""
    fake = view.fake_weights(objects)
    if fake is None:
        return None
    same = _is_nominal(view, objects) and view.nominal is not None
    same = same and view.nominal is not None and fake is view.nominal.fake_weights(objects)
    scales = {NOMINAL: fake}
    if view.is_nominal:
        scales |= {FAKE_VARIATIONS[shift]: weights for shift, weights in _fake_shifts(view, objects)}
    counted = view.counted[objects] & (fake != 0.0)
    return _Chosen(view, objects, view.fake_evaluations[objects], counted, same, scales)


def _fake_shifts(view: View, objects: str) -> Iterator[tuple[str, Weights]]:
    for shift in SHIFTS:
        weights = view.fake_weights(objects, shift)
        if weights is not None:
            yield shift, weights


def _is_nominal(view: View, objects: str) -> bool:
    """Whether which events count, and their weights, are nominal's."""
    nominal = view.nominal
    return (
        nominal is not None
        and view.weights is nominal.weights
        and view.counted[objects] is nominal.counted[objects]
    )


def _values(variables: Any, name: str, events: Events, size: int) -> Any:
    """A variable of some events."""
    if name not in PARTIAL:
        return getattr(variables, name)[events]
    where = np.zeros(size, np.bool_)
    where[events] = True
    return getattr(variables, PARTIAL[name])(where)[events]
