"""Factors of the weight of an event, and sums of weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from columnar_af.errors import ReadError
from columnar_af.ntuples.stop import EVENT_WEIGHTS, stop_source, sums_of_weights, weight_factors
from tests.ntuples.stop.stop_files import events_of, loopsusy_branches, write_tree

TREE = {"myTree": {"a": ("float", [1.0])}}


def test_sums_are_in_the_second_bin(tmp_path):
    sums = {"NumberEvents": [10.0, 8.5, 10.0], "LHE3Weight_muR05muF05": [10.0, 9.5, 10.0]}
    path = write_tree(tmp_path / "a.root", {"myTree": loopsusy_branches()}, sums)
    expected = {"NumberEvents": 8.5, "LHE3Weight_muR05muF05": 9.5}
    assert sums_of_weights(path) == expected
    assert sums_of_weights(events_of(path, "myTree")) == expected


@pytest.mark.parametrize("value", [0.0, -3.0, math.nan, math.inf])
def test_a_sum_that_cannot_normalize_is_an_error(tmp_path, value):
    path = write_tree(tmp_path / "a.root", TREE, {"NumberEvents": [10.0, value, 10.0]})
    with pytest.raises(
        ReadError, match="sum of weights in the second bin of histogram NumberEvents"
    ) as error:
        sums_of_weights(path)
    assert error.value.address.file == str(path)


def test_a_missing_histogram_is_an_error(tmp_path):
    with pytest.raises(ReadError, match="no histogram NumberEvents"):
        sums_of_weights(write_tree(tmp_path / "a.root", TREE))


def test_a_histogram_of_one_bin_is_an_error(tmp_path):
    with pytest.raises(ReadError, match="has 1 bin"):
        sums_of_weights(write_tree(tmp_path / "a.root", TREE, {"NumberEvents": [10.0]}))


def test_factors(tmp_path):
    values = {name: float(number + 2) for number, name in enumerate(EVENT_WEIGHTS)}
    branches = loopsusy_branches()
    for name, value in values.items():
        branches[name if name == "WeightEvents" else f"{name}_Nominal"] = ("float", [value] * 3)
    source = stop_source(events_of(write_tree(tmp_path / "a.root", {"myTree": branches}), "myTree"))
    factors = weight_factors(source)
    assert {name: factor.tolist() for name, factor in factors.items()} == {
        name: [value] * 3 for name, value in values.items()
    }
    assert all(factor.dtype == np.float32 for factor in factors.values())  # as in the ntuple
