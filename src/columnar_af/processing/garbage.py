"""Garbage collection between chunks: often enough to keep memory flat, seldom enough to cost nothing."""

from __future__ import annotations

import gc
import time

SHARE = 0.05
"""Most of the time that full collections may take. One takes some 50 ms once coffea and numba are imported, which is
nothing beside a chunk of seconds and eight times a chunk of milliseconds."""


class Collector:
    """Frees the events of chunks that are done; they hold themselves in cycles, which only the collector breaks.

    Memory of 13 MB per chunk of 500 NanoAOD events stays otherwise until Python happens to collect.
    """

    def __init__(self) -> None:
        self._finished = 0.0
        self._cost = 0.0

    def collect(self) -> bool:
        """Collect what is young, and everything where enough time has passed; tells whether it did the latter."""
        gc.collect(1)
        started = time.perf_counter()
        if self._cost > SHARE * (started - self._finished):
            return False
        gc.collect()
        self._finished = time.perf_counter()
        self._cost = self._finished - started
        return True


collector = Collector()
"""The one of this process."""
