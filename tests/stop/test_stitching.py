"""Stitching: each event in one slice, unknown samples left alone, no event twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.declarations.located import parse
from columnar_af.errors import ConfigError
from columnar_af.stop.stitching import Stitching
from tests.conftest import PROJECT

SHIPPED = Stitching.load(PROJECT / "processors" / "stop_stitching.yaml")
FAMILIES = (
    (410472, 407345, 407346, 407347),
    (410470, 407345, 407346, 407347),
    (410648, 411193, 411194, 411195),
    (410647, 411202, 411203, 411204),
)


@given(st.floats(0, 1000) | st.sampled_from([200.0, 300.0, 400.0, np.nextafter(200.0, 300)]))
def test_each_event_is_in_exactly_one_slice_of_its_sample(met):
    for family in FAMILIES:
        kept = SHIPPED.keeps(np.array(family), np.full(len(family), met))
        assert kept.sum() == 1


def test_upper_ends_belong_to_the_slice():
    channels = np.array([410472, 407345, 407345, 407346, 407347])
    met = np.array([200.0, 200.0, 300.0, 300.0, 400.0])
    assert SHIPPED.keeps(channels, met).tolist() == [True, False, True, False, False]


def test_samples_that_are_not_declared_are_left_alone():
    assert SHIPPED.keeps(np.array([364254, 1]), np.array([1e6, np.nan])).tolist() == [True, True]
    assert SHIPPED.keeps(np.array([410472]), np.array([np.nan])).tolist() == [False]
    assert SHIPPED.keeps(np.empty(0, int), np.empty(0)).tolist() == []


def test_alternatives_are_refused():
    SHIPPED.require_no_alternatives({410472, 407345, 410648, 410649, 12})
    with pytest.raises(ConfigError, match=r"410646 and 410648 hold the same events of Wt \(.*line \d+\)"):
        SHIPPED.require_no_alternatives({410646, 410648})


TEXT = """\
- sample: tt
  slices:
    - {channels: [1, 2], range: [null, 200]}
    - {channels: [3], range: [200, 300]}
  alternatives: [[[1], [2]]]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[200, 300]",
            "[150, 300]",
            "line 4: the slice begins at 150 GeV, and the one before it ends at 200 GeV",
        ),
        ("[200, 300]", "[null, 300]", "line 4: the slice begins at -inf"),
        ("[200, 300]", "[300, 200]", "line 4: the range goes from 300 to 200"),
        ("[200, 300]", "[300]", "a range has two ends"),
        ("[3]", "[1]", "line 4: the sample number 1 is declared twice"),
        ("[3]", "[x]", "line 4: expected a whole number"),
        ("[[[1], [2]]]", "[[[1], [7]]]", "line 5: the sample number 7 is in no slice"),
        ("slices", "slice", "unknown key 'slice'; did you mean slices?"),
    ],
)
def test_what_would_count_twice_is_refused_with_its_line(old, new, message):
    Stitching.of(parse(TEXT, "s.yaml"))
    with pytest.raises(ConfigError) as caught:
        Stitching.of(parse(TEXT.replace(old, new), "s.yaml"))
    assert message in str(caught.value)
