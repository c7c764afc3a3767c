"""The steps between file and events, on random lists, against plain Python."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m import transforms
from columnar_af.ntuples.t3m.columns import Repair

NUMBERS = st.sampled_from([-999.0, -99.0, 1.0, 1.5, 2.0, 3.0, 40.0])
EVENTS = st.lists(st.lists(NUMBERS, max_size=6), max_size=6)


def jagged(events: list[list[float]]) -> ak.Array:
    return ak.Array(
        ak.contents.ListOffsetArray(
            ak.index.Index64(np.cumsum([0, *map(len, events)])),
            ak.contents.NumpyArray(
                np.array([value for event in events for value in event], dtype=np.float64)
            ),
        )
    )


def matched(events: list[list[float]], counts: list[int], repair: Repair) -> list[list[float]]:
    counter = jagged([[0.0] * count for count in counts])
    stack: list[Any] = [jagged(events), counter, "a", "b", repair.value, "@"]
    transforms.t3m_matched(stack)
    assert len(stack) == 1
    return ak.to_list(stack[0])


def repaired_plainly(event: list[float], count: int, repair: Repair) -> list[float]:
    if len(event) <= count or repair is Repair.NONE:
        return event
    if repair is Repair.BELOW_TWO:
        return [value for value in event if value >= 2]
    kept: list[float] = []
    doubled = False
    for value in event:
        if value == -999.0 and doubled:
            doubled = False
            continue
        doubled = value == -999.0
        kept.append(value)
    return kept


@given(EVENTS, st.lists(st.integers(0, 6), max_size=6), st.sampled_from(list(Repair)))
def test_lengths_are_mended_or_refused_as_by_plain_python(
    events: list[list[float]], counts: list[int], repair: Repair
) -> None:
    counts = (counts + [len(event) for event in events[len(counts) :]])[: len(events)]
    expected = [repaired_plainly(event, count, repair) for event, count in zip(events, counts, strict=True)]
    wrong = [n for n, (event, count) in enumerate(zip(expected, counts, strict=True)) if len(event) != count]
    if wrong:
        with pytest.raises(SchemaError, match=f"entry {wrong[0]} of the entries"):
            matched(events, counts, repair)
    else:
        assert matched(events, counts, repair) == expected


def test_numbers_of_entries_must_agree() -> None:
    with pytest.raises(SchemaError, match="entry 1 "):
        matched([[1.0]], [1, 1], Repair.BELOW_TWO)


@given(EVENTS, st.sets(NUMBERS), st.sampled_from([np.inf, 2.0]))
def test_present_is_neither_sentinel_nor_garbage(
    events: list[list[float]], sentinels: set[float], largest: float
) -> None:
    stack: list[Any] = [jagged(events), "|".join(map(repr, sentinels)), repr(largest)]
    transforms.t3m_present(stack)
    values = [value for event in events for value in event]
    assert stack[0].tolist() == [int(value not in sentinels and value <= largest) for value in values]


def test_a_slice_of_lists_is_read_from_its_own_beginning() -> None:
    events = jagged([[5.0], [6.0, 7.0], [8.0]])[1:]
    stack: list[Any] = [events]
    transforms.t3m_content(stack)
    assert stack[0].tolist() == [6.0, 7.0, 8.0]


@pytest.mark.parametrize("place", [("", None), ("root://host//a,b@c.root", 7), ("/data/ä b.root", 0)])
def test_file_and_entry_survive_the_form_key(place: tuple[str, int | None]) -> None:
    file, start = place
    metadata = {"filename": file} if start is None else {"filename": file, "entrystart": start}
    text = transforms.place_of(metadata)
    assert "," not in text
    address, first = transforms._address(text, "branch")
    assert (address.file or "", first) == place
