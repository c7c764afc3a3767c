"""Threads within a worker: baskets are inflated and decoded without the interpreter's lock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

from columnar_af.errors import ConfigError

MOST = 8
"""Threads per worker where the number is chosen here: reading is a part of the work, and more would find little to do; chosen."""


def chosen_threads(asked: int | None, workers: int) -> int:
    """Threads per worker: the number that was asked for, or the cores of this machine divided among its workers.

    Args:
        asked: The number; None to choose it.
        workers: Workers on this machine; 0 where they are elsewhere or somebody else's, and get one thread.

    Raises:
        ConfigError: The number is not positive.
    """
    if asked is not None and asked < 1:
        msg = f"threads is {asked}, expected a positive number"
        raise ConfigError(msg)
    if asked is not None:
        return asked
    return min(max(_cores() // workers, 1), MOST) if workers > 0 else 1


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class CountingPool:
    """The threads of this process, for one chunk: counts the CPU time that they spend on it.

    Args:
        pool: The threads, which other chunks may use as well.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self.cpu_s = 0.0

    def submit(self, task: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Begin a task."""
        return self._pool.submit(self._counted, task, arguments)

    def _counted(self, task: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        started = time.thread_time()
        try:
            return task(*arguments)
        finally:
            with self._lock:
                self.cpu_s += time.thread_time() - started


def counting_pool(threads: int) -> CountingPool | None:
    """So many threads of this process; None for one, which is the caller's."""
    return CountingPool(_pool(os.getpid(), threads)) if threads > 1 else None


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """The threads of a process: they do not live on in a process that was forked from it."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"columnar-af-{process}")
