"""Input columns of the τ → 3μ classifiers, from candidates of three muons.

Sources, as named in the table:
    MVA   github fsimone91/Tau3Mu_Analysis_MVA, BDTinputVar_dataset_Run2.txt (commit 21ae055): Run 2, TMVA
    RUN3  github Ma128-bit/Tau3muRun3, XGBoost/config.json and Analysis/Utilities.C (commit bbcc114): Run 3, XGBoost
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import awkward as ak
import numpy as np
from numpy.typing import NDArray

VERTEX_NDOF = 3
"""Degrees of freedom of the vertex of three tracks, by which the analysts divide χ² (MVA, RUN3: ``TripletVtx_Chi2/3``)."""

LEGS = ("1", "2", "3")


@dataclass(frozen=True)
class InputColumn:
    """One column of the flat ntuple.

    Attributes:
        name: Name of the column, as in the analysts' ntuples.
        unit: Unit of the values.
        doc: Meaning.
        value: Candidates -> values, ``n_events * var``.
        clamp: Smallest and largest value that the Run 2 training sees; None where it is open.
        used_by: Classifiers with this input: ``Run 2``, ``Run 3``; empty for columns that only identify a candidate.
    """

    name: str
    unit: str
    doc: str
    value: Callable[[ak.Array], ak.Array]
    clamp: tuple[float | None, float | None] = (None, None)
    used_by: tuple[str, ...] = ()


def of_muons(candidates: ak.Array, field: str) -> list[ak.Array]:
    """A field of the three muons of each candidate."""
    return [candidates[f"muon{number}"][field] for number in LEGS]


def largest(values: list[ak.Array]) -> ak.Array:
    """The largest of the legs' values; missing where one is missing."""
    return reduce(lambda a, b: ak.where(a > b, a, b), values)


def smallest(values: list[ak.Array]) -> ak.Array:
    """The smallest of the legs' values; missing where one is missing."""
    return reduce(lambda a, b: ak.where(a < b, a, b), values)


def impact_significances(candidates: ak.Array) -> list[ak.Array]:
    """|dxy| / its error of each leg, to the refitted primary vertex."""
    legs = [candidates.triplet[f"mu{number}"] for number in LEGS]
    return [abs(leg.dxy) / leg.dxy_error for leg in legs]


def pointing_angle(candidates: ak.Array) -> ak.Array:
    """Angle between the momentum and the way from the refitted primary vertex to the vertex [rad] (RUN3 TreeFin_Angle)."""
    triplet = candidates.triplet
    way = [triplet.vertex[axis] - triplet.refitted_pv[axis] for axis in "xyz"]
    momentum = [
        triplet.pt * np.cos(triplet.phi),
        triplet.pt * np.sin(triplet.phi),
        triplet.pt * np.sinh(triplet.eta),
    ]
    product = sum(a * b for a, b in zip(way, momentum, strict=True))
    size = abs(triplet.flight_distance) * triplet.pt * np.cosh(triplet.eta)
    cosine = product / size
    return np.arccos(ak.where(cosine > 1, 1, ak.where(cosine < -1, -1, cosine)))


def _triplet(field: str) -> Callable[[ak.Array], ak.Array]:
    def value(candidates: ak.Array) -> ak.Array:
        return candidates.triplet[field]

    return value


def _muon(number: str, field: str) -> Callable[[ak.Array], ak.Array]:
    def value(candidates: ak.Array) -> ak.Array:
        return candidates[f"muon{number}"][field]

    return value


BOTH = ("Run 2", "Run 3")

