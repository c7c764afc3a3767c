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


LISTS = st.lists(st.lists(st.floats(-5, 5), max_size=6), min_size=1, max_size=8)


def jagged_of(values):
    flat = np.array([value for event in values for value in event], dtype=float)
    return ak.unflatten(flat, [len(event) for event in values])


@given(LISTS, st.lists(st.floats(-5, 5), min_size=3, max_size=6), st.integers(0, 4))
def test_leaving_out_what_cannot_matter_changes_nothing(values, thresholds, after):
    """Cutflow, the selected candidates and N-1 distributions, with and without leaving candidates out on the way."""
    jagged = jagged_of(values)
    weights = np.arange(1.0, len(values) + 1)
    whole, narrowed = CandidateSelection(jagged, weights), CandidateSelection(jagged, weights)
    kept = jagged
    for number, threshold in enumerate(thresholds):
        whole.add(f"cut {number}", jagged * (-1) ** number > threshold)
        narrowed.add(f"cut {number}", kept * (-1) ** number > threshold)
        if number == after:
            relevant = narrowed.relevant(spare=1)
            narrowed.keep_candidates(relevant)
            kept = kept[relevant]
    assert narrowed.cutflow() == whole.cutflow()
    assert ak.to_list(kept[narrowed.passing]) == ak.to_list(jagged[whole.passing])
    for number in range(len(thresholds)):
        cut = f"cut {number}"
        assert ak.to_list(kept[narrowed.all_but(cut)]) == ak.to_list(jagged[whole.all_but(cut)])


@given(LISTS, st.data())
def test_events_that_the_trigger_rejects_can_be_left_out(values, data):
    jagged = jagged_of(values)
    weights = np.arange(1.0, len(values) + 1)
    fired = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    whole, narrowed = CandidateSelection(jagged, weights), CandidateSelection(jagged, weights)
    whole.add("trigger", fired)
    narrowed.add("trigger", fired)
    narrowed.keep_events(fired)
    whole.add("value", jagged > 0)
    narrowed.add("value", jagged[fired] > 0)
    assert narrowed.cutflow() == whole.cutflow()
    assert ak.to_list(narrowed.passing) == ak.to_list(whole.passing[fired])
    assert ak.to_list(narrowed.all_but("value")) == ak.to_list(whole.all_but("value")[fired])


def test_candidates_that_failed_twice_are_irrelevant():
    selection = CandidateSelection(VALUES, WEIGHTS)
    selection.add("trigger", ak.Array([True, True, False, True]))
    selection.add("low", VALUES < 3)
    selection.add("high", VALUES > 4)
    assert ak.to_list(selection.relevant(spare=0)) == [[False, False], [], [False], [False, False]]
    assert ak.to_list(selection.relevant(spare=1)) == [[True, True], [], [False], [False, True]]
