"""A kernel that reads, inflates and decodes the baskets of several columns of plain numbers in one call, without the GIL.

A tree per variation has a thousand baskets of 8 to 32 kB: what Python does for each of them takes as long as inflating it.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from columnar_af.ntuples.fast_reader.decode import _load, _swapped
from columnar_af.ntuples.fast_reader.native_calls import call_inflate, call_read

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

KEY_BYTES, TAIL_BYTES = 26, 19
"""Of the smallest key of a basket, and of what follows the key proper in it (see ``baskets.py``)."""

HEADER = 9
"""Bytes before a compressed block (see ``inflate.py``)."""

POSITION, SIZE, ENTRIES, ITEM, SKIP, TAKE, TARGET = range(7)
"""Columns of the table of baskets: position and bytes in the file, entries, bytes of a number, entries to leave out at the
beginning, entries to take, and the place in the output of the first one."""


@nb.njit(nogil=True, cache=True, inline="always")
def _big(data: Bytes, place: int, count: int) -> int:
    value = np.int64(0)
    for n in range(count):
        value = (value << 8) | np.int64(data[place + n])
    return int(value)


@nb.njit(nogil=True, cache=True, inline="always")
def _little(data: Bytes, place: int) -> int:
    return int(np.int64(data[place]) | (np.int64(data[place + 1]) << 8) | (np.int64(data[place + 2]) << 16))


@nb.njit(nogil=True, cache=True)
def _fetched(read: int, descriptor: int, position: int, size: int, packed: Bytes) -> bool:
    """Read ``size`` bytes of the file into ``packed``."""
    done = 0
    while done < size:
        got = call_read(read, descriptor, packed.ctypes.data + done, size - done, position + done)
        if got <= 0:
            return False
        done += got
    return True


@nb.njit(nogil=True, cache=True)
def _inflated(
    inflate: int, decompressor: int, packed: Bytes, start: int, stop: int, plain: Bytes, size: int
) -> bool:
    """Inflate the zlib blocks in ``packed[start:stop]`` to ``size`` bytes in ``plain``."""
    filled = 0
    while start < stop:
        if start + HEADER > stop or packed[start] != 90 or packed[start + 1] != 76:  # ZL
            return False
        n_packed, n_plain = _little(packed, start + 3), _little(packed, start + 6)
        start += HEADER
        if n_packed > stop - start or n_plain > size - filled:
            return False
        source, target = packed.ctypes.data + start, plain.ctypes.data + filled
        if call_inflate(inflate, decompressor, source, n_packed, target, n_plain) != 0:
            return False
        start += n_packed
        filled += n_plain
    return filled == size


@nb.njit(nogil=True, cache=True)
def _swap(data: Bytes, first: int, bits: Any, target: int, count: int) -> None:
    """``count`` numbers from byte ``first`` of ``data`` on, into ``bits`` from ``target`` on, in native byte order."""
    for n in range(count):
        bits[target + n] = _swapped(_load(data, first + n * bits.itemsize, bits))


@nb.njit(nogil=True, cache=True)
def _place(data: Bytes, first: int, item: int, output: Bytes, target: int, count: int) -> None:
    if item == 1:
        output[target : target + count] = data[first : first + count]
    elif item == 2:
        _swap(data, first, output.view(np.uint16), target // 2, count)
    elif item == 4:
        _swap(data, first, output.view(np.uint32), target // 4, count)
    else:
        _swap(data, first, output.view(np.uint64), target // 8, count)


@nb.njit(nogil=True, cache=True)
def read_flat(
    table: Integers,
    descriptor: int,
    read: int,
    inflate: int,
    decompressor: int,
    packed: Bytes,
    plain: Bytes,
    output: Bytes,
) -> int:
    """Read baskets of plain numbers.

    Args:
        table: One row per basket, shape (baskets, 7); see :data:`POSITION`.
        descriptor: Of the open file.
        read, inflate: Addresses of the functions; see :class:`~columnar_af.ntuples.fast_reader.native_calls.NativeCalls`.
        decompressor: Of libdeflate, for this call alone.
        packed, plain: Room for the largest basket, compressed and not.
        output: Takes the numbers; as long as a multiple of 8 bytes.

    Returns:
        The number of baskets; or, where that is less, the number of the first one that is not what the table promises, or not
        compressed with zlib: it is to be read in another way.
    """
    for number in range(len(table)):
        size, entries, item = table[number, SIZE], table[number, ENTRIES], table[number, ITEM]
        if not KEY_BYTES + TAIL_BYTES < size <= len(packed):
            return number
        if not _fetched(read, descriptor, table[number, POSITION], size, packed):
            return number
        n_plain, n_key = _big(packed, 6, 4), _big(packed, 14, 2)
        if (
            _big(packed, 0, 4) != size
            or n_key < KEY_BYTES + TAIL_BYTES
            or n_key >= size
            or n_plain > len(plain)
        ):
            return number
        counted, last = _big(packed, n_key - 9, 4), _big(packed, n_key - 5, 4)
        if counted != entries or last - n_key != entries * item or n_plain < entries * item:
            return number
        first, take, target = table[number, SKIP] * item, table[number, TAKE], table[number, TARGET]
        if size - n_key == n_plain:
            _place(packed, n_key + first, item, output, target, take)
        elif _inflated(inflate, decompressor, packed, n_key, size, plain, n_plain):
            _place(plain, first, item, output, target, take)
        else:
            return number
    return len(table)
