"""``rerun``: one chunk of a saved result again, alone, in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import coffea.nanoevents
from coffea.nanoevents import BaseSchema
from coffea.processor import ProcessorABC

from columnar_af.datasets.fileset import Dataset, Fileset, InputFile
from columnar_af.datasets.inspection import inspect
from columnar_af.datasets.metadata import read_metadata
from columnar_af.datasets.opening import open_file
from columnar_af.errors import ConfigError, OutputError
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import open_events
from columnar_af.processing.journal.journal import read_ledger
from columnar_af.processing.plan import PlanFilter
from columnar_af.processing.processors import load_processor
from columnar_af.processing.run import run, schema_for
from columnar_af.redaction import MASK
from columnar_af.results import RunResult
from columnar_af.results.result_folder import SUMMARY

WHOLE = 1 << 62
"""A chunk size that no entry range exceeds: the chunk stays one."""


@dataclass(frozen=True)
class SavedChunk:
    """A chunk of a result, with what is needed to run it again.

    Attributes:
        chunk: The chunk.
        processor: Place of its processor.
        parameters: Arguments of the processor's class.
        schema: Name of the schema that its events were read with.
        status: ``done``, ``failed``, ``skipped``, or ``planned`` where the run was ended before it came back.
    """

    chunk: Chunk
    processor: str
    parameters: Mapping[str, Any]
    schema: str
    status: str

    def in_file(self, path: str | None) -> SavedChunk:
        """This chunk in a file that is elsewhere now; the same where ``path`` is None."""
        if path is None:
            return self
        return replace(self, chunk=replace(self.chunk, file=InputFile(path).path))

    @property
    def fileset(self) -> Fileset:
        """A fileset of its file alone."""
        chunk = self.chunk
        file = InputFile(chunk.file, chunk.tree or None, uuid=chunk.uuid or None)
        metadata = read_metadata(chunk.metadata, "the result")
        return Fileset({chunk.dataset: Dataset(chunk.dataset, (file,), metadata)})


def saved_chunk(directory: Path, number: int) -> SavedChunk:
    """A chunk of the result in a folder; of the latest run in its journal, where there is no result yet.

    Raises:
        OutputError: There is neither, or it cannot be read.
        ConfigError: There is no such chunk, or its processor was made in Python and cannot be found again.
    """
    if (directory / SUMMARY).is_file() or not read_ledger(directory).runs:
        return _of_result(directory, number)
    return _of_journal(directory, number)


def _of_result(directory: Path, number: int) -> SavedChunk:
    result = RunResult.load(directory)
    entry = next((entry for entry in result.ledger if entry.number == number), None)
    if entry is None:
        raise _no_chunk(directory, number, len(result.ledger))
    metadata = result.datasets[entry.dataset].metadata
    chunk = Chunk(
        number, entry.dataset, entry.file, entry.tree, entry.start, entry.stop, entry.uuid, metadata
    )
    parameters = result.provenance.parameters
    return _saved(chunk, parameters.get("rerun"), parameters.get("schema"), entry.status)


def _of_journal(directory: Path, number: int) -> SavedChunk:
    latest = read_ledger(directory).runs[-1]
    if number not in latest.planned:
        raise _no_chunk(directory, number, len(latest.planned))
    record, fate = latest.planned[number], latest.fates.get(number, {})
    names = ("dataset", "file", "tree", "start", "stop", "uuid", "metadata")
    request = latest.begin["request"]
    chunk = Chunk(number, *(record[name] for name in names))
    return _saved(chunk, request.get("rerun"), request.get("schema"), str(fate.get("kind", "planned")))


def _no_chunk(directory: Path, number: int, count: int) -> ConfigError:
    msg = f"the result in {directory} has no chunk {number}"
    return ConfigError(msg, advice=f"it has the chunks 0 to {count - 1}" if count else "it has none")


def _saved(chunk: Chunk, how: Any, schema: Any, status: str) -> SavedChunk:
    if not isinstance(how, Mapping) or not isinstance(how.get("processor"), str) or how.get("unknown"):
        msg = "the result does not say how its processor is made: it was given as an object, or with objects as parameters"
        raise ConfigError(
            msg, advice="run the chunk from Python: columnar_af.run(processor, ..., only=PlanFilter(...))"
        )
    return SavedChunk(chunk, how["processor"], dict(how.get("parameters") or {}), str(schema), status)


def rerun(saved: SavedChunk) -> RunResult:
    """The result of the chunk alone.

    Raises:
        IncompleteRunError: It fails again.
        ReadError: Its file is not the one of the result any more, or is bad as it was.
        ConfigError: The processor is not there any more.
    """
    chunk = _with_tree(saved)
    return run(
        saved.processor,
        saved.fileset,
        parameters=saved.parameters,
        schema=_schema(saved),
        chunksize=WHOLE,
        only=PlanFilter(entries=(chunk.start, chunk.stop)),
        progress=False,
    )


def debug(saved: SavedChunk, on_error: Callable[[Exception], None]) -> None:
    """Call the processor on the chunk with nothing between it and the caller.

    Args:
        saved: The chunk.
        on_error: Called with what the processor raises, while the file is still open, so that a debugger can read columns.

    Raises:
        ReadError: The file cannot be opened.
    """
    chunk = _with_tree(saved)
    processor = load_processor(saved.processor, saved.parameters)
    schema = _schema(saved) or schema_for(processor, inspect(saved.fileset))
    with open_file(chunk.file) as file:
        events = open_events(chunk, file, schema)
        try:
            _process(processor, events)
        except Exception as error:  # noqa: BLE001  # whatever the analysis raises is what was asked for
            on_error(error)


def _process(processor: ProcessorABC, events: Any) -> None:
    processor.process(events)


def _with_tree(saved: SavedChunk) -> Chunk:
    """The chunk; where its file was bad when it was planned, the error that this gives now.

    Raises:
        ReadError: The file is bad, or another one.
        OutputError: The credentials that open the file are not in the result.
    """
    if MASK in saved.chunk.file:
        msg = f"the result holds the place of the file without its credentials: {saved.chunk.file}"
        raise OutputError(msg, advice="give the whole URL with --file")
    (report,) = inspect(saved.fileset).files
    if report.error is not None:
        raise report.error.as_exception()
    if saved.chunk.tree:
        return saved.chunk
    return replace(saved.chunk, tree=report.tree or "", stop=report.entries)


def _schema(saved: SavedChunk) -> type[BaseSchema] | None:
    """The schema by its name; None where the choice is the same as in a run."""
    wanted = getattr(load_processor(saved.processor, saved.parameters), "schema", None)
    if saved.schema in ("T3MSchema", "BaseSchema", getattr(wanted, "__name__", "")):
        return None
    found: type[BaseSchema] | None = getattr(coffea.nanoevents, saved.schema, None)
    if found is None:
        msg = (
            f"the events of the result were read with the schema {saved.schema}, which was given as an object"
        )
        raise ConfigError(msg, advice="set it as the attribute 'schema' of the processor")
    return found
