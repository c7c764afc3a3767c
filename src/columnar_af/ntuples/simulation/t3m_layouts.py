"""The branches of the T3M ntuples: names and types in the order of the tree.

AOD 2017 was read from a real file (github rvenditti/Tau3MuSearch, Tree_PhiPi_MC.root, commit 15e2e9f: 174 branches).
No file in the MINI 2021 layout is public; its 295 branches are those that the tree maker of January 2021 books
(github rvenditti/Tau3Mu_MiniAOD, DsPhiPiTreeMakerMINI.cc, commit 560b83a).
"""

from __future__ import annotations

from columnar_af.ntuples.simulation.t3m_options import Branches, Layout, T3MOptions

TREE = "Tree3Mu/ntuple"

AOD_2017 = """
unsigned int: evt run lumi
vector<int>: NGoodTriplets
unsigned int: nPileUpInt
vector<int>: GenParticle_PdgId
vector<double>: GenParticle_Pt GenParticle_Eta GenParticle_Phi
vector<int>: GenParticle_isDs GenParticle_isB GenParticle_isBdecay GenParticle_MotherPdgId
int: MuonCollectionSize
vector<float>: MuonPt
vector<double>: MuonEnergy MuonCharge
vector<float>: MuonEta MuonPhi
vector<int>: Muon_PdgId Muon_MotherPdgId Muon_simFlavour
vector<float>: MuonChi2P MuonChi2LocalPosition MuonGlbTrackProbability MuonTrkRelChi2 MuonTrkKink
vector<double>: Muon_vx Muon_vy Muon_vz Muon_isGlobal Muon_isSoft Muon_isLoose Muon_isPF Muon_isRPCMuon
vector<double>: Muon_isStandAloneMuon Muon_isTrackerMuon Muon_isCaloMuon Muon_isQualityValid Muon_isTimeValid
vector<double>: Muon_isIsolationValid Muon_numberOfMatchedStations Muon_numberOfMatches Muon_timeAtIpInOut
vector<double>: Muon_timeAtIpInOutErr Muon_GLnormChi2 Muon_GLhitPattern_numberOfValidMuonHits
vector<double>: Muon_trackerLayersWithMeasurement Muon_Numberofvalidpixelhits Muon_outerTrack_p Muon_outerTrack_eta
vector<double>: Muon_outerTrack_phi Muon_outerTrack_normalizedChi2 Muon_outerTrack_muonStationsWithValidHits
vector<double>: Muon_innerTrack_p Muon_innerTrack_eta Muon_innerTrack_phi Muon_innerTrack_normalizedChi2
vector<double>: Muon_QInnerOuter Muon_combinedQuality_updatedSta Muon_combinedQuality_trkKink
vector<double>: Muon_combinedQuality_glbKink Muon_combinedQuality_trkRelChi2 Muon_combinedQuality_staRelChi2
vector<double>: Muon_combinedQuality_chi2LocalPosition Muon_combinedQuality_chi2LocalMomentum
vector<double>: Muon_combinedQuality_localDistance Muon_combinedQuality_globalDeltaEtaPhi
vector<double>: Muon_combinedQuality_tightMatch Muon_combinedQuality_glbTrackProbability Muon_calEnergy_em
vector<double>: Muon_calEnergy_emS9 Muon_calEnergy_emS25 Muon_calEnergy_had Muon_calEnergy_hadS9
vector<double>: Muon_segmentCompatibility Muon_caloCompatibility Muon_ptErrOverPt Muon_emEt03 Muon_hadEt03
vector<double>: Muon_nJets03 Muon_nTracks03 Muon_sumPt03 Muon_hadVetoEt03 Muon_emVetoEt03 Muon_trackerVetoPt03
vector<double>: Muon_emEt05 Muon_hadEt05 Muon_nJets05 Muon_nTracks05 Muon_sumPt05 Muon_hadVetoEt05 Muon_emVetoEt05
vector<double>: Muon_trackerVetoPt05 Track_pt Track_eta Track_phi Track_normalizedChi2 Track_numberOfValidHits
vector<double>: Track_charge Track_dxy Track_dxyError Track_dz Track_dzError Track_vx Track_vy Track_vz
int: PVCollection_Size
vector<double>: PV_x PV_y PV_z PV_NTracks
vector<string>: Trigger_l1name
vector<int>: Trigger_l1decision Trigger_l1prescale
vector<string>: Trigger_hltname
vector<int>: Trigger_hltdecision
int: TripletCollectionSize2 SelectedTripletsSize
vector<double>: Mu01_Pt Mu01_Eta Mu01_Phi
vector<float>: Mu01_dRtriggerMatch
vector<int>: Mu01_TripletIndex
vector<double>: Mu02_Pt Mu02_Eta Mu02_Phi
vector<float>: Mu02_dRtriggerMatch
vector<int>: Mu02_TripletIndex
vector<double>: Tr_Pt Tr_Eta Tr_Phi
vector<float>: Tr_dRtriggerMatch
vector<int>: Tr_TripletIndex selectedTripletsIndex
vector<double>: GenMatchMu01_SimPt GenMatchMu02_SimPt GenMatchMu01_SimEta GenMatchMu02_SimEta GenMatchMu01_SimPhi
vector<double>: GenMatchMu02_SimPhi GenMatchMu01_Pt GenMatchMu02_Pt GenMatchMu01_Eta GenMatchMu02_Eta
vector<double>: GenMatchMu01_Phi GenMatchMu02_Phi Triplet_mindca_iso Triplet_relativeiso TripletVtx2_x TripletVtx2_y
vector<double>: TripletVtx2_z TripletVtx2_Chi2 TripletVtx2_NDOF Triplet2_Mass Triplet2_Pt Triplet2_Eta Triplet2_Phi
vector<double>: Triplet2_Charge RefittedPV2_x RefittedPV2_y RefittedPV2_z RefittedPV2_NTracks
vector<int>: RefittedPV2_isValid
vector<double>: FlightDistPVSV2 FlightDistPVSV2_Err FlightDistPVSV2_Significance FlightDistPVSV2_chi2 dxy_mu1
vector<double>: dxy_mu2 dxy_mu3 dxyErr_mu1 dxyErr_mu2 dxyErr_mu3
"""

