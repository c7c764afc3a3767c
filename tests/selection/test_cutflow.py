"""Cutflows add up, whatever the grouping."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.selection import Cutflow, CutflowRow

CUTS = ("all", "hlt", "mass")

notes = st.lists(st.sampled_from(["no branch", "fall-back mu2", "2017 layout"]), unique=True).map(
    lambda texts: tuple(sorted(texts))
)
# Whole numbers: their sums are exact, so that grouping cannot matter even for the weights.
weights = st.integers(-(2**40), 2**40).map(float)
counts = st.integers(0, 2**40)


def rows(cut):
    return st.builds(CutflowRow, st.just(cut), counts, counts, weights, weights, st.booleans(), notes)


cutflows = st.tuples(*map(rows, CUTS)).map(Cutflow) | st.just(Cutflow())


@given(cutflows, cutflows, cutflows)
def test_addition_is_associative_and_commutative(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a


@given(cutflows)
def test_the_empty_cutflow_is_the_identity(a):
    assert a + Cutflow() == a == Cutflow() + a


@given(cutflows, cutflows)
def test_sums(a, b):
    total = a + b
    for cut in total.cuts:
        parts = [x[cut] for x in (a, b) if x.rows]
        assert total[cut].events == sum(row.events for row in parts)
        assert total[cut].candidates == sum(row.candidates for row in parts)
        assert total[cut].sumw == sum(row.sumw for row in parts)
        assert total[cut].sumw2 == sum(row.sumw2 for row in parts)
        assert total[cut].applied == all(row.applied for row in parts)
        assert set(total[cut].notes) == {note for row in parts for note in row.notes}


@given(cutflows)
def test_json_gives_it_back(a):
    assert Cutflow.from_json(json.loads(json.dumps(a.to_json()))) == a


def test_a_loaded_cutflow_adds_up_without_repeating_notes():
    row = CutflowRow("all", 1, 1, 1.0, 1.0, False, ("a", "b"))
    a = Cutflow((row,))
    assert (a + Cutflow.from_json(a.to_json()))["all"].note == "a; b"


def test_different_selections_do_not_add_up():
    with pytest.raises(ValueError, match="different selections"):
        Cutflow((CutflowRow("all"),)) + Cutflow((CutflowRow("hlt"),))
    with pytest.raises(ValueError, match="different cuts"):
        CutflowRow("all") + CutflowRow("hlt")


def test_a_cut_that_is_not_there_is_said():
    with pytest.raises(KeyError, match=r"no cut 'mass' in this cutflow; it has all, hlt"):
        Cutflow((CutflowRow("all"), CutflowRow("hlt")))["mass"]


@given(st.lists(st.text("ab; ", max_size=8), max_size=3))
def test_any_note_is_saved_and_read(texts):
    """The separator of notes within a note divides it."""
    cutflow = Cutflow((CutflowRow("all", notes=tuple(sorted({text for text in texts if text}))),))
    assert Cutflow.from_json(json.loads(json.dumps(cutflow.to_json()))) == cutflow


def test_a_note_with_the_separator_is_two():
    assert CutflowRow("all", notes=("b; a",)).notes == ("a", "b")
