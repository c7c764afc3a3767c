"""The explanation of an event in regions on the screen: an overview of all regions, and some of them cut by cut."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from html import escape

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from columnar_af.errors import ConfigError
from columnar_af.processing.verdict_cells import STYLES, cells, values
from columnar_af.selection.explanation import Verdict
from columnar_af.selection.region_explanation import FAKES, RegionStory, ViewStory

Rows = list[tuple[str, ...]]
"""The first row is the heading."""

OVERVIEW = ("region", "verdict", "cuts passed", "first cut that fails", "value", "remark")
CUTS = ("cut", "verdict", "value", "threshold", "source")

SHOWN = 3
"""Regions that are shown cut by cut unless some are asked for: those that the event is in, then those that it comes nearest to."""

UNVERIFIED = "*"


def overview(view: ViewStory) -> Rows:
    """One row per region."""
    rows: Rows = [OVERVIEW]
    for story in view.regions:
        if story.hidden:
            rows.append((story.region, "not shown", "", "", "", story.hidden))
            continue
        passed = f"{len(story.verdicts) - len(story.failed)} of {len(story.verdicts)}"
        first = next((verdict for verdict in story.verdicts if not verdict.survives), None)
        failing = ("", "") if first is None else (first.threshold, values(first))
        name = story.region + (UNVERIFIED if story.remark else "")
        rows.append((name, "in it" if story.selected else "not in it", passed, *failing, ""))
    return rows


def chosen(view: ViewStory, patterns: Collection[str], *, every: bool) -> tuple[RegionStory, ...]:
    """The regions that are shown cut by cut.

    Args:
        view: All of them.
        patterns: Shell patterns of their names; where none is given, :data:`SHOWN` of them.
        every: All of them.

    Raises:
        ConfigError: No region is named like a pattern.
    """
    visible = [story for story in view.regions if not story.hidden]
    if every:
        return tuple(visible)
    if not patterns:
        return tuple(sorted(visible, key=lambda story: len(story.failed))[:SHOWN])
    for pattern in patterns:
        if view.regions and not fnmatch.filter([story.region for story in view.regions], pattern):
            msg = f"there is no region {pattern!r}"
            raise ConfigError(msg, advice=f"the regions are {', '.join(s.region for s in view.regions)}")
    return tuple(
        story for story in visible if any(fnmatch.fnmatchcase(story.region, one) for one in patterns)
    )


def cut_rows(verdicts: Sequence[Verdict]) -> Rows:
    """One row per cut."""
    return [CUTS, *(cells(verdict) for verdict in verdicts)]


def title(story: RegionStory) -> str:
    """Heading of the table of a region."""
    what = "in the region" if story.selected else f"fails {', '.join(one.cut for one in story.failed)}"
    return f"{story.region}, {story.title}: {what}"


def summary(view: ViewStory) -> Iterator[str]:
    """What became of the event, its weight, and what else is to be said, one line each."""
    yield f"{view.label}: " + outcome(view)
    yield from view.notes
    if view.weights:
        total, *factors = (f"{name} {value:.6g}" for name, value in view.weights.items())
        yield f"{total} = {' x '.join(factors)}" if factors else total


def outcome(view: ViewStory) -> str:
    """The regions that the event is in, in one sentence."""
    if not view.regions:
        return "regions as in nominal" if view.weights else "not shown"
    return f"in {', '.join(view.selected)}" if view.selected else "in no region"


def changes(view: ViewStory, nominal: ViewStory) -> Iterator[tuple[RegionStory, tuple[Verdict, ...]]]:
    """The regions whose cuts see other values than in nominal, and these cuts."""
    for story, same in zip(view.regions, nominal.regions, strict=False):
        if len(story.verdicts) != len(same.verdicts):
            continue
        pairs = zip(story.verdicts, same.verdicts, strict=True)
        differing = tuple(mine for mine, its in pairs if replace(mine, survives=its.survives) != its)
        if differing:
            yield story, differing


def moved(view: ViewStory, nominal: ViewStory) -> Iterator[str]:
    """The regions that the event enters or leaves under a variation."""
    for name in view.selected:
        if name not in nominal.selected:
            yield f"enters {name}"
    for name in nominal.selected:
        if name not in view.selected:
            yield f"leaves {name}"


def remarks(view: ViewStory) -> Iterator[str]:
    """What the star means, where there is one."""
    if any(story.remark and not story.hidden for story in view.regions):
        yield f"{UNVERIFIED} thresholds that no source at hand confirms: see the column source"


def parts_of(
    views: Sequence[ViewStory], patterns: Collection[str], *, every: bool
) -> Iterator[tuple[str, Rows]]:
    """Text and table of each part, in order; of variations, what differs from nominal. Either may be empty."""
    nominal, *others = views
    yield "\n".join(summary(nominal)), overview(nominal) if nominal.regions else []
    for story in chosen(nominal, patterns, every=every):
        yield title(story), cut_rows(story.verdicts)
    for view in others:
        if every or not view.regions or _is_other_way(view):
            yield "\n".join(summary(view)), overview(view) if view.regions else []
            for story in chosen(view, patterns, every=every) if view.regions else ():
                yield title(story), cut_rows(story.verdicts)
        else:
            yield from _compared(view, nominal, patterns)
    yield from ((line, []) for line in remarks(nominal))


def _is_other_way(view: ViewStory) -> bool:
    """Whether this is the estimate of fakes, which has cuts of its own on the number of leptons."""
    return view.label == FAKES


def _compared(view: ViewStory, nominal: ViewStory, patterns: Collection[str]) -> Iterator[tuple[str, Rows]]:
    yield "\n".join((*summary(view), *moved(view, nominal))), []
    shown = {story.region for story in chosen(view, patterns, every=False)}
    for story, differing in changes(view, nominal):
        if story.region in shown:
            yield f"{title(story)}; all other cuts as in nominal", cut_rows(differing)


def views_as_rich(
    views: Sequence[ViewStory], patterns: Collection[str], *, every: bool
) -> Iterator[RenderableType]:
    """For the terminal."""
    for text, rows in parts_of(views, patterns, every=every):
        yield Text(f"\n{text}", style="bold" if not rows or rows[0] == OVERVIEW else "")
        if rows:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for name in rows[0]:
                table.add_column(name, overflow="fold")
            for row in rows[1:]:
                table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
            yield table


def views_as_html(views: Sequence[ViewStory]) -> Iterator[str]:
    """For the notebook; everything from outside is escaped."""
    for text, rows in parts_of(views, (), every=False):
        yield f"<h5>{'<br>'.join(map(escape, text.splitlines()))}</h5>"
        if rows:
            head, *body = (
                "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) for row in rows
            )
            yield f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in body)}</table>"
