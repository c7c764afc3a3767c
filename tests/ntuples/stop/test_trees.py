"""Names of trees, and which part of one belongs to a chunk of another."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import SchemaError
from columnar_af.ntuples.stop.trees import nominal_trees, part_of, sample_of, tree_of_variation


@given(
    st.integers(0, 400),
    st.integers(0, 400),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_chunks_read_each_entry_of_the_other_tree_once(entries, others, cuts):
    edges = sorted({0, entries, *(min(cut, entries) for cut in cuts)})
    chunks = list(pairwise(edges)) or [(0, 0)]
    parts = [part_of(start, stop, entries, others) for start, stop in chunks]
    assert [entry for start, stop in parts for entry in range(start, stop)] == list(range(others))


def test_names():
    assert sample_of("stop4body_450_40_WEIGHTS") == "stop4body_450_40"
    assert tree_of_variation("Wt_dyn_DR_NoSys", "EG_SCALE_ALL__1up") == "Wt_dyn_DR_EG_SCALE_ALL__1up"
    with pytest.raises(SchemaError, match="Wt_EG_SCALE_ALL__1up is not a nominal one"):
        sample_of("Wt_EG_SCALE_ALL__1up")
    with pytest.raises(SchemaError):
        sample_of("WEIGHTS")
    assert nominal_trees(["Wt_WEIGHTS", "Wt_JET_GroupedNP_1__1up", "Wt_THEORY"]) == ("Wt_WEIGHTS",)
