"""Assignment of trigger objects to legs, against a plain reference."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.kernels.trigger_objects import assign_objects, delta_r_squared


def reference(legs, objects):
    """Greedy assignment of one candidate: legs and objects as lists of (pt, eta, phi)."""
    unique = {kinematics: index for index, kinematics in reversed(list(enumerate(objects)))}

    def distance(leg, kinematics):
        phi = math.remainder(leg[2] - kinematics[2], 2 * math.pi)
        return (leg[1] - kinematics[1]) ** 2 + phi**2

    pairs = sorted(
        (distance(leg, k), i, j) for (i, leg), (k, j) in itertools.product(enumerate(legs), unique.items())
    )
    chosen, used = [-1] * len(legs), set()
    for _, leg, index in pairs:
        if chosen[leg] == -1 and index not in used:
            chosen[leg] = index
            used.add(index)
    return chosen


def assign(legs, objects):
    legs, objects = (
        np.array(legs, dtype=float).reshape(1, -1, 3),
        np.array(objects, dtype=float).reshape(-1, 3),
    )
    return assign_objects(
        legs[:, :, 1], legs[:, :, 2], np.array([0, 1]), *objects.T.copy(), np.array([0, len(objects)])
    )[0].tolist()


angles = st.tuples(st.sampled_from([3.0, 4.5]), st.floats(-2.4, 2.4), st.floats(-math.pi, math.pi))


@given(st.lists(angles, min_size=3, max_size=3, unique=True), st.lists(angles, max_size=6))
def test_agrees_with_the_reference(legs, objects):
    chosen, expected = assign(legs, objects), reference(legs, objects)
    if chosen != expected:  # only where two distances differ by rounding

        def spread(assignment):
            return sorted(
                delta_r_squared(leg[1], leg[2], objects[i][1], objects[i][2])
                for leg, i in zip(legs, assignment, strict=True)
                if i >= 0
            )

        assert spread(chosen) == pytest.approx(spread(expected), abs=1e-9)


def test_duplicates_count_once():
    objects = [(5.0, 0.1, 0.2), (5.0, 0.1, 0.2)]
    assert assign([(5, 0.1, 0.2), (5, 0.11, 0.2), (9, 1, 1)], objects) == [0, -1, -1]


def test_missing_legs_and_objects_never_match():
    nan = math.nan
    assert assign([(5, nan, 0.2), (5, 0.1, 0.2), (5, 2, 2)], [(nan, nan, nan), (5, 0.1, 0.2)]) == [-1, 1, -1]


def test_azimuth_wraps():
    assert delta_r_squared(0.0, math.pi - 0.01, 0.0, -math.pi + 0.01) == pytest.approx(0.02**2)
