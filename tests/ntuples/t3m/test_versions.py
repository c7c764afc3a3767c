"""Every version of section "How names changed" is recognised from its branches."""

from __future__ import annotations

from pathlib import Path

import pytest
import uproot

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m import NtupleVersion, recognise

AOD_2017 = {
    "Triplet2_Mass",
    "Mu01_Pt",
    "Mu02_Pt",
    "Tr_Pt",
    "MuonPt",
    "Trigger_l1decision",
    "GenParticle_isDs",
}
AOD_2018 = AOD_2017 | {"GenParticle_GrandMotherPdgId", "Mu01_dRtriggerMatch_Mu7"}
MINI = (AOD_2018 - {"GenParticle_GrandMotherPdgId"}) | {
    "FlightDistBS_SV_Significance",
    "Mu1_dRtriggerMatch_2017",
    "Muon_isMedium",
}
MINI_2021 = MINI | {"RefTrack1_Pt", "RefittedSV_Mass", "MuonPt_HLT_Dimuon"}
RUN3 = (MINI_2021 - {"GenParticle_isDs"}) | {"evt_isPrompt", "GenParticle_isDs_mother", "L1Muon_Pt"}
THREE_MUON = {"Triplet_Mass", "Mu1_Pt", "Mu2_Pt", "Mu3_Pt", "Trigger_l1decision"}


@pytest.mark.parametrize(
    ("branches", "version"),
    [
        (AOD_2017, NtupleVersion.AOD_2017),
        (AOD_2018, NtupleVersion.AOD_2018),
        (MINI, NtupleVersion.MINI),
        (MINI_2021, NtupleVersion.MINI_2021),
        (RUN3, NtupleVersion.RUN3),
        (THREE_MUON, NtupleVersion.THREE_MUON_AOD),
        (THREE_MUON | {"FlightDistBS_SV_Significance", "RefTrack1_Pt"}, NtupleVersion.THREE_MUON_MINI),
        (THREE_MUON | {"Trigger_l1Finaldecision", "L1Muon_Pt"}, NtupleVersion.RUN3_THREE_MUON),
    ],
)
def test_recognised_from_branches(branches: set[str], version: NtupleVersion) -> None:
    assert recognise(branches) is version
    assert version.has_three_muons is ("Triplet_Mass" in branches)


@pytest.mark.parametrize(
    ("name", "tree", "version"),
    [
        ("t3m_2017_ds_phi_pi_mc.root", "Tree3Mu/ntuple", NtupleVersion.AOD_2017),
        ("t3m_run3_tau3mu_data.root", "TreeMakerBkg/ntuple", NtupleVersion.RUN3_THREE_MUON),
    ],
)
def test_real_files(shared_data: Path, name: str, tree: str, version: NtupleVersion) -> None:
    with uproot.open(shared_data / name) as file:
        assert recognise(file[tree].keys()) is version


def test_other_trees_are_refused_with_what_they_lack() -> None:
    with pytest.raises(SchemaError, match="it lacks Tr_Pt") as caught:
        recognise({"Triplet2_Mass", "Mu01_Pt", "MuonPt"})
    assert caught.value.advice


def test_no_branches_at_all() -> None:
    with pytest.raises(SchemaError, match="with 0 branches"):
        recognise([])
