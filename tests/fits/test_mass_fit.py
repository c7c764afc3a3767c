from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.fits.constraint import Constraint, loose_tails
from columnar_af.fits.mass_fit import (
    FitOptions,
    fit_histogram,
    fit_masses,
    fit_spectrum,
    tails_from_simulation,
)
from columnar_af.fits.mass_model import mass_model
from columnar_af.fits.spectrum import Spectrum
from tests.fits.spectra import (
    BINS,
    DPLUS_MEAN,
    DS_MEAN,
    HIGH,
    LOW,
    NARROW,
    RATIO,
    SLOPE,
    WIDE_FRACTION,
    background,
    histogram,
    masses,
    peak,
)

TAILS = {"tail_width_ratio": RATIO, "tail_wide_fraction": WIDE_FRACTION}
DOUBLE = mass_model(LOW, HIGH, peak="double-gaussian")
NO_MINOS = FitOptions(minos=False)


EDGES = np.linspace(LOW, HIGH, BINS + 1)
TRUTH = {"ds_yield": 1420.0, "dplus_yield": 550.0, "background_yield": 1500.0, "ds_mean": DS_MEAN}
TRUTH |= {"ds_sigma": NARROW, "dplus_mean": DPLUS_MEAN, "dplus_sigma": NARROW, "background_slope": SLOPE}
TRUTH |= TAILS
"""The size of a small simulated sample: 1,400 D_s as of 20,000 simulated events of data."""


TOYS = 50
"""benchmarks/ds_closure.py has 200; limits here are wider by two standard deviations."""


def pulls_of(generator, toys, tails):
    """``(toys, 2)``: pulls of the D_s and D⁺ yields of pseudo-experiments; ``tails`` gives what is known of the tails in each."""
    expected = np.diff(DOUBLE.scaled_cdf(EDGES, *[TRUTH[name] for name in DOUBLE.names]))
    pulls = []
    for _ in range(toys):
        counts = generator.poisson(expected).astype(float)
        result = fit_spectrum(Spectrum(counts, counts, EDGES), DOUBLE, FitOptions(tails=tails(), minos=False))
        assert result.succeeded, result.problems
        pulls.append([(result.total(name).value - TRUTH[f"{name}_yield"]) / result.total(name).error
                      for name in ("ds", "dplus")])  # fmt: skip
    return np.array(pulls)


def test_pulls_of_pseudo_experiments_with_the_tails_of_a_simulation():
    """The tails come from 1,200 simulated D_s, others in each experiment, with the covariance of their fit."""
    generator = np.random.default_rng(5)
    known = tails_from_simulation(histogram(peak(generator, DS_MEAN, 1_200)), DOUBLE)
    centre = [TAILS[name] for name in known.names]
    drawn = iter(generator.multivariate_normal(centre, known.covariance, TOYS))
    pulls = pulls_of(generator, TOYS, lambda: Constraint(known.names, next(drawn), known.covariance))
    assert np.abs(np.mean(pulls, axis=0)).max() < 0.15 + 2 / np.sqrt(TOYS)
    assert np.abs(np.std(pulls, axis=0) - 1).max() < 0.12 + 2 / np.sqrt(2 * TOYS)


def test_pulls_without_simulation_do_not_forget_the_tails():
    """A tail that the data do not measure counts in the error all the same."""
    pulls = pulls_of(np.random.default_rng(6), TOYS, lambda: loose_tails(DOUBLE))
    assert abs(np.mean(pulls[:, 0])) < 0.15 + 2 / np.sqrt(TOYS)
    assert abs(np.std(pulls[:, 0]) - 1) < 0.12 + 2 / np.sqrt(2 * TOYS)


def test_the_model_of_the_notebook_converges_on_a_sample_of_its_size():
    """Two Crystal Balls with tails of their own and an exponential, 62 bins, 70,000 entries (where its own fit did not)."""
    values = masses(np.random.default_rng(1), 9_000, 5_000, 56_000)
    model = mass_model(LOW, HIGH, peak="crystal-ball", background="exponential", shared_tails=False)
    result = fit_histogram(histogram(values), model)
    assert result.problems == ()
    assert abs(result.spectrum.entries - 70_000) < 200
    assert abs(result.total("ds").value - 9_000) < 3 * result.total("ds").error
    assert abs(result.total("dplus").value - 5_000) < 3 * result.total("dplus").error
    assert result.total("ds").lower < 0 < result.total("ds").upper


