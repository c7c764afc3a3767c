from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.fits.mass_fit import FitOptions, fit_spectrum
from columnar_af.fits.mass_model import mass_model
from columnar_af.fits.simultaneous import fit_eras
from columnar_af.fits.spectrum import Spectrum
from tests.fits.spectra import HIGH, LOW, masses

MODEL = mass_model(LOW, HIGH, peak="gaussian")
OPTIONS = FitOptions(minos=False)


def era(seed: int, ds: int, dplus: int, other: int) -> Spectrum:
    generator = np.random.default_rng(seed)
    values = np.concatenate([
        generator.normal(1.9685, 0.014, ds), generator.normal(1.8695, 0.013, dplus),
        masses(generator, 0, 0, other),
    ])  # fmt: skip
    return Spectrum.of_masses(values, LOW, HIGH, 62)


@pytest.fixture(scope="module")
def eras() -> dict[str, Spectrum]:
    return {
        "2017B": era(1, 3_000, 1_200, 5_000),
        "2017C": era(2, 6_000, 2_500, 8_000),
        "2018A": era(3, 150, 50, 300),
    }


def test_every_era_has_its_own_yield_and_all_the_same_shape(eras):
    result = fit_eras(eras, MODEL, FitOptions())
    assert result.succeeded
    for name, number in (("2017B", 3_000), ("2017C", 6_000), ("2018A", 150)):
        fitted = result.eras[name].total("ds")
        assert abs(fitted.value - number) < 3 * fitted.error
        assert fitted.upper == pytest.approx(fitted.error, rel=0.15)
    assert len({result.eras[name].parameters["ds_sigma"].value for name in eras}) == 1
    assert len({result.eras[name].parameters["background_slope"].value for name in eras}) == 3


def test_the_small_era_gains_from_the_others(eras):
    alone = fit_spectrum(eras["2018A"], MODEL, OPTIONS)
    together = fit_eras(eras, MODEL, OPTIONS).eras["2018A"]
    assert together.window("ds").error < alone.window("ds").error


def test_total_is_the_sum_with_the_correlation_of_the_shapes(eras):
    result = fit_eras(eras, MODEL, OPTIONS)
    windows = [each.window("ds") for each in result.eras.values()]
    assert result.total[0].value == pytest.approx(sum(window.value for window in windows))
    assert result.total[0].error > np.sqrt(sum(window.error**2 for window in windows))
    assert result.total[0].error < sum(window.error for window in windows)


def test_a_shared_background_is_one_parameter(eras):
    result = fit_eras(eras, MODEL, OPTIONS, shared_background=True)
    assert len({each.parameters["background_slope"].value for each in result.eras.values()}) == 1
    assert "background_slope" in result.names
    assert result.covariance.shape == (len(result.names),) * 2


def test_one_era_alone_is_the_fit_of_that_era(eras):
    alone = fit_spectrum(eras["2017B"], MODEL, OPTIONS)
    together = fit_eras({"2017B": eras["2017B"]}, MODEL, OPTIONS).eras["2017B"]
    assert together.window("ds").value == pytest.approx(alone.window("ds").value, rel=1e-3)
    assert together.window("ds").error == pytest.approx(alone.window("ds").error, rel=1e-2)


def test_an_empty_era_is_reported_and_left_out(eras):
    empty = Spectrum.of_masses(np.zeros(0), LOW, HIGH, 62)
    result = fit_eras({"2017A": empty, **eras}, MODEL, OPTIONS)
    assert list(result.eras) == ["2017A", *eras]
    assert result.problems == ("2017A: only 0 events between 1.65 and 2.01 GeV; a fit needs 20",)
    assert result.succeeded
    assert result.eras["2017B"].succeeded


def test_an_era_that_the_model_does_not_describe_takes_the_sum_with_it(eras):
    counts = eras["2017B"].counts.copy()
    counts[20] += 2_000
    bad = Spectrum(counts, counts, eras["2017B"].edges)
    result = fit_eras({"2017B": bad, "2017C": eras["2017C"]}, MODEL, OPTIONS)
    assert not result.succeeded
    assert not result.eras["2017B"].succeeded
    assert result.total == ()


def test_only_empty_eras_have_no_total():
    empty = Spectrum.of_masses(np.zeros(0), LOW, HIGH, 62)
    result = fit_eras({"2017A": empty}, MODEL, OPTIONS)
    assert not result.succeeded
    assert result.to_json()["total"] == []


def test_no_era_is_refused():
    with pytest.raises(ConfigError, match="at least one era"):
        fit_eras({}, MODEL)
