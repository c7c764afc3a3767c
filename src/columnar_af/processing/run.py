"""``run``: a processor over a fileset, with any executor, to one result."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from coffea.nanoevents import BaseSchema
from coffea.processor import ProcessorABC
from coffea.processor.executor import ExecutorBase

from columnar_af.datasets.duplicates import require_no_duplicates
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import Inspection, inspect
from columnar_af.errors import ConfigError, IncompleteRunError, TooManyFailuresError
from columnar_af.ntuples.fast_reader import ColumnCache
from columnar_af.processing.arrivals import Arrivals
from columnar_af.processing.bookkeeping import (
    columns_read,
    datasets_of,
    hosts_of,
    inputs_of,
    ledger_of,
    notes_on,
    output_of,
)
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.chunk_size import MEMORY_PER_WORKER, memory_notes
from columnar_af.processing.command_words import FilesetSource, command_of, for_rerun, source_file, sources_of
from columnar_af.processing.early_workers import early_workers
from columnar_af.processing.executors import ReadyExecutor, open_executor
from columnar_af.processing.journal.ingredients import Ingredients
from columnar_af.processing.journal.journal import Journal, open_journal
from columnar_af.processing.journal.recorder import Recorder
from columnar_af.processing.memory import memory_limit
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.notebook import chosen_cache
from columnar_af.processing.payload import Payload
from columnar_af.processing.plan import Plan, PlanFilter, make_plan
from columnar_af.processing.processors import load_processor
from columnar_af.processing.progress import RunProgress
from columnar_af.processing.recovery import Recovered, run_all
from columnar_af.processing.source_hash import SourceRecord, source_record
from columnar_af.processing.threads import chosen_threads
from columnar_af.results import Metrics, Provenance, RunResult

BadFiles = Literal["stop", "skip"]

BATCH_PER_WORKER = 32
"""Chunks per worker that are submitted at a time to an executor that says nothing before all are done, where a journal is
kept: what a killed run loses at most. Chosen: a batch costs a fraction of a second, its chunks minutes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Request:
    """What was asked for, with processor and fileset found."""

    processor: ProcessorABC
    parameters: Mapping[str, Any]
    fileset: Fileset
    chunksize: int | None
    memory_per_worker: int
    threads: int | None
    max_chunks: int | None
    bad_files: BadFiles
    only: PlanFilter | None
    output: Path | None
    resume: bool
    max_failures: int | None
    words: tuple[str, ...]
    rerun: Mapping[str, Any]
    started: datetime
    clock: float


