"""``run``: a processor over a fileset, with any executor, to one result."""

from __future__ import annotations

import inspect as source
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from coffea.nanoevents import BaseSchema
from coffea.processor import ProcessorABC
from coffea.processor.executor import ExecutorBase

from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import Inspection, inspect
from columnar_af.errors import ConfigError, IncompleteRunError
from columnar_af.processing.bookkeeping import columns_read, datasets_of, inputs_of, ledger_of, output_of
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.executors import ReadyExecutor, open_executor
from columnar_af.processing.payload import Payload
from columnar_af.processing.plan import Plan, PlanFilter, make_plan
from columnar_af.processing.processors import load_processor
from columnar_af.processing.progress import RunProgress
from columnar_af.processing.recovery import Recovered, run_all
from columnar_af.processing.source_hash import source_hash
from columnar_af.results import Metrics, Provenance, RunResult

BadFiles = Literal["stop", "skip"]
FilesetSource = Fileset | str | Path | Sequence[str | Path]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Request:
    """What was asked for, with processor and fileset found."""

    processor: ProcessorABC
    parameters: Mapping[str, Any]
    fileset: Fileset
    chunksize: int
    max_chunks: int | None
    bad_files: BadFiles
    only: PlanFilter | None
    started: datetime
    clock: float


def run(
    processor: ProcessorABC | type[ProcessorABC] | str,
    fileset: FilesetSource,
    *,
    parameters: Mapping[str, Any] | None = None,
    executor: str | ExecutorBase = "iterative",
    workers: int = 1,
    chunksize: int = 100_000,
    max_chunks: int | None = None,
    client: Any | str | None = None,
    schema: type[BaseSchema] | None = None,
    bad_files: BadFiles = "stop",
    progress: bool | None = None,
    only: PlanFilter | None = None,
) -> RunResult:
    """Run a processor over a fileset.

    The result does not depend on the executor, the number of workers, or the order in which chunks are done, to the
    last bit; it depends on ``chunksize``, because floating-point sums do.

    Args:
        processor: A coffea processor, its class, or its place: a name in ``processors/``, ``path.py:Class``,
            ``notebook.ipynb:Class``.
        fileset: A fileset, a fileset file, or ROOT paths and globs.
        parameters: Arguments of the processor's class, by name, where ``processor`` is or names a class.
        executor: ``iterative``, ``futures``, ``dask`` or ``dask-awkward``, or an executor of coffea.
        workers: Number of workers.
        chunksize: Entries per chunk, nearly: the chunks of a file are of equal length.
        max_chunks: Most chunks per dataset; all where None.
        client: For dask: a client, which stays open, or the address of a scheduler.
        schema: How the trees are read; where None, the processor's attribute ``schema``, or else T3MSchema for T3M
            ntuples, or else coffea's BaseSchema.
        bad_files: ``stop`` (what cannot be read is an error) or ``skip`` (it is left out, and listed in the ledger). An
            error of the analysis is never skipped.
        progress: Whether to show progress bars; where None, in a terminal only.
        only: Part of the fileset to run.

    Returns:
        The result; its ledger says what became of every chunk.

    Raises:
        IncompleteRunError: Something failed. The rest was done before, and is in the error's ``result``.
        ConfigError: An argument cannot be used.
    """
    request = _Request(
        load_processor(processor, parameters),
        dict(parameters or {}),
        fileset if isinstance(fileset, Fileset) else Fileset.load(fileset),
        chunksize,
        max_chunks,
        _checked(bad_files),
        only,
        datetime.now(UTC),
        time.perf_counter(),
    )
    with RunProgress(progress) as shown:
        shown.start_inspection(len(request.fileset.files))
        inspection = inspect(request.fileset, workers=workers, on_file_done=shown.inspected)
        plan = make_plan(
            request.fileset, inspection, chunksize=chunksize, max_chunks=max_chunks, only=request.only
        )
        schema = schema or schema_for(request.processor, inspection)
        function = ChunkFunction(
            Payload.of(request.processor, schema),
            _command(processor, request.parameters),
            _sources(fileset),
        )
        with open_executor(executor, workers=workers, client=client, on_done=shown.processed) as ready:
            shown.start_processing(plan.entries)
            recovered = _process(plan, function, ready)
    result = _result(request, plan, recovered, ready, schema)
    _require_complete(result)
    return result


