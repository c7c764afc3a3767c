"""Systematic variations of the D_s → φπ selection."""

from __future__ import annotations

from io import StringIO

import awkward as ak
import numpy as np
import pytest
from rich.console import Console

import columnar_af
from columnar_af.corrections import Corrections
from columnar_af.corrections.event_weight import Factor
from columnar_af.errors import ConfigError
from columnar_af.processing.explain import explain
from columnar_af.processing.explanation_view import as_rich
from columnar_af.systematics import MuonMomentum, with_fields
from processors.ds_phi_pi import DsPhiPi, chosen_systematics
from tests.conftest import PROJECT
from tests.processors.test_ds_phi_pi import open_events

FILE = PROJECT / "datasets/ds_phi_pi_2017C_mc_mini-2021_000.root"
VARIATIONS = ("muon_scale_up", "muon_scale_down", "muon_resolution")
LARGE = MuonMomentum(scale=0.01, resolution=0.05)


class LeadingMuon:
    """A correction of 1 per cent per GeV of the leading muon, known to a tenth of it; it depends on what is shifted."""

    name = "leading_muon"

    def inputs(self, events):
        return (events.muon.pt,)

    def factor(self, pt):
        slope = np.asarray(ak.fill_none(ak.max(pt, axis=1), 0.0), dtype=np.float64) / 100
        return Factor(1 + slope, 1 + 1.1 * slope, 1 + 0.9 * slope)


def output_of(**options):
    return DsPhiPi(muon_momentum=LARGE, **options).process(open_events(FILE, era="2017C"))["ds"]


@pytest.fixture(scope="module")
def varied():
    return output_of(systematics="all", event_weight=Corrections(LeadingMuon()))


def assert_same(one, other):
    assert one["cutflow"] == other["cutflow"]
    assert one["yields"] == other["yields"]
    assert list(one["hists"]) == list(other["hists"])
    for name, histogram in one["hists"].items():
        assert histogram.view(flow=True).tobytes() == other["hists"][name].view(flow=True).tobytes(), name


def without_variations(output):
    found = (*VARIATIONS, "leading_muon_up", "leading_muon_down")
    return output | {
        kind: {name: value for name, value in output[kind].items() if not name.endswith(found)}
        for kind in ("hists", "yields")
    }


def test_nominal_does_not_know_of_variations(varied):
    plain = output_of(event_weight=Corrections(LeadingMuon()))
    assert_same(without_variations(varied), plain)
    assert len(varied["yields"]) == 6 * len(plain["yields"])
    assert len(varied["hists"]) == len(plain["hists"]) + 5 * 3


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_variation_equals_the_plain_selection_of_shifted_events(varied, name):
    events = open_events(FILE, era="2017C")
    shifted = with_fields(events, LARGE.shifts()[name](events))
    expected = DsPhiPi(event_weight=Corrections(LeadingMuon())).process(shifted)["ds"]
    for key, value in expected["yields"].items():
        assert varied["yields"][f"{key}_{name}"] == value
    for key in ("mass", "mass_fine", "mass_gen_matched"):
        assert varied["hists"][f"{key}_{name}"] == expected["hists"][key]
    assert varied["hists"][f"mass_fine_{name}"] != varied["hists"]["mass_fine"]


@pytest.mark.parametrize(("direction", "slope"), [("up", 1.1), ("down", 0.9)])
def test_a_weight_variation_equals_the_plain_selection_with_that_weight(varied, direction, slope):
    def weight(events):
        return 1 + slope * (ak.fill_none(ak.max(events.muon.pt, axis=1), 0.0) / 100)

    expected = output_of(event_weight=weight)
    for key, value in expected["yields"].items():
        assert varied["yields"][f"{key}_leading_muon_{direction}"] == pytest.approx(value)
    found = varied["hists"][f"mass_leading_muon_{direction}"].values(flow=True)
    assert found.tolist() == pytest.approx(expected["hists"]["mass"].values(flow=True).tolist())


