from __future__ import annotations

import numpy as np
import pytest
from iminuit.cost import LeastSquares

from columnar_af.fits.minimization import minimize, propagated
from columnar_af.fits.shapes import Parameter, Simplification

X = np.linspace(0, 1, 20)


def line(x, offset, slope, curvature):
    return (
        offset + slope * x + curvature * np.maximum(x - 2, 0)
    )  # no x is above 2: the curvature has no effect


PARAMETERS = {
    "offset": Parameter("offset", 0.0, -10.0, 10.0),
    "slope": Parameter("slope", 0.0, -10.0, 10.0),
    "curvature": Parameter("curvature", 1.0, -10.0, 10.0),
}


def cost(slope: float = 2.0) -> LeastSquares:
    return LeastSquares(X, 1 + slope * X, 0.1, line)


def test_what_the_data_do_not_measure_is_fixed_with_a_note():
    step = Simplification({"curvature": 0.0}, "no curvature")
    minimum = minimize(cost(), PARAMETERS, {}, (step,))
    assert minimum.problems == ()
    assert minimum.notes == ("no curvature",)
    assert minimum.values == pytest.approx([1, 2, 0], abs=1e-3)
    assert minimum.parameters()["curvature"].fixed
    assert minimum.covariance[2] == pytest.approx([0, 0, 0])


def test_what_may_not_be_simplified_makes_the_fit_fail():
    assert minimize(cost(), PARAMETERS, {}, ()).problems


def test_a_limit_is_a_failure_unless_a_simplification_concerns_it():
    parameters = PARAMETERS | {"slope": Parameter("slope", 0.0, -1.0, 1.0)}
    step = Simplification({"offset": 0.0}, "never made")
    minimum = minimize(cost(), parameters, {"curvature": 0.0}, (step,))
    assert minimum.problems == ("parameter slope = 1 sits at its limit [-1, 1]",)
    assert minimum.notes == ()


def test_fixed_parameters_stay():
    minimum = minimize(cost(), PARAMETERS, {"curvature": 0.0, "slope": 3.0}, ())
    assert minimum.values[1] == 3.0
    assert minimum.problems == ()


def test_propagation_of_a_ratio():
    values, covariance = np.array([4.0, 2.0, 9.0]), np.diag([0.04, 0.01, 0.0])
    centre, spread = propagated(lambda v: np.array([v[0] / v[1]]), values, covariance)
    assert centre[0] == 2
    assert np.sqrt(spread[0, 0]) == pytest.approx(2 * np.hypot(0.2 / 4, 0.1 / 2), rel=1e-4)
