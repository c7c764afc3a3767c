"""The metrics of one run: times, rates, stages, efficiency, memory, and whether the run counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from columnar_af.benchmarking.measured_processor import ChunkRecord
from columnar_af.results import RunResult

UNITS: Mapping[str, str] = {
    "overall_s": "from the start of the process to the last closed output, s",
    "import_s": "of that, start of Python and imports, s",
    "run_s": "of that, the call of run: inspection, plan, event loop, merge, s",
    "save_s": "of that, writing the result, s",
    "event_loop_s": "from the start of the first chunk to the end of the last one, s",
    "events": "events that were processed",
    "lost": "events of chunks that failed or were skipped",
    "planned": "events that were planned",
    "valid": "1 where processed + lost = planned and nothing was lost",
    "overall_khz": "events per overall time, kHz",
    "loop_khz": "events per time of the event loop, kHz",
    "core_khz": "events per sum of the chunks' run times, kHz",
    "concurrency": "sum of the chunks' run times over the event loop",
    "efficiency": "concurrency over the number of workers",
    "cpu_efficiency": "CPU seconds of the chunks over event loop and workers",
    "bytes_read": "compressed bytes that were requested",
    "bytes_inflated": "uncompressed bytes of values",
    "disk_bytes": "bytes fetched from storage, where the system tells; those of workers only once they have ended",
    "core_mb_per_s": "compressed MB per second of the chunks' run times",
    "chunks": "number of chunks",
    "chunk_cpu_s": "CPU seconds of all chunks with opening, s",
    "read_wait_s": "wall time spent waiting for files, s",
    "read_s": "CPU time of reading, s",
    "inflate_s": "CPU time of inflating, s",
    "decode_s": "CPU time of decoding, s",
    "compute_s": "CPU time of the analysis without reading and filling, s",
    "fill_s": "CPU time of filling histograms, s",
    "open_s": "CPU time of the chunks outside of process: opening files, building events, s",
    "worker_peak_mb": "largest peak memory of a worker, MB",
    "driver_peak_mb": "peak memory of the process that runs all, MB",
}
"""Metric -> meaning and unit, in the order of the tables."""

STAGES = ("open_s", "read_s", "inflate_s", "decode_s", "compute_s", "fill_s")
"""Metrics that share the CPU time of the chunks among them."""


def metrics_of(
    result: RunResult,
    chunks: Sequence[ChunkRecord],
    spans: Mapping[str, float],
    *,
    disk_bytes: int | None,
    driver_peak_mb: float,
) -> dict[str, float | None]:
    """All metrics of a run.

    Args:
        result: Of the run.
        chunks: What each chunk cost.
        spans: ``overall_s`` and its parts.
        disk_bytes: Fetched from storage; None where unknown.
        driver_peak_mb: Peak memory of the process that ran all.

    Returns:
        :data:`UNITS` -> value; None where it is not known.
    """
    ledger, metrics = result.ledger, result.metrics
    loop, running = metrics.event_loop_s, sum(chunk.wall_s for chunk in chunks)
    workers = max(metrics.workers, 1)
    lost = ledger.failed + ledger.skipped
    cpu = sum(chunk.cpu_s for chunk in chunks)
    found: dict[str, float | None] = {
        **spans,
        "event_loop_s": loop,
        "events": ledger.done,
        "lost": lost,
        "planned": ledger.planned,
        "valid": float(is_valid(result, chunks)),
        "overall_khz": _per(ledger.done / 1e3, spans["overall_s"]),
        "loop_khz": _per(ledger.done / 1e3, loop),
        "core_khz": _per(ledger.done / 1e3, running),
        "concurrency": _per(running, loop),
        "efficiency": _per(running, loop * workers),
        "cpu_efficiency": _per(metrics.cpu_s, loop * workers),
        "bytes_read": metrics.bytes_read,
        "bytes_inflated": sum(chunk.bytes_inflated for chunk in chunks),
        "disk_bytes": disk_bytes,
        "core_mb_per_s": _per(metrics.bytes_read / 1e6, running),
        "chunks": len(ledger),
        "chunk_cpu_s": metrics.cpu_s,
        "read_wait_s": sum(chunk.read_wait_s for chunk in chunks),
        "open_s": max(metrics.cpu_s - cpu, 0.0),
        "worker_peak_mb": max((chunk.peak_mb for chunk in chunks), default=None),
        "driver_peak_mb": driver_peak_mb,
    }
    for stage in STAGES[1:]:
        found[stage] = sum(getattr(chunk, stage) for chunk in chunks)
    return {name: found[name] for name in UNITS}


def is_valid(result: RunResult, chunks: Sequence[ChunkRecord]) -> bool:
    """Whether the run counts: the books close, nothing was lost, and the chunks saw as many events as the books say."""
    seen = sum(chunk.entries for chunk in chunks)
    return result.ledger.complete and seen == result.ledger.done == result.ledger.planned


def _per(amount: float, seconds: float) -> float | None:
    return amount / seconds if seconds > 0 else None
