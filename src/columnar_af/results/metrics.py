"""Metrics: what a run cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol


class ChunkCost(Protocol):
    """What a chunk cost; :class:`columnar_af.processing.chunk.ChunkMetrics` is one."""

    @property
    def started(self) -> float:
        """Unix time of its start, in seconds."""

    @property
    def finished(self) -> float:
        """Unix time of its end, in seconds."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds."""

    @property
    def bytes_read(self) -> int:
        """Compressed bytes requested from the file."""

    @property
    def peak_memory(self) -> int:
        """Most bytes of memory that the process had until the end of the chunk."""


@dataclass(frozen=True)
class Metrics:
    """What a run cost.

    Attributes:
        wall_s: Seconds from the call of the run to its result, inspection and merging included.
        event_loop_s: Seconds from the start of the first chunk to the end of the last one, by the clocks of their hosts; at
            most ``wall_s``, because these clocks may differ.
        cpu_s: CPU seconds of all chunks.
        bytes_read: Compressed bytes that were requested from the files.
        events_per_s: Processed events per second of the event loop, in Hz; 0 where nothing was processed.
        chunks: Number of planned chunks.
        workers: Number of workers.
        executor: Name of the executor.
        peak_memory: Most bytes of memory that a worker process had at a time, its libraries included; 0 where unknown.
    """

    wall_s: float = 0.0
    event_loop_s: float = 0.0
    cpu_s: float = 0.0
    bytes_read: int = 0
    events_per_s: float = 0.0
    chunks: int = 0
    workers: int = 1
    executor: str = ""
    peak_memory: int = 0

    @classmethod
    def of(
        cls, costs: Collection[ChunkCost], *, events: int, wall_s: float, workers: int, executor: str
    ) -> Metrics:
        """The metrics of a run from the costs of its chunks.

        Args:
            costs: One per chunk; a chunk that never started has ``started == 0`` and does not count for the time.
            events: Number of events that were really processed.
            wall_s: Seconds from the call of the run to its result.
            workers: Number of workers.
            executor: Name of the executor.
        """
        ran = [cost for cost in costs if cost.started > 0]
        span = max(cost.finished for cost in ran) - min(cost.started for cost in ran) if ran else 0.0
        loop = min(span, wall_s)
        return cls(
            wall_s=wall_s,
            event_loop_s=loop,
            cpu_s=sum(cost.cpu_s for cost in costs),
            bytes_read=sum(cost.bytes_read for cost in costs),
            events_per_s=events / loop if loop > 0 else 0.0,
            chunks=len(costs),
            workers=workers,
            executor=executor,
            peak_memory=max((cost.peak_memory for cost in costs), default=0),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Metrics:
        """The inverse of :meth:`to_json`."""
        seconds = {key: float(record[key]) for key in ("wall_s", "event_loop_s", "cpu_s", "events_per_s")}
        return cls(**{**record, **seconds})
