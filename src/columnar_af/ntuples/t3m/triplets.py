"""The candidates: which branches make ``events.triplet``, for two muons and a track and for three muons.

A triplet whose fit failed holds -99 in every branch (except the number of tracks and the validity of the refitted primary
vertex, which stay valid), so each of its fields is a missing value: it passes no cut and wins no choice.
The sources are the tree makers named in :mod:`columnar_af.ntuples.t3m.versions`.
"""

from __future__ import annotations

from columnar_af.ntuples.t3m.columns import Column, Constant, Group, Repair
from columnar_af.ntuples.t3m.methods import CHARGED_VECTOR, VECTOR

MUON_MASS = 0.1056583755
"""GeV; Particle Data Group 2022 (CODATA 2018)."""
CHARGED_PION_MASS = 0.13957039
"""GeV; Particle Data Group 2022."""

FAILED = (-99.0,)
"""What every branch of a triplet holds whose fit failed."""
NO_MATCH = (-99.0, 999.0)
"""ΔR to a trigger object: the fit failed, or the event has no trigger object. 1.0, no object within 1.0, is kept."""

FAILURE_ONLY: dict[str, tuple[str, ...]] = {
    "triplet.flight_distance_chi2": ("FlightDistPVSV_chi2", "FlightDistPVSV2_chi2"),
    "triplet.mu1.gen_pt": ("GenMatchMu1_Pt", "GenMatchMu01_Pt"),
    "triplet.mu2.gen_pt": ("GenMatchMu2_Pt", "GenMatchMu02_Pt"),
    "triplet.mu1.trigger_match_dr_mu7": ("Mu1_dRtriggerMatch_Mu7", "Mu01_dRtriggerMatch_Mu7"),
    "triplet.mu2.trigger_match_dr_mu7": ("Mu2_dRtriggerMatch_Mu7", "Mu02_dRtriggerMatch_Mu7"),
    "triplet.mu1.trigger_match_dr_mu8": ("Mu1_dRtriggerMatch_Mu8", "Mu01_dRtriggerMatch_Mu8"),
    "triplet.mu2.trigger_match_dr_mu8": ("Mu2_dRtriggerMatch_Mu8", "Mu02_dRtriggerMatch_Mu8"),
}
"""Fields that one may look for, and that no triplet has, with their branches: the tree makers fill these only where a fit
failed, or only where both muons have a gen partner (6 values for 618 triplets in a Run 3 file), so that value and triplet
cannot be brought together. The raw branches stay."""


def _leg(leg: str, prefix: str, name: str) -> tuple[Column, ...]:
    """Transverse momentum and direction of one leg."""
    return (
        Column(f"{leg}.pt", f"{prefix}_Pt", "GeV", f"transverse momentum of {name}", FAILED, required=True),
        Column(f"{leg}.eta", f"{prefix}_Eta", "", f"pseudorapidity of {name}", FAILED, required=True),
        Column(f"{leg}.phi", f"{prefix}_Phi", "rad", f"azimuth of {name}", FAILED, required=True),
    )


def _impact(leg: str, number: int) -> tuple[Column, ...]:
    what = "impact parameter to the refitted primary vertex, signed, transverse"
    return (
        Column(f"{leg}.dxy", f"dxy_mu{number}", "cm", what, FAILED),
        Column(f"{leg}.dxy_error", f"dxyErr_mu{number}", "cm", f"error of the {what}", FAILED),
    )


def _refitted(leg: str, number: int, unrefitted: str) -> tuple[Column, ...]:
    """A leg of the vertex fit; where the ntuple holds no refitted tracks, the unrefitted leg."""
    why = "this ntuple holds no tracks refitted to the vertex; the unrefitted legs are read"
    units = {"Pt": "GeV", "Eta": "", "Phi": "rad"}
    return tuple(
        Column(
            f"{leg}_refitted.{coordinate.lower()}",
            f"RefTrack{number}_{coordinate}",
            unit,
            f"{coordinate.lower()} of {leg}, refitted to the vertex of the triplet",
            FAILED,
            stand_ins=(f"{unrefitted}_{coordinate}",),
            why=why,
            bundle="refitted legs",
        )
        for coordinate, unit in units.items()
    )