@pytest.mark.parametrize("background_shape", ["exponential", "polynomial"])
@pytest.mark.parametrize("shape", ["crystal-ball", "gaussian", "double-gaussian", "johnson"])
@pytest.mark.parametrize("scale", [0.03, 1.0])
def test_sane_data_always_give_a_valid_fit(shape, background_shape, scale):
    """Also where the truth is a Gaussian, whose data know nothing of tails."""
    generator = np.random.default_rng(3)
    numbers = [int(scale * number) for number in (16_000, 6_000, 48_000)]
    peaks = [
        generator.normal(mean, 0.015, number)
        for mean, number in zip((DS_MEAN, DPLUS_MEAN), numbers, strict=False)
    ]
    values = np.concatenate([*peaks, background(generator, numbers[2])])
    model = mass_model(LOW, HIGH, peak=shape, background=background_shape)
    result = fit_histogram(histogram(values), model, NO_MINOS)
    assert result.problems == ()
    assert abs(result.total("ds").value - numbers[0]) < 3 * result.total("ds").error


def test_binned_and_unbinned_fits_agree():
    values = masses(np.random.default_rng(2), 1_500, 600, 2_000)
    binned = fit_histogram(histogram(values), DOUBLE, FitOptions(fixed=TAILS, minos=False))
    unbinned = fit_masses(values, DOUBLE, FitOptions(fixed=TAILS))
    difference = unbinned.window("ds").value - binned.window("ds").value
    assert abs(difference) < 0.3 * binned.window("ds").error
    assert unbinned.window("ds").error == pytest.approx(binned.window("ds").error, rel=0.05)
    assert unbinned.total("ds").upper == pytest.approx(unbinned.total("ds").error, rel=0.1)


def test_window_holds_the_d_s_in_it_and_total_all_in_range():
    values = masses(np.random.default_rng(4), 8_000, 0, 2_000)
    result = fit_histogram(histogram(values), DOUBLE, NO_MINOS)
    inside = values[:8_000][(values[:8_000] > 1.93) & (values[:8_000] < 2.01)]
    assert result.window("ds").value == pytest.approx(len(inside), abs=2 * result.window("ds").error)
    assert result.window("ds").value < result.total("ds").value
    assert result.window("ds").error >= 0.9 * np.sqrt(result.window("ds").value)


def test_weights_scale_yields_and_keep_the_relative_error():
    """Two identical events of weight 1 tell no more than one: the variance of weight 2 is 4."""
    plain = histogram(masses(np.random.default_rng(6), 3_000, 1_000, 3_000))
    doubled = plain * 2
    one, two = (
        fit_histogram(each, DOUBLE, FitOptions(fixed=TAILS, minos=False)) for each in (plain, doubled)
    )
    assert two.window("ds").value == pytest.approx(2 * one.window("ds").value, rel=1e-3)
    assert two.window("ds").error == pytest.approx(2 * one.window("ds").error, rel=1e-2)
    assert two.goodness.statistic == pytest.approx(one.goodness.statistic, rel=1e-2)


def test_tails_from_simulation_describe_the_data():
    generator = np.random.default_rng(7)
    simulated = histogram(peak(generator, DS_MEAN, 50_000))
    tails = tails_from_simulation(simulated, DOUBLE)
    assert set(tails.names) == set(TAILS)
    pulls = (tails.values - [TAILS[name] for name in tails.names]) / tails.errors
    assert np.abs(pulls).max() < 3
    own = tails_from_simulation(simulated, mass_model(LOW, HIGH, peak="double-gaussian", shared_tails=False))
    assert own.names == tuple(f"{name}_{tail[5:]}" for name in ("ds", "dplus") for tail in tails.names)
    np.testing.assert_array_equal(own.values, np.tile(tails.values, 2))
    np.testing.assert_array_equal(own.covariance[:2, :2], tails.covariance)
    assert not np.any(own.covariance[:2, 2:])


def test_no_tails_from_a_simulation_that_cannot_be_fitted():
    with pytest.raises(ConfigError, match="only 10 events"):
        tails_from_simulation(histogram(np.full(10, DS_MEAN)), DOUBLE)


# --- clear outcomes where there is little or nothing -------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 19])
def test_empty_and_tiny_samples_have_no_yield(number):
    result = fit_histogram(histogram(background(np.random.default_rng(1), number)), DOUBLE)
    assert result.problems == (f"only {number} events between 1.65 and 2.01 GeV; a fit needs 20",)
    with pytest.raises(ValueError, match="has no yield"):
        result.window("ds")
    with pytest.raises(ValueError, match="has no yield"):
        result.total("ds")
    assert result.to_json()["windows"] == []


