"""Filling of two-dimensional histograms."""

from __future__ import annotations

import awkward as ak
import hist
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.selection.filling import fill_plane


def plane() -> hist.Hist:
    return hist.Hist(hist.axis.Regular(2, 0, 2), hist.axis.Regular(2, 0, 2), storage=hist.storage.Weight())


def test_weights_of_events_go_to_their_candidates_and_missing_ones_are_left_out():
    filled = plane()
    x = ak.Array([[0.5, 1.5], [], [1.5, None], [0.5]])
    y = ak.Array([[0.5, 0.5], [], [1.5, 0.5], [None]])
    fill_plane(filled, x, y, ak.Array([2.0, 5.0, 3.0, 7.0]))
    assert filled.values().tolist() == [[2, 0], [2, 3]]
    assert filled.variances().tolist() == [[4, 0], [4, 9]]
    assert filled.sum(flow=True).value == 7


EVENTS = st.lists(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=3), max_size=6)


@given(EVENTS, EVENTS)
def test_two_chunks_add_up_to_the_whole(one, other):
    parts, whole = [plane(), plane()], plane()
    for histogram, events in zip([*parts, whole], [one, other, one + other], strict=True):
        pairs = ak.from_iter(
            [[{"x": 0.0, "y": 0.0}], *[[{"x": x, "y": y} for x, y in event] for event in events]]
        )[1:]
        fill_plane(histogram, pairs.x, pairs.y, np.ones(len(pairs)))
    assert (parts[0] + parts[1]).values(flow=True).tolist() == whole.values(flow=True).tolist()