def _point(record: str, prefix: str, what: str, *, required: bool = False) -> tuple[Column, ...]:
    return tuple(
        Column(f"{record}.{axis}", f"{prefix}_{axis}", "cm", f"{axis} of {what}", FAILED, required=required)
        for axis in "xyz"
    )


def _candidate(tag: str) -> tuple[Column, ...]:
    """Fit results; the branches of the two-muon-one-track trees carry the tag ``2``."""
    triplet, vertex, pv = f"Triplet{tag}", f"TripletVtx{tag}", f"RefittedPV{tag}"
    repair = Repair.BELOW_TWO if tag else Repair.NONE
    return (
        Column("mass", f"{triplet}_Mass", "GeV", "invariant mass of the three legs", FAILED, required=True),
        Column("pt", f"{triplet}_Pt", "GeV", "transverse momentum", FAILED, required=True),
        Column("eta", f"{triplet}_Eta", "", "pseudorapidity", FAILED, required=True),
        Column("phi", f"{triplet}_Phi", "rad", "azimuth", FAILED, required=True),
        Column("charge", f"{triplet}_Charge", "e", "sum of the charges", FAILED, required=True),
        Column("vertex.chi2", f"{vertex}_Chi2", "", "χ² of the vertex fit", FAILED, required=True),
        Column("vertex.ndof", f"{vertex}_NDOF", "", "degrees of freedom of the vertex fit", FAILED),
        *_point("vertex", vertex, "the secondary vertex"),
        *_point("refitted_pv", pv, "the primary vertex, refitted without the legs"),
        Column("refitted_pv.n_tracks", f"{pv}_NTracks", "", "its number of tracks", FAILED, repair=repair),
        Column("refitted_pv.is_valid", f"{pv}_isValid", "", "whether its fit is valid", FAILED, flag=True),
        *_point("primary_vertex", "PV", "the primary vertex with the best pointing angle"),
        Column("primary_vertex.n_tracks", "PV_NTracks", "", "its number of tracks", FAILED),
        *_point("beam_spot", "BS", "the beam spot"),
    )


def _flight(tag: str) -> tuple[Column, ...]:
    spatial, transverse = f"FlightDistPVSV{tag}", "FlightDistBS_SV"
    return (
        Column("flight_distance", spatial, "cm", "3D, refitted primary to secondary vertex", FAILED),
        Column("flight_distance_error", f"{spatial}_Err", "cm", "its error", FAILED),
        Column(
            "flight_distance_significance", f"{spatial}_Significance", "", "flight distance / error", FAILED
        ),
        Column("flight_distance_bs", transverse, "cm", "transverse, beam spot to secondary vertex", FAILED),
        Column("flight_distance_bs_error", f"{transverse}_Err", "cm", "its error", FAILED),
        Column(
            "flight_distance_bs_significance", f"{transverse}_Significance", "", "distance / error", FAILED
        ),
        Column("mindca_iso", "Triplet_mindca_iso", "cm", "closest approach of any other track", FAILED),
        Column(
            "relative_isolation",
            "Triplet_relativeiso",
            "",
            "largest sum of pt within ΔR 0.3 and 0.1 cm of the vertex, over the pt of the triplet",
            FAILED,
        ),
        Column(
            "relative_isolation_legs",
            "Triplet_relativeiso2",
            "",
            "the same, over the pt of the leg",
            FAILED,
        ),
        Column("refitted_mass", "RefittedSV_Mass", "GeV", "mass of the refitted legs", FAILED),
        Column("refitted_chi2", "RefittedSV_Chi2", "", "χ² of the refit", FAILED),
        Column("refitted_ndof", "RefittedSV_nDOF", "", "degrees of freedom of the refit", FAILED),
    )


def _masses(pion_leg: str | None, legs: tuple[str, ...]) -> tuple[Constant, ...]:
    muon, pion = "mass of the muon, PDG 2022", "mass of the charged pion, PDG 2022"
    return tuple(
        Constant(f"{leg}{suffix}.mass", CHARGED_PION_MASS, "GeV", pion)
        if leg == pion_leg
        else Constant(f"{leg}{suffix}.mass", MUON_MASS, "GeV", muon)
        for leg in legs
        for suffix in ("", "_refitted")
    )


