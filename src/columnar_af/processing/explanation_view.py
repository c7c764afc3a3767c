"""An explanation on the screen: tables for the terminal (rich) and for the notebook (HTML)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from html import escape

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from columnar_af.processing.explain import Explanation
from columnar_af.processing.region_explanation_view import views_as_html, views_as_rich
from columnar_af.processing.verdict_cells import STYLES, cells, values
from columnar_af.selection.explanation import CandidateStory, SelectionStory, Verdict

COLUMNS = ("cut", "verdict", "value", "threshold", "note")

SHOWN = 4
"""Candidates of a selection that are shown cut by cut unless all are asked for; the others get a line each."""


def as_rich(
    explanation: Explanation, *, all_candidates: bool = False, regions: Collection[str] = ()
) -> RenderableType:
    """The tables for the terminal: first the candidates that come farthest; of variations, what differs from the first.

    Args:
        explanation: Of an event.
        all_candidates: Every candidate, or region, cut by cut.
        regions: Shell patterns of the regions that are shown cut by cut, where the processor has regions.
    """
    parts: list[RenderableType] = [Text(line) for line in headings(explanation)]
    if explanation.views:
        return Group(*parts, *views_as_rich(explanation.views, regions, every=all_candidates))
    for selection, compared in with_first(explanation, all_candidates):
        parts.append(Text(f"\n{outcome(selection)}", style="bold"))
        shown, rest = chosen(selection, all_candidates)
        parts += [_rich_table(story, compared) for story in shown]
        parts += [Text(line, style="dim") for line in brief(rest)]
    return Group(*parts)


def with_first(
    explanation: Explanation, in_full: bool
) -> Iterator[tuple[SelectionStory, SelectionStory | None]]:
    """Each selection, with the first one, from which it differs in little, unless all is to be shown in full."""
    first, *others = explanation.selections
    yield first, None
    for selection in others:
        yield selection, None if in_full else first


def differing(story: CandidateStory, first: SelectionStory | None) -> tuple[Verdict, ...]:
    """The verdicts on a candidate that differ from those of the first selection, or whose values do; all without one."""
    candidates = () if first is None else first.candidates
    same = next((one for one in candidates if one.number == story.number), None)
    if same is None or [one.cut for one in same.verdicts] != [one.cut for one in story.verdicts]:
        return story.verdicts
    pairs = zip(story.verdicts, same.verdicts, strict=True)
    return tuple(mine for mine, its in pairs if replace(mine, survives=its.survives) != its)


def compared_title(story: CandidateStory, shown: Sequence[Verdict], first: SelectionStory | None) -> str:
    """The heading of a candidate's table, and which of its cuts are not shown."""
    if first is None or len(shown) == len(story.verdicts):
        return title(story)
    rest = "all other cuts" if shown else "all cuts"
    return f"{title(story)}; {rest} as in {first.label or 'the first selection'}"


def _rich_table(story: CandidateStory, first: SelectionStory | None) -> RenderableType:
    shown = differing(story, first)
    heading = compared_title(story, shown, first)
    if not shown:
        return Text(heading)
    table = Table(title=heading, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, overflow="fold")
    for verdict in shown:
        cut, word, *others = cells(verdict)
        style = "" if verdict.survives or verdict.passing is False else "dim"
        table.add_row(Text(cut, style), Text(word, STYLES[word]), *(Text(text, style) for text in others))
    return table


def headings(explanation: Explanation) -> Iterator[str]:
    """Which event this is, and where it is."""
    yield f"{explanation.processor}, event {explanation.event} (run:lumi:event)"
    yield explanation.place
    known = ", ".join(f"{key} {value}" for key, value in explanation.metadata.items())
    yield f"dataset {explanation.dataset}" + (f" ({known})" if known else ", without metadata")
    if explanation.others:
        yield f"the same event is also in {', '.join(explanation.others)}"


def outcome(selection: SelectionStory) -> str:
    """What became of the event, in one sentence."""
    name = f"{selection.label}: " if selection.label else ""
    if selection.selected:
        chosen_ones = ", ".join(map(str, selection.selected))
        return f"{name}selected, with candidate {chosen_ones} of {len(selection.candidates)}"
    best = max(selection.candidates, key=_survived)
    if best.number is None:
        return f"{name}not selected: the event has no candidate, and is lost at {best.lost_at or 'its first cut on candidates'}"
    return f"{name}not selected: the last of {len(selection.candidates)} candidates is lost at {best.lost_at}"


def chosen(
    selection: SelectionStory, all_candidates: bool
) -> tuple[list[CandidateStory], list[CandidateStory]]:
    """The candidates to show in full and those to show in a line each."""
    if all_candidates:
        return list(selection.candidates), []
    ordered = sorted(selection.candidates, key=lambda story: -_survived(story))
    return ordered[:SHOWN], ordered[SHOWN:]


def _survived(story: CandidateStory) -> int:
    return sum(verdict.survives for verdict in story.verdicts)


def title(story: CandidateStory) -> str:
    """The heading of a candidate's table."""
    if story.number is None:
        return "event without candidates"
    return f"candidate {story.number}: {'selected' if story.selected else f'lost at {story.lost_at}'}"


def brief(stories: Sequence[CandidateStory]) -> Iterator[str]:
    """One line per candidate."""
    for story in stories:
        verdict = next(verdict for verdict in story.verdicts if not verdict.survives)
        yield f"{title(story)} ({'; '.join(filter(None, (values(verdict), verdict.threshold)))})"


def as_html(explanation: Explanation) -> str:
    """The same for the notebook; everything from outside is escaped."""
    parts = [f"<p>{'<br>'.join(map(escape, headings(explanation)))}</p>"]
    if explanation.views:
        return f"<div>{''.join([*parts, *views_as_html(explanation.views)])}</div>"
    for selection, compared in with_first(explanation, in_full=False):
        parts.append(f"<h4>{escape(outcome(selection))}</h4>")
        shown, rest = chosen(selection, all_candidates=False)
        parts += [_html_table(story, compared) for story in shown]
        lines = "".join(f"<li>{escape(line)}</li>" for line in brief(rest))
        parts.append(f"<ul>{lines}</ul>" if lines else "")
    return f"<div>{''.join(parts)}</div>"


def _html_table(story: CandidateStory, first: SelectionStory | None) -> str:
    shown = differing(story, first)
    heading = f"<h5>{escape(compared_title(story, shown, first))}</h5>"
    if not shown:
        return heading
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in COLUMNS)
    body = "".join(
        "<tr>"
        + "".join(f"<td style='text-align:left'>{escape(text)}</td>" for text in cells(verdict))
        + "</tr>"
        for verdict in shown
    )
    return f"{heading}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