MINI_2021 = """
unsigned int: evt run lumi
vector<int>: NGoodTriplets
unsigned int: nPileUpInt
vector<string>: Trigger_l1name
vector<int>: Trigger_l1decision Trigger_l1prescale
vector<string>: Trigger_hltname
vector<int>: Trigger_hltdecision GenParticle_PdgId
vector<double>: GenParticle_Pt GenParticle_Eta GenParticle_Phi
vector<int>: GenParticle_isDs GenParticle_isB GenParticle_isBdecay GenParticle_MotherPdgId
int: MuonCollectionSize
vector<float>: MuonPt
vector<double>: MuonEnergy MuonCharge
vector<float>: MuonEta MuonPhi
vector<int>: Muon_PdgId Muon_MotherPdgId Muon_simFlavour
vector<double>: Muon_vx Muon_vy Muon_vz Muon_isGlobal Muon_isSoft Muon_isLoose Muon_isMedium Muon_isPF
vector<double>: Muon_isRPCMuon Muon_isStandAloneMuon Muon_isTrackerMuon Muon_isCaloMuon Muon_isQualityValid
vector<double>: Muon_isTimeValid Muon_isIsolationValid Muon_numberOfMatchedStations Muon_numberOfMatches
vector<double>: Muon_SoftMVA_Val Muon_timeAtIpInOut Muon_timeAtIpInOutErr Muon_GLnormChi2
vector<double>: Muon_GLhitPattern_numberOfValidMuonHits Muon_trackerLayersWithMeasurement
vector<double>: Muon_Numberofvalidpixelhits Muon_outerTrack_p Muon_outerTrack_eta Muon_outerTrack_phi
vector<double>: Muon_outerTrack_normalizedChi2 Muon_outerTrack_muonStationsWithValidHits Muon_innerTrack_p
vector<double>: Muon_innerTrack_eta Muon_innerTrack_phi Muon_innerTrack_normalizedChi2 Muon_QInnerOuter
vector<double>: Muon_combinedQuality_updatedSta Muon_combinedQuality_trkKink Muon_combinedQuality_glbKink
vector<double>: Muon_combinedQuality_trkRelChi2 Muon_combinedQuality_staRelChi2
vector<double>: Muon_combinedQuality_chi2LocalPosition Muon_combinedQuality_chi2LocalMomentum
vector<double>: Muon_combinedQuality_localDistance Muon_combinedQuality_globalDeltaEtaPhi
vector<double>: Muon_combinedQuality_tightMatch Muon_combinedQuality_glbTrackProbability Muon_calEnergy_em
vector<double>: Muon_calEnergy_emS9 Muon_calEnergy_emS25 Muon_calEnergy_had Muon_calEnergy_hadS9
vector<double>: Muon_segmentCompatibility Muon_caloCompatibility Muon_ptErrOverPt Muon_BestTrackPt
vector<double>: Muon_BestTrackPtErr Muon_BestTrackEta Muon_BestTrackEtaErr Muon_BestTrackPhi Muon_BestTrackPhiErr
vector<double>: Muon_emEt03 Muon_hadEt03 Muon_nJets03 Muon_nTracks03 Muon_sumPt03 Muon_hadVetoEt03 Muon_emVetoEt03
vector<double>: Muon_trackerVetoPt03 Muon_emEt05 Muon_hadEt05 Muon_nJets05 Muon_nTracks05 Muon_sumPt05
vector<double>: Muon_hadVetoEt05 Muon_emVetoEt05 Muon_trackerVetoPt05 Track_pt Track_eta Track_phi
vector<double>: Track_normalizedChi2 Track_numberOfValidHits Track_charge Track_dxy Track_dxyError Track_dz
vector<double>: Track_dzError Track_vx Track_vy Track_vz Muon_validMuonHitComb Muon_innerTrack_ValidFraction
vector<double>: Muon_Numberofvalidtrackerhits Muon_innerTrack_highPurity
vector<int>: Track_pdgId
int: TripletCollectionSize2 PVCollection_Size
vector<double>: PV_x PV_y PV_z PV_NTracks BS_x BS_y BS_z Vtx12_x Vtx23_x Vtx13_x Vtx12_y Vtx23_y Vtx13_y Vtx12_z
vector<double>: Vtx23_z Vtx13_z Vtx12_Chi2 Vtx23_Chi2 Vtx13_Chi2 Vtx12_nDOF Vtx23_nDOF Vtx13_nDOF
int: SelectedTripletsSize
vector<double>: Mu01_Pt Mu01_Eta Mu01_Phi
vector<float>: Mu01_dRtriggerMatch
vector<int>: Mu01_TripletIndex
vector<double>: Mu1_NTracks03iso Mu02_Pt Mu02_Eta Mu02_Phi
vector<float>: Mu02_dRtriggerMatch
vector<int>: Mu02_TripletIndex
vector<double>: Mu2_NTracks03iso Tr_Pt Tr_Eta Tr_Phi
vector<float>: Tr_dRtriggerMatch
vector<int>: Tr_TripletIndex
vector<double>: Tr_NTracks03iso
vector<int>: selectedTripletsIndex
vector<double>: GenMatchMu01_SimPt GenMatchMu02_SimPt GenMatchMu01_SimEta GenMatchMu02_SimEta GenMatchMu01_SimPhi
vector<double>: GenMatchMu02_SimPhi GenMatchMu01_Pt GenMatchMu02_Pt GenMatchMu01_Eta GenMatchMu02_Eta
vector<double>: GenMatchMu01_Phi GenMatchMu02_Phi Triplet_mindca_iso Triplet_relativeiso Triplet_relativeiso2
vector<double>: TripletVtx2_x TripletVtx2_y TripletVtx2_z TripletVtx2_Chi2 TripletVtx2_NDOF Triplet2_Mass
vector<double>: Triplet2_Pt Triplet2_Eta Triplet2_Phi Triplet2_Charge RefittedPV2_x RefittedPV2_y RefittedPV2_z
vector<double>: RefittedPV2_NTracks
vector<int>: RefittedPV2_isValid
vector<double>: RefittedPV_Chi2 RefittedPV_nDOF PV_bis_Chi2 PV_bis_nDOF FlightDistPVSV2 FlightDistPVSV2_Err
vector<double>: FlightDistPVSV2_Significance FlightDistPVSV2_chi2 dxy_mu1 dxy_mu2 dxy_mu3 dxyErr_mu1 dxyErr_mu2
vector<double>: dxyErr_mu3 DistXY_PVSV DistXY_significance_PVSV Triplet_IsoMu1 Triplet_IsoMu2 Triplet_IsoMu3
vector<double>: FlightDistBS_SV FlightDistBS_SV_Err FlightDistBS_SV_Significance RefTrack1_Pt RefTrack1_Eta
vector<double>: RefTrack1_Phi RefTrack1_TripletIndex RefTrack2_Pt RefTrack2_Eta RefTrack2_Phi RefTrack2_TripletIndex
vector<double>: RefTrack3_Pt RefTrack3_Eta RefTrack3_Phi RefTrack3_TripletIndex RefittedSV_Chi2 RefittedSV_nDOF
vector<double>: RefittedSV_Mass IsoTrackMu1_Pt IsoTrackMu1_Eta IsoTrackMu1_Phi IsoTrackMu2_Pt IsoTrackMu2_Eta
vector<double>: IsoTrackMu2_Phi IsoTrackMu3_Pt IsoTrackMu3_Eta IsoTrackMu3_Phi
vector<float>: Mu1_dRtriggerMatch_Mu7 Mu1_dRtriggerMatch_Mu8 Mu2_dRtriggerMatch_Mu7 Mu2_dRtriggerMatch_Mu8
vector<float>: Mu3_dRtriggerMatch_Mu7 Mu3_dRtriggerMatch_Mu8 Mu1_dRtriggerMatch_Mu8_IP5 Mu1_dRtriggerMatch_Mu8_IP6
vector<float>: Mu1_dRtriggerMatch_Mu9_IP0 Mu1_dRtriggerMatch_Mu9_IP3 Mu1_dRtriggerMatch_Mu9_IP4
vector<float>: Mu1_dRtriggerMatch_Mu9_IP5 Mu1_dRtriggerMatch_Mu9_IP6 Mu1_dRtriggerMatch_Mu12_IP6
vector<double>: Mu1_dRtriggerMatch_2017 Mu2_dRtriggerMatch_2017 Mu3_dRtriggerMatch_2017 MuonPt_HLT2017
vector<double>: MuonEta_HLT2017 MuonPhi_HLT2017 MuonPt_HLT_Dimuon MuonEta_HLT_Dimuon MuonPhi_HLT_Dimuon MuonPt_HLT
vector<double>: MuonEta_HLT MuonPhi_HLT MuonPt_HLT_BPMu7 MuonEta_HLT_BPMu7 MuonPhi_HLT_BPMu7 MuonPt_HLT_BPMu8
vector<double>: MuonEta_HLT_BPMu8 MuonPhi_HLT_BPMu8 MuonPt_HLT_BPMu8_IP6 MuonEta_HLT_BPMu8_IP6 MuonPt_HLT_BPMu8_IP5
vector<double>: MuonEta_HLT_BPMu8_IP5 MuonPhi_HLT_BPMu8_IP5 MuonPt_HLT_BPMu9_IP0 MuonEta_HLT_BPMu9_IP0
vector<double>: MuonPhi_HLT_BPMu9_IP0 MuonPt_HLT_BPMu9_IP3 MuonEta_HLT_BPMu9_IP3 MuonPhi_HLT_BPMu9_IP3
vector<double>: MuonPt_HLT_BPMu9_IP4 MuonEta_HLT_BPMu9_IP4 MuonPhi_HLT_BPMu9_IP4 MuonPt_HLT_BPMu9_IP5
vector<double>: MuonEta_HLT_BPMu9_IP5 MuonPhi_HLT_BPMu9_IP5 MuonPt_HLT_BPMu9_IP6 MuonEta_HLT_BPMu9_IP6
vector<double>: MuonPhi_HLT_BPMu9_IP6 MuonPt_HLT_BPMu12_IP6 MuonEta_HLT_BPMu12_IP6 MuonPhi_HLT_BPMu12_IP6
"""