def _checked(bad_files: BadFiles) -> BadFiles:
    if bad_files not in ("stop", "skip"):
        msg = f"bad_files is {bad_files!r}, expected 'stop' or 'skip'"
        raise ConfigError(msg)
    return bad_files


def schema_for(processor: ProcessorABC, inspection: Inspection) -> type[BaseSchema]:
    """The schema that a processor asks for, or else the one that fits the files."""
    wanted: type[BaseSchema] | None = getattr(processor, "schema", None)
    if wanted is not None:
        return wanted
    if any(report.ntuple_version is not None for report in inspection.good):
        from columnar_af.ntuples.t3m import T3MSchema  # noqa: PLC0415  # only these ntuples need it

        return T3MSchema
    return BaseSchema


def _process(plan: Plan, function: ChunkFunction, ready: ReadyExecutor) -> Recovered:
    if not plan.chunks:
        return Recovered()
    ready.check(function.payload)
    return run_all(
        plan.chunks,
        lambda chunks: ready.attempt(chunks, function),
        in_flight=ready.in_flight,
        reproduce=function.reproduce,
    )


def _result(
    request: _Request, plan: Plan, recovered: Recovered, ready: ReadyExecutor, schema: type[BaseSchema]
) -> RunResult:
    ledger = ledger_of(plan, recovered, skip_bad_files=request.bad_files == "skip")
    output = output_of(request.processor, recovered.outcomes)
    kind = type(request.processor)
    provenance = Provenance.collect(
        processor=kind.__name__,
        processor_hash=source_hash(request.processor),
        files=inputs_of(plan),
        started=request.started,
        processor_path=_source_file(kind),
        parameters={
            "processor": {name: str(value) for name, value in request.parameters.items()},
            "chunksize": request.chunksize,
            "max_chunks": request.max_chunks,
            "bad_files": request.bad_files,
            "executor": ready.name,
            "schema": schema.__name__,
            "columns": columns_read(plan, recovered.outcomes),
            "notes": list(ready.notes),
        },
    )
    metrics = Metrics.of(
        list(recovered.outcomes.metrics.values()),
        events=ledger.done,
        wall_s=time.perf_counter() - request.clock,
        workers=ready.workers,
        executor=ready.name,
    )
    return RunResult(output, datasets_of(plan, ledger), ledger, metrics, provenance)


def _require_complete(result: RunResult) -> None:
    failed = result.ledger.with_status("failed")
    if not len(failed):
        return
    shown = next(entry.error for entry in failed if entry.error is not None)
    msg = (
        f"{len(failed)} of {len(result.ledger)} chunks failed ({result.ledger.failed} of {result.ledger.planned} "
        f"entries), the first one with\n{shown}"
    )
    error = IncompleteRunError(msg, advice="the rest was done: see .result of this error, and its ledger")
    error.result = result
    raise error


def _source_file(kind: type) -> Path | None:
    try:
        path = Path(source.getsourcefile(kind) or "")
    except (TypeError, OSError):  # typed into a notebook or an interpreter
        return None
    return path if path.is_file() else None


def _command(processor: Any, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Words of the command line that runs this processor; empty where none can."""
    spec = processor if isinstance(processor, str) else _place_of(processor)
    given = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    return () if spec is None else ("columnar-af", "run", spec, *given)


def _sources(fileset: FilesetSource) -> tuple[str, ...]:
    """Words of the fileset on a command line; empty for one that was made in Python."""
    if isinstance(fileset, Fileset):
        return ()
    return tuple(str(word) for word in ([fileset] if isinstance(fileset, str | Path) else fileset))


def _place_of(processor: Any) -> str | None:
    kind = processor if isinstance(processor, type) else type(processor)
    path = _source_file(kind)
    return None if path is None or "." in kind.__qualname__ else f"{path}:{kind.__name__}"