def run(
    processor: ProcessorABC | type[ProcessorABC] | str,
    fileset: FilesetSource,
    *,
    parameters: Mapping[str, Any] | None = None,
    executor: str | ExecutorBase = "iterative",
    workers: int = 1,
    chunksize: int | None = None,
    memory_per_worker: int = MEMORY_PER_WORKER,
    max_chunks: int | None = None,
    client: Any | str | None = None,
    schema: type[BaseSchema] | None = None,
    bad_files: BadFiles = "stop",
    progress: bool | None = None,
    only: PlanFilter | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    max_failures: int | None = None,
    check_duplicates: bool = False,
    column_cache: bool | ColumnCache | None = None,
    threads: int | None = None,
) -> RunResult:
    """Run a processor over a fileset.

    The result does not depend on the executor, the number of workers, or the order in which chunks are done, to the
    last bit; it depends on ``chunksize`` or ``memory_per_worker``, because floating-point sums do.

    Args:
        processor: A coffea processor, its class, or its place: a name in ``processors/``, ``path.py:Class``,
            ``notebook.ipynb:Class``.
        fileset: A fileset, a fileset file, or ROOT paths and globs.
        parameters: Arguments of the processor's class, by name, where ``processor`` is or names a class.
        executor: ``iterative``, ``futures``, ``dask`` or ``dask-awkward``, or an executor of coffea.
        workers: Number of workers.
        chunksize: Entries per chunk, nearly: the chunks of a file are of equal length. Where None, it is chosen for each
            file from what an entry weighs and from ``memory_per_worker``, the same on every machine.
        memory_per_worker: Bytes that a worker shall take at most, with its libraries, where ``chunksize`` is None.
        max_chunks: Most chunks per dataset; all where None.
        client: For dask: a client, which stays open, or the address of a scheduler, a text or a SchedulerAddress.
        schema: How the trees are read; where None, the processor's attribute ``schema``, or else T3MSchema for T3M
            ntuples, or else coffea's BaseSchema.
        bad_files: ``stop`` (what cannot be read is an error) or ``skip`` (it is left out, and listed in the ledger). An
            error of the analysis is never skipped.
        progress: Whether to show progress bars; where None, in a terminal only.
        only: Part of the fileset to run.
        output: Folder to keep a journal in while the run goes on, and to save the result in.
        resume: Whether to take over from the journal in ``output`` what was made from the same ingredients: processor,
            parameters, corrections, input, versions of the numeric stack. Only the rest runs.
        max_failures: Stop when more chunks than this have failed; None: never.
        check_duplicates: Whether to look for events that are in two files, before any work starts.
        column_cache: Whether to keep decoded columns on the local disk of each worker, so that a second pass with other cuts
            inflates nothing; or the cache to keep them in. Where None, in notebooks only.
        threads: Threads of each worker that inflate and decode columns, which does not change the result. Where None, the
            cores of this machine are divided among the workers that are started on it; workers elsewhere have one.

    Returns:
        The result; its ledger says what became of every chunk.

    Raises:
        IncompleteRunError: Something failed. The rest was done before, and is in the error's ``result``.
        ConfigError: An argument cannot be used.
        FilesetError: The same event is in two files.
        OutputError: The disk refuses the journal or the result; what was done until then can be resumed.
    """
    request = _Request(
        load_processor(processor, parameters),
        dict(parameters or {}),
        fileset if isinstance(fileset, Fileset) else Fileset.load(fileset),
        chunksize,
        memory_per_worker,
        threads,
        max_chunks,
        _checked(bad_files),
        only,
        _folder(output, resume),
        resume,
        max_failures,
        (*command_of(processor, parameters or {}), *sources_of(fileset)),
        for_rerun(processor, parameters or {}),
        datetime.now(UTC),
        time.perf_counter(),
    )
    with (
        early_workers(executor, workers),
        RunProgress(progress) as shown,
        _journal(request.output) as journal,
    ):
        shown.start_inspection(len(request.fileset.files))
        inspection = inspect(request.fileset, workers=workers, on_file_done=shown.inspected)
        plan = make_plan(
            request.fileset,
            inspection,
            chunksize=chunksize,
            memory_per_worker=memory_per_worker,
            max_chunks=max_chunks,
            only=request.only,
        )
        if check_duplicates:
            require_no_duplicates(plan.files, plan.metadata)
        schema = schema or schema_for(request.processor, inspection)
        function = ChunkFunction(
            Payload.of(request.processor, schema),
            command_of(processor, request.parameters),
            sources_of(fileset),
            stores=journal is not None,
            column_cache=chosen_cache(column_cache),
        )
        source = source_record(request.processor)
        arrivals = _arrivals(request, plan, schema, source, journal, shown)
        try:
            with open_executor(executor, workers=workers, client=client, on_done=arrivals) as ready:
                function = replace(function, threads=chosen_threads(threads, ready.workers))
                shown.start_processing(plan.entries - arrivals.reused_entries)
                recovered = _process(plan, function, ready, arrivals)
        except TooManyFailuresError as error:
            recovered = arrivals.stopped(plan.chunks, error)
        result = _result(request, plan, recovered, ready, schema, source, arrivals)
        _keep(request, result, arrivals.recorder)
    _require_complete(result)
    return result


def _folder(output: str | Path | None, resume: bool) -> Path | None:
    if output is None and resume:
        msg = "resume needs the folder of the run that shall go on"
        raise ConfigError(msg, advice="name it with output (on the command line: -o DIR)")
    return None if output is None else Path(os.path.realpath(output))


