"""Explanation of one event in regions: what each cut of each region looked at, and what it said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from columnar_af.selection.cut_passing import passes
from columnar_af.selection.explanation import Verdict
from columnar_af.selection.regions import Region, RegionCut

FAKES = "estimate of fakes"
"""Label of the view of an event with anti-identified leptons, of which all baseline leptons count as signal leptons."""


@dataclass(frozen=True)
class RegionStory:
    """One event in one region.

    Attributes:
        region: Name of the region.
        title: What it is.
        verdicts: One per cut, in order; empty where they are hidden.
        hidden: Why they are not shown: the region is blinded, or the ntuple lacks a variable of it.
        remark: What any report of the region must say, for example which thresholds are not verified.
    """

    region: str
    title: str = ""
    verdicts: tuple[Verdict, ...] = ()
    hidden: str = ""
    remark: str = ""

    @property
    def selected(self) -> bool:
        """Whether the event is in the region, as far as this may be told."""
        return not self.hidden and all(verdict.survives for verdict in self.verdicts)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The cuts that it fails, each taken by itself."""
        return tuple(verdict for verdict in self.verdicts if verdict.passing is False)


@dataclass(frozen=True)
class ViewStory:
    """One event in all regions, under one variation.

    Attributes:
        label: ``nominal``, or what is varied.
        regions: One story per region.
        weights: Factor of the event's weight -> its value, and ``weight``, their product; empty where there is none.
        notes: What else decides whether the event counts.
    """

    label: str
    regions: tuple[RegionStory, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def selected(self) -> tuple[str, ...]:
        """Names of the regions that the event is in."""
        return tuple(story.region for story in self.regions if story.selected)


def region_story(region: Region, variables: Any, event: int = 0, hidden: str = "") -> RegionStory:
    """What the cuts of a region say about an event.

    Args:
        region: The region.
        variables: Has each variable as an attribute, shape (events,), and ``why_missing(name)``.
        event: Position of the event.
        hidden: Why nothing of it may be shown; empty where it may.
    """
    missing = (variables.why_missing(name) for name in region.variables) if not hidden else ()
    reason = hidden or next((why for why in missing if why), "")
    verdicts: list[Verdict] = []
    for cut in () if reason else region.cuts:
        values = {name: np.asarray(getattr(variables, name))[event : event + 1] for name in cut.variables}
        passing = bool(passes(cut.expression, values)[0])
        survives = passing and (not verdicts or verdicts[-1].survives)
        shown = {name: _plain(array[0]) for name, array in values.items()}
        verdicts.append(Verdict(cut.name, passing, survives, shown, cut.text, _source(cut)))
    return RegionStory(region.name, region.title, tuple(verdicts), reason, region.remark)


def _plain(value: Any) -> Any:
    number = value.item()
    return None if isinstance(number, float) and math.isnan(number) else number


def _source(cut: RegionCut) -> str:
    return f"{cut.source} ({'verified' if cut.verified else 'not verified'})"
