"""Endurance: a read that fails for a time is tried again, and a chunk that does not fit into memory is halved.

This happens where the chunk is processed, so that it works with every executor. What the analysis itself raises is never
tried again: it would raise the same.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from columnar_af.datasets.retries import MAX_ATTEMPTS, chain, is_transient, wait
from columnar_af.errors import ColumnarAFError, OutOfMemoryError, ReadError
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.merge import merged

MAX_PARTS = 8
"""In how many parts a chunk is processed at most. A chunk that needs more than eight times the memory is one to plan anew,
with a smaller chunk size."""


@dataclass
class Endurance:
    """Processes one chunk in spite of what may pass.

    Attributes:
        process: Processes an entry range whole, once.
        attempts: How often the range with most attempts was tried.
        parts: The entry ranges that were processed, where the chunk was divided.
    """

    process: Callable[[Chunk], Any]
    attempts: int = 1
    parts: list[tuple[int, int]] = field(default_factory=list)

    def run(self, chunk: Chunk, divided: int = 1) -> Any:
        """The partial result of a chunk.

        Args:
            chunk: The chunk.
            divided: Into how many parts the chunk that this one is a part of was divided before.

        Raises:
            OutOfMemoryError: It does not fit into memory even in parts.
            ColumnarAFError: What else went wrong, and did not pass.
        """
        if chunk.parts > 1 and len(chunk) > 1:
            return self._in_halves(chunk, divided)
        problem = None
        try:
            partial = self._with_retries(chunk)
        except ColumnarAFError as error:
            if not is_memory_error(error):
                raise
            problem = str(error.message)
        if problem is None:
            if divided > 1:
                self.parts.append((chunk.start, chunk.stop))
            return partial
        if len(chunk) < 2 or divided >= MAX_PARTS:
            raise _too_large(chunk, problem)
        gc.collect()  # here, where the failed attempt and its traceback are gone
        return self._in_halves(chunk, divided)

    def _in_halves(self, chunk: Chunk, divided: int) -> Any:
        middle = (chunk.start + chunk.stop) // 2
        parts = max(chunk.parts // 2, 1)
        left = self.run(replace(chunk, stop=middle, parts=parts), 2 * divided)
        gc.collect()
        right = self.run(replace(chunk, start=middle, parts=parts), 2 * divided)
        return merged(left, right)

    def _with_retries(self, chunk: Chunk) -> Any:
        for attempt in range(1, MAX_ATTEMPTS):
            self.attempts = max(self.attempts, attempt)
            try:
                return self.process(chunk)
            except ReadError as error:
                if not is_transient(error, chunk.file):
                    raise
            wait(attempt)
        self.attempts = MAX_ATTEMPTS
        return self.process(chunk)


def _too_large(chunk: Chunk, problem: str) -> OutOfMemoryError:
    what = "one event" if len(chunk) < 2 else f"{len(chunk)} entries"
    msg = f"{what} of the chunk did not fit into memory: {problem}"
    advice = "run with a smaller --chunksize, or on workers with more memory"
    return OutOfMemoryError(msg, advice=advice, address=chunk.address)


def is_memory_error(error: BaseException) -> bool:
    """Whether memory that was refused is at the root of an error."""
    return any(isinstance(link, MemoryError) for link in chain(error))
