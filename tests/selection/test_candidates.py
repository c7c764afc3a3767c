"""Cuts on candidates, counted."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.selection import CandidateSelection, CutflowRow

VALUES = ak.Array([[1.0, 5.0], [], [2.0], [None, 7.0]])
WEIGHTS = ak.Array([1.0, 2.0, 0.5, 3.0])


def test_same_candidate_must_pass_all_cuts():
    """An event in which one candidate passes the first cut and another the second is rejected."""
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.add("low", VALUES < 3)
    selection.add("high", VALUES > 4)
    assert ak.to_list(selection.passing) == [[False, False], [], [False], [False, False]]
    assert selection.cutflow()["high"] == CutflowRow("high")


def test_missing_never_passes_whichever_way_the_cut_goes():
    above, below = CandidateSelection(VALUES, WEIGHTS), CandidateSelection(VALUES, WEIGHTS)
    above.add("cut", VALUES > 6)
    below.add("cut", VALUES <= 6)
    assert ak.to_list(above.passing)[3] == [False, True]
    assert ak.to_list(below.passing)[3] == [False, False]


def test_counts_and_weights():
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.add("all", ak.ones_like(WEIGHTS, dtype=bool))
    selection.add("trigger", ak.Array([True, True, False, True]))
    selection.add("value", VALUES > 4)
    rows = selection.cutflow()
    assert rows["all"] == CutflowRow("all", 4, 5, 6.5, 1 + 4 + 0.25 + 9)
    assert rows["trigger"] == CutflowRow("trigger", 3, 4, 6.0, 14.0), (
        "an event without candidates still counts here"
    )
    assert rows["value"] == CutflowRow("value", 2, 2, 4.0, 10.0)


def test_skipped_cut_repeats_the_row_before_and_says_why():
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.add("value", VALUES > 4, "fall-back used")
    selection.skip("flight", "branch absent")
    first, second = selection.cutflow()
    assert first.notes == ("fall-back used",)
    assert (second.events, second.candidates, second.applied) == (first.events, first.candidates, False)
    assert second.note == "not applied: branch absent"


def test_each_cut_once():
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.add("value", VALUES > 4)
    with pytest.raises(ValueError, match="'value' is applied twice"):
        selection.add("value", VALUES > 5)


def test_all_but_leaves_out_the_named_cuts():
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.add("low", VALUES < 3)
    selection.add("high", VALUES > 4)
    assert ak.to_list(selection.all_but("low")) == [[False, True], [], [False], [False, True]]
    assert ak.to_list(selection.all_but("low", "high")) == [[True, True], [], [True], [True, True]]


@given(
    st.lists(st.lists(st.floats(-5, 5), max_size=4), min_size=1, max_size=8),
    st.lists(st.floats(-5, 5), min_size=1, max_size=4),
)
def test_agrees_with_a_loop(values, thresholds):
    """Counts of a sequence of cuts against a plain loop, and each cut only ever narrows."""
    jagged = ak.values_astype(
        ak.unflatten(np.array([v for event in values for v in event]), [len(e) for e in values]), float
    )
    selection = CandidateSelection(jagged, ak.ones_like(ak.num(jagged), dtype=float))
    for number, threshold in enumerate(thresholds):
        selection.add(f"cut {number}", jagged > threshold)
    for number, row in enumerate(selection.cutflow()):
        survivors = [[v for v in event if all(v > t for t in thresholds[: number + 1])] for event in values]
        assert row.candidates == sum(map(len, survivors))
        assert row.events == sum(map(bool, survivors)) == row.sumw


def test_a_cut_applied_in_part_narrows_and_is_reported():
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.skip("identification", "no medium flag", VALUES > 4)
    (row,) = selection.cutflow()
    assert (row.events, row.candidates, row.applied) == (2, 2, False)
    assert row.note == "applied in part: no medium flag"
