"""Event weights and their variations against products written out event by event."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import ConfigError, MissingBranchError, ReadError, WorkAddress
from columnar_af.systematics import EventWeights, Variation, WeightPolicy

FACTORS = {"generator": [1.0, -2.0, 0.5], "lepton": [0.9, 1.1, 1.0], "pileup": [1.2, 0.8, 1.0]}
COLUMNS = {
    "lepton_id_up": [0.95, 1.2, 1.1],
    "pileup_id_up": [1.3, 0.9, 1.1],
    "scale": [1.01, 1.02, 0.99],
}
ID = Variation(
    "id_up", "weight-replaces", factors={"lepton": "lepton_id_up", "pileup": "pileup_id_up", "trigger": "no"}
)
SCALE = Variation("muR", "weight-multiplies", factors={"generator": "scale"})
ALLOWED = WeightPolicy(unused=("trigger",))


def weights(variations, policy=None, factors=FACTORS, columns=COLUMNS, **options):
    return EventWeights(
        {name: np.array(values) for name, values in factors.items()},
        variations,
        lambda name: np.array(columns[name]),
        columns,
        policy=policy or ALLOWED,
        **options,
    )


def test_replaced_and_multiplied_factors():
    made = weights([ID, SCALE])
    assert made.names == ("nominal", "id_up", "muR")
    matrix = made.matrix()
    assert matrix[:, 0].tolist() == [1.0 * 0.9 * 1.2, -2.0 * 1.1 * 0.8, 0.5]
    assert matrix[:, 1].tolist() == [1.0 * 0.95 * 1.3, -2.0 * 1.2 * 0.9, 0.5 * 1.1 * 1.1]
    assert matrix[:, 2].tolist() == [1.0 * 0.9 * 1.2 * 1.01, -2.0 * 1.1 * 0.8 * 1.02, 0.5 * 0.99]
    assert made.of("muR").tolist() == matrix[:, 2].tolist()
    assert made.matrix(np.array([False, True, False])).tolist() == matrix[1:2].tolist()
    assert made.matrix(np.array([2, 2])).tolist() == matrix[[2, 2]].tolist()
    assert not made.without_effect


finite = st.floats(-3, 3)


@given(st.lists(st.tuples(finite, finite, finite, finite), min_size=1, max_size=8))
def test_equal_to_a_loop_over_events(rows):
    a, b, c, d = np.array(rows).T
    made = EventWeights(
        {"a": a, "b": b},
        [
            Variation("v", "weight-replaces", factors={"b": "c"}),
            Variation("w", "weight-multiplies", factors={"a": "d"}),
        ],
        {"c": c, "d": d}.__getitem__,
        ("c", "d"),
    )
    for row, (x, y, z, t) in zip(made.matrix().tolist(), rows, strict=True):
        assert row == [x * y, x * z, x * y * t]


def test_a_column_is_read_once_and_only_when_needed():
    reads = []
    made = EventWeights(
        {"a": np.ones(2)},
        [Variation("v", "weight-replaces", factors={"a": "c"})],
        lambda name: reads.append(name) or np.ones(2),
        ["c"],
    )
    assert reads == []
    made.matrix()
    made.matrix()
    assert reads == ["c"]


def test_an_absent_column_is_an_error_or_nominal():
    columns = {"lepton_id_up": COLUMNS["lepton_id_up"]}
    place = WorkAddress("ttbar", "a.root", "nominal", 100, 103)
    with pytest.raises(MissingBranchError, match="id_up has no column pileup_id_up") as caught:
        weights([ID], columns=columns, address=place)
    assert "dataset ttbar, file a.root" in str(caught.value)
    made = weights([ID, SCALE], WeightPolicy("nominal", unused=("trigger",)), columns=columns)
    assert made.fallbacks == {"id_up": ("pileup_id_up",), "muR": ("scale",)}
    assert made.of("id_up").tolist() == [1.0 * 0.95 * 1.2, -2.0 * 1.2 * 0.8, 0.5 * 1.1]
    assert made.of("muR").tolist() == made.nominal.tolist()
    assert made.without_effect == ("muR",)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers(bad):
    factors = {**FACTORS, "lepton": [0.9, bad, 1.0]}
    with pytest.raises(ReadError, match=r"1 of 3 weights lepton are no numbers: entries 101 \(") as caught:
        weights([], factors=factors, address=WorkAddress("ttbar", "a.root", "nominal", 100, 103))
    assert "dataset ttbar, file a.root, tree nominal, entries 100:103" in str(caught.value)
    made = weights([], WeightPolicy(invalid="zero"), factors=factors)
    assert made.nominal.tolist() == [1.0 * 0.9 * 1.2, 0, 0.5]
    assert made.invalid == {"lepton": 1}
    with pytest.raises(ReadError, match="weights scale are no numbers"):
        weights([SCALE], columns={"scale": [1.0, bad, 1.0]}).matrix()


def test_many_bad_weights_are_not_all_listed():
    with pytest.raises(ReadError, match=r"4 \(nan\) and 95 more"):
        EventWeights({"a": np.full(100, np.nan)})


def test_awkward_columns_and_missing_values():
    assert EventWeights({"a": ak.Array([1.0, 2.0])}).nominal.tolist() == [1.0, 2.0]
    with pytest.raises(ReadError, match=r"1 of 2 weights a are no numbers: entries 1 \(nan\)"):
        EventWeights({"a": ak.Array([1.0, None])})


def test_what_cannot_be_a_weight():
    with pytest.raises(
        ConfigError, match="muR moves the factor 'generator', which the event weight does not"
    ):
        EventWeights({"a": np.ones(1)}, [SCALE])
    with pytest.raises(ConfigError, match="of kind columns, which moves no weight"):
        EventWeights({"a": np.ones(1)}, [Variation("x")])
    with pytest.raises(ConfigError, match="variations muR are given twice"):
        weights([SCALE, SCALE])
    with pytest.raises(ConfigError, match="without any factor"):
        EventWeights({})
    with pytest.raises(ConfigError, match="the policy for missing weights is 'ignore'"):
        WeightPolicy(missing="ignore")
