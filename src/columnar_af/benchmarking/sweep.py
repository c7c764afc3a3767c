"""Sweeps: the same processor against the size of the data, the number of workers and of variations, cold and warm.

Each measurement is a fresh process, repeated some times; the points of all sweeps are measured in turns, so that a machine that
slows down for a minute does not slow down one point alone.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from columnar_af.benchmarking.page_cache import evict
from columnar_af.benchmarking.point import Request
from columnar_af.benchmarking.replicas import replicated
from columnar_af.datasets.fileset import Fileset
from columnar_af.errors import ConfigError, ExecutorError
from columnar_af.processing.processors import load_processor
from columnar_af.systematics import Systematics

SWEEPS = ("size", "workers", "variations")

SHIFTED_OBJECTS = ("columns", "tree")
"""Kinds of variations that shift objects, which costs more than another weight."""

SHOWN_LINES = 15
"""Last lines of a failed process that its error repeats."""

Record = dict[str, float | None]


@dataclass(frozen=True)
class Point:
    """One setting.

    Attributes:
        sweep: ``size``, ``workers`` or ``variations``.
        value: Of what the sweep varies.
        size: How often each file is listed.
        workers: Number of workers.
        variations: Number of variations; None where the processor knows none.
        cold: Whether the files are dropped from the page cache before.
    """

    sweep: str
    value: int
    size: int = 1
    workers: int = 1
    variations: int | None = None
    cold: bool = False


@dataclass
class Measured:
    """A point with its measurements.

    Attributes:
        point: The setting.
        records: One per repeat, see :data:`columnar_af.benchmarking.metrics.UNITS`.
        note: What limits the measurement, such as a page cache that could not be dropped.
    """

    point: Point
    records: list[Record] = field(default_factory=list)
    note: str = ""

    @property
    def valid(self) -> bool:
        """Whether every repeat lost nothing and counted everything."""
        return all(record["valid"] == 1 for record in self.records)

    def values(self, metric: str) -> list[float]:
        """The known values of a metric."""
        return [value for record in self.records if (value := record[metric]) is not None]

    def median(self, metric: str) -> float | None:
        """Median of a metric; None where it is not known."""
        values = self.values(metric)
        return statistics.median(values) if values else None

    def spread(self, metric: str) -> tuple[float, float] | None:
        """Smallest and largest value; None where it is not known."""
        values = self.values(metric)
        return (min(values), max(values)) if values else None

    def to_json(self) -> dict[str, Any]:
        """Plain values: the setting, each repeat, medians and spreads."""
        metrics = list(self.records[0]) if self.records else []
        return {
            **asdict(self.point),
            "valid": self.valid,
            "note": self.note,
            "median": {metric: self.median(metric) for metric in metrics},
            "spread": {metric: self.spread(metric) for metric in metrics},
            "repeats": self.records,
        }


@dataclass(frozen=True)
class Benchmark:
    """What to measure.

    Attributes:
        processor: Place of a processor, as ``run`` takes it.
        fileset: Its input.
        parameters: Arguments of the processor's class.
        executor: For more than one worker; one worker is always this process alone, unless it is a dask executor.
        chunksize: Entries per chunk; where None, as in a run, chosen for each file.
        sizes, workers, variations: The sweeps. Workers and variations are swept at the largest size and at size 1.
        variations_parameter: Argument of the processor's class that takes the variations: the first names, separated by
            commas, where the processor declares variations (attribute ``systematics``), and ``none`` for 0; their number
            where it does not.
        cold: Whether each size is measured with a cold page cache, too.
        repeats: Measurements of each point.
    """

    processor: str
    fileset: Fileset
    parameters: Mapping[str, Any] = field(default_factory=dict)
    executor: str = "futures"
    chunksize: int | None = None
    sizes: Sequence[int] = (1,)
    workers: Sequence[int] = (1,)
    variations: Sequence[int] = ()
    variations_parameter: str = "systematics"
    cold: bool = False
    repeats: int = 3

    def points(self) -> list[Point]:
        """All settings, each once."""
        states = (False, True) if self.cold else (False,)
        least = min(self.workers)
        points = [Point("size", size, size, least, cold=cold) for size in self.sizes for cold in states]
        if len(self.workers) > 1:
            points += [Point("workers", count, max(self.sizes), count) for count in self.workers]
        points += [Point("variations", number, 1, least, number) for number in self.variations]
        return points


def run_benchmark(
    benchmark: Benchmark, folder: Path, tell: Callable[[str], None] = lambda text: None
) -> list[Measured]:
    """Measure all points.

    Args:
        benchmark: What to measure.
        folder: For the fileset and links to its files; made where it is missing, its contents are left there.
        tell: Called with a line after each measurement.

    Raises:
        ConfigError: A number is not positive, or remote files shall be listed more than once.
        ExecutorError: A measurement ended with an error.
    """
    _check(benchmark)
    folder.mkdir(parents=True, exist_ok=True)
    for size in {point.size for point in benchmark.points()}:
        replicated(benchmark.fileset, size, folder)
    source = folder / "fileset.json"
    source.write_text(json.dumps(benchmark.fileset.to_coffea(), indent=1), encoding="utf-8")
    measured = [Measured(point) for point in benchmark.points()]
    for repeat in range(benchmark.repeats):
        for each in measured:
            if each.point.cold:
                each.note = evict(
                    file.path for dataset in benchmark.fileset.datasets.values() for file in dataset.files
                )
            request = _request(benchmark, each.point, source)
            each.records.append(_measure(request))
            tell(_line(each, repeat + 1, benchmark.repeats))
    return measured


def _check(benchmark: Benchmark) -> None:
    given = {"sizes": benchmark.sizes, "workers": benchmark.workers, "repeats": (benchmark.repeats,)}
    for name, numbers in given.items():
        if not numbers or min(numbers) < 1:
            msg = f"{name} is {', '.join(map(str, numbers)) or 'empty'}, expected positive numbers"
            raise ConfigError(msg)
    if any(number < 0 for number in benchmark.variations):
        msg = f"variations is {', '.join(map(str, benchmark.variations))}, expected numbers from 0 on"
        raise ConfigError(msg)


def _request(benchmark: Benchmark, point: Point, source: Path) -> Request:
    parameters = dict(benchmark.parameters)
    if point.variations is not None:
        parameters[benchmark.variations_parameter] = _variations(benchmark, point.variations)
    alone = point.workers == 1 and not benchmark.executor.startswith("dask")
    return Request(
        benchmark.processor,
        str(source),
        point.size,
        parameters,
        "iterative" if alone else benchmark.executor,
        point.workers,
        benchmark.chunksize,
    )


def _variations(benchmark: Benchmark, number: int) -> str | int:
    """What the processor's argument gets for so many variations; those that shift objects come first.

    Raises:
        ConfigError: The processor declares fewer.
    """
    declared = getattr(load_processor(benchmark.processor, dict(benchmark.parameters)), "systematics", None)
    if not isinstance(declared, Systematics):
        return number
    names = [one.name for one in sorted(declared, key=lambda one: one.kind not in SHIFTED_OBJECTS)]
    if number > len(names):
        msg = f"{benchmark.processor} declares {len(names)} variations, and {number} are asked for"
        raise ConfigError(msg)
    return ",".join(names[:number]) or "none"


def _measure(request: Request) -> Record:
    command = [sys.executable, "-m", "columnar_af.benchmarking.point"]
    request = replace(request, spawned=time.time())
    done = subprocess.run(
        [*command, request.to_json()], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-SHOWN_LINES:])
        msg = f"a measurement ended with exit code {done.returncode}:\n{said}"
        raise ExecutorError(msg, advice=f"the same by hand: {' '.join(command)} '{request.to_json()}'")
    record: Record = json.loads(done.stdout.strip().splitlines()[-1])
    return record


def _line(measured: Measured, repeat: int, repeats: int) -> str:
    point, record = measured.point, measured.records[-1]
    state = "cold" if point.cold else "warm"
    words = f"{point.sweep} {point.value} ({state}, {repeat} of {repeats})"
    return (
        f"{words}: overall {record['overall_s']:.2f} s, event loop {record['event_loop_s']:.2f} s, "
        f"{record['loop_khz'] or 0:.3g} kHz, worker {record['worker_peak_mb'] or 0:.0f} MB"
        f"{'' if record['valid'] == 1 else ', INVALID: events were lost'}"
    )
