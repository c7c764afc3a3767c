"""τ -> 3μ selected the slow way: one event, one triplet, one cut at a time, on plain lists and floats.

This is what the columnar processor is compared with. It is written from the project's reference document on the channel
("section" below means a section of ``ds_phi_pi.md``, above all 6) and shares no code with the package: no schema, no
columnar operation, no kernel. Units are those of the ntuples: GeV, cm, radians. A missing value (a sentinel, NaN, a leg
without its muon in the collection) is None; it passes no cut and wins no choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uproot

Event = dict[str, Any]
Value = float | None

MUON_MASS = 0.1056583715  # GeV; section 6, the analysts' mumass
SENTINELS = (-99.0, -999.0)  # section 3.3
TRIPLE = ("Mu1", "Mu2", "Mu3")
PAIRS = ((0, 1), (0, 2), (1, 2))

DOUBLE_MU = (  # section 2.1: DoubleMu0, DoubleMu4
    "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4",
    "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4",
    "L1_DoubleMu4_SQ_OS_dR_Max1p2",
    "L1_DoubleMu4p5_SQ_OS_dR_Max1p2",
)
TRIPLE_MU = (  # section 2.1, below the table
    "L1_TripleMu0",
    "L1_TripleMu_5_0_0",
    "L1_TripleMu_5_3_0_DoubleMu_5_3_OS_Mass_Max17",
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9",
)
RUN3_SEEDS = (  # section 6: "+ ..." ; the OQ seed with its full name
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9",
    "L1_TripleMu_5SQ_3SQ_0OQ_DoubleMu_5_3_SQ_OS_Mass_Max9",
    "L1_TripleMu_2SQ_1p5SQ_0OQ_Mass_Max12",
    "L1_TripleMu_3SQ_2p5SQ_0OQ_Mass_Max12",
    "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p5",
    "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p6",
)


@dataclass(frozen=True)
class Numbers:
    """The column of the table of section 6 for one year; the defaults are Run 3."""

    hlt: str = "HLT_DoubleMu3_TkMu_DsTau3Mu_v"
    seeds: tuple[str, ...] = DOUBLE_MU + RUN3_SEEDS
    chi2_not_negative: bool = False
    significance: float = 3.5
    flags: tuple[str, ...] = ("Muon_isGlobal", "Muon_isMedium")
    no_duplicates: bool = True  # section 2.2, row "mu != track", as the same code does for three muons
    run2_acceptance: bool = False
    mass: tuple[float, float] = (1.62, 2.0)
    mass_ends_included: bool = True
    delta_r: float = 0.6
    delta_z: float = 2.5
    objects: str = "HLT"
    greedy: bool = False
    quality: bool = False
    resolutions: tuple[float, float, float] = (0.0070, 0.0105, 0.02)
    windows: tuple[tuple[float, float], ...] = ((1.727, 1.827),) * 3
    phi: tuple[tuple[float, float], ...] = tuple((1.019 - w, 1.019 + w) for w in (0.033, 0.045, 0.056))
    omega: tuple[tuple[float, float], ...] | None = tuple(
        (0.782 - w, 0.782 + w) for w in (0.033, 0.048, 0.066)
    )
    veto_on_refitted: bool = False


RUN3 = Numbers()
RUN2_2018 = Numbers(
    seeds=DOUBLE_MU + TRIPLE_MU,
    chi2_not_negative=True,
    significance=2.0,
    flags=("Muon_isPF", "Muon_isGlobal"),
    no_duplicates=False,
    run2_acceptance=True,
    mass=(1.62, 2.02),
    mass_ends_included=False,
    delta_r=0.8,
    delta_z=0.5,
    greedy=True,
    quality=True,
    resolutions=(0.0070, 0.0105, math.inf),
    windows=((1.746, 1.794), (1.732, 1.808), (1.720, 1.820)),
    phi=((0.998, 1.040), (0.991, 1.047), (0.984, 1.054)),
    omega=None,
    veto_on_refitted=True,
)

MUON_BRANCHES = (
    "MuonPt", "MuonEta", "MuonPhi", "MuonCharge", "Muon_vz", "Muon_isGlobal", "Muon_isMedium", "Muon_isPF",
    "Muon_BestTrackPtErr", "Muon_trackerLayersWithMeasurement", "Muon_innerTrack_ValidFraction",
    "Muon_innerTrack_normalizedChi2", "Muon_combinedQuality_trkKink",
)  # fmt: skip
TRIPLET_BRANCHES = (
    *(f"{mu}_{q}" for mu in TRIPLE for q in ("Pt", "Eta", "Phi")),
    *(f"RefTrack{n}_{q}" for n in (1, 2, 3) for q in ("Pt", "Eta", "Phi")),
    "Triplet_Mass", "TripletVtx_Chi2", "FlightDistBS_SV_Significance",
)  # fmt: skip
FINAL_DECISION = "Trigger_l1Finaldecision"
OTHER_BRANCHES = (
    "run", "lumi", "evt", "Trigger_hltname", "Trigger_hltdecision", "Trigger_l1name", "Trigger_l1Finaldecision",
    "MuonPt_HLT", "MuonEta_HLT", "MuonPhi_HLT",
)  # fmt: skip


@dataclass
class LoopResult:
    """Events and triplets after each cut, and (run, lumi, event, mass, category) of what is selected."""

    events: dict[str, int] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    selected: list[tuple[int, int, int, float, int]] = field(default_factory=list)

    def count(self, cut: str, triplets: Sequence[int]) -> None:
        self.events[cut] = self.events.get(cut, 0) + 1
        self.candidates[cut] = self.candidates.get(cut, 0) + len(triplets)


def select(path: str | Path, tree: str, numbers: Numbers, *, blinded: bool) -> LoopResult:
    """Run the selection over one file of the three-muon layouts; those before Run 3 have one Level-1 decision only."""
    branches = {name: name for name in (*MUON_BRANCHES, *TRIPLET_BRANCHES, *OTHER_BRANCHES)}
    result = LoopResult()
    with uproot.open(path) as file:
        if FINAL_DECISION not in file[tree]:
            branches[FINAL_DECISION] = "Trigger_l1decision"
        columns = file[tree].arrays(list(branches.values()), library="np")
    for i in range(len(columns["evt"])):
        values = {name: columns[branch][i] for name, branch in branches.items()}
        event = {
            name: value.tolist() if hasattr(value, "tolist") else value for name, value in values.items()
        }
        select_event(event, numbers, result, blinded=blinded)
    return result


def select_event(event: Event, n: Numbers, result: LoopResult, *, blinded: bool) -> None:
    """Count one event, and note its candidate if one is selected."""
    every = list(range(len(event["Triplet_Mass"])))
    result.count("all", every)
    if not any(
        n.hlt in name and fired == 1
        for name, fired in zip(event["Trigger_hltname"], event["Trigger_hltdecision"], strict=True)
    ):
        return
    result.count("hlt", every)
    if not any(
        name in n.seeds and fired == 1
        for name, fired in zip(event["Trigger_l1name"], event["Trigger_l1Finaldecision"], strict=True)
    ):
        return
    result.count("l1", every)
    shown = [i for i in every if not (blinded and in_window(event, i, n))]
    chosen = best(event, [i for i in every if all(passes(event, i, n) for _, passes in CUTS)])
    if blinded:
        if not shown:
            return
        result.count("signal_window", shown)
    for cut, passes in CUTS:
        shown = [i for i in shown if passes(event, i, n)]
        if not shown:
            return
        result.count(cut, shown)
    shown = [i for i in shown if i == chosen]
    for cut, passes in (("best_candidate", lambda *_: True), *AFTER_THE_CHOICE):
        shown = [i for i in shown if passes(event, i, n)]
        if not shown:
            return
        result.count(cut, shown)
    (i,) = shown
    identity = (event["run"], event["lumi"], event["evt"])
    result.selected.append((*identity, event["Triplet_Mass"][i], category(event, i, n)))


def known(value: float) -> Value:
    return None if value in SENTINELS or math.isnan(value) else value


def at(event: Event, branch: str, i: int) -> Value:
    return known(event[branch][i])


def legs(event: Event, i: int) -> list[tuple[Value, Value, Value]]:
    return [tuple(at(event, f"{mu}_{q}", i) for q in ("Pt", "Eta", "Phi")) for mu in TRIPLE]


def muon_of(event: Event, leg: tuple[Value, Value, Value]) -> int | None:
    """The muon with equal pt, eta and phi (bug B8 of section 1.1)."""
    for k in range(len(event["MuonPt"])):
        if (event["MuonPt"][k], event["MuonEta"][k], event["MuonPhi"][k]) == leg:
            return k
    return None


def of_muons(event: Event, i: int, branch: str, missing: tuple[float, ...] = SENTINELS) -> list[Value]:
    found = [muon_of(event, leg) for leg in legs(event, i)]
    return [None if k is None or event[branch][k] in missing else event[branch][k] for k in found]


def delta_r(a: tuple[Value, Value, Value], b: tuple[Value, Value, Value]) -> float:
    phi = abs(a[2] - b[2])
    return math.hypot(a[1] - b[1], min(phi, 2 * math.pi - phi))


def four_vector(pt: float, eta: float, phi: float) -> tuple[float, float, float, float]:
    x, y, z = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
    return x, y, z, math.sqrt(x * x + y * y + z * z + MUON_MASS**2)


def invariant_mass(particles: Sequence[tuple[float, float, float]]) -> float:
    x, y, z, energy = (sum(parts) for parts in zip(*(four_vector(*p) for p in particles), strict=True))
    return math.sqrt(max(energy**2 - x**2 - y**2 - z**2, 0.0))


def passes_chi2(event: Event, i: int, n: Numbers) -> bool:
    chi2 = at(event, "TripletVtx_Chi2", i)
    return chi2 is not None and chi2 >= 0 if n.chi2_not_negative else True


def passes_significance(event: Event, i: int, n: Numbers) -> bool:
    value = at(event, "FlightDistBS_SV_Significance", i)
    return value is not None and value >= n.significance


def passes_duplicates(event: Event, i: int, n: Numbers) -> bool:
    three = legs(event, i)
    if not n.no_duplicates:
        return True
    if any(None in leg for leg in three):
        return False
    return all(abs(three[a][q] - three[b][q]) >= 1e-4 for a, b in PAIRS for q in range(3))


def passes_flags(event: Event, i: int, n: Numbers) -> bool:
    return all(flag == 1 for branch in n.flags for flag in of_muons(event, i, branch))


def passes_acceptance(event: Event, i: int, n: Numbers) -> bool:
    for pt, eta, _ in legs(event, i):
        if pt is None or eta is None:
            return False
        if n.run2_acceptance:
            if not (pt > 2 and abs(eta) < 2.4) or (pt < 3.5 and abs(eta) < 1.2):
                return False
        elif not (pt >= 2 and abs(eta) <= 2.4):
            return False
    return True


def passes_mass(event: Event, i: int, n: Numbers) -> bool:
    mass, (low, high) = at(event, "Triplet_Mass", i), n.mass
    if mass is None:
        return False
    return low <= mass <= high if n.mass_ends_included else low < mass < high


def passes_delta_r(event: Event, i: int, n: Numbers) -> bool:
    three = legs(event, i)
    return not any(None in leg for leg in three) and all(
        delta_r(three[a], three[b]) < n.delta_r for a, b in PAIRS
    )


def passes_delta_z(event: Event, i: int, n: Numbers) -> bool:
    z = of_muons(event, i, "Muon_vz")
    return None not in z and all(abs(z[a] - z[b]) < n.delta_z for a, b in PAIRS)


def passes_trigger(event: Event, i: int, n: Numbers) -> bool:
    columns = (event[f"Muon{q}_{n.objects}"] for q in ("Pt", "Eta", "Phi"))
    objects = list(dict.fromkeys(zip(*columns, strict=True)))  # section 3.2: duplicates occur
    three = legs(event, i)
    if any(None in leg for leg in three):
        return False
    if n.greedy:
        left, taken = {0, 1, 2}, {}
        for _, a, k in sorted((delta_r(three[a], o), a, k) for a in range(3) for k, o in enumerate(objects)):
            if a in left and k not in taken.values():
                left.remove(a)
                taken[a] = k
        return not left and all(matches(three[a], objects[k]) for a, k in taken.items())
    return all(any(matches(leg, o) for o in objects) for leg in three)


def matches(leg: tuple[float, float, float], trigger_object: tuple[float, float, float]) -> bool:
    return delta_r(leg, trigger_object) < 0.03 and abs(leg[0] - trigger_object[0]) / leg[0] < 0.1


def resolution(event: Event, i: int) -> Value:
    """Each muon's pt shifted by its error, one at a time; the shifts of the mass in quadrature over the mass."""
    three, errors = legs(event, i), of_muons(event, i, "Muon_BestTrackPtErr")
    if None in errors:
        return None
    mass = invariant_mass(three)
    shifts = []
    for k in range(3):
        moved = [(pt + (errors[k] if a == k else 0), eta, phi) for a, (pt, eta, phi) in enumerate(three)]
        shifts.append(invariant_mass(moved) - mass)
    return math.sqrt(sum(shift**2 for shift in shifts)) / mass


