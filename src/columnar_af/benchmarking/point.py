"""One measurement, in a process of its own: ``python -m columnar_af.benchmarking.point REQUEST`` prints its record as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STARTED = time.time()
"""When this process began to import."""


@dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
        processor: Place of a processor, as ``run`` takes it.
        fileset: Path of a fileset file.
        size: How often each of its files is listed; the links are beside it.
        parameters: Arguments of the processor's class.
        executor, workers, chunksize: As ``run`` takes them.
        spawned: Unix time when the process was asked for.
    """

    processor: str
    fileset: str
    size: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    executor: str = "iterative"
    workers: int = 1
    chunksize: int | None = None
    spawned: float = 0.0

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def measure(request: Request) -> dict[str, Any]:
    """Run once and tell what it cost.

    Args:
        request: What to measure.

    Returns:
        The metrics by name; :data:`columnar_af.benchmarking.metrics.UNITS` explains them.
    """
    from columnar_af.benchmarking import measured_processor as measured  # noqa: PLC0415  # the import is measured
    from columnar_af.benchmarking.metrics import metrics_of  # noqa: PLC0415
    from columnar_af.benchmarking.page_cache import disk_bytes  # noqa: PLC0415
    from columnar_af.benchmarking.replicas import replicated  # noqa: PLC0415
    from columnar_af.datasets.fileset import Fileset  # noqa: PLC0415
    from columnar_af.datasets.inspection import copies_allowed  # noqa: PLC0415
    from columnar_af.errors import IncompleteRunError  # noqa: PLC0415
    from columnar_af.processing.processors import load_processor  # noqa: PLC0415
    from columnar_af.processing.run import run  # noqa: PLC0415

    imported, fetched = time.time(), disk_bytes()
    processor = measured.MeasuredProcessor(load_processor(request.processor, dict(request.parameters)))
    fileset = replicated(Fileset.load(request.fileset), request.size, Path(request.fileset).parent)
    try:
        with copies_allowed():
            result = run(
                processor,
                fileset,
                executor=request.executor,
                workers=request.workers,
                chunksize=request.chunksize,
                column_cache=False,
                threads=1,  # a worker is a core
                progress=False,
            )
    except IncompleteRunError as error:
        result = error.result
    ended = time.time()
    chunks = result.output.get(measured.CHUNKS, [])
    with TemporaryDirectory(prefix="columnar-af-benchmark-") as folder:
        replace(result, output=result.output.get(measured.ANALYSIS, {})).save(Path(folder) / "result")
    closed = time.time()
    spans = {
        "import_s": imported - (request.spawned or STARTED),
        "run_s": ended - imported,
        "save_s": closed - ended,
        "overall_s": closed - (request.spawned or STARTED),
    }
    after = disk_bytes()
    stored = None if after is None or fetched is None else after - fetched
    return metrics_of(result, chunks, spans, disk_bytes=stored, driver_peak_mb=measured.peak_mb())


def main() -> None:
    """Measure what the command line asks for."""
    sys.stdout.write(json.dumps(measure(Request(**json.loads(sys.argv[1])))) + "\n")


if __name__ == "__main__":
    main()
