"""Merging of chunk outcomes: a sum whose value does not depend on who finished first.

Floating-point addition is not associative, so the order of additions must be fixed to make a result reproducible bit
for bit. :class:`Outcomes` fixes it as a binary tree over chunk numbers: two neighbouring blocks of 2ᵏ chunks, aligned to
a multiple of 2ᵏ⁺¹, are added as soon as both are there, whoever brings them. An executor may combine the values in any
order and grouping; the additions that are made are always the same ones. At most about log₂(n) partial results are
kept when chunks come nearly in order.

Two blocks that do not add up (other axes, other types) stop nothing: the one with more entries stays, the chunks of the other
one have failed, and say why. Since the additions are fixed, so are the chunks that fail.
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
        self.entries.update(other.entries)
        self.errors.update(other.errors)
        self.metrics.update(other.metrics)
        self.stored.update(other.stored)
        for key, partial in other._blocks.items():
            self._add_block(key, partial)
        return self

    def _add_block(self, key: tuple[int, int], partial: Any | None) -> None:
        level, index = key
        while (sibling := (level, index ^ 1)) in self._blocks:
            other = self._blocks.pop(sibling)
            left, right = (other, partial) if index & 1 else (partial, other)
            partial = self._added(left, right, _chunks_of(level, index & ~1), _chunks_of(level, index | 1))
            level, index = level + 1, index >> 1
        self._blocks[level, index] = partial

    def total(self) -> Any | None:
        """The sum of all partial results, the remaining blocks added from the lowest chunk number on.

        It is the last step of merging: chunks whose results do not add up with it have failed afterwards.
        """
        total, so_far = None, range(0)
        for level, index in sorted(self._blocks, key=lambda block: block[1] << block[0]):
            block = _chunks_of(level, index)
            total = self._added(total, self._blocks[level, index], so_far, block)
            so_far = range(so_far.start if so_far else block.start, block.stop)
        return total

    def _added(
        self, left: Any | None, right: Any | None, left_chunks: range, right_chunks: range
    ) -> Any | None:
        """The sum of the results of two ranges of chunks; of two that do not add up the one with more entries."""
        try:
            return merged(left, right)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError) as error:
            stays, goes = left_chunks, right_chunks
            if self._done_in(right_chunks) > self._done_in(left_chunks):
                stays, goes = goes, stays
            self._fail(goes, _misfit(stays, goes, error))
            return left if stays is left_chunks else right

    def _done_in(self, chunks: range) -> int:
        return sum(self.entries.get(number, 0) for number in chunks)

    def _fail(self, chunks: range, record: ErrorRecord) -> None:
        for number in chunks:
            if number in self.entries and number not in self.errors:
                self.entries[number] = 0
                self.errors[number] = record


def _chunks_of(level: int, index: int) -> range:
    """The numbers of the chunks of a block."""
    return range(index << level, (index + 1) << level)


def _misfit(stays: range, goes: range, error: Exception) -> ErrorRecord:
    """Why the chunks of a block are not in the sum."""
    msg = f"the results of chunks {goes[0]} to {goes[-1]} do not add up with those of chunks {stays[0]} to {stays[-1]}: {error}"
    advice = "let process() return the same keys, of the same types and with the same axes, for every chunk"
    misfit = ProcessorError(msg, advice=advice)
    misfit.__cause__ = error
    return ErrorRecord.from_exception(misfit)