COLUMNS: tuple[InputColumn, ...] = (
    InputColumn("tripletMass", "GeV", "invariant mass of the three muons", _triplet("mass")),
    InputColumn("tripletMassReso", "", "σ(m)/m from the muons' momentum errors", lambda c: c.mass_resolution),
    InputColumn("category", "", "0: A, 1: B, 2: C by mass resolution", lambda c: c.category),
    InputColumn("Pt_tripl", "GeV", "transverse momentum of the candidate", _triplet("pt"), used_by=BOTH),
    InputColumn("Eta_tripl", "", "pseudorapidity of the candidate", _triplet("eta")),
    InputColumn(
        "cLP", "", "largest χ² of the position match of inner and outer track",
        lambda c: largest(of_muons(c, "chi2_local_position")), (None, 30.0), BOTH,
    ),
    InputColumn(
        "tKink", "", "largest χ² of the kink of an inner track",
        lambda c: largest(of_muons(c, "track_kink")), (None, 80.0), BOTH,
    ),
    InputColumn(
        "segmComp", "", "smallest compatibility of a track with the muon segments",
        lambda c: smallest(of_muons(c, "segment_compatibility")), (0.2, None), BOTH,
    ),
    InputColumn(
        "fv_nC", "", "χ²/3 of the vertex", lambda c: c.triplet.vertex.chi2 / VERTEX_NDOF, (None, 25.0), BOTH
    ),
    InputColumn("fv_dphi3D", "rad", "pointing angle", pointing_angle, (None, 0.15), BOTH),
    InputColumn("fv_d3D", "cm", "flight distance, 3D", _triplet("flight_distance"), used_by=("Run 3",)),
    InputColumn(
        "fv_d3Dsig", "", "flight distance over its error", _triplet("flight_distance_significance"),
        (None, 100.0), BOTH,
    ),
    InputColumn(
        "bs_sv_d2Dsig", "", "transverse distance to the beam spot over its error",
        _triplet("flight_distance_bs_significance"),
    ),
    InputColumn(
        "mindca_iso", "cm", "closest approach of another track to the vertex", _triplet("mindca_iso"),
        (None, 0.5), BOTH,
    ),
    InputColumn(
        "trkRel", "", "isolation: largest sum of pt over the pt of the candidate",
        _triplet("relative_isolation"), (None, 10.0), ("Run 3",),
    ),
    InputColumn(
        "trkRel2", "", "isolation: largest sum of pt over the pt of a leg",
        _triplet("relative_isolation_legs"), (None, 10.0), ("Run 2",),
    ),
    InputColumn(
        "d0sig", "", "smallest |dxy|/σ of a muon", lambda c: smallest(impact_significances(c)), used_by=BOTH
    ),
    InputColumn(
        "d0sig_max", "", "largest |dxy|/σ of a muon", lambda c: largest(impact_significances(c)), used_by=BOTH
    ),
    *(
        InputColumn(f"Ptmu{n}", "GeV", f"transverse momentum of muon {n}", _muon(n, "pt"),
                    used_by=("Run 3",) if n == "3" else ())
        for n in LEGS
    ),
    *(InputColumn(f"Etamu{n}", "", f"pseudorapidity of muon {n}", _muon(n, "eta")) for n in LEGS),
    *(
        InputColumn(f"MVASoft{n}", "", f"soft-muon MVA of muon {n}", _muon(n, "soft_mva"), used_by=("Run 3",))
        for n in LEGS
    ),
)  # fmt: skip
"""The columns of the flat ntuple, in order. The private muon MVA of both analyses is not in the ntuples; in its place Run 3
uses the soft-muon MVA, which is."""

IDENTIFIERS: Mapping[str, tuple[str, str, str]] = {
    "run": ("run", "", "run number"),
    "lumi": ("luminosity_block", "", "number of the luminosity block"),
    "evt": ("event", "", "event number"),
}
"""Column -> field of the events, unit, meaning."""
WEIGHT = ("weight", "", "weight of the event; 1 in data")

RUN2_INPUTS = tuple(column.name for column in COLUMNS if "Run 2" in column.used_by)
RUN3_INPUTS = tuple(column.name for column in COLUMNS if "Run 3" in column.used_by)
"""Inputs of the classifiers, in the order of the columns."""


CONTROL_COLUMNS: Mapping[str, str] = {
    "tripletMass": "invariant mass of the two muons and the pion [GeV]",
    "Pt_tripl": "transverse momentum of the candidate [GeV]",
    "Eta_tripl": "pseudorapidity of the candidate",
    "phiMass": "invariant mass of the refitted muons [GeV]",
    "decay_length_xy": "proper decay length from the transverse distance to the beam spot [mm]",
    "decay_length_3d": "proper decay length from the distance to the primary vertex [mm]",
}
"""The columns of candidates of the control channel D_s → φ(μμ)π, beside those that identify them."""
ONLY_CONTROL = "phiMass"
"""A column that no three muons have."""


def documentation() -> dict[str, str]:
    """Column -> meaning, with unit, clamp and user; in the order of the flat ntuple."""
    identifiers = {name: doc for name, (_, _, doc) in IDENTIFIERS.items()}
    return {
        **identifiers,
        WEIGHT[0]: WEIGHT[2],
        **{column.name: _sentence(column) for column in COLUMNS},
        "score": "output of the classifier; only where a model was given",
    }


def _sentence(column: InputColumn) -> str:
    low, high = column.clamp
    parts = [column.doc + (f" [{column.unit}]" if column.unit else "")]
    if low is not None or high is not None:
        parts.append(
            f"Run 2 training clamps to {'' if low is None else low} … {'' if high is None else high}"
        )
    if column.used_by:
        parts.append(f"input of {' and '.join(column.used_by)}")
    return "; ".join(parts)


def clamped(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a column within the range that the Run 2 training sees."""
    clamp = next(column.clamp for column in COLUMNS if column.name == name)
    return values if clamp == (None, None) else np.clip(values, *clamp)
