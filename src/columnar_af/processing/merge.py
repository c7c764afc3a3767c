"""Merging of chunk outcomes: a sum whose value does not depend on who finished first.

Floating-point addition is not associative, so the order of additions must be fixed to make a result reproducible bit
for bit. :class:`Outcomes` fixes it as a binary tree over chunk numbers: two neighbouring blocks of 2ᵏ chunks, aligned to
a multiple of 2ᵏ⁺¹, are added as soon as both are there, whoever brings them. An executor may combine the values in any
order and grouping; the additions that are made are always the same ones. At most about log₂(n) partial results are
kept when chunks come nearly in order.
"""

from __future__ import annotations

from typing import Any

from coffea.processor import accumulate

from columnar_af.errors import ErrorRecord, ExecutorError, ProcessorError
from columnar_af.processing.chunk import ChunkMetrics, ChunkOutcome, StoredPartial


def merged(left: Any | None, right: Any | None) -> Any | None:
    """The sum of two partial results, without changing either; None (of a failed chunk) is the identity."""
    if left is None or right is None:
        return right if left is None else left
    return accumulate([left, right])


class Outcomes:
    """A set of chunk outcomes, each chunk at most once, with the sum of their partial results.

    Addition is associative and commutative; the empty set is its identity. It is what the chunk function returns and
    what coffea's executors accumulate.
    """

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, int], Any | None] = {}
        """(level, index) of a block of chunks [index·2^level, (index+1)·2^level) -> its partial result."""
        self.entries: dict[int, int] = {}
        """Chunk number -> entries processed (0 for a failed chunk)."""
        self.errors: dict[int, ErrorRecord] = {}
        """Chunk number -> why it failed."""
        self.metrics: dict[int, ChunkMetrics] = {}
        """Chunk number -> what it cost."""
        self.stored: dict[int, StoredPartial] = {}
        """Chunk number -> its own partial result as bytes, until the journal has them on the disk."""

    @classmethod
    def of(cls, outcome: ChunkOutcome) -> Outcomes:
        """The set with one outcome."""
        outcomes = cls()
        outcomes._add_block((0, outcome.number), outcome.partial)
        outcomes.entries[outcome.number] = outcome.entries
        outcomes.metrics[outcome.number] = outcome.metrics
        if outcome.error is not None:
            outcomes.errors[outcome.number] = outcome.error
        if outcome.stored is not None:
            outcomes.stored[outcome.number] = outcome.stored
        return outcomes

    def __len__(self) -> int:
        """Number of chunks."""
        return len(self.entries)

    def __contains__(self, number: int) -> bool:
        return number in self.entries

    def __add__(self, other: Outcomes) -> Outcomes:
        """The union of both; a chunk in both is an error, because its events would count twice."""
        if not isinstance(other, Outcomes):
            return NotImplemented
        both = Outcomes()
        both += self
        both += other
        return both

    def __iadd__(self, other: Outcomes) -> Outcomes:
        if not isinstance(other, Outcomes):
            return NotImplemented
        twice = self.entries.keys() & other.entries.keys()
        if twice:
            msg = f"chunks {sorted(twice)} came back twice; their events would be counted twice"
            raise ExecutorError(msg, advice="use another executor, and report this")
        for key, partial in other._blocks.items():
            self._add_block(key, partial)
        self.entries.update(other.entries)
        self.errors.update(other.errors)
        self.metrics.update(other.metrics)
        self.stored.update(other.stored)
        return self

    def _add_block(self, key: tuple[int, int], partial: Any | None) -> None:
        level, index = key
        while (sibling := (level, index ^ 1)) in self._blocks:
            other = self._blocks.pop(sibling)
            left, right = (other, partial) if index & 1 else (partial, other)
            partial = _merged_block(left, right, level, index & ~1)
            level, index = level + 1, index >> 1
        self._blocks[level, index] = partial

    def total(self) -> Any | None:
        """The sum of all partial results, the remaining blocks added from the lowest chunk number on.

        Raises:
            ProcessorError: They do not add up; the message names the chunks.
        """
        total, first = None, 0
        blocks = sorted(self._blocks.items(), key=lambda block: block[0][1] << block[0][0])
        for number, ((level, index), partial) in enumerate(blocks):
            start, length = index << level, 1 << level
            first = start if number == 0 else first
            total = _added(total, partial, (first, start - 1), (start, start + length - 1))
        return total


def _merged_block(left: Any | None, right: Any | None, level: int, index: int) -> Any | None:
    """The sum of two neighbouring blocks."""
    first, length = index << level, 1 << level
    return _added(left, right, (first, first + length - 1), (first + length, first + 2 * length - 1))


def _added(
    left: Any | None, right: Any | None, left_chunks: tuple[int, int], right_chunks: tuple[int, int]
) -> Any | None:
    """The sum of the results of two ranges of chunks; what cannot be added is told with its chunk numbers."""
    try:
        return merged(left, right)
    except (TypeError, ValueError) as error:
        msg = (
            f"the results of chunks {left_chunks[0]} to {left_chunks[1]} and {right_chunks[0]} to {right_chunks[1]} "
            f"do not add up: {error}"
        )
        advice = (
            "let process() return the same keys, of the same types and with the same axes, for every chunk"
        )
        raise ProcessorError(msg, advice=advice) from error
