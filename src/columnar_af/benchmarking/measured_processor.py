"""A processor with a stop-watch: the same results, and beside them what each chunk cost where it was processed."""

from __future__ import annotations

import os
import platform
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import hist
from coffea.processor import ProcessorABC

from columnar_af.ntuples.fast_reader import statistics_of

ANALYSIS, CHUNKS = "analysis", "chunks"
"""Keys of the output: that of the processor, and a list with one record per chunk."""


@dataclass(frozen=True)
class ChunkRecord:
    """What ``process`` cost for one chunk. Seconds of CPU, but for the wall times.

    Attributes:
        dataset: Of the chunk.
        entries: Of the chunk.
        host, pid: Where it ran.
        started, finished: Unix times.
        cpu_s: All threads of the process between them; right where a process works on one chunk at a time.
        read_wait_s: Wall time spent waiting for the file.
        read_s, inflate_s, decode_s: Stages of the fast reader.
        fill_s: Within ``hist.Hist.fill``; making the arrays for it counts as computing.
        compute_s: All the rest of ``cpu_s``.
        bytes_inflated: Uncompressed bytes of values.
        peak_mb: Largest resident memory of the process until then, in MB.
    """

    dataset: str
    entries: int
    host: str
    pid: int
    started: float
    finished: float
    cpu_s: float
    read_wait_s: float
    read_s: float
    inflate_s: float
    decode_s: float
    fill_s: float
    compute_s: float
    bytes_inflated: int
    peak_mb: float

    @property
    def wall_s(self) -> float:
        """Wall seconds."""
        return self.finished - self.started


class MeasuredProcessor(ProcessorABC):
    """Calls a processor and notes what that cost.

    Args:
        processor: What is measured.
    """

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.schema = getattr(processor, "schema", None)

    def process(self, events: Any) -> dict[str, Any]:
        """The processor's own output under ``analysis``, and a record under ``chunks``."""
        clock = _fill_clock()
        before, filled = _Reading.of(events), clock.seconds
        started, cpu = time.time(), time.process_time()
        output = self.processor.process(events)
        finished, cpu = time.time(), time.process_time() - cpu
        reading, filled = _Reading.of(events).since(before), clock.seconds - filled
        record = ChunkRecord(
            dataset=str(events.metadata["dataset"]),
            entries=len(events),
            host=platform.node(),
            pid=os.getpid(),
            started=started,
            finished=finished,
            cpu_s=cpu,
            read_wait_s=reading.wait_s,
            read_s=reading.read_s,
            inflate_s=reading.inflate_s,
            decode_s=reading.decode_s,
            fill_s=filled,
            compute_s=max(cpu - reading.read_s - reading.inflate_s - reading.decode_s - filled, 0.0),
            bytes_inflated=reading.bytes_inflated,
            peak_mb=peak_mb(),
        )
        return {ANALYSIS: output, CHUNKS: [record]}

    def postprocess(self, accumulator: Any) -> Any:
        """The processor's own last step."""
        finished = self.processor.postprocess(accumulator[ANALYSIS])
        return accumulator if finished is None else {**accumulator, ANALYSIS: finished}


def peak_mb() -> float:
    """Largest resident memory of this process until now, in MB.

    Not that of ``getrusage``, where a process begins with the memory of the one that started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):  # no Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class _Reading:
    """Sums over all readers of the events."""

    wait_s: float = 0.0
    read_s: float = 0.0
    inflate_s: float = 0.0
    decode_s: float = 0.0
    bytes_inflated: int = 0

    @classmethod
    def of(cls, events: Any) -> _Reading:
        found = statistics_of(events)
        return cls(
            sum(each.read_s for each in found),
            sum(each.read_cpu_s for each in found),
            sum(each.inflate_s for each in found),
            sum(each.decode_s for each in found),
            sum(each.bytes_inflated for each in found),
        )

    def since(self, before: _Reading) -> _Reading:
        return _Reading(
            self.wait_s - before.wait_s,
            self.read_s - before.read_s,
            self.inflate_s - before.inflate_s,
            self.decode_s - before.decode_s,
            self.bytes_inflated - before.bytes_inflated,
        )


class _FillClock(threading.local):
    """CPU seconds that a thread has spent filling histograms."""

    seconds = 0.0


_clock = _FillClock()


def _fill_clock() -> _FillClock:
    """The clock of this thread, with ``hist``'s fill timed from now on in this process."""
    if not hasattr(hist.Hist.fill, "__wrapped__"):
        hist.Hist.fill = _timed(hist.Hist.fill)
    return _clock


def _timed(fill: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(fill)
    def timing(*args: Any, **options: Any) -> Any:
        started = time.thread_time()
        try:
            return fill(*args, **options)
        finally:
            _clock.seconds += time.thread_time() - started

    return timing
