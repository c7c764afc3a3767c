from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import OutputError
from columnar_af.fits.ds_study import StudyOptions, study
from columnar_af.fits.mass_fit import FitOptions, fit_histogram
from columnar_af.fits.mass_model import mass_model
from columnar_af.plotting.mass_fit import (
    cms_style,
    decay_length_figure,
    mass_figure,
    pulls,
    stability_figure,
    write,
)
from tests.fits.results import two_eras
from tests.fits.spectra import HIGH, LOW, histogram, masses


@pytest.fixture(scope="module")
def fitted():
    values = masses(np.random.default_rng(1), 3_000, 1_200, 4_000)
    return fit_histogram(histogram(values), mass_model(LOW, HIGH, peak="gaussian"), FitOptions(minos=False))


@pytest.fixture(scope="module")
def done():
    return study(two_eras(), StudyOptions())


def texts(figure) -> str:
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_mass_figure_shows_components_pulls_and_numbers(fitted):
    with cms_style():
        figure = mass_figure(fitted, "2017B")
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert set(labels) == {"data", "fit", "$D_s^+$", "$D^+$", "background"}
    window = fitted.window("ds")
    assert f"{window.value:,.0f} ± {window.error:,.0f}" in texts(figure)
    assert figure.axes[1].get_ylabel() == "Pull"


def test_pulls_are_those_of_a_good_fit(fitted):
    values = pulls(fitted)
    assert len(values) == len(fitted.spectrum.counts)
    assert np.std(values) == pytest.approx(1, abs=0.3)


def test_a_failed_fit_is_drawn_with_its_reason_and_without_a_curve():
    failed = fit_histogram(histogram(np.full(3, 1.97)), mass_model(LOW, HIGH))
    with cms_style():
        figure = mass_figure(failed, "empty")
    assert "FIT FAILED: no yield" in texts(figure)
    assert figure.axes[0].get_legend_handles_labels()[1] == ["data"]


def test_stability_has_a_point_per_era_and_the_mean(done):
    with cms_style():
        figure = stability_figure(done)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2017B", "2017C"]
    assert any(label.startswith("mean") for label in figure.axes[0].get_legend_handles_labels()[1])


def test_decay_length_shows_both_fractions(done):
    with cms_style():
        figure = decay_length_figure(done.from_b, "all eras")
    assert f"from B, data: {done.from_b.from_b:.3f}" in texts(figure)
    assert f"from B, simulation: {done.from_b.simulated:.3f}" in texts(figure)


def test_a_figure_that_cannot_be_written(fitted, tmp_path):
    (tmp_path / "file").write_text("")
    with cms_style():
        figure = mass_figure(fitted, "2017B")
    with pytest.raises(OutputError, match="cannot write the figure"):
        write(figure, tmp_path / "file" / "a.png")
