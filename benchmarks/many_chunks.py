"""What a run of very many chunks costs besides its chunks: planning, journal, merging, results.

    python benchmarks/many_chunks.py [--chunks 10000] [--executor iterative|threads|dask] [--fail SHARE] [--profile]

Every chunk is a file of its own, small, with its own UUID. The chunk function is replaced by one that opens nothing and
returns a histogram and two numbers at once, so that what is left is the driver's: inspection, plan, keys, ledger, merge,
summary. A second run resumes with three partial results missing. Times are CPU seconds of the driver's process, with the
wall time where it waits for the disk. For a cost that is linear, the times per chunk do not depend on ``--chunks``.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
from coffea.processor import FuturesExecutor, ProcessorABC

from columnar_af import Fileset, run
from columnar_af.errors import IncompleteRunError, ProcessorError
from columnar_af.processing import run as run_module
from columnar_af.processing.chunk import Chunk, ChunkMetrics, ChunkOutcome
from columnar_af.processing.chunk_function import ChunkFunction, _stored
from columnar_af.processing.merge import Outcomes

UUID_AT = 47
"""Where a small ROOT file has its UUID: behind the fields of the header and the version of the UUID (``TFile``)."""

ENTRIES = 5

failing: set[int] = set()
"""Numbers of the chunks that shall fail."""


class Nothing(ProcessorABC):
    """Is never called."""

    def process(self, events: Any) -> Any:
        raise NotImplementedError

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


def trivial(function: ChunkFunction, chunk: Chunk) -> Outcomes:
    """An outcome as the real chunk function makes it, without any events."""
    now = time.time()
    metrics = ChunkMetrics(now, now, columns=("x",), host="benchmark", host_kind="benchmark", pid=os.getpid())
    if chunk.number in failing:
        from columnar_af.errors import ErrorRecord

        error = ProcessorError("the processor raised ValueError: no", advice="correct the processor")
        record = ErrorRecord.from_exception(error, address=chunk.address, reproduce=function.reproduce(chunk))
        return Outcomes.of(ChunkOutcome(chunk.number, 0, error=record, metrics=metrics))
    histogram = hist.Hist.new.Reg(50, 0, 1, name="x").Weight()
    histogram.fill(np.full(ENTRIES, chunk.number % 50 / 50), weight=0.1)
    partial = {chunk.dataset: {"entries": len(chunk), "sumw": 0.5, "hists": {"x": histogram}}}
    stored = _stored(partial) if function.stores else None
    return Outcomes.of(ChunkOutcome(chunk.number, len(chunk), partial, metrics=metrics, stored=stored))


def write_files(folder: Path, count: int) -> None:
    """Files that differ in their UUID only."""
    with uproot.recreate(folder / "first.root") as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.zeros(ENTRIES)})
    good = (folder / "first.root").read_bytes()
    with uproot.open(folder / "first.root") as file:
        assert uuid.UUID(bytes=good[UUID_AT : UUID_AT + 16]) == file.file.uuid
    (folder / "first.root").unlink()
    for number in range(count):
        own = uuid.uuid4().bytes
        (folder / f"{number:06d}.root").write_bytes(good[:UUID_AT] + own + good[UUID_AT + 16 :])


@contextmanager
def measured(what: str, chunks: int, profile: bool = False) -> Iterator[None]:
    """Print what a block costs."""
    profiler = cProfile.Profile() if profile else None
    wall, cpu = time.perf_counter(), time.process_time()
    if profiler is not None:
        profiler.enable()
    try:
        yield
    finally:
        if profiler is not None:
            profiler.disable()
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{what:34s} {wall:7.2f} s wall  {cpu:7.2f} s CPU  {1e3 * cpu / chunks:7.3f} ms/chunk  peak so far {peak:5.0f} MB"
        )


@contextmanager
def options_of(executor: str) -> Iterator[dict[str, Any]]:
    """Options of the run; workers are in this process, where the chunk function is replaced."""
    if executor == "dask":
        from distributed import Client

        with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
            yield {"executor": "dask", "client": client}
    elif executor == "threads":
        yield {"executor": FuturesExecutor(workers=2, pool=ThreadPoolExecutor)}
    else:
        yield {"executor": executor}


def attempt(fileset: Fileset, output: Path | None, **options: Any) -> Any:
    """A run, whose result is wanted also where some of it failed."""
    try:
        return run(Nothing(), fileset, output=output, progress=False, **options)
    except IncompleteRunError as error:
        return error.result


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--executor", choices=["iterative", "threads", "dask"], default="iterative")
    parser.add_argument("--fail", type=float, default=0.0, help="share of the chunks that fails")
    parser.add_argument("--profile", action="store_true")
    chosen = parser.parse_args()
    failing.update(range(0, chosen.chunks, max(round(1 / chosen.fail), 1)) if chosen.fail else ())
    ChunkFunction.__call__ = trivial  # type: ignore[method-assign]
    with (
        tempfile.TemporaryDirectory(prefix="columnar-af-many-") as name,
        options_of(chosen.executor) as options,
    ):
        folder = Path(name)
        write_files(folder, chosen.chunks)
        fileset = Fileset.load([f"{folder}/*.root"])
        with measured("inspection", chosen.chunks, chosen.profile):
            inspection = run_module.inspect(fileset)
        if inspection.bad:
            sys.exit(f"the files of the benchmark are bad: {inspection.bad[0].error}")
        run_module.inspect = lambda *_, **__: inspection  # seen above; the rest is measured without it
        with measured("run without a journal", chosen.chunks):
            attempt(fileset, None, **options)
        with measured("run with a journal", chosen.chunks, chosen.profile):
            first = attempt(fileset, folder / "out", **options)
        failing.clear()
        for partial in sorted((folder / "out" / "journal" / "partials").iterdir())[:3]:
            partial.unlink()
        with measured("resume of three", chosen.chunks, chosen.profile):
            second = attempt(fileset, folder / "out", resume=True, **options)
        ledger = folder / "out" / "journal" / "ledger.jsonl"
        print(
            f"ledger after both: {ledger.stat().st_size / 1e6:.1f} MB, {len(first.ledger)} chunks, {len(first.ledger.with_status('failed'))} failed"
        )
        if not first.ledger.failed and not first.same_as(second):
            sys.exit("the resumed run gives another result")


if __name__ == "__main__":
    main()