@contextmanager
def _journal(folder: Path | None) -> Iterator[Journal | None]:
    if folder is None:
        yield None
        return
    with open_journal(folder) as journal:
        yield journal


def _arrivals(
    request: _Request,
    plan: Plan,
    schema: type[BaseSchema],
    source: SourceRecord,
    journal: Journal | None,
    shown: RunProgress,
) -> Arrivals:
    """What watches the outcomes, with those that an earlier run left."""
    recovered, recorder = Recovered(), None
    if journal is not None:
        ingredients = Ingredients.of(request.processor, schema, source)
        recorder = Recorder(journal, ingredients, plan.chunks, recovered.attempts)
        asked = {
            "words": request.words,
            "rerun": request.rerun,
            "schema": schema.__name__,
            "chunksize": request.chunksize,
            "memory_per_worker": request.memory_per_worker,
            "max_chunks": request.max_chunks,
            "bad_files": request.bad_files,
            "only": asdict(request.only) if request.only else None,
        }
        recovered.outcomes += recorder.begin(resume=request.resume, request=asked)
    skipped = request.bad_files == "skip"
    return Arrivals(recovered, recorder, shown.processed, request.max_failures, skipped)


def _keep(request: _Request, result: RunResult, recorder: Recorder | None) -> None:
    """Save the result beside the journal that it came from."""
    if request.output is None or recorder is None:
        return
    recorder.journal.require_lock()
    result.save(request.output)
    recorder.finish(result.ledger, whole=request.only is None and request.max_chunks is None)


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


def _process(plan: Plan, function: ChunkFunction, ready: ReadyExecutor, arrivals: Arrivals) -> Recovered:
    known = arrivals.recovered
    chunks = [chunk for chunk in plan.chunks if chunk.number not in known.outcomes]
    if not chunks:
        return known
    ready.check(function.payload)

    def attempt(batch: Sequence[Chunk]) -> tuple[Outcomes, BaseException | None]:
        outcomes, cause = ready.attempt(batch, function)
        if not ready.reports:
            arrivals(outcomes)
        return outcomes, cause

    return run_all(
        chunks,
        attempt,
        in_flight=ready.in_flight,
        reproduce=function.reproduce,
        batch_size=_batch_size(ready, function),
        recovered=known,
    )


def _batch_size(ready: ReadyExecutor, function: ChunkFunction) -> int | None:
    """How many chunks are submitted at a time; None for all."""
    if not ready.reports and function.stores:
        return BATCH_PER_WORKER * max(ready.workers, 1)
    return ready.largest_batch


def _result(
    request: _Request,
    plan: Plan,
    recovered: Recovered,
    ready: ReadyExecutor,
    schema: type[BaseSchema],
    source: SourceRecord,
    arrivals: Arrivals,
) -> RunResult:
    output = output_of(request.processor, recovered.outcomes)
    ledger = ledger_of(plan, recovered, skip_bad_files=request.bad_files == "skip")
    kind = type(request.processor)
    provenance = Provenance.collect(
        processor=kind.__name__,
        processor_hash=source.digest,
        files=inputs_of(plan),
        started=request.started,
        processor_path=source_file(kind),
        parameters={
            "processor": {name: str(value) for name, value in request.parameters.items()},
            "rerun": request.rerun,
            "chunksize": request.chunksize,
            "memory_per_worker": request.memory_per_worker,
            "chunks": plan.reasons,
            "max_chunks": request.max_chunks,
            "bad_files": request.bad_files,
            "executor": ready.name,
            "threads": chosen_threads(request.threads, ready.workers),
            "schema": schema.__name__,
            "hosts": hosts_of(recovered.outcomes),
            "columns": columns_read(plan, recovered.outcomes),
            "reused_chunks": len(arrivals.reused),
            "notes": [
                *ready.notes,
                *arrivals.notes,
                *notes_on(recovered.outcomes),
                *memory_notes(plan.rule, ready.workers, memory_limit()),
            ],
        },
    )
    metrics = Metrics.of(
        list(recovered.outcomes.metrics.values()),
        events=ledger.done - arrivals.reused_entries,
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
