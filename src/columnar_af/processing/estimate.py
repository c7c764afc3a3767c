"""Estimate: what a run will cost, from the description of the trees and from one small chunk that is really run."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from coffea.nanoevents import BaseSchema
from coffea.processor import ProcessorABC

from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import FileReport, inspect
from columnar_af.datasets.opening import open_file
from columnar_af.errors import ReadError
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.chunk_size import MEMORY_PER_WORKER
from columnar_af.processing.memory import present_memory
from columnar_af.processing.payload import Payload
from columnar_af.processing.plan import Plan, make_plan
from columnar_af.processing.processors import load_processor
from columnar_af.processing.run import schema_for
from columnar_af.processing.tracing import Traceable, traced_columns

CALIBRATION_ENTRIES = 10_000
"""Entries of the chunk that is run. Chosen: a second or so for the processors of this project."""

FIRST_ENTRIES = 100
"""Entries of the chunk before, which loads all libraries and takes little memory beside them; chosen."""

SAMPLED_FILES = 5
"""Files per dataset whose baskets are looked at; the others are taken to be alike, entry for entry."""

LARGEST_OVERHEAD = 0.05
"""Share of the time of a chunk that may go into what does not depend on its length; chosen."""

CHUNKS_PER_WORKER = 4
"""Chunks per worker at least, so that no worker waits long for the last one; chosen."""


@dataclass(frozen=True)
class ColumnCost:
    """What the columns of a dataset hold.

    Attributes:
        columns: Branches that the processor reads, sorted.
        compressed, uncompressed: Bytes of their baskets, over all entries of the dataset.
        how: How the columns were found, in words.
    """

    columns: tuple[str, ...]
    compressed: int
    uncompressed: int
    how: str


@dataclass(frozen=True)
class Calibration:
    """What a small chunk took on this machine.

    Attributes:
        place: The chunk.
        entries: Its entries.
        fixed_s: CPU seconds of a chunk without entries, by extrapolation.
        per_entry_s: CPU seconds per entry more.
        peak_bytes: Most memory that Python and NumPy held at a time while it ran.
        columns: Branches that it read.
        libraries_bytes: Memory of the process before it ran, with all libraries loaded.
    """

    place: str
    entries: int
    fixed_s: float
    per_entry_s: float
    peak_bytes: int
    columns: tuple[str, ...]
    libraries_bytes: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        datasets: Dataset name -> its columns.
        entries: Entries of all datasets.
        chunksize: Entries per chunk that was asked for; None where they are chosen for each file.
        chunks: Number of chunks.
        workers: Number of workers.
        calibration: The chunk that was run.
        bad_files: Files that cannot be read.
        longest: Entries of the longest chunk.
        memory: Bytes that a worker shall take at most.
        reasons: Dataset name -> why its chunks have that many entries.
    """

    datasets: Mapping[str, ColumnCost]
    entries: int
    chunksize: int | None
    chunks: int
    workers: int
    calibration: Calibration
    bad_files: int = 0
    longest: int = 0
    memory: int = MEMORY_PER_WORKER
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def compressed(self) -> int:
        """Bytes to read from files."""
        return sum(cost.compressed for cost in self.datasets.values())

    @property
    def uncompressed(self) -> int:
        """Bytes of the columns in memory, were all of them there at once."""
        return sum(cost.uncompressed for cost in self.datasets.values())

    @property
    def memory_per_entry(self) -> float:
        """Bytes that a chunk holds per entry, at its peak."""
        return self.calibration.peak_bytes / max(self.calibration.entries, 1)

    @property
    def memory_per_chunk(self) -> int:
        """Bytes that the largest chunk holds at its peak, without the libraries of its worker."""
        return round(self.memory_per_entry * self.longest)

    @property
    def memory_per_worker(self) -> int:
        """The same with its libraries."""
        return self.calibration.libraries_bytes + self.memory_per_chunk

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all chunks on a machine such as this one."""
        return self.chunks * self.calibration.fixed_s + self.entries * self.calibration.per_entry_s

    @property
    def wall_s(self) -> float:
        """Seconds of the event loop, with files as near as that of the calibration and workers that are all busy."""
        rounds = math.ceil(self.chunks / self.workers)
        return self.cpu_s * rounds / max(self.chunks, 1)

    @property
    def suggested_chunksize(self) -> int:
        """Entries per chunk: few enough for the memory and for all workers, many enough that the fixed cost is small."""
        room = max(self.memory - self.calibration.libraries_bytes, 0)
        by_memory = room / max(self.memory_per_entry, 1e-9) / 1.5
        by_workers = self.entries / (self.workers * CHUNKS_PER_WORKER)
        shortest = self.calibration.fixed_s / max(self.calibration.per_entry_s, 1e-12) / LARGEST_OVERHEAD
        return _rounded(min(by_memory, max(by_workers, shortest)))


def _rounded(number: float) -> int:
    """With two digits, downwards; at least 1."""
    if number < 1:
        return 1
    unit = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return int(number // unit) * unit


def estimate(
    processor: ProcessorABC | type[ProcessorABC] | str,
    fileset: Fileset | str | Path | Sequence[str | Path],
    *,
    parameters: Mapping[str, Any] | None = None,
    chunksize: int | None = None,
    memory_per_worker: int = MEMORY_PER_WORKER,
    workers: int = 1,
    schema: type[BaseSchema] | None = None,
) -> Estimate:
    """What a run of a processor over a fileset will cost.

    Opens every file once, looks at the baskets of a few, and runs one chunk of at most :data:`CALIBRATION_ENTRIES` entries.

    Args:
        processor, fileset, parameters, chunksize, memory_per_worker, workers, schema: As for :func:`columnar_af.run`.

    Raises:
        ReadError: No file can be read, or that of the calibration is damaged.
        ProcessorError: The processor raised on the chunk that was run.
        ConfigError: An argument cannot be used.
    """
    made = load_processor(processor, parameters)
    loaded = fileset if isinstance(fileset, Fileset) else Fileset.load(fileset)
    inspection = inspect(loaded, workers=workers)
    plan = make_plan(loaded, inspection, chunksize=chunksize, memory_per_worker=memory_per_worker)
    if not plan.chunks:
        msg = f"none of the {len(inspection.files)} files can be read"
        raise ReadError(msg, advice="columnar-af datasets inspect tells why")
    schema = schema or schema_for(made, inspection)
    calibration = _calibrate(ChunkFunction(Payload.of(made, schema)), plan)
    traceable = Traceable(made, schema)
    return Estimate(
        {name: _column_cost(name, plan, traceable, calibration) for name in plan.metadata if _files(plan, name)},
        plan.entries, chunksize, len(plan.chunks), workers, calibration, len(plan.bad_files),
        max(map(len, plan.chunks)), memory_per_worker, plan.reasons,
    )  # fmt: skip


def _files(plan: Plan, dataset: str) -> list[FileReport]:
    return [report for report in plan.files if report.dataset == dataset]


# --- the chunk that is run ----------------------------------------------------------------------------------------------


def _calibrate(function: ChunkFunction, plan: Plan) -> Calibration:
    longest = max(plan.chunks, key=len)
    entries = min(len(longest), CALIBRATION_ENTRIES)
    chunk = replace(longest, stop=longest.start + entries)
    _timed(function, replace(chunk, stop=chunk.start + min(entries, FIRST_ENTRIES)))  # compiles and imports
    libraries = present_memory()  # now: later it holds what larger chunks have freed
    part = replace(chunk, stop=chunk.start + max(entries // 4, 1))
    _timed(function, part)
    short, long = (min(_timed(function, each)[0] for _ in range(2)) for each in (part, chunk))
    per_entry = max(long - short, 0.0) / max(len(chunk) - len(part), 1) or long / max(entries, 1)
    peak, columns = _peak(lambda: _timed(function, chunk)[1])
    place = f"entries {chunk.start}:{chunk.stop} of {chunk.address.file}"
    fixed = max(long - per_entry * entries, 0.0)
    return Calibration(place, entries, fixed, per_entry, peak, columns, libraries)


def _timed(function: ChunkFunction, chunk: Chunk) -> tuple[float, tuple[str, ...]]:
    """CPU seconds of a chunk and the branches it read."""
    before = time.thread_time()
    outcomes = function(chunk)
    seconds = time.thread_time() - before
    for error in outcomes.errors.values():
        raise error.as_exception()
    return seconds, outcomes.metrics[chunk.number].columns


def _peak(call: Callable[[], tuple[str, ...]]) -> tuple[int, tuple[str, ...]]:
    """Most bytes that Python and NumPy held at a time during a call, more than before, and what it returns."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        returned = call()
        return max(tracemalloc.get_traced_memory()[1] - before, 1), returned
    finally:
        tracemalloc.stop()


