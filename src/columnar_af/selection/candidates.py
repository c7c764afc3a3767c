"""Cuts on candidates: the same candidate must pass all of them, and each cut is counted.

Cutting event by event ("some candidate passes cut 1, some other passes cut 2") is the classic mistake of candidate
selections; here a cut only ever narrows one mask that has an entry for each candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np

from columnar_af.selection.cutflow import Cutflow, CutflowRow

Values = Callable[[], Mapping[str, Any]]
"""Gives the values that a cut looks at, by name: arrays per event or per candidate. Called only when an event is explained,
so that a run pays nothing for it."""

_recording: ContextVar[list[CandidateSelection] | None] = ContextVar("_recording", default=None)


@contextmanager
def recorded_selections() -> Iterator[list[CandidateSelection]]:
    """Gives a list that takes up each selection that is made in the block, in this thread."""
    selections: list[CandidateSelection] = []
    token = _recording.set(selections)
    try:
        yield selections
    finally:
        _recording.reset(token)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Selections that are made in the block are no part of an explanation, for example those that only find a weight."""
    token = _recording.set(None)
    try:
        yield
    finally:
        _recording.reset(token)


def is_recorded() -> bool:
    """Whether selections are taken up for an explanation, which wants all cuts on all candidates."""
    return _recording.get() is not None


def is_typetracer(array: Any) -> bool:
    """True where an array has a type but no values: when the columns of a processor are traced."""
    return bool(ak.backend(array) == "typetracer")


def filled_with_false(mask: ak.Array) -> ak.Array:
    """A mask in which a missing decision is a failed one: what is missing can never pass a cut."""
    return ak.fill_none(mask, False, axis=-1)


@dataclass(frozen=True)
class Cut:
    """A cut as it was applied; see :meth:`CandidateSelection.add`."""

    name: str
    mask: ak.Array | None
    """Boolean, per event or per candidate; None for a cut of which nothing is applied."""
    note: str
    applied: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)
    threshold: str = ""

    @property
    def counts_candidates(self) -> bool:
        """Whether it decides about candidates, and not about whole events."""
        return self.mask is not None and self.mask.ndim > 1


class CandidateSelection:
    """A sequence of named cuts on the candidates of each event.

    Args:
        candidates: Jagged array, ``n_events * var * candidate``; only its list structure is used.
        weights: Weight of each event, shape ``(n_events,)``.
        label: What tells this selection from others of the same processor, for example the name of a variation.
    """

    def __init__(self, candidates: ak.Array, weights: ak.Array, label: str = "") -> None:
        self._passing = ak.local_index(candidates, axis=1) >= 0
        self._events = ak.ones_like(weights, dtype=bool)
        self._weights = weights
        self._cuts: list[Cut] = []
        self._rows: list[CutflowRow] = []
        self.label = label
        recording = _recording.get()
        self._is_recorded = recording is not None
        if recording is not None:
            recording.append(self)

    @classmethod
    def finished(
        cls, cuts: list[Cut], rows: list[CutflowRow], passing: ak.Array, weights: ak.Array
    ) -> CandidateSelection:
        """A selection whose cuts were applied elsewhere; for distributions of what they left.

        Args:
            cuts: The cuts, with their masks on the candidates that are left.
            rows: The cutflow.
            passing: Candidates that pass all cuts: boolean, ``n_events * var``.
            weights: Weight of each event that is left, ``(n_events,)``.
        """
        with unrecorded():
            selection = cls(passing, weights)
        selection._cuts, selection._rows, selection._passing = cuts, rows, passing
        return selection

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The cuts, in order."""
        return tuple(self._cuts)

    def add(
        self,
        cut: str,
        passing: ak.Array,
        note: str | None = None,
        *,
        values: Values | None = None,
        threshold: str = "",
    ) -> None:
        """Apply a cut.

        Args:
            cut: Its name; each name once.
            passing: Boolean per event ``(n_events,)`` or per candidate ``(n_events, var)``; missing counts as failed.
            note: What the reader of the cutflow should know, for example a fall-back that was used.
            values: What the cut looks at, for ``columnar-af explain``: a function without arguments, which a run does
                not call.
            threshold: What the values are compared with, in words, for example ``1.62 < mass < 2.02 GeV``.
        """
        self.append(cut, passing, note or "", applied=True, values=values, threshold=threshold)

    def skip(
        self,
        cut: str,
        reason: str,
        passing: ak.Array | None = None,
        *,
        values: Values | None = None,
        threshold: str = "",
    ) -> None:
        """Report a cut as not applied, with its reason.

        Args:
            cut: Its name; each name once.
            reason: Why it cannot be applied, for the cutflow.
            passing: The part of it that can be applied, if any: boolean per event or per candidate.
            values, threshold: As of :meth:`add`.
        """
        extent = "not applied" if passing is None else "applied in part"
        self.append(cut, passing, f"{extent}: {reason}", applied=False, values=values, threshold=threshold)

    def append(
        self,
        cut: str,
        passing: ak.Array | None,
        note: str,
        *,
        applied: bool,
        values: Values | None,
        threshold: str,
    ) -> None:
        """What :meth:`add` and :meth:`skip` have in common: a cut, applied or not, with the note as the cutflow shows it."""
        mask = None if passing is None else filled_with_false(passing)
        self._append(Cut(cut, mask, note, applied, self._seen(values), threshold))

    def _seen(self, values: Values | None) -> Mapping[str, Any]:
        # Called at once: in a loop over variations, the names that it uses mean something else a moment later.
        return values() if self._is_recorded and values is not None else {}

    def _append(self, cut: Cut) -> None:
        if any(cut.name == other.name for other in self._cuts):
            msg = f"cut {cut.name!r} is applied twice"
            raise ValueError(msg)
        if cut.mask is not None:
            candidates_decide = cut.counts_candidates or any(other.counts_candidates for other in self._cuts)
            self._passing = self._passing & cut.mask
            self._events = ak.any(self._passing, axis=1) if candidates_decide else self._events & cut.mask
        self._cuts.append(cut)
        self._rows.append(self._row(cut, self._events, self._passing))

    @property
    def passing(self) -> ak.Array:
        """Candidates that pass all cuts so far: boolean, ``n_events * var``."""
        return self._passing

    def all_but(self, *cuts: str) -> ak.Array:
        """Candidates that pass all cuts so far but the named ones (N-1): boolean, ``n_events * var``."""
        passing = ak.ones_like(self._passing, dtype=bool)
        for cut in self._cuts:
            if cut.mask is not None and cut.name not in cuts:
                passing = passing & cut.mask
        return passing

    def cutflow(self) -> Cutflow:
        """What each cut leaves, after all cuts before it.

        An event counts as long as one of its candidates passes; before the first cut on candidates, events without any
        candidate count too.
        """
        return Cutflow(tuple(self._rows))

    def _row(self, cut: Cut, events: ak.Array, passing: ak.Array) -> CutflowRow:
        notes = (cut.note,) if cut.note else ()
        if is_typetracer(passing):
            ak.typetracer.touch_data(passing)
            return CutflowRow(cut.name, applied=cut.applied, notes=notes)
        weights = np.asarray(self._weights, dtype=np.float64)[np.asarray(events, dtype=bool)]
        return CutflowRow(
            cut.name,
            events=len(weights),
            candidates=int(ak.sum(passing)),
            sumw=float(np.sum(weights)),
            sumw2=float(np.sum(weights**2)),
            applied=cut.applied,
            notes=notes,
        )
