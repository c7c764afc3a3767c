"""What dask and dask-awkward add to each chunk: a processor that does nothing, on 1,000 chunks.

    python benchmarks/dask_overhead.py [CHUNKS] [ROUNDS]

The input is a tree with one branch, made here, of one entry per chunk. One worker with one thread, which runs already; what the
same chunks take in this process is subtracted. The graph of the executor dask-awkward is built within the measured time.
Prints JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import awkward as ak
import numpy as np
import uproot
from coffea.nanoevents import BaseSchema
from coffea.processor import ProcessorABC
from distributed import Client, LocalCluster

from columnar_af import Fileset, run


class Nothing(ProcessorABC):
    """Reads one short column of a chunk, so that there is something to project."""

    def process(self, events: Any) -> dict[str, Any]:
        """The sum of the column."""
        return {events.metadata["dataset"]: {"sum": ak.sum(events.run)}}

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing."""
        return accumulator


def fileset_of(chunks: int, folder: Path) -> Fileset:
    """A tree with one entry per chunk."""
    with uproot.recreate(folder / "small.root") as file:
        file.mktree("events", {"run": "int64"}).extend({"run": np.arange(chunks)})
    return Fileset.load([f"{folder / 'small.root'}:events"])


def seconds(
    fileset: Fileset, executor: str, client: Client | None, chunks: int | None = None
) -> tuple[float, int]:
    """Wall seconds of a run and its number of chunks."""
    started = time.perf_counter()
    result = run(
        Nothing(),
        fileset,
        executor=executor,
        client=client,
        chunksize=1,
        max_chunks=chunks,
        schema=BaseSchema,
        progress=False,
    )
    return time.perf_counter() - started, len(result.ledger)


def main(chunks: int, rounds: int) -> None:
    """Measure in turns."""
    taken: dict[str, list[float]] = {"iterative": [], "dask": [], "dask-awkward": []}
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    with TemporaryDirectory() as folder, cluster, Client(cluster) as client:
        fileset = fileset_of(chunks, Path(folder))
        for number in range(rounds + 1):
            for executor, times in taken.items():
                wall, count = seconds(
                    fileset, executor, None if executor == "iterative" else client, None if number else 10
                )
                if number:  # the first time everything is imported
                    times.append(wall / count * 1000)
    found = {f"{name.replace('-', '_')}_ms": statistics.median(times) for name, times in taken.items()}
    found |= {"chunks": count}
    for name in ("dask", "dask_awkward"):
        found[f"{name}_ms_per_chunk"] = found[f"{name}_ms"] - found["iterative_ms"]
    print(json.dumps(found))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [1000, 3][len(numbers) :]))
