"""Everything beside the candidates: muons, tracks, gen particles, trigger, trigger objects and event scalars.

The sources are the tree makers named in :mod:`columnar_af.ntuples.t3m.versions`.
"""

from __future__ import annotations

from columnar_af.ntuples.t3m.columns import Column, Constant, Group, Repair
from columnar_af.ntuples.t3m.methods import CHARGED_VECTOR
from columnar_af.ntuples.t3m.triplets import CHARGED_PION_MASS, MUON_MASS

NO_TRACK = (-999.0,)
"""Muon without global fit, or without outer or inner track."""
NO_MOTHER = (-99.0, -999.0)
"""No gen partner, or a gen particle without mother."""
UNSIGNED_WRAPS = (4294966297.0, 4294967197.0)
"""-999 and -99 written to an unsigned 32-bit integer: what data holds as number of interactions."""
MOST_INTERACTIONS = 1000.0
"""No LHC crossing has more; the first event of a data file holds an uninitialised number instead."""


def _flags(names: dict[str, str], missing: tuple[float, ...] = ()) -> tuple[Column, ...]:
    return tuple(
        Column(field, branch, "", f"{branch} of the muon", missing, flag=True)
        for field, branch in names.items()
    )


def _muon_tracks() -> tuple[Column, ...]:
    inner, outer = "inner track", "outer track"
    return (
        Column("global_chi2", "Muon_GLnormChi2", "", "χ²/ndof of the global fit", NO_TRACK),
        Column(
            "n_valid_muon_hits", "Muon_GLhitPattern_numberOfValidMuonHits", "", "of the global fit", NO_TRACK
        ),
        Column(
            "tracker_layers",
            "Muon_trackerLayersWithMeasurement",
            "",
            "tracker layers with measurement",
            NO_TRACK,
            repair=Repair.DOUBLED_SENTINEL,
        ),
        Column("n_valid_pixel_hits", "Muon_Numberofvalidpixelhits", "", f"of the {inner}", NO_TRACK),
        Column("inner_track_p", "Muon_innerTrack_p", "GeV", f"momentum of the {inner}", NO_TRACK),
        Column("inner_track_chi2", "Muon_innerTrack_normalizedChi2", "", f"χ²/ndof of the {inner}", NO_TRACK),
        Column("outer_track_p", "Muon_outerTrack_p", "GeV", f"momentum of the {outer}", NO_TRACK),
        Column("outer_track_eta", "Muon_outerTrack_eta", "", f"pseudorapidity of the {outer}", NO_TRACK),
        Column("outer_track_phi", "Muon_outerTrack_phi", "rad", f"azimuth of the {outer}", NO_TRACK),
        Column("outer_track_chi2", "Muon_outerTrack_normalizedChi2", "", f"χ²/ndof of the {outer}", NO_TRACK),
        Column("charge_inner_outer", "Muon_QInnerOuter", "", "product of inner and outer charge", NO_TRACK),
        Column(
            "inner_valid_fraction",
            "Muon_innerTrack_ValidFraction",
            "",
            f"valid hits of the {inner}",
            NO_TRACK,
        ),
        Column("pt_error_over_pt", "Muon_ptErrOverPt", "", "relative error of the transverse momentum"),
        Column("best_track_pt_error", "Muon_BestTrackPtErr", "GeV", "error of the best track's pt", NO_TRACK),
    )


