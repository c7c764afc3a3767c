from __future__ import annotations

import hist
import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.fits.mass_fit import FitOptions, fit_histogram
from columnar_af.fits.mass_model import mass_model
from columnar_af.fits.sweights import sweights, weighted_projection
from tests.fits.spectra import BINS, HIGH, LOW, background, peak

MODEL = mass_model(LOW, HIGH, peak="double-gaussian")
OPTIONS = FitOptions(fixed={"tail_width_ratio": 1.66, "tail_wide_fraction": 0.15}, minos=False)


def sample(generator, ds, dplus, other):
    """Masses, and a variable whose mean is 0.2 for D_s, 0.5 for D+ and 0.35 below them."""
    parts = (
        (peak(generator, 1.9685, ds), 0.2),
        (peak(generator, 1.8695, dplus), 0.5),
        (background(generator, other), 0.35),
    )
    return (
        np.concatenate([values for values, _ in parts]),
        np.concatenate([generator.exponential(mean, len(values)) for values, mean in parts]),
    )


def plane(values, variable) -> hist.Hist:
    filled = hist.Hist(
        hist.axis.Regular(BINS, LOW, HIGH, name="mass"),
        hist.axis.Regular(25, 0, 1, name="length"),
        storage=hist.storage.Weight(),
    )
    filled.fill(values, variable)
    return filled


def test_weights_add_up_to_one_per_bin_and_to_the_yields():
    values, variable = sample(np.random.default_rng(1), 4_000, 1_500, 6_000)
    histogram = plane(values, variable)
    result = fit_histogram(histogram.project("mass"), MODEL, OPTIONS)
    weights = sweights(result)
    assert weights.components == ("ds", "dplus", "background")
    assert weights.weights.sum(axis=0) == pytest.approx(np.ones(BINS))
    for component in weights.components:
        total = np.sum(weights.of(component) * result.spectrum.counts)
        assert total == pytest.approx(result.total(component).value, rel=1e-3)
        each = weights.at(values, component)
        assert np.sum(each) == pytest.approx(total)
    assert weights.at(np.array([1.0, 3.0]), "ds").tolist() == [0, 0]


def test_the_variable_of_the_d_s_comes_back_with_its_error():
    """Unfolded bin contents against the truth: χ² of 25 bins."""
    generator = np.random.default_rng(2)
    values, variable = sample(generator, 8_000, 3_000, 8_000)
    histogram = plane(values, variable)
    result = fit_histogram(histogram.project("mass"), MODEL, OPTIONS)
    found, variances = weighted_projection(histogram, sweights(result), "ds")
    inside = values[:8_000] < HIGH
    true = np.histogram(np.minimum(variable[:8_000][inside], 0.999), 25, (0, 1))[0]
    assert found.sum() == pytest.approx(result.total("ds").value, rel=1e-3)
    assert np.all(variances > 0)
    assert np.sum((found - true) ** 2 / variances) < 40
    assert np.average(np.linspace(0.02, 0.98, 25), weights=found) < 0.22


def test_the_overflow_is_in_the_last_bin():
    histogram = plane(*sample(np.random.default_rng(3), 2_000, 900, 2_000))
    result = fit_histogram(histogram.project("mass"), MODEL, OPTIONS)
    ones = sweights(result)
    everything = np.ones_like(ones.weights)
    whole, _ = weighted_projection(histogram, type(ones)(ones.components, everything, ones.edges), "ds")
    assert whole.sum() == result.spectrum.entries


def test_other_bins_of_the_mass_are_refused():
    histogram = plane(*sample(np.random.default_rng(3), 2_000, 900, 2_000))
    result = fit_histogram(histogram.project("mass"), MODEL, OPTIONS)
    with pytest.raises(ConfigError, match="fit the mass with the bins of the histogram"):
        weighted_projection(histogram[::2j, :], sweights(result), "ds")


def test_a_failed_fit_has_no_weights():
    result = fit_histogram(plane(np.full(3, 1.97), np.zeros(3)).project("mass"), MODEL)
    with pytest.raises(ConfigError, match="no sWeights of a fit that failed"):
        sweights(result)


def test_without_background_there_is_nothing_to_unfold():
    model = mass_model(LOW, HIGH, peak="gaussian", with_dplus=False)
    values = np.random.default_rng(4).normal(1.9685, 0.013, 4_000)
    result = fit_histogram(plane(values, np.zeros(4_000)).project("mass"), model, FitOptions(minos=False))
    with pytest.raises(ConfigError, match="found no background"):
        sweights(result)
