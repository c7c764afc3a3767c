"""How one column is put together from its baskets: what can run in parallel, and where each basket's values go.

The header of a basket, which is not compressed, gives its number of values; so each basket knows its place in the column
before anything is inflated, and baskets are decoded in any order, by any thread, straight into the final arrays.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import xxhash

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader import decode
from columnar_af.ntuples.fast_reader.baskets import Basket, StoredBasket
from columnar_af.ntuples.fast_reader.column_types import ColumnType, Kind
from columnar_af.ntuples.fast_reader.damage import damaged
from columnar_af.ntuples.fast_reader.jobs import Job, group_jobs
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.fast_reader.statistics import ReadStatistics

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


class Plan(Protocol):
    """How to decode the baskets of a column."""

    def jobs(self) -> list[Job]:
        """What may run in parallel."""
        ...

    def column(self) -> Column:
        """The entries of all baskets, when the jobs are done."""
        ...


def make_plan(
    kind: ColumnType,
    baskets: Sequence[Basket],
    first_entries: Integers,
    counts: Integers | None,
    statistics: ReadStatistics,
) -> Plan:
    """The plan for a column.

    Args:
        kind: What the branch holds.
        baskets: In the order of their entries.
        first_entries: First entry of each, for error messages.
        counts: Values per entry from the counter branch, if the baskets need it.
        statistics: Where time and bytes are counted.
    """
    if kind.kind is Kind.STRINGS:
        return _StringsPlan(baskets, first_entries, statistics)
    return _NumbersPlan(kind, baskets, first_entries, counts, statistics)


class _NumbersPlan:
    """Numbers: one per entry, or lists of them."""

    def __init__(
        self,
        kind: ColumnType,
        baskets: Sequence[Basket],
        first_entries: Integers,
        counts: Integers | None,
        statistics: ReadStatistics,
    ) -> None:
        self._kind = kind
        self._baskets = baskets
        self._counts = counts
        self._statistics = statistics
        self._first_entries = first_entries
        self._entries = np.cumsum([0, *(basket.entries for basket in baskets)], dtype=np.int64)
        self._values = np.cumsum([0, *(self._n_values(n) for n in range(len(baskets)))], dtype=np.int64)
        self._content = np.empty(int(self._values[-1]), dtype=kind.dtype)
        self._bits = self._content.view(f"u{kind.dtype.itemsize}")
        n_offsets = 0 if kind.kind is Kind.NUMBER else int(self._entries[-1]) + 1
        self._offsets = np.zeros(n_offsets, dtype=np.int64)

    def _n_values(self, number: int) -> int:
        """Values in a basket, from its header alone."""
        basket = self._baskets[number]
        headers = decode.VECTOR_HEADER * basket.entries if self._kind.kind is Kind.VECTOR else 0
        values, rest = divmod(basket.data_bytes - headers, self._kind.dtype.itemsize)
        if rest or values < 0 or (self._kind.kind is Kind.NUMBER and values != basket.entries):
            msg = f"a basket of {basket.entries} entries of {self._kind.dtype} has {basket.data_bytes} bytes"
            raise self._damaged(msg, number, 0)
        return values

    def jobs(self) -> list[Job]:
        """See :class:`Plan`."""
        return group_jobs([basket.data_bytes for basket in self._baskets], self._decode)

    def column(self) -> Column:
        """See :class:`Plan`."""
        return Column(self._content, None if self._kind.kind is Kind.NUMBER else self._offsets)

    def _decode(self, number: int) -> None:
        started = time.thread_time()
        data, starts = self._baskets[number].contents(starts=self._kind.kind is Kind.COUNTED)
        inflated = time.thread_time()
        if len(data) != self._baskets[number].data_bytes:
            msg = f"a basket has {len(data)} bytes of values, not {self._baskets[number].data_bytes}"
            raise self._damaged(msg, number, 0)
        first, written = int(self._entries[number]), int(self._values[number])
        if self._kind.kind is Kind.VECTOR:
            reached = decode.vectors(
                data, self._baskets[number].entries, self._bits, written, self._offsets, first
            )
        else:
            self._swap(data, written)
            reached = self._place(starts, number, first, written)
        if reached != self._values[number + 1]:
            what = "the count of an entry does not agree with its bytes"
            raise self._damaged(what, number, -1 - reached if reached < 0 else 0)
        self._statistics.add_decoded(len(data), inflated - started, time.thread_time() - inflated)

    def _swap(self, data: Bytes, written: int) -> None:
        values = data.view(self._kind.dtype.newbyteorder(">"))
        self._content[written : written + len(values)] = values

    def _place(self, starts: Integers | None, number: int, first: int, written: int) -> int:
        """Fill the offsets of numbers that have no header; returns like the kernels."""
        room = int(self._values[number + 1]) - written
        if self._kind.kind is Kind.NUMBER:
            return written + room
        if starts is not None:
            return int(
                decode.starts_to_offsets(starts, self._kind.dtype.itemsize, written, self._offsets, first)
            )
        if self._counts is None:
            msg = "a basket has neither entry offsets nor a branch that counts its values"
            raise self._damaged(msg, number, 0)
        counts = self._counts[first : int(self._entries[number + 1])]
        return int(decode.counts_to_offsets(counts, room, written, self._offsets, first))

    def _damaged(self, message: str, number: int, entry: int) -> ReadError:
        return damaged(message, int(self._first_entries[number]) + entry)


class _StringsPlan:
    """Lists of strings. Baskets that are the same byte for byte, as trigger names often are, are inflated once."""

    def __init__(
        self, baskets: Sequence[Basket], first_entries: Integers, statistics: ReadStatistics
    ) -> None:
        self._baskets = baskets
        self._statistics = statistics
        self._first_entries = first_entries
        self._same_as = _repeated(baskets)
        self._data: list[Bytes] = [np.empty(0, dtype=np.uint8)] * len(baskets)
        self._strings = np.zeros(len(baskets), dtype=np.int64)
        self._letters = np.zeros(len(baskets), dtype=np.int64)

    def jobs(self) -> list[Job]:
        """See :class:`Plan`."""
        sizes = [
            basket.data_bytes if self._same_as[number] == number else 0
            for number, basket in enumerate(self._baskets)
        ]
        return group_jobs(sizes, self._inflate)

    def _inflate(self, number: int) -> None:
        if self._same_as[number] != number:
            return
        started = time.thread_time()
        basket = self._baskets[number]
        data = basket.contents(starts=False)[0]
        inflated = time.thread_time()
        strings, letters = decode.count_strings(data, basket.entries)
        if strings < 0:
            msg = "the lengths of an entry's strings do not agree with its bytes"
            raise damaged(msg, int(self._first_entries[number]) - 1 - int(strings))
        self._data[number], self._strings[number], self._letters[number] = data, strings, letters
        self._statistics.add_decoded(len(data), inflated - started, time.thread_time() - inflated)

    def column(self) -> Column:
        """See :class:`Plan`."""
        started = time.thread_time()
        strings, letters = self._strings[self._same_as], self._letters[self._same_as]
        content = np.empty(int(letters.sum()), dtype=np.uint8)
        string_offsets = np.zeros(int(strings.sum()) + 1, dtype=np.int64)
        offsets = np.zeros(sum(basket.entries for basket in self._baskets) + 1, dtype=np.int64)
        n_strings, n_letters, first = 0, 0, 0
        for number, basket in enumerate(self._baskets):
            data = self._data[self._same_as[number]]
            decode.fill_strings(
                data, basket.entries, content, n_letters, string_offsets, n_strings, offsets, first
            )
            n_strings += int(strings[number])
            n_letters += int(letters[number])
            first += basket.entries
        self._statistics.add_decoded(0, 0.0, time.thread_time() - started)
        return Column(content, offsets, string_offsets)


def _repeated(baskets: Sequence[Basket]) -> npt.NDArray[np.int64]:
    """For each basket the number of the first one with the same compressed bytes and entries."""
    seen: dict[Any, int] = {}
    same_as = np.arange(len(baskets), dtype=np.int64)
    for number, basket in enumerate(baskets):
        if isinstance(basket, StoredBasket):
            same_as[number] = seen.setdefault(basket_digest(basket), number)
    return same_as


def basket_digest(basket: StoredBasket) -> tuple[int, int, bytes]:
    """What identifies the contents of a basket without inflating it: entries, size, and 128 bits of its bytes' hash."""
    return basket.entries, basket.object_bytes, xxhash.xxh3_128_digest(basket.payload.data)
