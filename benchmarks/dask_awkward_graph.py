"""Size of the graph of the executor ``dask-awkward``, and the time that it takes to build.

    python benchmarks/dask_awkward_graph.py [FILE.root:TREE] [CHUNKS]

The graph is that of ``ds_phi_pi`` for so many chunks, 1,000 where none is given. With a file, the processor is also traced
on it, which happens once per dataset whatever the number of chunks, and is told by itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from columnar_af.ntuples.t3m import T3MSchema
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.dask_awkward_executor import DaskAwkwardExecutor, build_graph
from columnar_af.processing.payload import Payload
from columnar_af.processing.processors import load_processor

ENTRIES = 100
"""Entries of a chunk; the graph does not depend on it."""


def timed(name: str, function: Callable[[], Any]) -> Any:
    """The value of the function, with its times printed."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = function()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name}: {cpu:.4f} s CPU, {wall:.4f} s wall")
    return value


def main(source: str, count: int) -> None:
    """Trace, where there is a file, and build."""
    file, _, tree = source.rpartition(":")
    chunks: list[Any] = [
        Chunk(number, "data", file, tree, number * ENTRIES, (number + 1) * ENTRIES, "")
        for number in range(count)
    ]
    executor = DaskAwkwardExecutor()
    function: Any = ChunkFunction(Payload.of(load_processor("ds_phi_pi", {}), T3MSchema))
    if file:
        chunks, function = timed("trace", lambda: executor.project(chunks, function))
        print(f"columns: { ({name: len(columns) for name, columns in executor.columns.items()}) }")
    graph, _ = timed("build", lambda: build_graph(chunks, function, split_every=executor.treereduction))
    print(f"chunks: {count}, tasks: {len(graph)}")


if __name__ == "__main__":
    words = sys.argv[1:]
    number = int(words.pop()) if words and words[-1].isdigit() else 1000
    main(words[0] if words else "", number)
