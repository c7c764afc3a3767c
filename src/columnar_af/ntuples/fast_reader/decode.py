"""Kernels that turn the uncompressed bytes of a basket into native values, and check each count against the bytes.

ROOT writes numbers with the highest byte first. An entry of a ``std::vector`` begins with ten bytes: a byte count with a
flag, a version, and the number of items.

A kernel returns where it stopped writing, or ``-1 - entry`` (entry counted in the basket) where the bytes contradict
themselves. Nothing is written outside the given arrays, whatever the bytes say.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Bits = npt.NDArray[Any]
"""Unsigned integers as wide as the values."""

VECTOR_HEADER = 10
COUNTED_FLAG = 0x40000000
"""TBuffer's kByteCountMask."""

LONG_STRING = 255
"""A string of this length or more has its length in the four bytes behind this one."""


@intrinsic
def _load(_context: Any, data: Any, place: Any, like: Any) -> Any:
    """The item of ``like``'s type at byte ``place`` of ``data``, wherever it lies: numba has no unaligned load."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        kind = context.get_value_type(signature.return_type)
        address = builder.bitcast(builder.gep(array.data, [values[1]]), ir.PointerType(kind))
        return builder.load(address, align=1)

    return like.dtype(data, place, like), generate


@intrinsic
def _swapped(_context: Any, value: Any) -> Any:
    """``value`` with its bytes in reverse order; compiles to vector shuffles, where shifts and masks do not."""

    def generate(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bswap(values[0]) if signature.return_type.bitwidth > 8 else values[0]

    return value(value), generate


@nb.njit(nogil=True, cache=True, inline="always")
def _four_bytes(data: Bytes, place: int) -> int:
    return int(
        (np.int64(data[place]) << 24)
        | (np.int64(data[place + 1]) << 16)
        | (np.int64(data[place + 2]) << 8)
        | np.int64(data[place + 3])
    )


@nb.njit(nogil=True, cache=True)
def vectors(data: Bytes, entries: int, bits: Bits, written: int, offsets: Integers, first: int) -> int:
    """Decode entries of ``std::vector<number>``.

    Args:
        data: Bytes of the basket.
        entries: Number of entries in it.
        bits: Content of the column as unsigned integers; filled from ``written`` on.
        written: Values that are in ``bits`` already.
        offsets: Offsets of the column; ``offsets[first + 1 : first + 1 + entries]`` is filled.
        first: Entries that are in ``offsets`` already.

    Returns:
        ``written`` plus the number of new values, or ``-1 - entry`` for damaged bytes.
    """
    place, end, size = 0, len(data), bits.itemsize
    room = len(bits)
    for entry in range(entries):
        if place + VECTOR_HEADER > end:
            return -1 - entry
        count = _four_bytes(data, place + 6)
        follow = count * size
        if _four_bytes(data, place) != (COUNTED_FLAG | (follow + 6)):
            return -1 - entry
        place += VECTOR_HEADER
        if follow > end - place or written + count > room:
            return -1 - entry
        for item in range(count):
            bits[written + item] = _swapped(_load(data, place + item * size, bits))
        place += follow
        written += count
        offsets[first + 1 + entry] = written
    return written if place == end else -1 - entries


@nb.njit(nogil=True, cache=True)
def starts_to_offsets(starts: Integers, size: int, written: int, offsets: Integers, first: int) -> int:
    """Entry offsets in bytes, as a basket lists them, into offsets of the column.

    Args:
        starts: Byte where each entry begins, and where the last ends, shape ``(entries + 1,)``.
        size: Bytes of an item.
        written: Values of the column before this basket.
        offsets, first: As in :func:`vectors`.

    Returns:
        ``written`` plus the number of values, or ``-1 - entry`` for damaged offsets.
    """
    if starts[0] != 0:
        return -1
    for entry in range(len(starts) - 1):
        follow = starts[entry + 1] - starts[entry]
        if follow < 0 or follow % size != 0:
            return -1 - entry
        offsets[first + 1 + entry] = written + starts[entry + 1] // size
    return int(written + starts[-1] // size)


@nb.njit(nogil=True, cache=True)
def counts_to_offsets(counts: Integers, room: int, written: int, offsets: Integers, first: int) -> int:
    """Counts from a counter branch into offsets of the column; they must use up the ``room`` values of the basket."""
    total = 0
    for entry in range(len(counts)):
        if counts[entry] < 0 or counts[entry] > room - total:
            return -1 - entry
        total += int(counts[entry])
        offsets[first + 1 + entry] = written + total
    return written + total if total == room else -1 - len(counts)


@nb.njit(nogil=True, cache=True)
def _string_at(data: Bytes, place: int, end: int) -> tuple[int, int]:
    """First letter and length of the string at ``place``; length -1 where it does not fit before ``end``."""
    if place >= end:
        return place, -1
    length = int(data[place])
    place += 1
    if length == LONG_STRING:
        if place + 4 > end:
            return place, -1
        length = _four_bytes(data, place)
        place += 4
    if length > end - place:
        return place, -1
    return place, length


@nb.njit(nogil=True, cache=True)
def count_strings(data: Bytes, entries: int) -> tuple[int, int]:
    """Numbers of strings and of letters in a basket of ``std::vector<std::string>``; ``(-1 - entry, 0)`` if damaged."""
    place, end = 0, len(data)
    strings, letters = 0, 0
    for entry in range(entries):
        if place + VECTOR_HEADER > end:
            return -1 - entry, 0
        stop = place + 4 + (_four_bytes(data, place) & ~COUNTED_FLAG)
        count = _four_bytes(data, place + 6)
        place += VECTOR_HEADER
        if stop > end or count > stop - place:
            return -1 - entry, 0
        for _ in range(count):
            place, length = _string_at(data, place, stop)
            if length < 0:
                return -1 - entry, 0
            place += length
            letters += length
        if place != stop:
            return -1 - entry, 0
        strings += count
    return (strings, letters) if place == end else (-1 - entries, 0)


@nb.njit(nogil=True, cache=True)
def same_bytes(data: Bytes, first: int, second: int, count: int) -> bool:
    """Whether ``count`` bytes from ``first`` on equal those from ``second`` on; compared in blocks that vectorise."""
    word = np.empty(1, dtype=np.uint64)
    place = 0
    while place + 256 <= count:
        difference = np.uint64(0)
        for step in range(32):
            difference |= _load(data, first + place + 8 * step, word) ^ _load(
                data, second + place + 8 * step, word
            )
        if difference != 0:
            return False
        place += 256
    for rest in range(place, count):  # noqa: SIM110  numba has no all()
        if data[first + rest] != data[second + rest]:
            return False
    return True


@nb.njit(nogil=True, cache=True)
def fill_strings(
    data: Bytes,
    entries: int,
    letters: Bytes,
    n_letters: int,
    string_offsets: Integers,
    n_strings: int,
    offsets: Integers,
    first: int,
) -> None:
    """Decode entries of ``std::vector<std::string>`` that :func:`count_strings` has checked.

    Trigger names are the same in nearly every event: an entry whose bytes equal those of the entry before is copied whole.

    Args:
        data, entries: The basket.
        letters, n_letters: Letters of the column, and how many are there already.
        string_offsets, n_strings: Where each string of the column begins, and how many are there already.
        offsets, first: Where each entry's strings begin, and how many entries are there already.
    """
    place = 0
    before, before_bytes, before_letters = 0, -1, 0
    for entry in range(entries):
        size = 4 + (_four_bytes(data, place) & ~COUNTED_FLAG)
        count = _four_bytes(data, place + 6)
        start_letters = n_letters
        if size == before_bytes and same_bytes(data, before, place, size):
            length = n_letters - before_letters
            letters[n_letters : n_letters + length] = letters[before_letters:n_letters]
            for string in range(count):
                string_offsets[n_strings + 1 + string] = (
                    string_offsets[n_strings - count + 1 + string] + length
                )
            n_letters += length
        else:
            inside = place + VECTOR_HEADER
            for string in range(count):
                inside, length = _string_at(data, inside, place + size)
                for letter in range(length):
                    letters[n_letters + letter] = data[inside + letter]
                inside += length
                n_letters += length
                string_offsets[n_strings + 1 + string] = n_letters
        before, before_bytes, before_letters = place, size, start_letters
        n_strings += count
        place += size
        offsets[first + 1 + entry] = n_strings
