"""D_s -> phi(mumu) pi selected the slow way: one event, one triplet, one cut at a time, on plain lists and floats.

This is what the columnar processor is compared with. It is written from the project's reference document on the
channel alone (``ds_phi_pi.md``; "section" below means a section of it) and shares no code with the package: no
schema, no columnar operation, no kernel. Each analysis step is a short function of one triplet.

Units are those of the ntuples: GeV, cm, radians. A missing value (a sentinel, NaN, a leg without its partner in the
collection) is None; it passes no cut and wins no choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uproot

from tests.reference.ds_phi_pi_file import Event, branches, events, match_branches, tree_in
from tests.reference.ds_phi_pi_thresholds import SEED, Thresholds, Value

CUTS = (
    "all", "hlt", "l1", "mass", "pv_tracks", "flight_significance", "acceptance", "delta_r", "muon_id", "track_ip",
    "dimuon_mass", "trigger_match", "best_candidate",
)  # fmt: skip
SENTINELS = (-99.0, -999.0, 999.0)  # section 3.3
TRIPLET_PREFIXES = (
    "Triplet", "RefittedPV2_", "Mu01_", "Mu02_", "Tr_", "RefTrack", "FlightDist", "Mu1_", "Mu2_", "Mu3_",
)  # fmt: skip
MUON_MASS = 0.10566  # GeV; section 1, Utilities.h; the PDG value shifts m(mumu) by 7e-7 (section 8)


@dataclass(frozen=True)
class Selected:
    """The chosen candidate of one event; ``passing`` counts the triplets of the event that passed every cut."""

    run: int
    lumi: int
    event: int
    triplet: int
    mass: float
    chi2: float
    passing: int


@dataclass
class LoopResult:
    """What the loop counted and chose.

    Attributes:
        events: Events after each cut: those with a passing triplet; for all, hlt and l1 the passing events themselves.
        candidates: Triplets after each cut; for all, hlt and l1 every triplet of the passing events.
        selected: One candidate per selected event, in the order of the file.
        not_applied: The cuts for which the file has no input, with the reason.
        fall_backs: The cuts that used a declared fall-back, with what it is.
    """

    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUTS, 0))
    candidates: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CUTS, 0))
    selected: list[Selected] = field(default_factory=list)
    not_applied: dict[str, str] = field(default_factory=dict)
    fall_backs: dict[str, str] = field(default_factory=dict)

    @property
    def masses(self) -> list[float]:
        """Masses of the selected candidates, in GeV."""
        return [candidate.mass for candidate in self.selected]


def select(path: str | Path, tree: str | None = None, *, thresholds: Thresholds = SEED) -> LoopResult:
    """Run the selection over one file of the two-muons-and-track layouts (AOD 2017 to Run 3).

    Args:
        path: The ROOT file.
        tree: Tree in it; by default the first of ``TREES`` that is there. The newest cycle is read.
        thresholds: Numbers and forms of the cuts.

    Raises:
        ValueError: No tree, a branch that the selection cannot do without, or lengths that disagree.
    """
    with uproot.open(path) as file:
        ntuple = tree_in(file, tree)
        names = branches(ntuple.keys(), thresholds)
        result = LoopResult()
        _declare(result, names, thresholds)
        for event in events(ntuple, names):
            select_event(event, thresholds, result)
    return result


def select_event(event: Event, thresholds: Thresholds, result: LoopResult) -> None:
    """Count one event, and append its candidate if one is selected.

    Args:
        event: Branch name to value: a number for scalars, a list for vectors. What is not there counts as a branch
            that the file does not have.
    """
    triplets = list(range(len(event["Triplet2_Mass"])))
    event = {**event, "RefittedPV2_NTracks": realigned(event["RefittedPV2_NTracks"], len(triplets))}
    check_lengths(event)
    _count(result, "all", triplets)
    for cut, passes in (("hlt", hlt_fired), ("l1", l1_fired)):
        if not passes(event, thresholds):
            return
        _count(result, cut, triplets)
    for cut, passes_triplet in TRIPLET_CUTS:
        triplets = [i for i in triplets if passes_triplet(event, i, thresholds)]
        if not triplets:
            return
        _count(result, cut, triplets)
    best = best_candidate(event, triplets)
    if best is not None:
        _count(result, "best_candidate", [best])
        result.selected.append(_selected(event, best, len(triplets)))


def _declare(result: LoopResult, names: Collection[str], thresholds: Thresholds) -> None:
    """Note which cuts the file cannot feed, and which use a fall-back (section 3.4)."""
    if "FlightDistBS_SV_Significance" not in names:
        result.not_applied["flight_significance"] = "no branch FlightDistBS_SV_Significance"
    if "RefTrack1_Pt" not in names:
        result.fall_backs["dimuon_mass"] = "Mu01_*, Mu02_* for RefTrack1_*, RefTrack2_*"
    if thresholds.match_objects and "MuonPt_HLT2017" not in names:
        result.fall_backs["trigger_match"] = "the ntuple's own dR, no dpt, for Muon*_HLT2017"
    elif "Mu1_dRtriggerMatch_2017" not in names:
        result.fall_backs["trigger_match"] = (
            "Mu01_dRtriggerMatch, Mu02_dRtriggerMatch for Mu*_dRtriggerMatch_2017"
        )


def _count(result: LoopResult, cut: str, triplets: Sequence[int]) -> None:
    result.events[cut] += 1
    result.candidates[cut] += len(triplets)


def _selected(event: Event, best: int, passing: int) -> Selected:
    mass, chi2 = float(event["Triplet2_Mass"][best]), float(event["TripletVtx2_Chi2"][best])
    return Selected(event["run"], event["lumi"], event["evt"], best, mass, chi2, passing)


# --- values ---------------------------------------------------------------------------------------------------


def known(value: float) -> Value:
    """The value, or None for a sentinel or NaN."""
    return None if value in SENTINELS or math.isnan(value) else float(value)


def at(event: Event, branch: str, i: int) -> Value:
    """Element ``i`` of a vector branch; None where it is a sentinel."""
    return known(event[branch][i])


def realigned(n_tracks: Sequence[float], n_triplets: int) -> list[float]:
    """``RefittedPV2_NTracks`` without what was pushed before the tree maker's "> 1 track" test (section 3.3)."""
    kept = list(n_tracks) if len(n_tracks) <= n_triplets else [n for n in n_tracks if n >= 2]
    if len(kept) != n_triplets:
        msg = f"RefittedPV2_NTracks has {len(kept)} values for {n_triplets} triplets"
        raise ValueError(msg)
    return kept


