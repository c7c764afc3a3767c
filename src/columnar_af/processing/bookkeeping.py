"""Book-keeping: from the plan and what came back to a RunResult whose books close."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from columnar_af.datasets.inspection import FileReport
from columnar_af.errors import ColumnarAFError, ErrorRecord, ExecutorError, ProcessorError
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import place_in_analysis
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.plan import Plan
from columnar_af.processing.recovery import Recovered
from columnar_af.redaction import redact
from columnar_af.results.ledger import Ledger, LedgerEntry, Status
from columnar_af.results.presentation import counted
from columnar_af.results.provenance import InputRecord
from columnar_af.results.run_result import DatasetSummary


def ledger_of(plan: Plan, recovered: Recovered, *, skip_bad_files: bool) -> Ledger:
    """What became of every planned chunk and of every file that could not be planned.

    Raises:
        ExecutorError: The books do not close, which no executor may do and no user can repair.
    """
    outcomes = recovered.outcomes
    any_done = len(outcomes.errors) < len(outcomes)
    entries = [
        _chunk_entry(chunk, recovered, _status(outcomes.errors.get(chunk.number), skip_bad_files, any_done))
        for chunk in plan.chunks
    ]
    first = len(plan.chunks)
    bad = [
        _file_entry(first + index, report, _status(report.error, skip_bad_files, any_done))
        for index, report in enumerate(plan.bad_files)
    ]
    ledger = Ledger((*entries, *bad))
    if not ledger.closes:
        msg = f"the books do not close: {'; '.join(ledger.problems())}"
        raise ExecutorError(msg, advice="run again with the executor iterative, and report this")
    return ledger


def _status(error: ErrorRecord | None, skip_bad_files: bool, any_done: bool) -> Status:
    if error is None:
        return "done"
    # Where nothing could be done at all, paths or the analysis are wrong, not some files: there is no result to go on with.
    return "skipped" if skip_bad_files and error.input_is_bad and any_done else "failed"


def _chunk_entry(chunk: Chunk, recovered: Recovered, status: Status) -> LedgerEntry:
    error = recovered.outcomes.errors.get(chunk.number)
    if error is not None:  # merging knows the numbers of chunks alone
        error = replace(error, address=error.address.filled_from(chunk.address).redacted())
    return LedgerEntry(
        number=chunk.number,
        dataset=chunk.dataset,
        file=redact(chunk.file),
        tree=chunk.tree,
        start=chunk.start,
        stop=chunk.stop,
        uuid=chunk.uuid,
        status=status,
        entries=recovered.outcomes.entries[chunk.number],
        attempts=recovered.attempts[chunk.number] + recovered.outcomes.metrics[chunk.number].attempts - 1,
        error=error,
    )


def _file_entry(number: int, report: FileReport, status: Status) -> LedgerEntry:
    """The entry of a file that inspection rejected; it has no chunk, so inspecting it again shows the error."""
    error = report.error
    if error is not None:
        command = shlex.join(["columnar-af", "datasets", "inspect", redact(report.path)])
        error = replace(error, reproduce=error.reproduce or command)
    return LedgerEntry(
        number, report.dataset, redact(report.path), report.tree or "", 0, 0, report.uuid or "", status, 0, error=error
    )  # fmt: skip


def datasets_of(plan: Plan, ledger: Ledger) -> dict[str, DatasetSummary]:
    """What was done of each dataset."""
    return {
        name: DatasetSummary.of(
            name,
            metadata,
            ledger,
            available=plan.available.get(name),
            unknown_files=plan.unknown_files.get(name, 0),
        )
        for name, metadata in plan.metadata.items()
    }


def inputs_of(plan: Plan) -> Iterator[InputRecord]:
    """The trees that were read."""
    for report in plan.files:
        yield InputRecord(
            report.dataset, redact(report.path), report.tree or "", report.uuid or "", report.entries
        )


def hosts_of(outcomes: Outcomes) -> dict[str, int]:
    """Kind of machine -> on how many such machines chunks were processed."""
    machines = {(metrics.host_kind, metrics.host) for metrics in outcomes.metrics.values() if metrics.host}
    return dict(sorted(Counter(kind for kind, _ in machines).items()))


def columns_read(plan: Plan, outcomes: Outcomes) -> Mapping[str, list[str]]:
    """Dataset -> branches that any of its chunks read."""
    columns: dict[str, set[str]] = {name: set() for name in plan.metadata}
    for chunk in plan.chunks:
        columns[chunk.dataset] |= set(outcomes.metrics[chunk.number].columns)
    return {name: sorted(branches) for name, branches in columns.items()}


def output_of(processor: Any, outcomes: Outcomes) -> Any:
    """The merged output, after the processor's own last step; an empty dictionary where no chunk was done.

    To be called before :func:`ledger_of`, because the last additions are made here, and chunks may fail in them.
    """
    total = outcomes.total()
    if total is None:
        return {}
    postprocess = getattr(processor, "postprocess", None)
    try:
        finished = postprocess(total) if callable(postprocess) else None
    except ColumnarAFError:
        raise
    except Exception as error:  # whatever the analysis raises
        msg = (
            f"postprocess() of the processor raised {type(error).__name__}: {error}{place_in_analysis(error)}"
        )
        raise ProcessorError(msg, advice="correct postprocess(); every chunk was done before") from error
    return total if finished is None else finished


def notes_on(outcomes: Outcomes) -> list[str]:
    """What a run met that did not stop it, and that the user should know, in words."""
    notes = []
    done = [metrics for number, metrics in outcomes.metrics.items() if number not in outcomes.errors]
    divided = [metrics.parts for metrics in done if metrics.parts]
    if divided:
        fits = min(stop - start for parts in divided for start, stop in parts)
        notes.append(
            f"{counted(len(divided), 'chunk')} did not fit into memory and came in parts of {counted(fits, 'entry')} or more; "
            "a smaller --chunksize saves their second attempts"
        )
    again = sum(metrics.attempts > 1 for metrics in done)
    if again:
        notes.append(
            f"{counted(again, 'chunk')} could be read only at a later attempt; the ledger has their attempts"
        )
    return notes
