"""Columns of a block of events, and the bytes that ROOT stores for them: one std::vector per entry.

An entry of a ``std::vector<T>`` branch is a header of ten bytes (byte count, class version, number of items) and the
items, big-endian; a string is its length in one byte and its characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numba as nb
import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 10
"""Byte count (4), version (2), number of items (4)."""

VECTOR_VERSION = 9
"""The class version that CMSSW's ROOT writes in front of a std::vector of numbers or strings."""

LONGEST_STRING = 254
"""Longer strings have a longer length field, which no trigger name needs."""


@dataclass(frozen=True)
class Ragged:
    """A vector per entry: entry ``i`` is ``content[offsets[i]:offsets[i + 1]]``.

    Attributes:
        content: All items, one behind the other.
        offsets: ``(entries + 1,)``, starting with 0, not decreasing.
    """

    content: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.offsets) - 1

    @classmethod
    def from_counts(cls, content: NDArray[Any], counts: NDArray[np.integer[Any]]) -> Ragged:
        """The vectors with ``counts`` items each."""
        return cls(content, offsets_of(counts))


@dataclass(frozen=True)
class RaggedStrings:
    """A vector of strings per entry.

    Attributes:
        characters: All characters, as bytes.
        string_offsets: ``(strings + 1,)`` offsets into ``characters``.
        offsets: ``(entries + 1,)`` offsets into the strings.
    """

    characters: NDArray[np.uint8]
    string_offsets: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.offsets) - 1


Column = NDArray[Any] | Ragged | RaggedStrings
"""The values of one branch for a block of entries; awkward arrays are turned into one of these."""


@dataclass(frozen=True)
class EntryBytes:
    """The serialized entries of one branch: entry ``i`` is ``data[starts[i]:starts[i + 1]]``."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.starts) - 1


def offsets_of(counts: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """``(n + 1,)`` offsets of ``n`` counts."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def as_column(values: Any) -> Column:
    """``values`` as a :data:`Column`; awkward arrays of numbers or strings, one level deep, are accepted."""
    if isinstance(values, Ragged | RaggedStrings):
        return values
    if not isinstance(values, ak.Array):
        return np.asarray(values)
    if values.ndim == 1:
        return np.asarray(ak.to_numpy(values))
    layout = ak.to_layout(ak.to_packed(values)).to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets)
    if layout.content.parameter("__array__") != "string":
        return Ragged(np.asarray(ak.to_numpy(layout.content)), offsets)
    strings = layout.content.to_ListOffsetArray64(True)
    return RaggedStrings(np.asarray(strings.content.data), np.asarray(strings.offsets), offsets)


@nb.njit(cache=True, nogil=True)
def _insert_headers(
    body: NDArray[np.uint8],
    body_starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    version: int,
    out: NDArray[np.uint8],
) -> None:
    """Copy each entry of ``body`` to ``out`` behind its header."""
    position = 0
    for entry in range(len(counts)):
        size = body_starts[entry + 1] - body_starts[entry]
        for shift in range(4):
            out[position + shift] = ((6 + size) >> (24 - 8 * shift)) & 255
            out[position + 6 + shift] = (counts[entry] >> (24 - 8 * shift)) & 255
        out[position] |= 0x40  # kByteCountMask
        out[position + 4] = 0
        out[position + 5] = version
        out[position + 10 : position + 10 + size] = body[body_starts[entry] : body_starts[entry + 1]]
        position += 10 + size


def _with_headers(
    body: NDArray[np.uint8], body_starts: NDArray[np.int64], counts: NDArray[np.int64]
) -> EntryBytes:
    starts = body_starts + HEADER_BYTES * np.arange(len(body_starts))
    data = np.empty(starts[-1], np.uint8)
    _insert_headers(body, body_starts, counts, VECTOR_VERSION, data)
    return EntryBytes(data, starts)


def _big_endian(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    swapped = np.ascontiguousarray(values).astype(dtype.newbyteorder(">"))
    return swapped.view(np.uint8).reshape(-1)


def scalar_entries(values: NDArray[Any], dtype: np.dtype[Any]) -> EntryBytes:
    """The entries of a branch with one number each."""
    return EntryBytes(_big_endian(values, dtype), dtype.itemsize * np.arange(len(values) + 1))


def vector_entries(values: Ragged, dtype: np.dtype[Any]) -> EntryBytes:
    """The entries of a branch with a ``std::vector`` of numbers each."""
    content = values.content[: values.offsets[-1]]
    return _with_headers(
        _big_endian(content, dtype), values.offsets * dtype.itemsize, np.diff(values.offsets)
    )


def string_entries(values: RaggedStrings) -> EntryBytes:
    """The entries of a branch with a ``std::vector<std::string>`` each.

    Raises:
        ValueError: A string has more than 254 bytes.
    """
    lengths = np.diff(values.string_offsets)
    if len(lengths) and lengths.max() > LONGEST_STRING:
        msg = f"a string of {lengths.max()} bytes cannot be written, the longest is {LONGEST_STRING}"
        raise ValueError(msg)
    # each string is preceded by a byte with its length
    positions = values.string_offsets + np.arange(len(values.string_offsets))
    body = np.empty(positions[-1], np.uint8)
    is_length = np.zeros(len(body), np.bool_)
    is_length[positions[:-1]] = True
    body[is_length] = lengths
    body[~is_length] = values.characters[: values.string_offsets[-1]]
    return _with_headers(body, positions[values.offsets], np.diff(values.offsets))