def check_lengths(event: Event) -> None:
    """Every vector of a collection has the collection's length."""
    for branch in event:
        first = collection_of(branch)
        if first in event and len(event[branch]) != len(event[first]):
            msg = f"{branch} has {len(event[branch])} values, {first} has {len(event[first])}"
            raise ValueError(msg)


def collection_of(branch: str) -> str | None:
    """The branch that gives the length of the collection that a branch belongs to; None for scalars and triggers."""
    if branch.endswith("_HLT2017"):
        return "MuonPt_HLT2017"
    if branch.startswith("Track_"):
        return "Track_pt"
    if branch.startswith("Muon"):
        return "MuonPt"
    return "Triplet2_Mass" if branch.startswith(TRIPLET_PREFIXES) else None


def leg(event: Event, name: str, i: int) -> tuple[Value, Value, Value]:
    """(pt, eta, phi) of leg "mu1", "mu2" or "track" of triplet ``i``."""
    prefix = {"mu1": "Mu01", "mu2": "Mu02", "track": "Tr"}[name]
    pt, eta, phi = (at(event, f"{prefix}_{what}", i) for what in ("Pt", "Eta", "Phi"))
    return pt, eta, phi


def partner(event: Event, name: str, i: int) -> int | None:
    """Index of the muon (or track) that a leg is: the first with the same pt, eta and phi, else None.

    Muons are floats and legs doubles; a float widened to double is the leg's value exactly (bug B8).
    """
    columns = ("Track_pt", "Track_eta", "Track_phi") if name == "track" else ("MuonPt", "MuonEta", "MuonPhi")
    wanted = leg(event, name, i)
    for j, found in enumerate(zip(*(event[column] for column in columns), strict=True)):
        if found == wanted:
            return j
    return None


def of_partner(event: Event, branch: str, name: str, i: int) -> Value:
    """A quantity of the muon or track that a leg is."""
    j = partner(event, name, i)
    return None if j is None else at(event, branch, j)


