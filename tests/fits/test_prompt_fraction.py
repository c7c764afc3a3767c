from __future__ import annotations

import hist
import numpy as np
import pytest

from columnar_af.fits.mass_fit import FitOptions, fit_histogram
from columnar_af.fits.mass_model import mass_model
from columnar_af.fits.prompt_fraction import Distribution, fit_prompt_fraction
from columnar_af.fits.sweights import sweights, weighted_projection
from tests.fits.spectra import BINS, HIGH, LOW, background, peak

PROMPT, B_FLIGHT = 0.15, 0.45
"""Mean decay lengths, mm: cτ of a D_s, and of a B."""


def lengths(generator, prompt: int, from_b: int) -> np.ndarray:
    flights = generator.exponential(PROMPT, prompt + from_b)
    flights[prompt:] += generator.exponential(B_FLIGHT, from_b)
    return flights


def distribution(values) -> Distribution:
    filled = hist.Hist(hist.axis.Regular(25, 0, 1), storage=hist.storage.Weight())
    filled.fill(values)
    return Distribution.of_histogram(filled)


def templates(generator, size: int) -> tuple[Distribution, Distribution]:
    return distribution(lengths(generator, size, 0)), distribution(lengths(generator, 0, size))


def test_the_overflow_counts_in_the_last_bin():
    found = distribution([0.01, 0.99, 5.0, 7.0])
    assert found.values[[0, -1]].tolist() == [1, 3]
    assert found.variances[-1] == 3


def test_injected_fractions_come_back_with_honest_errors():
    """Also with templates as small as the data, whose statistics the error must contain."""
    generator = np.random.default_rng(11)
    pulls = []
    for _ in range(60):
        data = distribution(lengths(generator, generator.poisson(1_000), generator.poisson(400)))
        result = fit_prompt_fraction(data, *templates(generator, 1_500))
        assert result.succeeded
        pulls.append((result.from_b - 400 / 1_400) / result.from_b_error)
    assert abs(np.mean(pulls)) < 0.4
    assert 0.75 < np.std(pulls) < 1.25


@pytest.mark.parametrize("injected", [0.0, 0.26, 1.0])
def test_all_fractions_can_be_found(injected):
    generator = np.random.default_rng(3)
    from_b = round(3_000 * injected)
    result = fit_prompt_fraction(
        distribution(lengths(generator, 3_000 - from_b, from_b)), *templates(generator, 20_000)
    )
    assert abs(result.from_b - injected) < 3 * result.from_b_error
    assert result.goodness.p_value > 1e-3
    assert np.sum(result.prompt + result.non_prompt) == pytest.approx(3_000, rel=0.05)


def test_small_templates_make_the_error_larger():
    generator = np.random.default_rng(4)
    data = distribution(lengths(generator, 2_000, 800))
    small, large = (fit_prompt_fraction(data, *templates(generator, size)) for size in (500, 50_000))
    assert small.from_b_error > 1.3 * large.from_b_error
    assert np.all(small.template_errors >= 0)


def test_after_unfolding_the_background_the_fraction_comes_back():
    generator = np.random.default_rng(5)
    ds, dplus, other = (
        lengths(generator, 2_200, 800),
        lengths(generator, 300, 900),
        generator.exponential(0.3, 3_000),
    )
    plane = hist.Hist(
        hist.axis.Regular(BINS, LOW, HIGH, name="mass"),
        hist.axis.Regular(25, 0, 1),
        storage=hist.storage.Weight(),
    )
    plane.fill(peak(generator, 1.9685, 3_000), ds)
    plane.fill(peak(generator, 1.8695, 1_200), dplus)
    plane.fill(background(generator, 3_000), other)
    model = mass_model(LOW, HIGH, peak="double-gaussian")
    tails = {"tail_width_ratio": 1.66, "tail_wide_fraction": 0.15}
    fit = fit_histogram(plane.project("mass"), model, FitOptions(fixed=tails, minos=False))
    values, variances = weighted_projection(plane, sweights(fit), "ds")
    data = Distribution(values, variances, np.asarray(plane.axes[1].edges))
    result = fit_prompt_fraction(data, *templates(generator, 10_000))
    assert abs(result.from_b - 800 / 3_000) < 3 * result.from_b_error
    assert result.from_b_error < 0.04
    assert result.simulated == 0.5
    assert result.difference < -5


def test_without_templates_or_data_there_is_no_fraction():
    generator = np.random.default_rng(6)
    prompt, from_b = templates(generator, 1_000)
    data = distribution(lengths(generator, 100, 100))
    empty = distribution([])
    no_b = fit_prompt_fraction(data, prompt, empty)
    assert no_b.problems == ("the simulation has only 0 non-prompt D_s; a template needs 10",)
    assert no_b.to_json()["from_b"] is None
    assert np.isnan(no_b.difference)
    no_data = fit_prompt_fraction(empty, prompt, from_b)
    assert no_data.problems == ("the data have 0 ± 0 D_s: no peak to study",)
    assert not fit_prompt_fraction(empty, empty, empty).succeeded