def test_the_mass_peak_follows_the_scale(varied):
    def mean(name):
        histogram = varied["hists"][name][1.9j:2.02j]
        return np.average(histogram.axes[0].centers, weights=histogram.values())

    # m² = m(μμ)² + m(π)² + 2 p(μμ)·p(π): 1 % more of both muons is 2 % of the first term and 1 % of the last, 0.63 % of m.
    assert 1.004 < mean("mass_fine_muon_scale_up") / mean("mass_fine") < 1.008
    assert 0.992 < mean("mass_fine_muon_scale_down") / mean("mass_fine") < 0.996


def test_data_have_no_variations():
    processor = DsPhiPi(systematics="all", event_weight=Corrections(LeadingMuon()))
    data = processor.process(open_events(FILE, era="2017C", is_data=True))["ds"]
    assert set(data["yields"]) == {"selected", "mass_range", "signal_window"}


def test_what_may_be_asked_for():
    assert chosen_systematics("weights, muon") == ("muon", "weights") == chosen_systematics("all")
    assert chosen_systematics(["muon"]) == chosen_systematics("muon") == ("muon",)
    assert chosen_systematics("none") == chosen_systematics(()) == ()
    with pytest.raises(ConfigError, match="unknown systematics 'jets': expected muon, weights, all or none"):
        DsPhiPi(systematics="jets")


@pytest.mark.dask_awkward
def test_a_traced_run_in_chunks_gives_the_same(varied):
    """Traced on arrays without values, and read in two parts, whose smearing is that of the whole."""
    pytest.importorskip("dask_awkward")
    processor = DsPhiPi(systematics="all", muon_momentum=LARGE, event_weight=Corrections(LeadingMuon()))
    result = columnar_af.run(processor, FILE, chunksize=50, executor="dask-awkward", progress=False)
    (dataset,) = result.datasets
    raw = {name: entry["raw"] for name, entry in result.yields[dataset].items()}
    assert raw == {name: entry["raw"] for name, entry in varied["yields"].items()}
    for name in (f"mass_fine_{variation}" for variation in (*VARIATIONS, "leading_muon_up")):
        found, expected = (
            one.values(flow=True) for one in (result.hist(name, dataset), varied["hists"][name])
        )
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_explain_tells_each_variation():
    """The event passes the window of the dimuon mass by 0.3 MeV."""
    explanation = explain("ds_phi_pi", FILE, "1:2:28", parameters={"systematics": "muon"})
    stories = {story.label: story for story in explanation.selections}
    assert list(stories) == ["nominal", *VARIATIONS]
    assert {name: story.selected for name, story in stories.items()} == {
        "nominal": (0,), "muon_scale_up": (0,), "muon_scale_down": (), "muon_resolution": ()
    }  # fmt: skip
    lost = stories["muon_scale_down"].candidates[0]
    assert lost.lost_at == "dimuon_mass"
    verdict = next(one for one in lost.verdicts if one.cut == "dimuon_mass")
    assert verdict.values["m(mumu)"] < 1.0 < stories["nominal"].candidates[0].verdicts[10].values["m(mumu)"]
    text, in_full = (printed(as_rich(explanation, all_candidates=everything)) for everything in (False, True))
    assert "muon_scale_down: not selected: the last of 2 candidates is lost at dimuon_mass" in text
    assert "candidate 0: lost at dimuon_mass; all other cuts as in nominal" in text
    assert text.count("pv_tracks") == 2, "cuts that do not change are shown for nominal only"
    assert in_full.count("pv_tracks") == 8
    assert explanation._repr_html_().count("pv_tracks") == 2


def printed(renderable):
    console = Console(record=True, width=200, file=StringIO())
    console.print(renderable)
    return console.export_text()


def test_explain_names_the_weights_that_share_the_verdicts():
    processor = DsPhiPi(systematics="weights", event_weight=Corrections(LeadingMuon()))
    (story,) = explain(processor, FILE, "1:2:28").selections
    assert story.label == "nominal, leading_muon_up, leading_muon_down"
