"""An estimate on the screen, alone and beside what a run really took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from columnar_af.processing.estimate import LARGEST_OVERHEAD, Estimate
from columnar_af.results import RunResult

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def as_text(estimate: Estimate) -> str:
    """What the run will cost, and where the numbers come from."""
    return "\n".join(_lines(estimate))


def _lines(estimate: Estimate) -> Iterator[str]:
    for name, cost in estimate.datasets.items():
        yield (
            f"{name}: {len(cost.columns)} columns ({cost.how}), {size(cost.compressed)} compressed, "
            f"{size(cost.uncompressed)} uncompressed"
        )
    yield (
        f"in all: {estimate.entries:,} entries in {estimate.chunks} chunks of at most {estimate.longest:,}, "
        f"{size(estimate.compressed)} to read"
    )
    for name, reason in estimate.reasons.items():
        yield f"chunks of {name}: {reason}"
    if estimate.bad_files:
        yield f"{estimate.bad_files} files cannot be read and are left out here"
    yield (
        f"memory per chunk: {size(estimate.memory_per_chunk)} at most, with the libraries of the worker "
        f"{size(estimate.memory_per_worker)}"
    )
    yield f"time: {seconds(estimate.cpu_s)} of CPU, {seconds(estimate.wall_s)} with {estimate.workers} workers"
    yield (
        f"suggested: --chunksize {estimate.suggested_chunksize} (at most {size(estimate.memory)} per worker, "
        f"at most {LARGEST_OVERHEAD:.0%} of fixed cost unless the workers would be idle)"
    )
    calibration = estimate.calibration
    yield (
        f"time and memory are calibrated on {calibration.entries:,} entries, run here and now ({calibration.place}): "
        f"{1e6 * calibration.per_entry_s:.3g} us per entry and {1e3 * calibration.fixed_s:.3g} ms per chunk"
    )
    if calibration.entries < 1000:
        yield "this is a small sample: take its times for an order of magnitude"


def size(count: float) -> str:
    """Bytes in the unit that suits them, powers of 1000."""
    for unit in UNITS[:-1]:
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} {UNITS[-1]}"


def seconds(count: float) -> str:
    """A time in the unit that suits it."""
    if count < 120:
        return f"{count:.3g} s"
    return f"{count / 60:.3g} min" if count < 7200 else f"{count / 3600:.3g} h"


def comparison(estimate: Estimate, result: RunResult) -> list[tuple[str, str, str, str]]:
    """Quantity, estimate, truth and their ratio, for a run that was made."""
    metrics = result.metrics
    rows: list[tuple[str, float, float, Any]] = [
        ("entries", estimate.entries, result.ledger.done, "{:,.0f}".format),
        ("chunks", estimate.chunks, metrics.chunks, "{:,.0f}".format),
        ("bytes read", estimate.compressed, metrics.bytes_read, size),
        ("memory of a worker", estimate.memory_per_worker, metrics.peak_memory, size),
        ("CPU time", estimate.cpu_s, metrics.cpu_s, seconds),
        ("event loop", estimate.wall_s, metrics.event_loop_s, seconds),
    ]
    read = result.provenance.parameters.get("columns") or {}
    rows += [
        (f"columns of {name}", len(cost.columns), len(read[name]), "{:,.0f}".format)
        for name, cost in estimate.datasets.items()
        if name in read
    ]
    return [
        (name, told(guess), told(truth), f"{guess / truth:.2f}" if truth else "")
        for name, guess, truth, told in rows
    ]


def to_json(estimate: Estimate) -> dict[str, Any]:
    """Plain values."""
    return {
        "datasets": {name: vars(cost) for name, cost in estimate.datasets.items()},
        "calibration": vars(estimate.calibration),
        **{
            key: getattr(estimate, key)
            for key in (
                "entries", "chunksize", "chunks", "workers", "bad_files", "compressed", "uncompressed",
                "memory_per_chunk", "memory_per_worker", "cpu_s", "wall_s", "suggested_chunksize", "reasons",
            )
        },
    }  # fmt: skip
