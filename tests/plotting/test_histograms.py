"""Figures of histograms: what is drawn is what is in the bins."""

from __future__ import annotations

import builtins
import math

import numpy as np
import pytest
from hist import Hist
from matplotlib.image import imread
from matplotlib.patches import StepPatch

from columnar_af.errors import ConfigError, OutputError
from columnar_af.plotting.histograms import _figures, _nominal, _remark, overlay, plane, plot_histograms
from columnar_af.results import DatasetSummary, RunResult


def masses(*values, weight=1.0):
    axis = Hist.new.Reg(4, 1.65, 2.05, name="mass", label="m(μμπ) [GeV]")
    return axis.Weight().fill(values, weight=weight)


def result_of(histograms, datasets="A"):
    return RunResult(
        {name: dict(histograms) for name in datasets}, {name: DatasetSummary(name) for name in datasets}
    )


def test_an_overlay_has_the_bins_labels_and_legend():
    one, other = masses(1.7, 1.97, 1.97), masses(1.8, weight=2.5)
    axes = overlay("mass", {"2017C": one, "2018A": other}).axes[0]
    steps = [patch for patch in axes.patches if isinstance(patch, StepPatch)]
    np.testing.assert_array_equal(steps[0].get_data().values, one.values())
    np.testing.assert_array_equal(steps[1].get_data().values, other.values())
    np.testing.assert_array_equal(steps[0].get_data().edges, one.axes[0].edges)
    assert axes.get_xlabel() == "m(μμπ) [GeV]"
    assert axes.get_ylabel() == "Entries / 0.1 GeV"
    assert axes.get_title(loc="left") == "mass"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["2017C", "2018A"]
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 2.5 + math.sqrt(2.5**2)


@pytest.mark.parametrize(
    ("histogram", "label"),
    [
        (Hist.new.Reg(2, 0, 1, name="x").Double(), "Entries / 0.5"),
        (Hist.new.Var([0, 1, 5], name="x", label="x [cm]").Double(), "Entries"),
        (Hist.new.StrCat(["e", "mu"], name="x").Double().fill(["e"]), "Entries"),
        (Hist.new.Reg(2, 0, 1, name="x").Mean().fill([0.1], sample=[2]), "Mean"),
    ],
)
def test_the_height_is_named(histogram, label):
    axes = overlay("x", {"A": histogram}).axes[0]
    assert axes.get_ylabel() == label
    assert axes.get_xlabel() in ("x", "x [cm]")


def test_a_plane_has_the_bins_and_a_colour_bar():
    histogram = (
        Hist.new.Reg(2, 0, 2, name="x", label="x [cm]").Reg(3, 0, 3, name="y", label="y [cm]").Double()
    )
    histogram.fill([0.5, 1.5, 1.5], [0.5, 2.5, 2.5])
    figure = plane("plane", "A", histogram)
    axes, bar = figure.axes
    np.testing.assert_array_equal(axes.collections[0].get_array(), histogram.values().T)
    assert (axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("x [cm]", "y [cm]", "Entries")


def test_files(tmp_path):
    plane_of = Hist.new.Reg(2, 0, 2, name="x").Reg(2, 0, 2, name="y").Double()
    three = Hist.new.Reg(1, 0, 1).Reg(1, 0, 1).Reg(1, 0, 1).Double()
    parts = {"mass": masses(1.7), "n_minus_1": {"../mass": masses(1.8)}, "plane": plane_of, "three": three}
    paths = plot_histograms(result_of(parts, "AB"), tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "mass.png", "n_minus_1/_/mass.png", "plane_A.png", "plane_B.png",
    ]  # fmt: skip
    assert all(imread(path).shape == (960, 1200, 4) for path in paths)
    assert all(imread(path).std() > 0.01 for path in paths)


def test_many_datasets_have_a_picture_each(tmp_path):
    names = "ABCDEFG"
    paths = plot_histograms(result_of({"mass": masses(1.7)}, names), tmp_path)
    assert [path.name for path in paths] == [f"mass_{name}.png" for name in names]


@pytest.mark.parametrize("weight", [math.nan, math.inf, -1.0, 0.0])
def test_odd_bins_are_drawn(tmp_path, weight):
    assert len(plot_histograms(result_of({"mass": masses(1.7, 1.8, weight=weight)}), tmp_path)) == 1


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write the figure"):
        plot_histograms(result_of({"mass": masses(1.7)}), tmp_path / "file")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "mplhep":
            raise ModuleNotFoundError(name=name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"figures need mplhep.*\n.*columnar-af\[plot\]"):
        plot_histograms(result_of({"mass": masses(1.7)}), tmp_path)


def test_only_the_named_histograms_are_drawn(tmp_path):
    result = result_of({"mass": masses(1.7), "pt": masses(1.8), "eta": masses(1.9)})
    paths = plot_histograms(result, tmp_path, ["pt", "mass"])
    assert [path.name for path in paths] == ["pt.png", "mass.png"]
    assert {path.name for path in tmp_path.iterdir()} == {"pt.png", "mass.png"}


def test_of_systematic_variations_only_nominal_is_drawn(tmp_path):
    axes = Hist.new.StrCat(["nominal", "shifted"], name="variation").Reg(2, 0, 2, name="x")
    histogram = axes.Weight().fill(["nominal", "nominal", "shifted"], [0.5, 0.5, 1.5])
    (path,) = plot_histograms(result_of({"region/x": histogram}, "AB"), tmp_path)
    assert path == tmp_path / "region" / "x.png"
    assert _nominal(histogram).values().tolist() == [2, 0]
    assert _nominal(histogram[:, 0]).ndim == 1


def test_a_region_with_unverified_thresholds_says_so():
    result = RunResult({"A": {"unverified": {"SRA": {"r_2l"}}}}, {"A": DatasetSummary("A")})
    assert _remark(result, "SRA/met") == " (thresholds not verified)"
    assert _remark(result, "CRtop/met") == ""
    ((_, figure),) = _figures("SRA/met", {"A": masses(1.7)}, _remark(result, "SRA/met"))
    assert figure.axes[0].get_title(loc="left") == "SRA/met (thresholds not verified)"