def delta_phi(phi1: float, phi2: float) -> float:
    """Difference of two angles in (-pi, pi], wrapped once."""
    difference = phi1 - phi2
    if difference > math.pi:
        return difference - 2 * math.pi
    return difference + 2 * math.pi if difference <= -math.pi else difference


def delta_r(a: tuple[Value, Value, Value], b: tuple[Value, Value, Value]) -> Value:
    """Distance of two (pt, eta, phi) in eta and phi; None if one is not known."""
    if a[1] is None or a[2] is None or b[1] is None or b[2] is None:
        return None
    return math.hypot(a[1] - b[1], delta_phi(a[2], b[2]))


def dimuon_mass(event: Event, i: int) -> Value:
    """Invariant mass of the two refitted muons; of the unrefitted ones where the ntuple has no refitted tracks."""
    refitted = "RefTrack1_Pt" in event
    total = [0.0, 0.0, 0.0, 0.0]
    for prefix in ("RefTrack1", "RefTrack2") if refitted else ("Mu01", "Mu02"):
        pt, eta, phi = (at(event, f"{prefix}_{what}", i) for what in ("Pt", "Eta", "Phi"))
        if pt is None or eta is None or phi is None:
            return None
        px, py, pz = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
        energy = math.sqrt(px * px + py * py + pz * pz + MUON_MASS * MUON_MASS)
        total = [a + b for a, b in zip(total, (px, py, pz, energy), strict=True)]
    px, py, pz, energy = total
    return math.sqrt(max(0.0, energy * energy - px * px - py * py - pz * pz))


# --- cuts -----------------------------------------------------------------------------------------------------


def hlt_fired(event: Event, thresholds: Thresholds) -> bool:
    """A path whose name contains one of the patterns decided 1 (cut 1a)."""
    fired = _fired(event, "hlt")
    return any(pattern in name for name in fired for pattern in thresholds.hlt)


def l1_fired(event: Event, thresholds: Thresholds) -> bool:
    """The L1 seeds that the variant accepts (cut 1b, section 2.1)."""
    fired = _fired(event, "l1")
    if any(pattern in name for name in fired for pattern in thresholds.l1_contains):
        return True
    if any(name in thresholds.l1_exact for name in fired):
        return True
    wanted, unless = thresholds.l1_exact_unless
    return any(name in wanted for name in fired) and not any(name in unless for name in fired)


def _fired(event: Event, level: str) -> list[str]:
    names, decisions = event[f"Trigger_{level}name"], event[f"Trigger_{level}decision"]
    return [name for name, decision in zip(names, decisions, strict=True) if decision == 1]