# --- columns and their baskets ------------------------------------------------------------------------------------------


def _column_cost(dataset: str, plan: Plan, traceable: Traceable, calibration: Calibration) -> ColumnCost:
    chunk = next(chunk for chunk in plan.chunks if chunk.dataset == dataset)
    traced, problem = traced_columns(traceable, chunk)
    how = (
        "traced" if traced else f"those of the calibration, because the processor cannot be traced: {problem}"
    )
    columns = tuple(sorted(traced or calibration.columns))
    files = _files(plan, dataset)
    sampled = list(_basket_bytes(files[:SAMPLED_FILES], frozenset(columns)))
    entries = sum(report.entries for report in files)
    looked_at = sum(report.entries for report in files[:SAMPLED_FILES])
    scale = entries / looked_at if looked_at else 0.0
    compressed, uncompressed = (round(scale * sum(sizes)) for sizes in zip(*sampled, strict=True))
    return ColumnCost(columns, compressed, uncompressed, how)


def _basket_bytes(reports: Sequence[FileReport], columns: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Compressed and uncompressed bytes of the columns in each file, from the description of the tree alone."""
    for report in reports:
        with open_file(report.path) as file:
            branches = [branch for branch in file[report.tree].branches if branch.name in columns]
            yield (
                sum(int(branch.compressed_bytes) for branch in branches),
                sum(int(branch.uncompressed_bytes) for branch in branches),
            )
