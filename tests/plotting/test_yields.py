"""Figures of yields and limits: what is drawn is what was computed."""

from __future__ import annotations

import builtins
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.patches import StepPatch

from columnar_af.errors import ConfigError, OutputError
from columnar_af.plotting.limits import contour_figure, pull_figure
from columnar_af.plotting.style import atlas_style, write
from columnar_af.plotting.yields import impact_figure, poisson_errors, region_figure, variable_figure
from columnar_af.statistics.contour import GridPoint
from columnar_af.statistics.fitting import Fit
from columnar_af.statistics.limits import UpperLimit
from columnar_af.statistics.study import StudyOptions, study
from columnar_af.statistics.yields import YieldTable
from tests.statistics.stop_results import stop_result

SIGNAL = "stop4body_450_40"


@pytest.fixture(autouse=True)
def style():
    with atlas_style():
        yield


@pytest.fixture(scope="module")
def done():
    return study(YieldTable.of(stop_result()), StudyOptions(signals=(SIGNAL,), with_discovery=False))


@pytest.fixture(scope="module")
def shapes():
    return YieldTable.of(stop_result(), {"SRB": "met"})


def texts(figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    found += [axes.get_title(loc="left") for axes in figure.axes]
    found += [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    legends = [axes.get_legend() for axes in figure.axes]
    found += [text.get_text() for legend in legends if legend for text in legend.get_texts()]
    return " | ".join(found + [axes.get_xlabel() for axes in figure.axes])


def heights(axes) -> list[np.ndarray]:
    return [patch.get_data().values for patch in axes.patches if isinstance(patch, StepPatch)]


def points(axes) -> np.ndarray:
    return np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() == "."] or [[]])


def test_regions_show_data_background_and_pulls(done):
    figure = region_figure(done)
    above, below = figure.axes
    total = [region.after.total_all_bins for region in done.regions]
    assert any(np.allclose(values, [value + error for value, error in total]) for values in heights(above))
    for observed in (985, 420, 162, 97, 13, 22):
        assert observed in [y for line in above.lines for y in np.atleast_1d(line.get_ydata())] + [
            y
            for container in above.containers
            for line in container.lines[:1]
            for y in np.atleast_1d(line.get_ydata())
        ]
    assert [bar.get_height() for bar in below.patches] == [
        pytest.approx(region.pull) for region in done.regions
    ]
    text = texts(figure)
    assert "SRA*" in text
    assert "not verified" in text
    assert "94.65" in text
    assert SIGNAL in text


def test_blinded_regions_and_failed_fits_are_named():
    result = stop_result(blinded=True)
    table = YieldTable.of(result)
    done = study(table, StudyOptions(with_exclusion=False, with_discovery=False))
    assert texts(region_figure(done)).count("blinded") == 2
    broken = replace(table, observed=dict(table.observed) | {"CRtop": np.array([np.nan])})
    failed = study(broken, StudyOptions(with_exclusion=False, with_discovery=False))
    assert "the fit FAILED" in texts(region_figure(failed))
    assert "FIT FAILED" in texts(pull_figure(failed.background))


def test_a_variable_has_data_background_band_and_ratio(shapes):
    figure = variable_figure(shapes, "SRB", "met [GeV]", [SIGNAL])
    above, below = figure.axes
    drawn = heights(above)
    background = shapes.background("SRB").values
    signal = shapes.template("SRB", SIGNAL).values
    assert any(np.allclose(values, signal) for values in drawn)
    from columnar_af.statistics.uncertainties import band

    content = band(shapes, "SRB")
    assert any(np.allclose(values, background + content.total_up) for values in drawn)
    assert any(np.allclose(values, 1 + content.total_up / background) for values in heights(below))
    ratios = np.concatenate([np.atleast_1d(c.lines[0].get_ydata()) for c in below.containers if c.lines[0]])
    np.testing.assert_allclose(ratios, shapes.observed["SRB"] / background)
    assert "met [GeV]" in texts(figure)
    with pytest.raises(ConfigError, match="SRA is counted"):
        variable_figure(shapes, "SRA")


def test_impacts_are_sorted_and_named(done):
    axes = impact_figure(done.table, "SRA").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "JET_GroupedNP_1", "MET_SoftTrk_ResoPara",
    ]  # fmt: skip
    widths = sorted(bar.get_width() for bar in axes.patches)
    assert widths[-1] == pytest.approx(100 * 0.06 * 11.3 / 13.8)


def test_pulls_have_all_constrained_parameters(done):
    axes = pull_figure(done.background).axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert set(names) == {found.name for found in done.background.parameters if not found.is_free}
    assert "mu_ttbar = 1.09 ± 0.09" in texts(axes.figure)


def limit(value):
    return UpperLimit("", value, tuple(value * factor for factor in (0.5, 0.7, 1.0, 1.4, 2.0)))


def test_the_contour_is_drawn_at_one():
    grid = [GridPoint(m, d, limit(10 ** ((m - 500) / 100))) for m in (400, 450, 550) for d in (20, 80)]
    figure = contour_figure(grid, "title")
    axes = figure.axes[0]
    lines = [path.vertices for drawn in axes.collections for path in drawn.get_paths() if len(path.vertices)]
    assert any(np.allclose(vertices[:, 0], 500, atol=1) for vertices in lines)
    assert "observed limit" in texts(figure)
    assert "6 signal points" in texts(figure)
    assert "0.1" in texts(figure)


def test_points_without_contour_say_so():
    grid = [GridPoint(400, 20, limit(0.5)), GridPoint(500, 20, UpperLimit("x", failure="no"))]
    text = texts(contour_figure(grid))
    assert "NO CONTOUR" in text
    assert "failed" in text


def test_errors_of_counts_are_garwoods():
    low, high = poisson_errors(np.array([0.0, 10.0, np.nan]))
    assert low[:2] == pytest.approx([0.0, 3.108694], rel=1e-5)
    assert high[:2] == pytest.approx([1.841022, 4.266949], rel=1e-5)
    assert np.isnan(low[2])


def test_files(done, shapes, tmp_path):
    figures = {
        "regions": region_figure(done), "met": variable_figure(shapes, "SRB"), "impact": impact_figure(done.table, "SRA"),
        "pulls": pull_figure(done.background), "grid": contour_figure([GridPoint(400, 20, limit(0.5))]),
    }  # fmt: skip
    for name, figure in figures.items():
        image = imread(write(figure, tmp_path / f"{name}.png"))
        assert image.shape[1] == 1080
        assert image.std() > 0.05
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the figure"):
        write(pull_figure(Fit(failure="x")), tmp_path / "file" / "a.png")


def test_without_mplhep_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "mplhep":
            raise ModuleNotFoundError(name=name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"figures need mplhep.*\n.*columnar-af\[plot\]"), atlas_style():
        pass
