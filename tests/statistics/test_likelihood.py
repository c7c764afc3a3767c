"""The likelihood with its gradient is pyhf's."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest

from columnar_af.statistics.likelihood import Likelihood, is_supported
from columnar_af.statistics.pyhf_backend import gradient_minuit


def modifiers(generator, channel, sample, values):
    found = [
        {"name": f"np{i}", "type": "normsys", "data": {"hi": 1 + generator.normal(0, 0.1), "lo": 1 + generator.normal(0, 0.1)}}
        for i in range(4)
    ]  # fmt: skip
    shifted = [(values * (1 + generator.normal(0, 0.1, len(values)))).tolist() for _ in range(2)]
    found.append(
        {"name": "shape", "type": "histosys", "data": {"hi_data": shifted[0], "lo_data": shifted[1]}}
    )
    if sample == "signal":
        found.append({"name": "mu", "type": "normfactor", "data": None})
    else:
        found.append({"name": f"stat_{channel}", "type": "staterror", "data": (0.05 * values).tolist()})
    if sample == "ttbar":
        found.append({"name": "mu_ttbar", "type": "normfactor", "data": None})
    else:
        found.append({"name": "lumi", "type": "lumi", "data": None})
    return found


@pytest.fixture(scope="module")
def model():
    generator = np.random.default_rng(1)
    channels = []
    for channel, bins in (("SR", 3), ("CR", 1)):
        samples = []
        for sample in ("signal", "ttbar", "other"):
            values = generator.uniform(2, 40, bins)
            samples.append(
                {"name": sample, "data": values.tolist(), "modifiers": modifiers(generator, channel, sample, values)}
            )  # fmt: skip
        channels.append({"name": channel, "samples": samples})
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.017], "bounds": [[0.9, 1.1]], "inits": [1.0]}
    return pyhf.Model({"channels": channels, "parameters": [lumi]}, poi_name="mu", validate=False)


@pytest.fixture(scope="module")
def data(model):
    expected = model.expected_actualdata(model.config.suggested_init())
    return np.array([*np.round(expected), *model.config.auxdata])


def points(model, number=12):
    """Parameters inside and outside of ±1, and a signal strength of 0."""
    generator = np.random.default_rng(2)
    for index in range(number):
        yield np.array(
            [
                0.0 if name == "mu" and index == 0
                else generator.uniform(0.5, 1.5) if name.startswith(("mu", "stat")) or name == "lumi"
                else generator.normal(0, 0.6 if index % 2 else 2.0)
                for name in model.config.par_names
            ]
        )  # fmt: skip


def test_value_is_that_of_pyhf(model, data):
    assert is_supported(model)
    value, _ = Likelihood(model).function(data)
    for parameters in points(model):
        assert value(parameters) == pytest.approx(-2 * float(model.logpdf(parameters, data)[0]), rel=1e-12)


def test_gradient_is_that_of_differences(model, data):
    value, gradient = Likelihood(model).function(data)
    for parameters in points(model):
        step = 1e-6
        differences = [
            (value(parameters + step * unit) - value(parameters - step * unit)) / (2 * step)
            for unit in np.eye(model.config.npars)
        ]
        np.testing.assert_allclose(gradient(parameters), differences, rtol=1e-5, atol=2e-4)


def test_expected_events_and_their_derivatives(model):
    likelihood = Likelihood(model)
    for parameters in points(model, 4):
        cells, jacobian = likelihood.expected(parameters)
        binned = np.bincount(likelihood.bins, cells)
        np.testing.assert_allclose(binned, model.expected_actualdata(parameters), rtol=1e-12)
        for index, unit in enumerate(np.eye(model.config.npars)):
            up, down = (likelihood.expected(parameters + sign * 1e-6 * unit)[0] for sign in (1, -1))
            np.testing.assert_allclose(jacobian[:, index], (up - down) / 2e-6, rtol=1e-5, atol=1e-4)


def test_curvature_is_the_second_derivative_for_data_as_expected(model):
    """What is left out vanishes where data are as expected and the effects are linear: it must not be far off."""
    likelihood = Likelihood(model)
    start = np.array(model.config.suggested_init())
    asimov = np.asarray(model.expected_data(start))
    exact = likelihood.hessian(start, asimov)
    np.testing.assert_allclose(likelihood.curvature(asimov)(start), exact, rtol=1e-4, atol=1e-3)


def test_fit_is_that_of_pyhf(model, data):
    before = pyhf.get_backend()
    with gradient_minuit():
        fast, minimum = pyhf.infer.mle.fit(data, model, return_fitted_val=True, return_uncertainties=True)
    assert pyhf.get_backend() == before
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    try:
        slow, slow_minimum = pyhf.infer.mle.fit(
            data, model, return_fitted_val=True, return_uncertainties=True
        )
    finally:
        pyhf.set_backend(*before)
    assert float(minimum) == pytest.approx(float(slow_minimum), abs=1e-4)
    np.testing.assert_allclose(fast[:, 0], slow[:, 0], atol=0.02)
    np.testing.assert_allclose(fast[:, 1], slow[:, 1], rtol=0.02)


def test_a_model_with_other_modifiers_goes_the_way_of_pyhf():
    model = pyhf.simplemodels.uncorrelated_background([5.0], [50.0], [7.0], validate=False)
    assert not is_supported(model)
    data = [52.0, *model.config.auxdata]
    with gradient_minuit():
        fitted = pyhf.infer.mle.fit(data, model)
    np.testing.assert_allclose(fitted, [0.4, 1.0], atol=1e-3)


def test_a_fit_that_cannot_converge_is_an_error(model, data):
    broken = data.copy()
    broken[0] = np.nan
    with gradient_minuit(), pytest.raises(pyhf.exceptions.FailedMinimization, match="not a number"):
        pyhf.infer.mle.fit(broken, model)


def test_a_fit_without_a_minimum_is_an_error():
    # two normalizations of the same shape: only their sum is known
    samples = [
        {
            "name": name,
            "data": [50.0],
            "modifiers": [{"name": f"mu_{name}", "type": "normfactor", "data": None}],
        }
        for name in ("a", "b")
    ]
    model = pyhf.Model({"channels": [{"name": "SR", "samples": samples}]}, poi_name="mu_a", validate=False)
    with gradient_minuit(), pytest.raises(pyhf.exceptions.FailedMinimization, match="error matrix"):
        pyhf.infer.mle.fit([90.0], model, return_uncertainties=True)
