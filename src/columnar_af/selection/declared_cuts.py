"""Cuts as an analysis declares them, once: applied to all candidates, or only to those that can still matter.

    cuts = (
        DeclaredCut("hlt", fired, Level.EVENTS),
        DeclaredCut("mass", lambda view: between(view.candidates.mass, 1.62, 2.02), threshold="1.62 < mass < 2.02 GeV"),
        DeclaredCut("best", smallest_chi2, Level.CHOICE),
    )
    selection = apply_cuts(cuts, CandidateSelection(events.triplet, weights), ListView(events, events.triplet))
    narrowed = narrowed_selection(cuts, events, "triplet", weights, spare=1)

Both have the same cutflow and select the same candidates, to the last bit: the cuts are the same functions. See
:mod:`columnar_af.selection.narrowing` for the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from columnar_af.selection.candidate_views import ListView
from columnar_af.selection.candidates import CandidateSelection


class Level(Enum):
    """What a cut looks at, and so what its function takes and gives."""

    EVENTS = "events"
    """``passing(events)``: bool per event."""
    CANDIDATES = "candidates"
    """``passing(view)``: bool per candidate, from that candidate's own values alone."""
    LISTS = "lists"
    """``passing(view)`` of a :class:`ListView`: bool per candidate, ``n_events * var``, from other objects of its event, too.

    Not from other candidates: some of them may have been left out."""
    CHOICE = "choice"
    """``passing(view, passing)``: the same, from which candidates pass all cuts until then."""


@dataclass(frozen=True)
class DeclaredCut:
    """A cut.

    Attributes:
        name: Its name; each name once.
        passing: What passes; None for a cut of which nothing is applied. A missing value passes nothing.
        level: What it looks at. Cuts on events come before all others.
        threshold: What the values are compared with, in words.
        values: What it looks at, by name, for the explanation of an event.
        note: What the reader of the cutflow should know, for example a fall-back that was used.
        not_applied: Why it is not applied, or not wholly; empty where it is.
    """

    name: str
    passing: Callable[..., Any] | None
    level: Level = Level.CANDIDATES
    threshold: str = ""
    values: Callable[[ListView], Mapping[str, Any]] | None = None
    note: str = ""
    not_applied: str = ""

    @property
    def remark(self) -> str:
        """For the cutflow: the note, or to what extent it is not applied and why."""
        if not self.not_applied:
            return self.note
        return f"{'not applied' if self.passing is None else 'applied in part'}: {self.not_applied}"


def apply_cuts(
    cuts: Iterable[DeclaredCut], selection: CandidateSelection, view: ListView
) -> CandidateSelection:
    """Apply cuts to all candidates; the reference, which also traces columns and explains events."""
    for cut in cuts:
        selection.append(
            cut.name,
            None if cut.passing is None else _passing(cut, selection, view),
            cut.remark,
            applied=not cut.not_applied,
            values=None if cut.values is None else _deferred(cut.values, view),
            threshold=cut.threshold,
        )
    return selection


def _passing(cut: DeclaredCut, selection: CandidateSelection, view: ListView) -> Any:
    assert cut.passing is not None
    if cut.level is Level.EVENTS:
        return cut.passing(view.events)
    return cut.passing(view, selection.passing) if cut.level is Level.CHOICE else cut.passing(view)


def _deferred(
    values: Callable[[ListView], Mapping[str, Any]], view: ListView
) -> Callable[[], Mapping[str, Any]]:
    return lambda: values(view)