def test_without_a_d_plus_its_shape_is_fixed_and_its_yield_compatible_with_zero():
    result = fit_histogram(histogram(masses(np.random.default_rng(2), 2_000, 0, 4_000)), DOUBLE, NO_MINOS)
    assert result.succeeded
    assert any(note.startswith("no dplus peak seen") for note in result.notes)
    assert result.parameters["dplus_mean"].fixed
    assert not result.parameters["ds_mean"].fixed
    assert abs(result.total("dplus").value) < 3 * result.total("dplus").error


def test_without_any_peak_the_yield_is_compatible_with_zero():
    result = fit_histogram(histogram(background(np.random.default_rng(3), 3_000)), DOUBLE, NO_MINOS)
    assert result.succeeded
    assert abs(result.window("ds").value) < 3 * result.window("ds").error


def test_a_signal_without_background_is_fitted():
    model = mass_model(LOW, HIGH, peak="double-gaussian", with_dplus=False)
    result = fit_histogram(histogram(peak(np.random.default_rng(3), DS_MEAN, 3_000)), model, NO_MINOS)
    assert result.succeeded
    assert result.total("ds").value == pytest.approx(3_000, abs=60)


def test_the_sum_of_peaks_and_background_is_never_negative():
    """Nearly no background: a D⁺ of less than nothing would take what little is expected."""
    generator = np.random.default_rng(3)
    values = np.concatenate([peak(generator, DS_MEAN, 60), background(generator, 12)])
    result = fit_histogram(histogram(values), DOUBLE, NO_MINOS)
    assert result.succeeded
    assert np.diff(DOUBLE.scaled_cdf(result.spectrum.edges, *result.values)).min() > -1e-6


def test_a_few_events_have_no_p_value_to_believe():
    result = fit_histogram(histogram(masses(np.random.default_rng(2), 60, 20, 120)), DOUBLE, NO_MINOS)
    assert result.succeeded
    assert any("use toys" in note for note in result.notes)
    assert result.p_value is None


def test_a_peak_where_none_belongs_is_a_failed_fit():
    generator = np.random.default_rng(8)
    values = np.concatenate([generator.normal(1.77, 0.006, 5_000), masses(generator, 2_000, 800, 4_000)])
    result = fit_histogram(histogram(values), DOUBLE)
    assert not result.succeeded
    assert result.windows == ()
    assert result.goodness is None


def test_a_clear_peak_at_the_edge_of_its_limits_is_a_failed_fit():
    """A mass scale that is off by 35 MeV is no D_s; its mean ends at the limit, and no simplification hides that."""
    generator = np.random.default_rng(9)
    values = np.concatenate([generator.normal(1.933, 0.012, 6_000), background(generator, 6_000)])
    result = fit_histogram(histogram(values), mass_model(LOW, HIGH, peak="gaussian", with_dplus=False))
    assert not result.succeeded
    assert any(
        "sits at its limit" in problem or "does not describe" in problem for problem in result.problems
    )


def test_a_range_off_the_bin_edges_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="does not fall on bin edges") as caught:
        fit_histogram(histogram(masses(np.random.default_rng(1), 500, 100, 900)), mass_model(1.7, HIGH))
    assert "take the range 1.70226 to 2.01" in str(caught.value)


def test_a_range_without_the_d_s_is_refused():
    with pytest.raises(ConfigError, match="does not hold the D_s"):
        mass_model(1.7, 1.9)


def test_an_unknown_parameter_cannot_be_fixed():
    values = histogram(masses(np.random.default_rng(1), 500, 100, 900))
    with pytest.raises(ConfigError, match="no parameter ds_width to fix"):
        fit_histogram(values, DOUBLE, FitOptions(fixed={"ds_width": 0.01}))


def test_json_holds_parameters_covariance_and_windows():
    result = fit_histogram(histogram(masses(np.random.default_rng(1), 1_500, 600, 900)), DOUBLE)
    document = result.to_json()
    assert document["covariance"]["names"] == list(DOUBLE.names)
    assert np.array(document["covariance"]["matrix"]).shape == (len(DOUBLE.names),) * 2
    assert [window["component"] for window in document["windows"]] == ["ds", "dplus", "background"]
    error = np.sqrt(np.diag(document["covariance"]["matrix"]))[0]
    assert document["parameters"]["ds_yield"]["error"] == pytest.approx(error, rel=1e-3)
