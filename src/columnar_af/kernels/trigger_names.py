"""Whether any of the wanted triggers fired, where each event stores the names of all triggers.

The names are the same in nearly every event, so they are searched once and then only compared, byte by byte, with those of
the event where they were searched last. No name is ever decoded to a Python string.
"""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numba as nb
import numpy as np
import numpy.typing as npt

from columnar_af.kernels.jagged import flat_numbers, on_any_backend, require_equal

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@nb.njit(nogil=True, cache=True)
def _contains(text: Bytes, pattern: Bytes, exact: bool) -> bool:
    if exact and len(text) != len(pattern):
        return False
    for shift in range(len(text) - len(pattern) + 1):
        equal = True
        for place in range(len(pattern)):
            if text[shift + place] != pattern[place]:
                equal = False
                break
        if equal:
            return True
    return False


@nb.njit(nogil=True, cache=True)
def _same_names(
    letters: Bytes, letter_offsets: Offsets, start: int, stop: int, other_start: int, other_stop: int
) -> bool:
    """Whether names ``start:stop`` equal names ``other_start:other_stop``."""
    if stop - start != other_stop - other_start:
        return False
    shift = letter_offsets[other_start] - letter_offsets[start]
    for name in range(stop - start + 1):
        if letter_offsets[other_start + name] - letter_offsets[start + name] != shift:
            return False
    here = letters[letter_offsets[start] : letter_offsets[stop]]
    there = letters[letter_offsets[other_start] : letter_offsets[other_stop]]
    different = np.uint8(0)
    for letter in range(
        len(here)
    ):  # no early end: the names are nearly always equal, and this loop is vectorised
        different |= here[letter] ^ there[letter]
    return different == 0


@nb.njit(nogil=True, cache=True)
def _search(
    letters: Bytes,
    letter_offsets: Offsets,
    start: int,
    stop: int,
    patterns: Bytes,
    pattern_offsets: Offsets,
    exact: bool,
    wanted: Bools,
) -> None:
    """Set ``wanted[start:stop]`` where a name contains (or is) a pattern."""
    for name in range(start, stop):
        text = letters[letter_offsets[name] : letter_offsets[name + 1]]
        for number in range(len(pattern_offsets) - 1):
            pattern = patterns[pattern_offsets[number] : pattern_offsets[number + 1]]
            if _contains(text, pattern, exact):
                wanted[name] = True
                break


@nb.njit(nogil=True, cache=True)
def any_fired_kernel(
    letters: Bytes,
    letter_offsets: Offsets,
    offsets: Offsets,
    decisions: npt.NDArray[np.int64],
    patterns: Bytes,
    pattern_offsets: Offsets,
    exact: bool,
) -> Bools:
    """Flat form of :func:`any_fired`.

    Args:
        letters: Shape (letters,), the bytes of all names.
        letter_offsets: Shape (names + 1,), where each name begins.
        offsets: Shape (events + 1,), where the names of each event begin.
        decisions: Shape (names,).
        patterns, pattern_offsets: The bytes of all patterns, and where each begins.
        exact: Whether a name has to be a pattern, not only contain it.

    Returns:
        Shape (events,).
    """
    events = len(offsets) - 1
    fired = np.zeros(events, dtype=np.bool_)
    wanted = np.zeros(len(letter_offsets) - 1, dtype=np.bool_)
    known_start, known_stop = np.int64(0), np.int64(0)
    for event in range(events):
        start, stop = offsets[event], offsets[event + 1]
        if not _same_names(letters, letter_offsets, start, stop, known_start, known_stop):
            _search(letters, letter_offsets, start, stop, patterns, pattern_offsets, exact, wanted)
            known_start, known_stop = start, stop
        for name in range(stop - start):
            if wanted[known_start + name] and decisions[start + name] == 1:
                fired[event] = True
                break
    return fired


def any_fired(
    names: ak.Array, decisions: ak.Array, patterns: Sequence[str], *, exact: bool = False
) -> ak.Array:
    """Whether any trigger whose name contains any of the patterns has decision 1, event by event.

    Args:
        names: A list of strings per event.
        decisions: A list of integers per event, of the same lengths; a missing value did not fire.
        patterns: What to look for in the names. Keep the ``_v`` of a path's name: without it, the names of other paths
            begin the same.
        exact: The name has to be the pattern, not only contain it; for level-1 seeds, which have no version.

    Returns:
        One bool per event; False where there are no patterns.

    Raises:
        TypeError: ``patterns`` is a string.
        ValueError: A pattern is empty, or the lengths of names and decisions differ.
    """
    if isinstance(patterns, str):
        msg = f"patterns: expected a sequence of strings, got the string {patterns!r}"
        raise TypeError(msg)
    if any(not pattern for pattern in patterns):
        msg = f"patterns: an empty pattern is in every name; got {tuple(patterns)!r}"
        raise ValueError(msg)
    return _any_fired(names, decisions, patterns=tuple(patterns), exact=exact)


def _one_bool_per_event(names: ak.Array, decisions: ak.Array) -> ak.Array:
    del names
    return ak.num(decisions, axis=1) > 0


@on_any_backend(_one_bool_per_event)
def _any_fired(names: ak.Array, decisions: ak.Array, *, patterns: tuple[str, ...], exact: bool) -> ak.Array:
    letters, letter_offsets, offsets = _flat_strings(names)
    values, decision_offsets = flat_numbers(decisions, 0)
    require_equal(offsets, decision_offsets, "names and decisions")
    encoded = [pattern.encode() for pattern in patterns]
    joined = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    ends = np.cumsum([0, *(len(pattern) for pattern in encoded)]).astype(np.int64)
    return ak.Array(
        any_fired_kernel(letters, letter_offsets, offsets, values.astype(np.int64), joined, ends, exact)
    )


def _flat_strings(names: ak.Array) -> tuple[Bytes, Offsets, Offsets]:
    """Bytes of all strings, where each string begins, and where the strings of each event begin."""
    lists = ak.fill_none(ak.materialize(names), [], axis=0)
    offsets = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum(ak.to_numpy(ak.num(lists, axis=1)), out=offsets[1:])
    strings = ak.fill_none(ak.flatten(lists, axis=1), "")
    layout = ak.to_layout(ak.to_packed(strings)).to_ListOffsetArray64(True)
    letters = (
        ak.to_numpy(layout.content).view(np.uint8) if len(layout.content) else np.zeros(0, dtype=np.uint8)
    )
    return letters, np.asarray(layout.offsets.data), offsets