def _muon_identification() -> tuple[Column, ...]:
    kink = (999.0,)
    return (
        *_flags(
            {
                "is_global": "Muon_isGlobal",
                "is_pf": "Muon_isPF",
                "is_tracker": "Muon_isTrackerMuon",
                "is_standalone": "Muon_isStandAloneMuon",
                "is_calo": "Muon_isCaloMuon",
                "is_loose": "Muon_isLoose",
                "is_soft": "Muon_isSoft",
                "is_medium": "Muon_isMedium",
                "is_tight": "Muon_isTight",
                "is_mva_soft": "Muon_isMVASoft",
            }
        ),
        Column("soft_mva", "Muon_SoftMVA_Val", "", "value of the soft-muon MVA"),
        Column(
            "n_matched_stations", "Muon_numberOfMatchedStations", "", "muon stations with matched segments"
        ),
        Column("n_matches", "Muon_numberOfMatches", "", "muon chambers with matched segments"),
        Column("segment_compatibility", "Muon_segmentCompatibility", "", "of track and muon segments"),
        Column("calo_compatibility", "Muon_caloCompatibility", "", "of the calorimeter deposits"),
        Column("track_kink", "Muon_combinedQuality_trkKink", "", "χ² of the kink of the inner track", kink),
        Column(
            "chi2_local_position", "Muon_combinedQuality_chi2LocalPosition", "", "of inner to outer track"
        ),
        Column("sum_pt_iso03", "Muon_sumPt03", "GeV", "sum of track pt within ΔR 0.3"),
        Column("n_tracks_iso03", "Muon_nTracks03", "", "tracks within ΔR 0.3"),
    )


MUON = Group(
    name="muon",
    counter="MuonPt",
    doc="reconstructed muons",
    columns=(
        Column("pt", "MuonPt", "GeV", "transverse momentum", required=True),
        Column("eta", "MuonEta", "", "pseudorapidity", required=True),
        Column("phi", "MuonPhi", "rad", "azimuth", required=True),
        Column("charge", "MuonCharge", "e", "charge", required=True),
        Column("vertex_x", "Muon_vx", "cm", "x of the reference point"),
        Column("vertex_y", "Muon_vy", "cm", "y of the reference point"),
        Column("vertex_z", "Muon_vz", "cm", "z of the reference point"),
        *_muon_identification(),
        *_muon_tracks(),
        Column(
            "pdg_id",
            "Muon_PdgId",
            "",
            "PDG code of the gen partner",
            NO_MOTHER,
            stand_ins=("Muon_simPdgId",),
            why="the same code under the name of the tau trees",
        ),
        Column(
            "mother_pdg_id",
            "Muon_MotherPdgId",
            "",
            "PDG code of its mother",
            NO_MOTHER,
            stand_ins=("Muon_simMotherPdgId",),
            why="the same code under the name of the tau trees",
        ),
    ),
    constants=(Constant("mass", MUON_MASS, "GeV", "mass of the muon, PDG 2022"),),
    records={"": CHARGED_VECTOR},
)
"""``events.muon``."""

TRACK = Group(
    name="track",
    counter="Track_pt",
    doc="tracks that were candidates for the third leg",
    columns=(
        Column("pt", "Track_pt", "GeV", "transverse momentum", required=True),
        Column("eta", "Track_eta", "", "pseudorapidity", required=True),
        Column("phi", "Track_phi", "rad", "azimuth", required=True),
        Column("charge", "Track_charge", "e", "charge", required=True),
        Column("dxy", "Track_dxy", "cm", "transverse impact parameter to the origin, signed", required=True),
        Column("dz", "Track_dz", "cm", "longitudinal impact parameter to the origin, signed", required=True),
        Column("dxy_error", "Track_dxyError", "cm", "error of dxy"),
        Column("dz_error", "Track_dzError", "cm", "error of dz"),
        Column("chi2", "Track_normalizedChi2", "", "χ²/ndof"),
        Column("n_valid_hits", "Track_numberOfValidHits", "", "valid hits"),
        Column("vertex_x", "Track_vx", "cm", "x of the reference point"),
        Column("vertex_y", "Track_vy", "cm", "y of the reference point"),
        Column("vertex_z", "Track_vz", "cm", "z of the reference point"),
        Column("pdg_id", "Track_pdgId", "", "PDG code of the gen partner", NO_MOTHER),
    ),
    constants=(Constant("mass", CHARGED_PION_MASS, "GeV", "mass of the charged pion, PDG 2022"),),
    records={"": CHARGED_VECTOR},
)
"""``events.track``, of the trees of two muons and a track."""

