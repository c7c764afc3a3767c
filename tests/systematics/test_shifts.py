"""Shifts as functions of the events."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory

from columnar_af.errors import ConfigError
from columnar_af.ntuples.t3m import T3MSchema, fall_back, why_missing
from columnar_af.systematics import MuonMomentum, vary, with_fields
from tests.conftest import PROJECT

FILE = PROJECT / "datasets/ds_phi_pi_2017C_mc_mini-2021_000.root"
SHIFTS = MuonMomentum(scale=0.01, resolution=0.05).shifts()


def open_events(log=None, **options):
    return NanoEventsFactory.from_root(
        {str(FILE): "Tree3Mu/ntuple"}, schemaclass=T3MSchema, mode="virtual", access_log=log,
        metadata={"dataset": "ds"}, **options
    ).events()  # fmt: skip


@pytest.fixture
def small():
    return ak.Array(
        [
            {"muon": {"pt": [1.0, 2.0], "eta": [0.5, 0.6]}, "met": 5.0},
            {"muon": {"pt": [], "eta": []}, "met": 6.0},
        ]
    )


def test_every_variation_is_analysed_once_nominal_first(small):
    calls = []

    def analyse(events, variation):
        calls.append(variation)
        return ak.sum(events.muon.pt) + ak.sum(events.met)

    shifts = {
        "up": lambda events: {"muon.pt": events.muon.pt * 2},
        "met": lambda events: {"met": events.met + 1, "muon.pt": events.muon.pt + 1},
    }
    assert vary(small, shifts, analyse) == {"nominal": 14.0, "up": 17.0, "met": 18.0}
    assert calls == ["nominal", "up", "met"]
    assert small.muon.pt.tolist() == [[1.0, 2.0], []]


def test_what_cannot_be_shifted_is_told(small):
    with pytest.raises(ConfigError, match=r"replaces muon.px, but events.muon has no field 'px'"):
        with_fields(small, {"muon.px": small.met})
    with pytest.raises(ConfigError, match=r"replaces jet.pt, but events has no field 'jet'"):
        with_fields(small, {"jet.pt": small.met})
    with pytest.raises(ConfigError, match="a shift is called 'nominal'"):
        vary(small, {"nominal": lambda events: {}}, lambda events, variation: None)


def test_varied_events_are_events_and_share_the_columns():
    log = []
    events = open_events(log)
    varied = with_fields(events, SHIFTS["muon_scale_up"](events))
    assert type(varied) is type(events)
    assert varied.metadata == events.metadata
    assert why_missing(varied, "gen.is_ds") is None
    assert fall_back(varied, "triplet.mu1.trigger_match_dr") == fall_back(
        events, "triplet.mu1.trigger_match_dr"
    )
    touched = {one.branch for one in log}
    assert not touched & {"Trigger_hltname", "TripletVtx2_Chi2", "Track_pt", "MuonCharge"}, (
        "nothing else is read"
    )
    for one in (events, varied, events):
        assert ak.to_list(one.triplet.vertex.chi2) == ak.to_list(events.triplet.vertex.chi2)
    read = [(one.branch, one.buffer_key) for one in log if one.branch == "TripletVtx2_Chi2"]
    assert len(read) == len(set(read))


def vector(leg):
    px, py = leg["pt"] * np.cos(leg["phi"]), leg["pt"] * np.sin(leg["phi"])
    pz = leg["pt"] * np.sinh(leg["eta"])
    return np.array([np.sqrt(px**2 + py**2 + pz**2 + leg["mass"] ** 2), px, py, pz])


def mass_and_pt(legs):
    energy, px, py, pz = sum(map(vector, legs))
    return np.sqrt(energy**2 - px**2 - py**2 - pz**2), np.hypot(px, py)


def plain(records, *names):
    return [[{name: one[name] for name in names} for one in event] for event in records.to_list()]


@pytest.mark.parametrize("name", list(SHIFTS))
def test_shifted_muons_against_a_loop_over_candidates(name):
    events = open_events(entry_stop=30)
    varied = with_fields(events, SHIFTS[name](events))
    names = ("mass", "pt", "mu1", "mu2", "track", "mu1_refitted", "mu2_refitted")
    pairs = [
        (old, new)
        for before, after in zip(plain(events.triplet, *names), plain(varied.triplet, *names), strict=True)
        for old, new in zip(before, after, strict=True)
        if old["mass"] is not None
    ]
    assert len(pairs) > 30
    factors = []
    for old, new in pairs:
        for leg in ("mu1", "mu2"):
            factors.append(new[leg]["pt"] / old[leg]["pt"])
            assert new[f"{leg}_refitted"]["pt"] / old[f"{leg}_refitted"]["pt"] == pytest.approx(factors[-1])
            assert new[leg]["eta"] == old[leg]["eta"]
        assert new["track"] == old["track"]
        (m0, pt0), (m1, pt1) = (
            mass_and_pt([one[leg] for leg in ("mu1", "mu2", "track")]) for one in (old, new)
        )
        assert new["mass"] / old["mass"] == pytest.approx(m1 / m0)
        assert new["pt"] / old["pt"] == pytest.approx(pt1 / pt0)
    expected = {"muon_scale_up": 1.01, "muon_scale_down": 0.99}.get(name)
    if expected:
        assert factors == pytest.approx([expected] * len(factors))
    else:
        assert np.std(factors) == pytest.approx(0.05 * np.sqrt(1.08**2 - 1), rel=0.35)
        assert len(set(factors)) > 20


@pytest.mark.parametrize("name", list(SHIFTS))
def test_legs_stay_the_muons_that_they_are(name):
    """Copies are found by equal momentum, bit for bit: a shift must treat both alike."""
    from columnar_af.kernels.leg_matching import match_legs

    events = open_events()
    varied = with_fields(events, SHIFTS[name](events))
    for leg in ("mu1", "mu2"):
        before, after = (match_legs(one.triplet[leg], one.muon) for one in (events, varied))
        assert before.tolist() == after.tolist()
        assert ak.sum(before >= 0) > 50


def test_smearing_does_not_depend_on_chunks():
    def pts(**part):
        events = open_events(**part)
        return with_fields(events, SHIFTS["muon_resolution"](events)).triplet.mu1.pt.to_list()

    assert pts(entry_stop=11) + pts(entry_start=11) == pts()
    assert MuonMomentum(seed=1).shifts()["muon_resolution"](open_events())["muon.pt"].to_list() != (
        MuonMomentum().shifts()["muon_resolution"](open_events())["muon.pt"].to_list()
    )


def test_sizes_may_be_given_by_name():
    assert MuonMomentum.of({"scale": 0.002}) == MuonMomentum(scale=0.002)
    assert MuonMomentum.of(None) == MuonMomentum.of(MuonMomentum()) == MuonMomentum()
    with pytest.raises(ConfigError, match="expected sizes by name: scale, resolution, broadening, seed"):
        MuonMomentum.of({"skale_of_nothing": 0.002})
    with pytest.raises(ConfigError, match="the scale of the muon momentum is 2, expected a relative size"):
        MuonMomentum(scale=2)
    with pytest.raises(ConfigError, match="the resolution of the muon momentum is nan"):
        MuonMomentum(resolution=float("nan"))
