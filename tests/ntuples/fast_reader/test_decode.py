"""The kernels against plain Python, and against bytes that contradict themselves."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columnar_af.ntuples.fast_reader import decode

lists = st.lists(st.lists(st.integers(0, 255), max_size=6), max_size=6)
texts = st.lists(st.lists(st.binary(max_size=300), max_size=4), max_size=5)


def serialized(entries: list[list[int]], size: int) -> np.ndarray:
    """Entries of a std::vector of unsigned integers, as ROOT writes them."""
    data = b""
    for entry in entries:
        data += struct.pack(">IHI", 0x40000000 | (6 + size * len(entry)), 9, len(entry))
        data += b"".join(value.to_bytes(size, "big") for value in entry)
    return np.frombuffer(data, dtype=np.uint8)


def serialized_strings(entries: list[list[bytes]]) -> np.ndarray:
    """Entries of a std::vector<std::string>."""
    data = b""
    for entry in entries:
        body = b""
        for text in entry:
            body += bytes([len(text)]) if len(text) < 255 else b"\xff" + struct.pack(">I", len(text))
            body += text
        data += struct.pack(">IHI", 0x40000000 | (6 + len(body)), 9, len(entry)) + body
    return np.frombuffer(data, dtype=np.uint8)


def unpack_vectors(data: np.ndarray, entries: int, size: int, room: int) -> tuple[int, list[list[int]]]:
    """Run the kernel behind three values and two entries that are there already."""
    bits, offsets = np.zeros(3 + room, dtype=f"u{size}"), np.zeros(3 + entries, dtype=np.int64)
    offsets[2] = 3
    reached = decode.vectors(data, entries, bits, 3, offsets, 2)
    pairs = itertools.pairwise(offsets[2:])
    return reached, [bits[first:last].tolist() for first, last in pairs]


@settings(max_examples=60, deadline=None)
@given(entries=lists, size=st.sampled_from([1, 2, 4, 8]))
def test_vectors(entries: list[list[int]], size: int) -> None:
    """Every width."""
    total = sum(map(len, entries))
    reached, values = unpack_vectors(serialized(entries, size), len(entries), size, total)
    assert reached == 3 + total
    assert values == entries


@settings(max_examples=200, deadline=None)
@given(entries=lists, data=st.data())
def test_vectors_with_a_changed_byte(entries: list[list[int]], data: st.DataObject) -> None:
    """Never beyond the arrays; a changed count is found in its entry."""
    raw = serialized(entries, 4).copy()
    if len(raw) == 0:
        return
    place = data.draw(st.integers(0, len(raw) - 1))
    change = data.draw(st.integers(1, 255))
    raw[place] ^= change
    total = sum(map(len, entries))
    reached, _ = unpack_vectors(raw, len(entries), 4, total)
    starts = np.cumsum([0, *(10 + 4 * len(entry) for entry in entries)])
    entry = int(np.searchsorted(starts, place, side="right")) - 1
    in_count = place - starts[entry] in (0, 1, 2, 3, 6, 7, 8, 9)
    assert reached == (-1 - entry if in_count else 3 + total)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=80), entries=st.integers(0, 5), size=st.sampled_from([1, 2, 4, 8]))
def test_vectors_of_nonsense(raw: bytes, entries: int, size: int) -> None:
    """Any bytes end with a number."""
    reached, _ = unpack_vectors(np.frombuffer(raw, dtype=np.uint8), entries, size, 4)
    assert -1 - entries <= reached <= 7


def unpack_strings(data: np.ndarray, entries: int) -> list[list[bytes]]:
    """Count, then fill behind two letters, one string and one entry that are there already."""
    strings, letters = decode.count_strings(data, entries)
    content = np.zeros(2 + letters, dtype=np.uint8)
    string_offsets, offsets = np.zeros(2 + strings, dtype=np.int64), np.zeros(2 + entries, dtype=np.int64)
    string_offsets[1], offsets[1] = 2, 1
    decode.fill_strings(data, entries, content, 2, string_offsets, 1, offsets, 1)
    assert offsets[-1] == 1 + strings
    return [
        [content[string_offsets[n] : string_offsets[n + 1]].tobytes() for n in range(first, last)]
        for first, last in itertools.pairwise(offsets[1:])
    ]


@settings(max_examples=100, deadline=None)
@given(entries=texts, repeats=st.integers(1, 3))
def test_strings(entries: list[list[bytes]], repeats: int) -> None:
    """Also long ones, empty ones, and entries like the one before."""
    repeated = [entry for entry in entries for _ in range(repeats)]
    assert unpack_strings(serialized_strings(repeated), len(repeated)) == repeated


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=120), entries=st.integers(0, 4))
def test_strings_of_nonsense(raw: bytes, entries: int) -> None:
    """Any bytes are counted, or refused."""
    strings, letters = decode.count_strings(np.frombuffer(raw, dtype=np.uint8), entries)
    assert -1 - entries <= strings <= len(raw)
    assert 0 <= letters <= len(raw)


@settings(max_examples=100, deadline=None)
@given(entries=st.lists(st.lists(st.binary(max_size=20), max_size=3), min_size=1, max_size=4), data=st.data())
def test_strings_with_a_changed_byte(entries: list[list[bytes]], data: st.DataObject) -> None:
    """What the count accepts can be filled."""
    raw = serialized_strings(entries).copy()
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if decode.count_strings(raw, len(entries))[0] >= 0:
        unpack_strings(raw, len(entries))


@pytest.mark.parametrize(
    ("starts", "expected"),
    [([0, 8, 8, 12], 13), ([0, 8, 4], -2), ([0, 6], -1), ([4, 8], -1), ([0], 10)],
    ids=["good", "backwards", "half a value", "late", "empty"],
)
def test_entry_starts(starts: list[int], expected: int) -> None:
    """Values of four bytes, ten values before."""
    offsets = np.zeros(len(starts), dtype=np.int64)
    assert decode.starts_to_offsets(np.array(starts), 4, 10, offsets, 0) == expected


@pytest.mark.parametrize(
    ("counts", "room", "expected"),
    [([2, 0, 3], 5, 15), ([2, -1, 4], 5, -2), ([2, 9], 5, -2), ([2, 1], 5, -3), ([], 0, 10)],
    ids=["good", "negative", "too many", "too few", "empty"],
)
def test_counts(counts: list[int], room: int, expected: int) -> None:
    """The counter branch has to use up the values of a basket."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    assert decode.counts_to_offsets(np.array(counts, dtype=np.int64), room, 10, offsets, 0) == expected


@settings(max_examples=50, deadline=None)
@given(size=st.integers(0, 700), change=st.integers(0, 699))
def test_same_bytes(size: int, change: int) -> None:
    """Across the border of its blocks."""
    data = np.tile(np.arange(size, dtype=np.uint8), 2)
    assert decode.same_bytes(data, 0, size, size)
    if change < size:
        data[change] ^= 1
        assert not decode.same_bytes(data, 0, size, size)