def category(event: Event, i: int, n: Numbers) -> int | None:
    value = resolution(event, i)
    if value is None:
        return None
    return next((k for k, upper in enumerate(n.resolutions) if value <= upper), None)


def in_window(event: Event, i: int, n: Numbers) -> bool:
    mass = at(event, "Triplet_Mass", i)
    if mass is None:
        return False
    k = category(event, i, n)
    low, high = (
        n.windows[k] if k is not None else (min(w[0] for w in n.windows), max(w[1] for w in n.windows))
    )
    return low <= mass <= high


def passes_quality(event: Event, i: int, n: Numbers) -> bool:
    if not n.quality:
        return True
    limits: dict[str, Callable[[float], bool]] = {
        "Muon_trackerLayersWithMeasurement": lambda v: v > 8,
        "Muon_innerTrack_ValidFraction": lambda v: v > 0.5,
        "Muon_innerTrack_normalizedChi2": lambda v: v < 40,
        "Muon_combinedQuality_trkKink": lambda v: v < 900,
    }
    muons = all(
        v is not None and good(v) for branch, good in limits.items() for v in of_muons(event, i, branch)
    )
    return muons and 0 < event["TripletVtx_Chi2"][i] / 3 < 100


def not_vetoed(event: Event, i: int, n: Numbers, windows: tuple[tuple[float, float], ...]) -> bool:
    low, high = windows[category(event, i, n)]
    charges = of_muons(event, i, "MuonCharge")
    three = [tuple(at(event, f"RefTrack{k}_{q}", i) for q in ("Pt", "Eta", "Phi")) for k in (1, 2, 3)]
    three = three if n.veto_on_refitted else legs(event, i)
    opposite = [
        (a, b) for a, b in PAIRS if charges[a] * charges[b] < 0 and None not in (*three[a], *three[b])
    ]
    return not any(low <= invariant_mass([three[a], three[b]]) <= high for a, b in opposite)


def best(event: Event, triplets: Sequence[int]) -> int | None:
    with_chi2 = [(at(event, "TripletVtx_Chi2", i), i) for i in triplets]
    return min(((chi2, i) for chi2, i in with_chi2 if chi2 is not None), default=(None, None))[1]


CUTS: tuple[tuple[str, Callable[[Event, int, Numbers], bool]], ...] = (
    ("vertex_chi2", passes_chi2),
    ("flight_significance", passes_significance),
    ("legs_differ", passes_duplicates),
    ("muon_id", passes_flags),
    ("acceptance", passes_acceptance),
    ("mass", passes_mass),
    ("delta_r", passes_delta_r),
    ("delta_z", passes_delta_z),
    ("trigger_match", passes_trigger),
)
AFTER_THE_CHOICE: tuple[tuple[str, Callable[[Event, int, Numbers], bool]], ...] = (
    ("quality", passes_quality),
    ("category", lambda event, i, n: category(event, i, n) is not None),
    ("phi_veto", lambda event, i, n: not_vetoed(event, i, n, n.phi)),
    ("omega_veto", lambda event, i, n: n.omega is None or not_vetoed(event, i, n, n.omega)),
)
