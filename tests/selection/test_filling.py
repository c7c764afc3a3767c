"""Filling of histograms from jagged values."""

from __future__ import annotations

import awkward as ak
import hist
import pytest

from columnar_af.selection import fill


@pytest.fixture
def histogram():
    return hist.Hist(hist.axis.Regular(2, 0, 2, name="x"), storage=hist.storage.Weight())


def test_weights_of_events_go_to_their_values(histogram):
    fill(histogram, ak.Array([[0.5, 1.5], [], [1.5]]), ak.Array([2.0, 5.0, 3.0]))
    assert histogram.values().tolist() == [2.0, 5.0]
    assert histogram.variances().tolist() == [4.0, 13.0]


def test_missing_values_and_rejected_candidates_are_left_out(histogram):
    values = ak.Array([[0.5, None], [0.5]])
    fill(histogram, values, ak.Array([1.0, 1.0]), passing=ak.Array([[True, True], [False]]))
    assert histogram.values(flow=True).tolist() == [0, 1, 0, 0]


def test_values_per_event(histogram):
    fill(histogram, ak.Array([0.5, 1.5]), ak.Array([1.0, 4.0]))
    assert histogram.values().tolist() == [1.0, 4.0]