GEN = Group(
    name="gen",
    counter="GenParticle_PdgId",
    doc="generated particles; empty in data",
    columns=(
        Column("pdg_id", "GenParticle_PdgId", "", "PDG code", required=True),
        Column("pt", "GenParticle_Pt", "GeV", "transverse momentum", required=True),
        Column("eta", "GenParticle_Eta", "", "pseudorapidity", required=True),
        Column("phi", "GenParticle_Phi", "rad", "azimuth", required=True),
        Column("mother_pdg_id", "GenParticle_MotherPdgId", "", "PDG code of the mother", NO_MOTHER),
        Column(
            "grandmother_pdg_id", "GenParticle_GrandMotherPdgId", "", "PDG code of the grandmother", NO_MOTHER
        ),
        Column("is_ds", "GenParticle_isDs", "", "-1 no Ds, 0 other origin, 1 prompt, 2 from B"),
        Column("ds_mother", "GenParticle_isDs_mother", "", "origin of the Ds (Run 3)"),
        Column("ds_daughters", "GenParticle_isDs_daughters", "", "1 for Ds to phi(mu mu) pi (Run 3)"),
        Column("is_b", "GenParticle_isB", "", "whether it is a B hadron"),
        Column("is_b_decay", "GenParticle_isBdecay", "", "whether it comes from a B hadron"),
    ),
    records={"": "Momentum3D"},
)
"""``events.gen``: three-vectors, since the ntuple holds no mass of theirs."""

HLT_MUON = Group(
    name="hlt_muon",
    counter="MuonPt_HLT2017",
    doc="objects of hltTau3muTkVertexFilter, the filter of the control trigger; the ntuple repeats some",
    columns=(
        Column("pt", "MuonPt_HLT2017", "GeV", "transverse momentum"),
        Column("eta", "MuonEta_HLT2017", "", "pseudorapidity"),
        Column("phi", "MuonPhi_HLT2017", "rad", "azimuth"),
    ),
    records={"": "Momentum3D"},
)
"""``events.hlt_muon``, where the ntuple holds trigger objects (MINI and later)."""

HLT_MUON_SIGNAL = Group(
    name="hlt_muon_signal",
    counter="MuonPt_HLT",
    doc="objects of hltdstau3muDisplaced3muFltr, the filter of the 2018 signal trigger; the ntuple repeats some",
    columns=(
        Column("pt", "MuonPt_HLT", "GeV", "transverse momentum"),
        Column("eta", "MuonEta_HLT", "", "pseudorapidity"),
        Column("phi", "MuonPhi_HLT", "rad", "azimuth"),
    ),
    records={"": "Momentum3D"},
)
"""``events.hlt_muon_signal``, where the ntuple holds trigger objects (MINI and later)."""

_FINAL = "this ntuple holds the final decision, after masks and prescales, in place of the initial one"

TRIGGER: tuple[Column, ...] = (
    Column("hlt_decision", "Trigger_hltdecision", "", "1 where the path accepted", required=True),
    Column("hlt_name", "Trigger_hltname", "", "name of the path, with version", required=True),
    Column(
        "l1_decision",
        "Trigger_l1decision",
        "",
        "1 where the seed accepted, before masks and prescales",
        stand_ins=("Trigger_l1Finaldecision",),
        why=_FINAL,
        required=True,
    ),
    Column("l1_name", "Trigger_l1name", "", "name of the seed", required=True),
    Column("l1_prescale", "Trigger_l1prescale", "", "prescale of the seed"),
)
"""``events.trigger``: one list per field; the decisions count the names and prescales."""

SCALARS: tuple[Column, ...] = (
    Column("run", "run", "", "run number", required=True),
    Column("luminosity_block", "lumi", "", "number of the luminosity block", required=True),
    Column("event", "evt", "", "event number", required=True),
    Column(
        "n_pileup",
        "nPileUpInt",
        "",
        "true number of interactions in simulation; missing in data",
        UNSIGNED_WRAPS,
        largest=MOST_INTERACTIONS,
    ),
)
"""Numbers of the event itself."""
