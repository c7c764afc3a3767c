"""``explain``: one event of a file through a processor, with what each cut looked at and what it said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from coffea.nanoevents import BaseSchema
from coffea.processor import ProcessorABC

from columnar_af.datasets.duplicates import event_numbers
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import FileReport, Inspection, inspect
from columnar_af.errors import ConfigError, WorkAddress, work_address
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.payload import Payload
from columnar_af.processing.processors import load_processor
from columnar_af.processing.run import schema_for
from columnar_af.redaction import redact
from columnar_af.selection import recorded_selections
from columnar_af.selection.explanation import SelectionStory, story_of
from columnar_af.selection.region_explanation import ViewStory

if TYPE_CHECKING:
    from rich.console import RenderableType

NEAREST = 3
"""Events of the same run that an error names when the one that was asked for is not there."""

_EVENT = re.compile(r"(\d+):(?:(\d+):)?(\d+)")


class EventNotFoundError(ConfigError):
    """The event that was asked for is in none of the files."""


@dataclass(frozen=True, order=True)
class EventNumber:
    """Run, luminosity block and number of an event."""

    run: int
    lumi: int
    event: int

    @classmethod
    def parse(cls, text: str) -> EventNumber:
        """From ``RUN:LUMI:EVENT``, or ``RUN:EVENT`` where the ntuple has no luminosity blocks, which then count as 0.

        Raises:
            ConfigError: The text is something else.
        """
        match = _EVENT.fullmatch(text.strip())
        if match is None:
            msg = f"{text!r} is not RUN:LUMI:EVENT, nor RUN:EVENT"
            raise ConfigError(msg, advice="write for example 297050:14:21872331")
        return cls(*(int(number or 0) for number in match.groups()))

    def __str__(self) -> str:
        return f"{self.run}:{self.lumi}:{self.event}"


@dataclass(frozen=True)
class Explanation:
    """What the cuts of a processor say about one event. It shows itself as tables in terminals and notebooks.

    Attributes:
        processor: Name of the processor.
        event: Numbers of the event.
        place: ``file:tree[entry]``.
        dataset: Name of its dataset.
        metadata: Metadata of the dataset that the processor was given.
        selections: One story per selection of the processor, for example one per variation.
        views: For a processor of regions, one story per variation, of all regions each.
        others: Places where the same event is again; they are not explained.
    """

    processor: str
    event: EventNumber
    place: str
    dataset: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    selections: tuple[SelectionStory, ...] = ()
    views: tuple[ViewStory, ...] = ()
    others: tuple[str, ...] = ()

    def __rich__(self) -> RenderableType:
        """Tables for the terminal."""
        from columnar_af.processing.explanation_view import as_rich  # noqa: PLC0415  # it builds on this module

        return as_rich(self)

    def _repr_html_(self) -> str:
        """Tables for the notebook."""
        from columnar_af.processing.explanation_view import as_html  # noqa: PLC0415  # it builds on this module

        return as_html(self)


def explain(
    processor: ProcessorABC | type[ProcessorABC] | str,
    files: Fileset | str | Path | Sequence[str | Path],
    event: EventNumber | str,
    *,
    parameters: Mapping[str, Any] | None = None,
    schema: type[BaseSchema] | None = None,
    variations: Sequence[str] = (),
) -> Explanation:
    """Show what every cut of a processor says about one event, candidate by candidate, or region by region.

    The processor runs on this event alone, exactly as in a run. It must use
    :class:`~columnar_af.selection.CandidateSelection`; values and thresholds are shown for the cuts that name them. A
    processor of regions has a method ``explain(events, variations)`` instead, which gives a
    :class:`~columnar_af.selection.region_explanation.ViewStory` for nominal and each variation.

    Args:
        processor: As for :func:`columnar_af.run`.
        files: ROOT files, or a fileset, whose metadata (era, ...) the processor is then given.
        event: The event, or ``RUN:LUMI:EVENT``.
        parameters: Arguments of the processor's class, by name.
        schema: How the tree is read; chosen as for a run where None.
        variations: Names of variations that are shown beside nominal, for a processor with a method ``explain``.

    Raises:
        EventNotFoundError: It is in none of the files; the message names the nearest events of that run.
        ConfigError: The processor uses no CandidateSelection, or an argument cannot be used.
        ReadError: A file cannot be read, or has no event numbers.
        ProcessorError: The processor raised on this event.
    """
    event = EventNumber.parse(event) if isinstance(event, str) else event
    made = load_processor(processor, parameters)
    fileset = files if isinstance(files, Fileset) else Fileset.load(files)
    inspection = inspect(fileset)
    places = _find(inspection, event)
    report, entry = places[0]
    chunk = Chunk(
        0, report.dataset, report.path, report.tree or "", entry, entry + 1, report.uuid or "",
        fileset[report.dataset].metadata.to_dict(),
    )  # fmt: skip
    name = type(made).__name__
    if variations and not hasattr(made, "explain"):
        msg = f"the processor {name} has no variations that can be named here"
        raise ConfigError(
            msg, advice="ask for its variations with a parameter, for example -p systematics=muon"
        )
    stories = _stories(made, schema or schema_for(made, inspection), chunk, tuple(variations))
    if not stories:
        msg = f"the processor {name} uses no CandidateSelection, so that its cuts cannot be seen"
        raise ConfigError(msg, advice="apply its cuts with columnar_af.selection.CandidateSelection")
    return Explanation(
        name,
        event,
        _place(report, entry),
        report.dataset,
        chunk.metadata,
        tuple(story for story in stories if isinstance(story, SelectionStory)),
        tuple(story for story in stories if isinstance(story, ViewStory)),
        tuple(_place(*other) for other in places[1:]),
    )


def _place(report: FileReport, entry: int) -> str:
    return redact(f"{report.path}:{report.tree}[{entry}]")


@dataclass(frozen=True)
class _Explaining:
    """Calls a processor while its selections are watched; the events can be read only until it returns."""

    processor: ProcessorABC
    variations: tuple[str, ...] = ()

    def __call__(self, events: Any) -> tuple[SelectionStory | ViewStory, ...]:
        explainer = getattr(self.processor, "explain", None)
        if explainer is not None:
            return tuple(explainer(events, self.variations))
        with recorded_selections() as selections:
            self.processor.process(events)
            return tuple(story_of(selection) for selection in selections)


def _stories(
    processor: ProcessorABC, schema: type[BaseSchema], chunk: Chunk, variations: tuple[str, ...]
) -> tuple[SelectionStory | ViewStory, ...]:
    outcomes = ChunkFunction(Payload.of(_Explaining(processor, variations), schema))(chunk)
    error = outcomes.errors.get(chunk.number)
    if error is not None:
        raise error.as_exception()
    return tuple(outcomes.total() or ())


def _find(inspection: Inspection, wanted: EventNumber) -> list[tuple[FileReport, int]]:
    """Every place of the event: file and entry."""
    places: list[tuple[FileReport, int]] = []
    near: list[EventNumber] = []
    for report in inspection.files:
        if report.error is not None:
            continue
        with work_address(WorkAddress(report.dataset, report.path, report.tree)):
            numbers = event_numbers(report)
        same = (
            (numbers["run"] == wanted.run)
            & (numbers["lumi"] == wanted.lumi)
            & (numbers["event"] == wanted.event)
        )
        places += [(report, int(entry)) for entry in np.flatnonzero(same)]
        near += _nearest(numbers, wanted)
    if not places:
        for report in inspection.bad:
            if report.error is not None:
                raise report.error.as_exception()  # the event may be in there
        raise _not_found(inspection, wanted, near)
    return places


def _nearest(numbers: np.ndarray[Any, Any], wanted: EventNumber) -> Iterator[EventNumber]:
    """The events of the same run that are next to the one that is missing."""
    of_run = np.unique(numbers[numbers["run"] == wanted.run])
    key = np.array((wanted.run, wanted.lumi, wanted.event), dtype=numbers.dtype)
    position = int(np.searchsorted(of_run, key)) if len(of_run) else 0
    for run, lumi, event in of_run[max(0, position - NEAREST) : position + NEAREST].tolist():
        yield EventNumber(run, lumi, event)


def _not_found(
    inspection: Inspection, wanted: EventNumber, near: Sequence[EventNumber]
) -> EventNotFoundError:
    files = ", ".join(redact(report.path) for report in inspection.files[:NEAREST])
    more = f" and {len(inspection.files) - NEAREST} more files" if len(inspection.files) > NEAREST else ""
    msg = f"the event {wanted} is not in {files}{more}"
    if not near:
        runs = sorted(
            {int(run) for report in inspection.good for run in np.unique(event_numbers(report)["run"])}
        )
        listed = ", ".join(map(str, runs[:10])) + (" ..." if len(runs) > 10 else "")
        return EventNotFoundError(
            msg, advice=f"no event of run {wanted.run} is there; there are the runs {listed}"
        )
    nearest = sorted(
        set(near), key=lambda other: (abs(other.lumi - wanted.lumi), abs(other.event - wanted.event))
    )
    listed = ", ".join(map(str, nearest[:NEAREST]))
    return EventNotFoundError(msg, advice=f"the nearest events of run {wanted.run} are {listed}")
