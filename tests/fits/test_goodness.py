from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from iminuit.cost import poisson_chi2

from columnar_af.errors import ConfigError
from columnar_af.fits.goodness import by_toys, saturated, saturated_statistic
from columnar_af.fits.mass_fit import FitOptions, fit_spectrum
from columnar_af.fits.mass_model import mass_model
from columnar_af.fits.spectrum import Spectrum
from tests.fits.spectra import HIGH, LOW, masses

MODEL = mass_model(LOW, HIGH, peak="gaussian")


def test_statistic_is_that_of_baker_and_cousins():
    counts, expected = np.array([3.0, 0.0, 8.0]), np.array([2.0, 1.0, 9.5])
    spectrum = Spectrum(counts, counts, np.arange(4.0))
    by_hand = 2 * (2 - 3 + 3 * np.log(3 / 2) + 1 + 9.5 - 8 + 8 * np.log(8 / 9.5))
    assert saturated_statistic(spectrum, expected) == pytest.approx(by_hand)
    assert saturated_statistic(spectrum, expected) == pytest.approx(poisson_chi2(counts, expected))


def test_statistic_of_weights_is_that_of_the_equivalent_events():
    counts, expected = np.array([3.0, 0.0, 8.0]), np.array([2.0, 1.0, 9.5])
    plain, weighted = (
        Spectrum(counts, counts, np.arange(4.0)),
        Spectrum(2 * counts, 4 * counts, np.arange(4.0)),
    )
    assert saturated_statistic(weighted, 2 * expected) == pytest.approx(saturated_statistic(plain, expected))


def test_toys_and_chi_square_agree_where_counts_are_large():
    spectrum = Spectrum.of_masses(masses(np.random.default_rng(1), 4_000, 1_500, 12_000), LOW, HIGH, 40)
    result = fit_spectrum(spectrum, MODEL, FitOptions(minos=False))
    toys = by_toys(result, 60)
    assert toys.method == "toys"
    assert toys.ndof == result.goodness.ndof == 40 - 8
    assert toys.statistic == pytest.approx(result.goodness.statistic, rel=1e-6)
    assert toys.p_value == pytest.approx(result.goodness.p_value, abs=0.25)


def test_toys_see_a_bad_fit():
    spectrum = Spectrum.of_masses(masses(np.random.default_rng(1), 400, 150, 1_200), LOW, HIGH, 40)
    result = fit_spectrum(spectrum, MODEL, FitOptions(minos=False))
    counts = spectrum.counts.copy()
    counts[5] += 60
    assert by_toys(replace(result, spectrum=Spectrum(counts, counts, spectrum.edges)), 40).p_value == 1 / 41
    assert saturated(Spectrum(counts, counts, spectrum.edges), counts, 8).p_value == 1.0


def test_weighted_data_have_no_toys():
    spectrum = Spectrum.of_masses(masses(np.random.default_rng(1), 400, 150, 1_200), LOW, HIGH, 40)
    result = fit_spectrum(spectrum, MODEL, FitOptions(minos=False))
    weighted = Spectrum(spectrum.counts, 2 * spectrum.variances, spectrum.edges)
    with pytest.raises(ConfigError, match="toys need counts"):
        by_toys(replace(result, spectrum=weighted), 10)
