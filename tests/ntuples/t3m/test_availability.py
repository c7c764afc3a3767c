"""What a version lacks is said, in every mode and for slices; nothing is skipped silently."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest
import uproot
from coffea.nanoevents import BaseSchema, NanoEventsFactory

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m import fall_back, missing_branches, why_missing

from .conftest import MODES, OpenEvents, open_events

BS = "triplet.flight_distance_bs_significance"
MATCH = "triplet.mu1.trigger_match_dr"


@pytest.mark.parametrize("mode", MODES)
def test_what_the_2017_ntuple_lacks(shared_data: Path, mode: str) -> None:
    events = open_events(shared_data / "t3m_2017_ds_phi_pi_mc.root", mode)
    assert (
        why_missing(events, BS)
        == "branch FlightDistBS_SV_Significance is not in this ntuple (AOD 2017 layout)"
    )
    assert why_missing(events, "triplet.mass") is None
    assert (
        why_missing(events, "hlt_muon.pt") == "branch MuonPt_HLT2017 is not in this ntuple (AOD 2017 layout)"
    )
    assert fall_back(events, MATCH) == (
        "branch Mu01_dRtriggerMatch is read in place of Mu1_dRtriggerMatch_2017, which is not in this ntuple "
        "(AOD 2017 layout): the same HLT filter under its older name"
    )
    assert "unrefitted" in str(fall_back(events, "triplet.mu1_refitted"))
    assert fall_back(events, "triplet.mu1.pt") is None
    assert fall_back(events, BS) is None


def test_slices_and_selections_know_it_too(shared_data: Path) -> None:
    events = open_events(shared_data / "t3m_2017_ds_phi_pi_mc.root")
    for part in (events[:3], events[events.run > 0], events[[4, 2]], events[:0]):
        assert why_missing(part, BS) is not None
        assert fall_back(part, MATCH) is not None
    events["weight"] = ak.ones_like(events.run)
    assert why_missing(events, BS) is not None
    assert why_missing(events, "weight") is None


def test_what_the_run_3_tree_of_three_muons_lacks(shared_data: Path) -> None:
    events = open_events(shared_data / "t3m_run3_tau3mu_data.root", tree="TreeMakerBkg/ntuple")
    assert why_missing(events, BS) is None
    assert why_missing(events, "track.pt") == "the ntuple has no tracks (three-muon Run 3 layout)"
    assert "Trigger_l1Finaldecision" in str(fall_back(events, "trigger.l1_decision"))
    assert "FlightDistPVSV_chi2" in str(why_missing(events, "triplet.flight_distance_chi2"))
    assert "flight_distance_chi2" not in events.triplet.fields
    assert "Mu1_dRtriggerMatch_Mu7" in str(why_missing(events, "triplet.mu1.trigger_match_dr_mu7"))


def test_columns_that_do_not_belong_to_triplets_are_there_as_branches(shared_data: Path) -> None:
    events = open_events(shared_data / "t3m_run3_tau3mu_data.root", tree="TreeMakerBkg/ntuple")
    assert ak.sum(ak.num(events.FlightDistPVSV_chi2)) == 6
    assert ak.sum(ak.num(events.triplet.mass)) == 618


def test_a_bundle_is_never_mixed(open_ds: OpenEvents) -> None:
    """One coordinate of a refitted leg alone would give a vector of two fits."""
    events = open_ds("virtual", {"RefTrack1_Pt": [[90.0, 91.0], [], [92.0, 93.0, 94.0], [95.0]]})
    assert events.triplet.mu1_refitted.pt.tolist() == events.Mu01_Pt.tolist()
    assert fall_back(events, "triplet.mu1_refitted.pt") is not None


def test_an_unknown_field_is_refused_with_the_closest(open_ds: OpenEvents) -> None:
    with pytest.raises(SchemaError, match="no version") as caught:
        why_missing(open_ds(), "triplet.flight_distance_significanze")
    assert "triplet.flight_distance_significance" in caught.value.advice


def test_events_of_another_schema_are_refused(shared_data: Path) -> None:
    path = shared_data / "t3m_2017_ds_phi_pi_mc.root"
    events = NanoEventsFactory.from_root({str(path): "Tree3Mu/ntuple"}, schemaclass=BaseSchema).events()
    with pytest.raises(SchemaError, match="T3MSchema"):
        why_missing(events, "triplet.mass")


def test_missing_branches(shared_data: Path) -> None:
    with uproot.open(shared_data / "t3m_2017_ds_phi_pi_mc.root") as file:
        missing = missing_branches(file["Tree3Mu/ntuple"].keys())
    assert "FlightDistBS_SV_Significance" in missing
    assert "Mu1_dRtriggerMatch_2017" in missing
    assert "Triplet2_Mass" not in missing
    assert list(missing) == sorted(missing)
