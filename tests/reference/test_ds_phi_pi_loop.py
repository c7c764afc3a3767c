"""The plain loop finds what the reference document lists, and each trap of the ntuples is one event here."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reference.ds_phi_pi_loop import CUTS, LoopResult, greedy_matches, realigned, select, select_event
from tests.reference.ds_phi_pi_thresholds import FULL_ANALYSIS, SEED, Interval, Thresholds

GOLDEN = json.loads((Path(__file__).parent / "golden_ds_phi_pi_2017_mc.json").read_text())
PASSED_ALL = dict.fromkeys(CUTS, 1)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> LoopResult:
    """The seed selection on the real file."""
    return select(shared_data / "t3m_2017_ds_phi_pi_mc.root")


def test_counts_of_the_real_file(real: LoopResult) -> None:
    found = [{"cut": cut, "events": real.events[cut], "candidates": real.candidates[cut]} for cut in CUTS]
    listed = [row for row in found if row["cut"] not in ("flight_significance", "best_candidate")]
    assert listed == GOLDEN["cutflow"]
    assert real.events["flight_significance"] == real.events["pv_tracks"]
    assert real.events["best_candidate"] == real.candidates["best_candidate"] == GOLDEN["selected_events"]


def test_what_the_real_file_cannot_feed(real: LoopResult) -> None:
    assert set(real.not_applied) == {"flight_significance"}
    assert set(real.fall_backs) == {"dimuon_mass", "trigger_match"}


def test_selected_candidates_of_the_real_file_one_by_one(real: LoopResult) -> None:
    found = [
        {
            "event": c.event,
            "triplet": c.triplet,
            "mass": round(c.mass, 6),
            "chi2": round(c.chi2, 6),
            "passing": c.passing,
        }
        for c in real.selected
    ]
    assert found == GOLDEN["selected"]


def test_mass_windows_of_the_real_file(real: LoopResult) -> None:
    in_histogram = [mass for mass in real.masses if 1.65 <= mass < 2.01]
    assert len(in_histogram) == GOLDEN["in_1_65_to_2_01"]
    assert math.fsum(in_histogram) / len(in_histogram) == pytest.approx(
        GOLDEN["mean_mass_in_1_65_to_2_01"], abs=5e-7
    )
    assert sum(1.93 <= mass <= 2.01 for mass in real.masses) == GOLDEN["in_1_93_to_2_01"]
    several = sum(candidate.passing > 1 for candidate in real.selected)
    assert several == GOLDEN["events_with_more_than_one_passing_triplet"]


def test_exact_level_1_seeds_on_the_real_file(shared_data: Path) -> None:
    """Section 1.1, B10: the exact seed list gives 98 of 109."""
    result = select(shared_data / "t3m_2017_ds_phi_pi_mc.root", thresholds=FULL_ANALYSIS["2017"])
    assert (result.events["hlt"], result.events["l1"]) == (109, 98)


@pytest.mark.parametrize("era", ["2022", "2023"])
def test_a_flag_that_the_ntuple_lacks_is_named(shared_data: Path, era: str) -> None:
    with pytest.raises(ValueError, match="lacks Muon_isMedium"):
        select(shared_data / "t3m_2017_ds_phi_pi_mc.root", thresholds=FULL_ANALYSIS[era])


def test_a_file_without_tree(shared_data: Path) -> None:
    with pytest.raises(ValueError, match="no tree Tree3Mu/ntuple or TreeMakerBkg/ntuple"):
        select(shared_data / "no_tree.root")


def good_event() -> dict[str, Any]:
    """An event of the MINI 2021 layout with one triplet, which passes every cut of both variants."""
    return {
        "run": 1, "lumi": 2, "evt": 3,
        "Trigger_hltname": ["HLT_DoubleMu3_Trk_Tau3mu_v4"], "Trigger_hltdecision": [1],
        "Trigger_l1name": ["L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4"], "Trigger_l1decision": [1],
        "Triplet2_Mass": [1.968], "TripletVtx2_Chi2": [1.5], "RefittedPV2_NTracks": [20.0],
        "FlightDistBS_SV_Significance": [5.0],
        "Mu01_Pt": [4.0], "Mu01_Eta": [0.5], "Mu01_Phi": [3.1],
        "Mu02_Pt": [4.5], "Mu02_Eta": [0.6], "Mu02_Phi": [-3.0],
        "Tr_Pt": [2.5], "Tr_Eta": [0.7], "Tr_Phi": [3.0],
        "RefTrack1_Pt": [4.0], "RefTrack1_Eta": [0.5], "RefTrack1_Phi": [3.1],
        "RefTrack2_Pt": [4.5], "RefTrack2_Eta": [0.6], "RefTrack2_Phi": [3.1 + 0.2185 - 2 * math.pi],
        "Mu1_dRtriggerMatch_2017": [0.0], "Mu2_dRtriggerMatch_2017": [0.029], "Mu3_dRtriggerMatch_2017": [0.01],
        "MuonPt": [9.0, 4.0, 4.5], "MuonEta": [0.1, 0.5, 0.6], "MuonPhi": [0.2, 3.1, -3.0],
        "MuonCharge": [1.0, 1.0, -1.0],
        "Muon_isGlobal": [0.0, 1.0, 1.0], "Muon_isPF": [0.0, 1.0, 1.0], "Muon_isMedium": [0.0, 1.0, 1.0],
        "Track_pt": [2.5], "Track_eta": [0.7], "Track_phi": [3.0], "Track_dz": [-3.0], "Track_dxy": [-0.1],
    }  # fmt: skip


def run_on(event: dict[str, Any], thresholds: Thresholds = SEED) -> LoopResult:
    result = LoopResult()
    select_event(event, thresholds, result)
    return result


def last_cut(event: dict[str, Any], thresholds: Thresholds = SEED) -> str:
    """The last cut that the event passes."""
    return [cut for cut, count in run_on(event, thresholds).events.items() if count][-1]


def with_triplets(event: dict[str, Any], **columns: list[float]) -> dict[str, Any]:
    """The event with as many copies of its triplet as the columns have values, and these values in them."""
    copies = len(next(iter(columns.values())))
    prefixes = ("Triplet", "RefittedPV2", "FlightDist", "Mu0", "Tr_", "RefTrack", "Mu1_", "Mu2_", "Mu3_")
    copied = {name: value * copies for name, value in event.items() if name.startswith(prefixes)}
    return {**event, **copied, **columns}


@pytest.mark.parametrize("thresholds", [SEED, *FULL_ANALYSIS.values()], ids=["seed", *FULL_ANALYSIS])
def test_the_good_event_passes_every_variant(thresholds: Thresholds) -> None:
    result = run_on(good_event(), thresholds)
    assert result.events == result.candidates == PASSED_ALL
    assert result.masses == [1.968]


@pytest.mark.parametrize(
    ("branch", "edge", "inside", "cut"),
    [
        ("Triplet2_Mass", 1.62, 1.6201, "l1"),
        ("Triplet2_Mass", 2.02, 2.0199, "l1"),
        ("RefittedPV2_NTracks", 1.0, 2.0, "mass"),
        ("FlightDistBS_SV_Significance", 2.0, 2.01, "pv_tracks"),
        ("Tr_Pt", 1.2, 2.5, "flight_significance"),
        ("Mu1_dRtriggerMatch_2017", 0.03, 0.0299, "dimuon_mass"),
    ],
)
def test_edges_are_excluded_and_a_step_inside_passes(
    branch: str, edge: float, inside: float, cut: str
) -> None:
    assert last_cut({**good_event(), branch: [edge]}) == cut
    assert last_cut({**good_event(), branch: [inside]}) == "best_candidate"


@pytest.mark.parametrize(
    ("pt", "eta", "accepted"),
    [
        (3.5, 1.19, False),
        (3.6, -1.19, True),
        (2.1, 1.2, True),
        (2.1, -1.3, True),
        (2.0, 1.3, False),
        (9, -2.4, False),
    ],
)
def test_muon_acceptance_takes_the_absolute_eta(pt: float, eta: float, accepted: bool) -> None:
    event = {**good_event(), "Mu01_Pt": [pt], "Mu01_Eta": [eta]}
    assert (run_on(event, replace(SEED, delta_r=None)).events["delta_r"] == 1) is accepted


@pytest.mark.parametrize("column", ["Track_dz", "Track_dxy"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_impact_parameters_are_cut_on_both_sides(column: str, sign: int) -> None:
    assert last_cut({**good_event(), column: [sign * 20.0]}) == "muon_id"


@pytest.mark.parametrize("sentinel", [-99.0, -999.0, 999.0, math.nan])
@pytest.mark.parametrize(
    ("branch", "last"),
    [
        ("Triplet2_Mass", "l1"),
        ("RefittedPV2_NTracks", "mass"),
        ("FlightDistBS_SV_Significance", "pv_tracks"),
        ("Tr_Pt", "flight_significance"),
        ("RefTrack1_Pt", "track_ip"),
        ("Mu1_dRtriggerMatch_2017", "dimuon_mass"),
        ("TripletVtx2_Chi2", "trigger_match"),
    ],
)
def test_a_sentinel_passes_no_cut(branch: str, last: str, sentinel: float) -> None:
    assert last_cut({**good_event(), branch: [sentinel]}) == last


def test_a_sentinel_chi2_does_not_win() -> None:
    result = run_on(with_triplets(good_event(), TripletVtx2_Chi2=[-99.0, 7.0, 9.0]))
    assert [(c.triplet, c.chi2, c.passing) for c in result.selected] == [(1, 7.0, 3)]


def test_of_equal_chi2_the_first_wins() -> None:
    result = run_on(with_triplets(good_event(), TripletVtx2_Chi2=[5.0, 2.0, 2.0]))
    assert result.selected[0].triplet == 1


def test_one_triplet_has_to_pass_all_cuts() -> None:
    event = with_triplets(good_event(), Triplet2_Mass=[1.968, 5.0], Mu1_dRtriggerMatch_2017=[0.5, 0.01])
    result = run_on(event)
    assert (result.candidates["mass"], result.candidates["trigger_match"], result.selected) == (1, 0, [])


def test_the_best_is_chosen_among_those_that_passed() -> None:
    event = with_triplets(good_event(), Triplet2_Mass=[5.0, 1.9, 1.8], TripletVtx2_Chi2=[0.1, 3.0, 2.0])
    assert run_on(event).masses == [1.8]


def test_surplus_tracks_of_the_vertex_are_dropped() -> None:
    assert realigned([20.0, 1.0, 7.0], 2) == [20.0, 7.0]
    assert realigned([20.0, 1.0], 2) == [20.0, 1.0]


@pytest.mark.parametrize("n_tracks", [[20.0, 3.0], []])
def test_vertex_tracks_that_cannot_be_aligned(n_tracks: list[float]) -> None:
    with pytest.raises(ValueError, match="RefittedPV2_NTracks"):
        run_on({**good_event(), "RefittedPV2_NTracks": n_tracks})


@pytest.mark.parametrize("branch", ["Mu01_Pt", "Muon_isPF", "Track_dz"])
def test_lengths_that_disagree(branch: str) -> None:
    event = good_event()
    with pytest.raises(ValueError, match=branch):
        run_on({**event, branch: [*event[branch], 1.0]})


def test_a_leg_that_is_no_muon_has_no_flags() -> None:
    assert last_cut({**good_event(), "MuonPhi": [0.2, 3.1001, -3.0]}) == "delta_r"


def test_flags_are_those_of_the_matched_muon() -> None:
    assert last_cut({**good_event(), "Muon_isPF": [1.0, 0.0, 1.0]}) == "delta_r"


def test_no_cut_on_flight_significance_without_its_branch() -> None:
    event = good_event()
    del event["FlightDistBS_SV_Significance"]
    assert last_cut(event) == "best_candidate"


@pytest.mark.parametrize("name", ["HLT_DoubleMu3_Trk_Tau3mu_NoL1Mass_v4", "HLT_DoubleMu3_TkMu_DsTau3Mu_v4"])
def test_other_paths_do_not_count(name: str) -> None:
    assert last_cut({**good_event(), "Trigger_hltname": [name]}) == "all"


def test_an_event_without_triplets_counts_in_the_event_cuts() -> None:
    event = with_triplets(good_event(), Triplet2_Mass=[])
    event = {name: [] if value == [] else value for name, value in event.items()}
    result = run_on({**event, "RefittedPV2_NTracks": []})
    assert (result.events["l1"], result.candidates["l1"], result.events["mass"]) == (1, 0, 0)


def test_like_charges_fail_the_full_analysis_only() -> None:
    event = {**good_event(), "MuonCharge": [1.0, 1.0, 1.0]}
    assert last_cut(event) == "best_candidate"
    assert last_cut(event, FULL_ANALYSIS["2018"]) == "track_ip"


def test_each_object_serves_one_leg() -> None:
    legs = [(4.0, 0.0, 0.0), (4.0, 0.0, 0.02)]
    assert greedy_matches(legs, [(4.0, 0.0, 0.015)]) == [None, 0]
    assert greedy_matches(legs, [(4.0, 0.0, 0.015), (4.0, 0.0, 0.3)]) == [1, 0]


@pytest.mark.parametrize(("pt", "last"), [(4.0, "best_candidate"), (4.5, "dimuon_mass")])
def test_trigger_objects_are_matched_in_momentum_too(pt: float, last: str) -> None:
    objects = {
        "MuonPt_HLT2017": [pt, pt, 4.5, 2.5],
        "MuonEta_HLT2017": [0.5, 0.5, 0.6, 0.7],
        "MuonPhi_HLT2017": [3.1, 3.1, -3.0, 3.0],
    }
    for era in ("2018", "2023"):
        assert last_cut({**good_event(), **objects}, FULL_ANALYSIS[era]) == last


def test_intervals() -> None:
    assert 2.0 in Interval(2.0, 3.0, low_included=True)
    assert 2.0 not in Interval(2.0, 3.0)
    for unknown in (math.nan, None):
        assert unknown not in Interval()
