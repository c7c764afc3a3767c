"""The branches of the simulated three-muon ntuples: what the schema and the τ → 3μ processor read.

Names and types of Run 3 are those of a real file (github Ma128-bit/Tau3muRun3, SkimTools/SkimTau3Mu/test/TreeData.root). No
file of the MINI version is public; its branches are taken to be the same but for those of the Level-1 decisions, which are
those of the D_s ntuples of the same tree makers (github rvenditti/Tau3Mu_MiniAOD).
"""

from __future__ import annotations

from columnar_af.ntuples.simulation.t3m_tau_options import TauLayout

BRANCHES = """
unsigned int: evt run lumi
vector<int>: NGoodTriplets
unsigned int: nPileUpInt
vector<string>: Trigger_l1name
{level_1}
vector<string>: Trigger_hltname
vector<int>: Trigger_hltdecision GenParticle_PdgId
vector<double>: GenParticle_Pt GenParticle_Eta GenParticle_Phi
vector<int>: GenParticle_MotherPdgId
int: MuonCollectionSize
vector<float>: MuonPt
vector<double>: MuonCharge
vector<float>: MuonEta MuonPhi
vector<int>: Muon_simPdgId Muon_simMotherPdgId
vector<double>: Muon_vx Muon_vy Muon_vz Muon_isGlobal Muon_isSoft Muon_isMVASoft Muon_isLoose Muon_isMedium Muon_isPF
vector<double>: Muon_isRPCMuon Muon_isTrackerMuon Muon_SoftMVA_Val Muon_trackerLayersWithMeasurement
vector<double>: Muon_innerTrack_normalizedChi2 Muon_combinedQuality_trkKink Muon_combinedQuality_chi2LocalPosition
vector<double>: Muon_segmentCompatibility Muon_BestTrackPt Muon_BestTrackPtErr Muon_innerTrack_ValidFraction
int: PVCollection_Size
vector<double>: PV_x PV_y PV_z BS_x BS_y BS_z
int: TripletCollectionSize
vector<double>: Mu1_Pt Mu1_Eta Mu1_Phi Mu2_Pt Mu2_Eta Mu2_Phi Mu3_Pt Mu3_Eta Mu3_Phi
vector<int>: Mu1_TripletIndex Mu2_TripletIndex Mu3_TripletIndex
vector<float>: Mu1_dRtriggerMatch Mu2_dRtriggerMatch Mu3_dRtriggerMatch
vector<float>: Mu1_dRtriggerMatch_2017 Mu2_dRtriggerMatch_2017 Mu3_dRtriggerMatch_2017
vector<double>: dxy_mu1 dxy_mu2 dxy_mu3 dxyErr_mu1 dxyErr_mu2 dxyErr_mu3
vector<double>: RefTrack1_Pt RefTrack1_Eta RefTrack1_Phi RefTrack2_Pt RefTrack2_Eta RefTrack2_Phi
vector<double>: RefTrack3_Pt RefTrack3_Eta RefTrack3_Phi RefittedSV_Chi2 RefittedSV_Mass
vector<double>: TripletVtx_x TripletVtx_y TripletVtx_z TripletVtx_Chi2 TripletVtx_NDOF
vector<double>: Triplet_Mass Triplet_Pt Triplet_Eta Triplet_Phi Triplet_Charge
vector<double>: Triplet_mindca_iso Triplet_relativeiso Triplet_relativeiso2
vector<double>: RefittedPV_x RefittedPV_y RefittedPV_z RefittedPV_NTracks
vector<int>: RefittedPV_isValid
vector<double>: FlightDistPVSV FlightDistPVSV_Err FlightDistPVSV_Significance
vector<double>: MuonPt_HLT MuonEta_HLT MuonPhi_HLT MuonPt_HLT2017 MuonEta_HLT2017 MuonPhi_HLT2017
vector<double>: FlightDistBS_SV FlightDistBS_SV_Err FlightDistBS_SV_Significance
"""

LEVEL_1 = {
    TauLayout.MINI: "vector<int>: Trigger_l1decision Trigger_l1prescale",
    TauLayout.RUN3: "vector<int>: Trigger_l1Initialdecision Trigger_l1Finaldecision\nvector<double>: Trigger_l1prescale",
}


def tau_branches(layout: TauLayout) -> dict[str, str]:
    """Name -> C++ type of the branches of a layout, in the order of the tree."""
    types = {}
    for line in BRANCHES.format(level_1=LEVEL_1[layout]).strip().splitlines():
        kind, _, names = line.partition(": ")
        types.update(dict.fromkeys(names.split(), kind))
    return types
