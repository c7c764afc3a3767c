"""Explanation of one event: what each cut of a selection looked at, and what it said about each candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np

from columnar_af.selection.candidates import CandidateSelection, Cut


@dataclass(frozen=True)
class Verdict:
    """What one cut says about one candidate, or about an event without candidates.

    Attributes:
        cut: Name of the cut.
        passing: Whether the candidate passes this cut, taken by itself; None where nothing of it is applied, or where
            it decides about candidates and there is none.
        survives: Whether the candidate passes this cut and all cuts before it.
        values: Name -> value that the cut looked at; None is a missing value.
        threshold: What the values are compared with, in words.
        note: Why the cut was not applied, or which fall-back was used.
    """

    cut: str
    passing: bool | None
    survives: bool
    values: Mapping[str, Any] = field(default_factory=dict)
    threshold: str = ""
    note: str = ""

    @property
    def word(self) -> str:
        """The verdict in one word."""
        if self.passing is None:
            return "not applied"
        return "pass" if self.passing else "FAIL"


@dataclass(frozen=True)
class CandidateStory:
    """The verdicts on one candidate.

    Attributes:
        number: Its position in the event, from 0; None for an event without candidates.
        verdicts: One per cut, in the order of the cutflow.
    """

    number: int | None
    verdicts: tuple[Verdict, ...]

    @property
    def selected(self) -> bool:
        """Whether it passes all cuts."""
        return self.number is not None and all(verdict.survives for verdict in self.verdicts)

    @property
    def lost_at(self) -> str | None:
        """The first cut that it does not survive."""
        return next((verdict.cut for verdict in self.verdicts if not verdict.survives), None)


@dataclass(frozen=True)
class SelectionStory:
    """The candidates of one event in one selection.

    Attributes:
        label: What tells the selection from others of its processor, for example a variation; empty where it is the one.
        candidates: One story per candidate, or one for the event where there is none.
    """

    label: str
    candidates: tuple[CandidateStory, ...]

    @property
    def selected(self) -> tuple[int, ...]:
        """Numbers of the candidates that pass all cuts."""
        return tuple(story.number for story in self.candidates if story.number is not None and story.selected)


def story_of(selection: CandidateSelection, event: int = 0) -> SelectionStory:
    """What a selection says about one of its events.

    Args:
        selection: The selection.
        event: Position of the event in the arrays that the selection was made with.
    """
    count = len(selection.passing[event])
    values = [_values(cut, event) for cut in selection.cuts]
    numbers: list[int | None] = list(range(count)) or [None]
    return SelectionStory(
        selection.label, tuple(_candidate(selection.cuts, values, event, number, count) for number in numbers)
    )


def _candidate(
    cuts: tuple[Cut, ...], values: list[dict[str, Any]], event: int, number: int | None, count: int
) -> CandidateStory:
    verdicts, survives = [], True
    for cut, named in zip(cuts, values, strict=True):
        passing = _passing(cut, event, number)
        # Without candidates, the first cut on them ends the event.
        survives = survives and (
            passing if passing is not None else not (number is None and cut.counts_candidates)
        )
        own = {name: _of_candidate(value, cut, number, count) for name, value in named.items()}
        verdicts.append(Verdict(cut.name, passing, survives, own, cut.threshold, cut.note))
    return CandidateStory(number, tuple(verdicts))


def _passing(cut: Cut, event: int, number: int | None) -> bool | None:
    if cut.mask is None:
        return None
    if not cut.counts_candidates:
        return bool(cut.mask[event])
    return None if number is None else bool(cut.mask[event][number])


def _values(cut: Cut, event: int) -> dict[str, Any]:
    """Name -> plain value or list of values of the event."""
    return {name: plain(array[event]) for name, array in cut.values.items()}


def _of_candidate(value: Any, cut: Cut, number: int | None, count: int) -> Any:
    """The candidate's own value, where there is one for each; else that of the event."""
    if not (cut.counts_candidates or cut.mask is None) or not isinstance(value, list):
        return value
    if number is None:
        return None
    return value[number] if len(value) == count else value


def plain(value: Any) -> Any:
    """A value of an array in Python's own words."""
    if isinstance(value, ak.Array | ak.Record):
        return ak.to_list(value)
    return value.item() if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0 else value
