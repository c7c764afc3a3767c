"""A selection of candidates that leaves out, after each cut, those that can no longer matter.

Of three million candidates in a chunk some ten thousand pass the first cuts. The cuts are looked at on plain arrays of those that are
left (:class:`~columnar_af.selection.candidate_views.FlatView`); a candidate that has failed one cut may still be wanted for the distribution
of just that cut (N-1), one that has failed two is wanted for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np

from columnar_af.selection.candidate_views import FlatView, ListView
from columnar_af.selection.candidates import CandidateSelection, Cut
from columnar_af.selection.cutflow import CutflowRow
from columnar_af.selection.declared_cuts import DeclaredCut, Level
from columnar_af.selection.flat_records import Index, Mask, Values

FEW = 0.5
"""It pays to copy what is left once it is less than this part."""

Where = Callable[[ak.Array, Mask], ak.Array]
"""Events and a mask -> the events where it is true."""


def plain_where(events: ak.Array, mask: Mask) -> ak.Array:
    """``events[mask]``."""
    return events[mask]


@dataclass(frozen=True)
class Narrowed:
    """What is left of a chunk, and its selection.

    Attributes:
        events: The events that have a candidate which can still matter.
        places: Where they are among all events of the chunk.
        lists: Their candidates that can still matter.
        selection: The cuts on them; its cutflow counts all candidates of the chunk.
    """

    events: ak.Array
    places: Index
    lists: ListView
    selection: CandidateSelection


def narrowed_selection(
    cuts: Sequence[DeclaredCut],
    events: ak.Array,
    name: str,
    weights: ak.Array,
    *,
    spare: int = 0,
    where: Where = plain_where,
) -> Narrowed:
    """Apply cuts, in order, and keep what can still matter.

    Args:
        cuts: The cuts; those on events first.
        events: The events, not traced.
        name: Field of their candidates.
        weights: Weight of each event, ``(n_events,)``.
        spare: Number of failed cuts on candidates with which one is kept: 1 for N-1 distributions, else 0. Events that fail a cut
            on events are not kept.
        where: How to take some of the events.
    """
    walk = _Walk(events, name, np.asarray(weights, dtype=np.float64), spare, where)
    for cut in cuts:
        walk.apply(cut)
    return walk.finish()


class _Walk:
    """The state of a selection between two cuts."""

    def __init__(self, events: ak.Array, name: str, weights: Values, spare: int, where: Where) -> None:
        self._events, self._name, self._spare, self._where = events, name, spare, where
        self._weights, self._places = weights, np.arange(len(weights))
        self._counts = ak.to_numpy(ak.num(events[name], axis=1))
        self._alive = np.ones(len(weights), dtype=np.bool_)
        self._view: FlatView | None = None
        self._failed, self._chosen = np.zeros(0, dtype=np.int8), np.zeros(0, dtype=np.bool_)
        self._masks: list[Mask | None] = []
        self._cuts: list[DeclaredCut] = []
        self._rows: list[CutflowRow] = []
        self._counted = (len(weights), int(self._counts.sum()), weights)

    def apply(self, cut: DeclaredCut) -> None:
        """Apply one more cut, and count what it leaves."""
        if cut.level is Level.EVENTS:
            if cut.passing is not None:
                self._apply_to_events(np.asarray(cut.passing(self._events), dtype=np.bool_))
        elif cut.passing is None:
            self._masks.append(None)
            self._cuts.append(cut)
        else:
            self._apply_to_candidates(cut)
        self._count(cut)

    def _apply_to_events(self, mask: Mask) -> None:
        self._alive &= mask
        self._counted = (
            int(np.count_nonzero(self._alive)),
            int(self._counts[self._alive].sum()),
            self._weights[self._alive],
        )

    def _apply_to_candidates(self, cut: DeclaredCut) -> None:
        view = self._flat()
        mask = self._of_each(cut, view) if cut.level is Level.CANDIDATES else self._of_lists(cut, view)
        if cut.level is Level.CHOICE:
            self._chosen &= mask
        else:
            self._failed += ~mask
        self._masks.append(mask)
        self._cuts.append(cut)
        passing = self._passing
        has_one = np.zeros(len(self._weights), dtype=np.bool_)
        has_one[view.event[passing]] = True
        left = self._weights[has_one]
        self._counted = (len(left), int(np.count_nonzero(passing)), left)
        self._narrow()

    @property
    def _passing(self) -> Mask:
        """Candidates that pass all cuts until now."""
        return (self._failed == 0) & self._chosen

    @property
    def _relevant(self) -> Mask:
        """Candidates that can still matter. Who is not chosen may matter in an N-1 distribution: choices are left out of these."""
        return self._failed <= self._spare if self._spare else self._passing

    def _of_each(self, cut: DeclaredCut, view: FlatView) -> Mask:
        assert cut.passing is not None
        view.look()
        mask = np.asarray(cut.passing(view), dtype=np.bool_)
        present = view.present
        return mask if present is None else mask & present

    def _of_lists(self, cut: DeclaredCut, view: FlatView) -> Mask:
        assert cut.passing is not None
        self._narrow(few=1.0)
        lists = view.as_lists(self._events, np.diff(view.offsets))
        passing = (ak.unflatten(self._passing, np.diff(view.offsets)),) * (cut.level is Level.CHOICE)
        decisions = ak.fill_none(ak.flatten(cut.passing(lists, *passing), axis=1), False)
        return np.asarray(decisions, dtype=np.bool_)

    def _flat(self) -> FlatView:
        """The view of the candidates, made after the last cut on events."""
        if self._view is None:
            if self._counts[self._alive].sum() < FEW * self._counts.sum():
                self._events = self._where(self._events, self._alive)
                self._places, self._weights = self._places[self._alive], self._weights[self._alive]
                self._alive = np.ones(len(self._places), dtype=np.bool_)
            self._view = FlatView(self._events, self._name)
            hopeless = np.int8(self._spare + 1)
            self._failed = np.where(self._alive[self._view.event], np.int8(0), hopeless)
            self._chosen = np.ones(len(self._failed), dtype=np.bool_)
        return self._view

    def _narrow(self, few: float = FEW) -> None:
        """Leave out what cannot matter any more, if that leaves less than some part."""
        mask = self._relevant
        if np.count_nonzero(mask) < few * len(mask):
            self._flat().narrow(mask)
            self._failed, self._chosen = self._failed[mask], self._chosen[mask]
            self._masks = [None if one is None else one[mask] for one in self._masks]

    def _count(self, cut: DeclaredCut) -> None:
        events, candidates, weights = self._counted
        self._rows.append(
            CutflowRow(
                cut.name,
                events=events,
                candidates=candidates,
                sumw=float(np.sum(weights)),
                sumw2=float(np.sum(weights**2)),
                applied=not cut.not_applied,
                notes=(cut.remark,) if cut.remark else (),
            )
        )

    def finish(self) -> Narrowed:
        """What is left, as lists per event again."""
        view = self._flat()
        self._narrow(few=1.0)
        kept = np.zeros(len(self._weights), dtype=np.bool_)
        kept[view.event] = True
        counts = np.diff(view.offsets)[kept]
        cuts = [
            Cut(cut.name, None if mask is None else ak.unflatten(mask, counts), cut.remark)
            for cut, mask in zip(self._cuts, self._masks, strict=True)
        ]
        passing = ak.unflatten(self._passing, counts)
        events = self._where(self._events, kept)
        return Narrowed(
            events,
            self._places[kept],
            view.as_lists(events, counts),
            CandidateSelection.finished(cuts, self._rows, passing, self._weights[kept]),
        )