ANALYSIS = """
evt run lumi nPileUpInt NGoodTriplets MuonCollectionSize TripletCollectionSize2 SelectedTripletsSize
Trigger_l1name Trigger_l1decision Trigger_l1prescale Trigger_hltname Trigger_hltdecision
GenParticle_PdgId GenParticle_Pt GenParticle_Eta GenParticle_Phi GenParticle_MotherPdgId GenParticle_isDs
MuonPt MuonEta MuonPhi MuonCharge Muon_PdgId Muon_MotherPdgId Muon_vx Muon_vy Muon_vz
Muon_isGlobal Muon_isPF Muon_isTrackerMuon Muon_isLoose Muon_isSoft Muon_isMedium
Track_pt Track_eta Track_phi Track_charge Track_dxy Track_dz Track_dxyError Track_dzError Track_pdgId
Triplet2_Mass Triplet2_Pt Triplet2_Eta Triplet2_Phi Triplet2_Charge
TripletVtx2_x TripletVtx2_y TripletVtx2_z TripletVtx2_Chi2 TripletVtx2_NDOF
RefittedPV2_x RefittedPV2_y RefittedPV2_z RefittedPV2_NTracks RefittedPV2_isValid
FlightDistPVSV2 FlightDistPVSV2_Err FlightDistPVSV2_Significance
FlightDistBS_SV FlightDistBS_SV_Err FlightDistBS_SV_Significance
Triplet_mindca_iso Triplet_relativeiso
Mu01_Pt Mu01_Eta Mu01_Phi Mu01_dRtriggerMatch Mu01_TripletIndex
Mu02_Pt Mu02_Eta Mu02_Phi Mu02_dRtriggerMatch Mu02_TripletIndex
Tr_Pt Tr_Eta Tr_Phi Tr_dRtriggerMatch Tr_TripletIndex
dxy_mu1 dxy_mu2 dxy_mu3 dxyErr_mu1 dxyErr_mu2 dxyErr_mu3
Mu1_dRtriggerMatch_2017 Mu2_dRtriggerMatch_2017 Mu3_dRtriggerMatch_2017
RefTrack1_Pt RefTrack1_Eta RefTrack1_Phi RefTrack2_Pt RefTrack2_Eta RefTrack2_Phi RefTrack3_Pt RefTrack3_Eta
RefTrack3_Phi RefittedSV_Mass RefittedSV_Chi2 MuonPt_HLT2017 MuonEta_HLT2017 MuonPhi_HLT2017 MuonPt_HLT_Dimuon
"""
"""What the T3M schema and the D_s → φπ processor read, of either layout, and what tells the layouts apart."""


def branch_types(layout: Layout) -> dict[str, str]:
    """Name -> C++ type of all branches of a layout, in the order of the tree."""
    table = AOD_2017 if layout is Layout.AOD_2017 else MINI_2021
    types = {}
    for line in table.strip().splitlines():
        kind, _, names = line.partition(": ")
        types.update(dict.fromkeys(names.split(), kind))
    return types


def written_branches(options: T3MOptions) -> dict[str, str]:
    """Name -> C++ type of the branches that a sample has, in the order of the tree."""
    types = branch_types(options.layout)
    if options.branches is Branches.FULL:
        return types
    analysis = set(ANALYSIS.split())
    return {name: kind for name, kind in types.items() if name in analysis}
