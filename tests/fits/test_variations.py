"""The mass fit with the simulation of a systematic variation."""

from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.fits.ds_study import StudyOptions, study
from columnar_af.fits.eras import data_eras, summed, variations_in
from tests.fits.results import DATA, SIMULATION, data_hists, fine, run_result, simulation_hists
from tests.fits.spectra import histogram


@pytest.fixture(scope="module")
def result():
    hists = simulation_hists(3)
    generator = np.random.default_rng(4)
    wider = np.concatenate([generator.normal(1.9685, 0.012, 3_000), generator.normal(1.9685, 0.03, 5_000)])
    varied = {"mass_x": histogram(wider), "mass_fine_x": fine(wider), "mass_gen_matched_x": histogram(wider)}
    return run_result({"data": (DATA, data_hists(1, 1_500, 600, 2_000)), "mc": (SIMULATION, hists | varied)})


def test_the_variation_gives_the_tails(result):
    nominal, varied = (study(result, StudyOptions(variation=name)) for name in ("", "x"))
    assert varied.succeeded
    assert varied.tails.values.tolist() != nominal.tails.values.tolist()
    assert "tails of the peaks from simulation (x)" in varied.notes[0]
    assert varied.eras[0].data.spectrum.counts.tolist() == nominal.eras[0].data.spectrum.counts.tolist()


def test_a_simulated_dataset_is_fitted_as_varied(result):
    nominal, varied = (
        data_eras(result, (1.65, 2.01), datasets=("mc",), variation=name)[0].spectrum for name in ("", "x")
    )
    assert varied.counts.std() < nominal.counts.std()
    both = summed(result, "mass", ("data", "mc"), "x")
    assert both.values().sum() == pytest.approx(
        result.hists("mass")["data"].values().sum() + result.hists("mass_x")["mc"].values().sum()
    )


def test_an_unknown_variation_is_told(result):
    assert variations_in(result) == ("x",)
    with pytest.raises(ConfigError, match="no variation 'y'; it has x"):
        study(result, StudyOptions(variation="y"))


def test_an_unbinned_fit_knows_nominal_only(result):
    with pytest.raises(ConfigError, match="variation x are there in bins only"):
        data_eras(result, (1.65, 2.01), datasets=("mc",), unbinned=True, variation="x")
