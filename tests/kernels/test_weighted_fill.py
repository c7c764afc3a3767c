"""Many weights per event: the kernel against numpy, and the filling against hist's own."""

from __future__ import annotations

import hist
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columnar_af.errors import ConfigError
from columnar_af.kernels.weighted_fill import weighted_fill
from columnar_af.systematics import fill_weighted

VARIATIONS = ["nominal", "a_up", "a_down"]
EDGES = [0.0, 1.0, 2.5, 4.0]
finite = st.floats(-1e6, 1e6, allow_subnormal=False)
values = st.one_of(
    st.floats(-1, 5), st.sampled_from([*EDGES, np.nan, np.inf, -np.inf, -0.0, 4.000000000000001])
)
events = st.lists(
    st.tuples(values, st.sampled_from(["A", "B", "C"]), st.tuples(finite, finite, finite)), max_size=30
)


def reference(sums, squares, bins, weights):
    inside = bins >= 0
    np.add.at(sums, bins[inside], weights[inside])
    np.add.at(squares, bins[inside], weights[inside] ** 2)


@given(st.lists(st.tuples(st.integers(-1, 3), finite, finite), max_size=30))
def test_kernel_equals_numpy(rows):
    bins = np.array([row[0] for row in rows], dtype=np.int64)
    weights = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 2)
    ours, theirs = (np.zeros((2, 4, 2)) for _ in range(2))
    weighted_fill(*ours, bins, weights)
    reference(*theirs, bins, weights)
    assert ours.tobytes() == theirs.tobytes()


def empty(kind, order):
    axes = {
        "region": hist.axis.StrCategory(["A", "B"], name="region"),
        "variation": hist.axis.StrCategory(VARIATIONS, name="variation"),
        "mass": {
            "regular": hist.axis.Regular(7, 0, 4, name="mass"),
            "variable": hist.axis.Variable(EDGES, name="mass"),
            "without flow": hist.axis.Regular(7, 0, 4, name="mass", flow=False),
            "overflow only": hist.axis.Regular(7, 0, 4, name="mass", underflow=False),
            "integer": hist.axis.Integer(0, 4, name="mass"),
        }[kind],
    }
    return hist.Hist(*(axes[name] for name in order), storage=hist.storage.Weight())


@pytest.mark.parametrize("order", [("variation", "mass", "region"), ("region", "mass", "variation")])
@pytest.mark.parametrize("kind", ["regular", "variable", "without flow", "overflow only", "integer"])
@settings(max_examples=40)
@given(rows=events)
def test_filling_equals_hists_own_bit_for_bit(kind, order, rows):
    masses = np.array([row[0] for row in rows])
    masses = np.clip(np.nan_to_num(masses), -5, 5).astype(int) if kind == "integer" else masses
    regions = [row[1] for row in rows]
    weights = np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 3)
    ours, theirs = empty(kind, order), empty(kind, order)
    fill_weighted(ours, {"region": regions, "mass": masses}, weights)
    for number, name in enumerate(VARIATIONS):
        if rows:
            each = [name] * len(rows)  # not one for all: see test_events_stay_where_the_first_one_is_outside
            theirs.fill(region=regions, mass=masses, variation=each, weight=weights[:, number].copy())
    assert ours.view(flow=True).tobytes() == theirs.view(flow=True).tobytes()


def test_events_stay_where_the_first_one_is_outside():
    """boost-histogram 1.8 loses all events of ``fill(x=[5, 0.5], variation="nominal")`` with this axis, for one category is
    given for all of them after an axis without flow whose first value lies outside."""
    histogram = hist.Hist(
        hist.axis.Regular(2, 0, 2, name="x", flow=False),
        hist.axis.StrCategory(["nominal"], name="variation"),
        storage=hist.storage.Weight(),
    )
    fill_weighted(histogram, np.array([5.0, 0.5]), np.ones(2))
    assert histogram.sum(flow=True).value == 1


def test_some_variations_and_one_value_for_all():
    ours = empty("regular", ("region", "variation", "mass"))
    fill_weighted(ours, {"region": "B", "mass": [0.5, 1.5]}, np.array([[1.0], [2.0]]), ["a_down"])
    fill_weighted(ours, {"region": "B", "mass": [0.5]}, np.array([4.0]), ["a_up"])
    assert ours["B", "a_down", :].values().tolist()[:3] == [1.0, 0.0, 2.0]
    assert ours["B", "a_up", sum].value == 4.0
    assert ours.sum(flow=True).value == 7.0
    assert ours.sum(flow=True).variance == 21.0


def test_filling_adds_to_what_is_there():
    histogram = hist.Hist(
        hist.axis.StrCategory(VARIATIONS, name="variation"),
        hist.axis.Regular(2, 0, 2, name="x"),
        storage="weight",
    )
    for _ in range(2):
        fill_weighted(histogram, np.array([0.5, 1.5]), np.ones((2, 3)))
    assert histogram.values().tolist() == [[2.0, 2.0]] * 3


def test_what_does_not_fit_is_told():
    histogram = empty("regular", ("region", "variation", "mass"))
    good = {"region": "A", "mass": [0.5]}
    with pytest.raises(ConfigError, match="has no variation 'b_up'; it has nominal, a_up, a_down"):
        fill_weighted(histogram, good, np.ones((1, 1)), ["b_up"])
    with pytest.raises(ConfigError, match=r"weights of shape \(1, 2\) for the 3 variations"):
        fill_weighted(histogram, good, np.ones((1, 2)))
    with pytest.raises(ConfigError, match="each variation once"):
        fill_weighted(histogram, good, np.ones((1, 2)), ["a_up", "a_up"])
    with pytest.raises(ConfigError, match="values for the axes region, mass expected, got mass"):
        fill_weighted(histogram, {"mass": [0.5]}, np.ones((1, 3)))
    with pytest.raises(ConfigError, match="1 values for the axis mass and 2 rows"):
        fill_weighted(histogram, good, np.ones((2, 3)))
    plain = hist.Hist(
        hist.axis.StrCategory(VARIATIONS, name="variation"), hist.axis.Regular(2, 0, 2, name="x")
    )
    with pytest.raises(ConfigError, match="storage Weight"):
        fill_weighted(plain, [0.5], np.ones((1, 3)))