def passes_mass(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Mass of the triplet (cut 2)."""
    return at(event, "Triplet2_Mass", i) in thresholds.mass


def passes_pv_tracks(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Tracks of the refitted primary vertex (cut 3)."""
    return at(event, "RefittedPV2_NTracks", i) in thresholds.pv_tracks


def passes_flight_significance(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Transverse distance of vertex and beam spot over its error (cut 4); everything where the ntuple lacks it."""
    branch = "FlightDistBS_SV_Significance"
    return branch not in event or at(event, branch, i) in thresholds.flight_significance


def passes_acceptance(event: Event, i: int, thresholds: Thresholds) -> bool:
    """pt and abs(eta) of the three legs (cut 5)."""
    track_pt, track_eta, _ = leg(event, "track", i)
    return (
        all(_in_muon_acceptance(leg(event, name, i), thresholds) for name in ("mu1", "mu2"))
        and track_pt in thresholds.track_pt
        and _absolute(track_eta) in thresholds.track_abs_eta
    )


def _in_muon_acceptance(muon: tuple[Value, Value, Value], thresholds: Thresholds) -> bool:
    pt, eta, _ = muon
    return any(_absolute(eta) in region.abs_eta and pt in region.pt for region in thresholds.muon)


def _absolute(value: Value) -> Value:
    return None if value is None else abs(value)


def passes_delta_r(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Distances of the pairs 12, 13, 23 (cut 6), or muons and track that are not the same object (section 2.2)."""
    mu1, mu2, track = (leg(event, name, i) for name in ("mu1", "mu2", "track"))
    if thresholds.delta_r is not None:
        pairs = ((mu1, mu2), (mu1, track), (mu2, track))
        if not all(delta_r(a, b) in thresholds.delta_r for a, b in pairs):
            return False
    if thresholds.muon_track_difference is None:
        return True
    return all(_differ(muon, track, thresholds.muon_track_difference) for muon in (mu1, mu2))


def _differ(a: tuple[Value, ...], b: tuple[Value, ...], minimum: float) -> bool:
    pairs = zip(a, b, strict=True)
    return all(x is not None and y is not None and abs(x - y) > minimum for x, y in pairs)


def passes_muon_id(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Both muons carry every flag (cut 7)."""
    return all(
        of_partner(event, flag, name, i) == 1.0 for flag in thresholds.muon_flags for name in ("mu1", "mu2")
    )


def passes_track_ip(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Absolute impact parameters of the track (cut 8, bugs B7 and B9)."""
    dz, dxy = (of_partner(event, branch, "track", i) for branch in ("Track_dz", "Track_dxy"))
    return _absolute(dz) in thresholds.track_abs_dz and _absolute(dxy) in thresholds.track_abs_dxy


def passes_dimuon_mass(event: Event, i: int, thresholds: Thresholds) -> bool:
    """Mass of the two muons (cut 9), and their charges where the variant asks (section 2.2)."""
    if dimuon_mass(event, i) not in thresholds.dimuon_mass:
        return False
    if not thresholds.opposite_charge:
        return True
    charges = [of_partner(event, "MuonCharge", name, i) for name in ("mu1", "mu2")]
    return charges in ([1.0, -1.0], [-1.0, 1.0])


def passes_trigger_match(event: Event, i: int, thresholds: Thresholds) -> bool:
    """The legs are where the trigger saw them (cut 10, section 2.2)."""
    if thresholds.match_objects is None or "MuonPt_HLT2017" not in event:
        branches = match_branches(event)
        return all(at(event, branches[name], i) in thresholds.match_dr for name in thresholds.match_legs)
    legs = [leg(event, name, i) for name in thresholds.match_legs]
    objects = trigger_objects(event)
    if thresholds.match_objects == "any":
        return all(any(_matches(a, b, thresholds) for b in objects) for a in legs)
    matched = greedy_matches(legs, objects)
    return all(
        j is not None and _matches(a, objects[j], thresholds) for a, j in zip(legs, matched, strict=True)
    )


def trigger_objects(event: Event) -> list[tuple[float, float, float]]:
    """The (pt, eta, phi) of the trigger objects, each once and in order (duplicates occur: section 3.2)."""
    return list(
        dict.fromkeys(zip(*(event[f"Muon{what}_HLT2017"] for what in ("Pt", "Eta", "Phi")), strict=True))
    )


def greedy_matches(
    legs: Sequence[tuple[Value, Value, Value]], objects: Sequence[tuple[float, float, float]]
) -> list[int | None]:
    """One object for each leg, none twice: always the closest pair that is left (section 2.2)."""
    pairs = [(delta_r(a, b), j, k) for j, a in enumerate(legs) for k, b in enumerate(objects)]
    matched: list[int | None] = [None] * len(legs)
    for distance, j, k in sorted(pair for pair in pairs if pair[0] is not None):
        if distance is not None and matched[j] is None and k not in matched:
            matched[j] = k
    return matched


def _matches(a: tuple[Value, Value, Value], b: tuple[float, float, float], thresholds: Thresholds) -> bool:
    pt = a[0]
    return (
        pt is not None
        and delta_r(a, b) in thresholds.match_dr
        and abs(pt - b[0]) / pt in thresholds.match_dpt
    )


TRIPLET_CUTS: tuple[tuple[str, Callable[[Event, int, Thresholds], bool]], ...] = (
    ("mass", passes_mass),
    ("pv_tracks", passes_pv_tracks),
    ("flight_significance", passes_flight_significance),
    ("acceptance", passes_acceptance),
    ("delta_r", passes_delta_r),
    ("muon_id", passes_muon_id),
    ("track_ip", passes_track_ip),
    ("dimuon_mass", passes_dimuon_mass),
    ("trigger_match", passes_trigger_match),
)


def best_candidate(event: Event, triplets: Sequence[int]) -> int | None:
    """The triplet with the smallest vertex chi2; of equal ones the first; None if no chi2 is known."""
    best: int | None = None
    smallest = math.inf
    for i in triplets:
        chi2 = at(event, "TripletVtx2_Chi2", i)
        if chi2 is not None and 0 <= chi2 < smallest:
            best, smallest = i, chi2
    return best
