"""Worker processes that start before there is work: they import what every chunk needs while the fileset is inspected.

A fresh worker imports awkward, coffea, numba and uproot, and loads compiled kernels, before it reads its first byte: more than a
second. The command line lets them begin before its own imports.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

LEAK_VARIABLE = "LOKY_MAX_MEMORY_LEAK_SIZE"
LEAK_BYTES = 2_000_000_000
"""How much larger than after its first task a worker may be before loky replaces it. Its own limit of 300 MB takes the columns
of the first chunks for a leak, and a new worker costs many seconds; this is the memory that grid sites give a job."""

WITH_PROCESSES = "futures"
"""The executor that has workers of this kind."""

NEEDED = ("columnar_af.processing.chunk_function",)
"""Modules that the work of any chunk begins with."""

_waiting: dict[int, Any] = {}
"""Number of workers -> a pool that nobody has taken yet."""

_lock = threading.Lock()


def loky_pool(max_workers: int) -> Executor:
    """A pool of processes, which are not replaced because chunks take memory: one that is waiting, or a new one."""
    with _lock:
        waiting: Executor | None = _waiting.pop(max_workers, None)
    return waiting or _new_pool(max_workers)


@contextmanager
def early_workers(executor: Any, workers: int) -> Iterator[None]:
    """Start the workers of an executor now; within the block :func:`loky_pool` gives them.

    Args:
        executor: Name of the executor, or an executor of coffea, which has workers of its own.
        workers: Their number.
    """
    if executor != WITH_PROCESSES or workers < 1 or workers in _waiting:
        yield
        return
    pool = _new_pool(workers)
    for _ in range(workers):
        pool.submit(prepare)
    with _lock:
        _waiting[workers] = pool
    try:
        yield
    finally:
        with _lock:
            unused = _waiting.pop(workers, None)
        if unused is not None:  # something went wrong before there was work
            unused.shutdown(wait=True, kill_workers=True)


def prepare() -> None:
    """Import what chunks need, and load the kernels; in a worker."""
    for name in NEEDED:
        importlib.import_module(name)
    importlib.import_module("columnar_af.kernels.start_up").prepare_kernels()


def _new_pool(max_workers: int) -> Any:
    import loky  # type: ignore[import-untyped]  # noqa: PLC0415  # most runs have no use for it

    limit = os.environ.get(LEAK_VARIABLE, str(LEAK_BYTES))
    return loky.ProcessPoolExecutor(max_workers, env={LEAK_VARIABLE: limit})