def _records(legs: tuple[str, ...]) -> dict[str, str]:
    vectors = {f"{leg}{suffix}": VECTOR for leg in legs for suffix in ("", "_refitted")}
    return {"": CHARGED_VECTOR, **vectors}


def _ds_trigger_match(leg: str, number: int, prefix: str) -> Column:
    """AOD ntuples hold the match to the filter of the control trigger under the leg's name, later ones with the year."""
    return Column(
        f"{leg}.trigger_match_dr",
        f"Mu{number}_dRtriggerMatch_2017",
        "",
        "ΔR to the closest object of hltTau3muTkVertexFilter; 1.0: none within 1.0",
        NO_MATCH,
        stand_ins=(f"{prefix}_dRtriggerMatch",),
        why="the same HLT filter under its older name",
    )


_DS_LEGS = (
    ("mu1", "Mu01", "the first muon"),
    ("mu2", "Mu02", "the second muon"),
    ("track", "Tr", "the track"),
)

DS_TRIPLET = Group(
    name="triplet",
    counter="Triplet2_Mass",
    doc="candidates of two muons and a track",
    columns=(
        *_candidate("2"),
        *_flight("2"),
        *(column for leg, prefix, name in _DS_LEGS for column in _leg(leg, prefix, name)),
        *(_ds_trigger_match(leg, n, prefix) for n, (leg, prefix, _) in enumerate(_DS_LEGS, 1)),
        *(column for n, (leg, _, _) in enumerate(_DS_LEGS, 1) for column in _impact(leg, n)),
        *(column for n, (leg, prefix, _) in enumerate(_DS_LEGS, 1) for column in _refitted(leg, n, prefix)),
    ),
    constants=_masses("track", ("mu1", "mu2", "track")),
    records=_records(("mu1", "mu2", "track")),
)
"""``events.triplet`` of the trees of two muons and a track."""


def _muon_leg(number: int) -> tuple[Column, ...]:
    """What only the three-muon trees hold for a leg."""
    leg, prefix = f"mu{number}", f"Mu{number}"
    signal, control = "hltdstau3muDisplaced3muFltr", "hltTau3muTkVertexFilter"
    return (
        Column(
            f"{leg}.trigger_match_dr", f"{prefix}_dRtriggerMatch", "", f"ΔR to the closest {signal}", NO_MATCH
        ),
        Column(
            f"{leg}.trigger_match_dr_2017",
            f"{prefix}_dRtriggerMatch_2017",
            "",
            f"ΔR to the closest {control}",
            NO_MATCH,
        ),
        Column(f"{leg}.is_global", f"{prefix}_IsGlobal", "", "global muon", FAILED, flag=True),
        Column(f"{leg}.is_pf", f"{prefix}_IsPF", "", "particle-flow muon", FAILED, flag=True),
        Column(f"{leg}.n_tracks_iso03", f"{prefix}_NTracks03iso", "", "tracks within ΔR 0.3", FAILED),
    )


_MUON_NAMES = {1: "the first muon", 2: "the second muon", 3: "the third muon"}

THREE_MUON_TRIPLET = Group(
    name="triplet",
    counter="Triplet_Mass",
    doc="candidates of three muons",
    columns=(
        *_candidate(""),
        *_flight(""),
        *(column for n, name in _MUON_NAMES.items() for column in _leg(f"mu{n}", f"Mu{n}", name)),
        *(column for n in _MUON_NAMES for column in _muon_leg(n)),
        *(column for n in _MUON_NAMES for column in _impact(f"mu{n}", n)),
        *(column for n in _MUON_NAMES for column in _refitted(f"mu{n}", n, f"Mu{n}")),
    ),
    constants=_masses(None, ("mu1", "mu2", "mu3")),
    records=_records(("mu1", "mu2", "mu3")),
)
"""``events.triplet`` of the three-muon trees."""
