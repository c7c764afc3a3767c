"""A chunk of work, and what comes back from it: the contract between planning, executors and merging."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from columnar_af.errors import ErrorRecord, WorkAddress


@dataclass(frozen=True)
class Chunk:
    """An entry range of one tree of one file.

    Attributes:
        number: Position in the plan, from 0; results are merged in this order, whoever finishes first.
        dataset: Name of the dataset.
        file: Path or URL.
        tree: Path of the tree in the file, without cycle.
        start, stop: Entry range, ``start`` included, ``stop`` excluded. ``start == stop`` is a tree without entries.
        uuid: UUID of the file, as ROOT wrote it.
        metadata: Metadata of the dataset (era, luminosity, cross_section, is_data, ...).
        parts: In how many parts of equal length the entries are processed, one after the other; more than one where the
            whole chunk did not fit into memory.
    """

    number: int
    dataset: str
    file: str
    tree: str
    start: int
    stop: int
    uuid: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parts: int = 1

    def __len__(self) -> int:
        """Number of entries."""
        return self.stop - self.start

    def __bool__(self) -> bool:
        """A chunk without entries is still a chunk."""
        return True

    @property
    def address(self) -> WorkAddress:
        """Where this chunk is, for error messages."""
        return WorkAddress(self.dataset, self.file, self.tree, self.start, self.stop)


@dataclass(frozen=True)
class ChunkMetrics:
    """What a chunk cost.

    Attributes:
        started, finished: Unix times on the worker, in seconds.
        cpu_s: CPU seconds of the worker's thread, and of those that read for it.
        bytes_read: Compressed bytes requested from the file.
        columns: Branches that were read, sorted.
        host: Name of the machine.
        host_kind: What kind of machine it is: system, processor, number of CPUs.
        pid: Process number on it.
        peak_memory: Most bytes of memory that the process had until the end of the chunk, libraries included.
        attempts: How often the chunk was tried there; more than once where a read failed for a time.
        parts: Entry ranges in which it was processed; empty where it was processed whole.
    """

    started: float = 0.0
    finished: float = 0.0
    cpu_s: float = 0.0
    bytes_read: int = 0
    columns: tuple[str, ...] = ()
    host: str = ""
    host_kind: str = ""
    pid: int = 0
    peak_memory: int = 0
    attempts: int = 1
    parts: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class StoredPartial:
    """A partial result as bytes for the disk, or why there are none.

    Attributes:
        data: The bytes; empty where there are none.
        problem: Why the partial result has no plain form; empty where it has.
    """

    data: bytes = b""
    problem: str = ""


@dataclass(frozen=True)
class ChunkOutcome:
    """What became of a chunk: a partial result, or an error as a value.

    Attributes:
        number: Number of the chunk.
        entries: Entries that were processed; 0 for a failed chunk.
        partial: What the processor returned; None for a failed chunk.
        error: Why it failed; None for a chunk that is done.
        metrics: What it cost.
        stored: The partial result as bytes, where the run keeps a journal.
    """

    number: int
    entries: int
    partial: Any | None = None
    error: ErrorRecord | None = None
    metrics: ChunkMetrics = ChunkMetrics()
    stored: StoredPartial | None = None
