"""Events of a T3M ntuple (two muons and a track) as plain dictionaries, for the plain loop.

"Section" means a section of the project's reference document on the channel (``ds_phi_pi.md``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tests.reference.ds_phi_pi_thresholds import Thresholds

Event = dict[str, Any]  # branch name to a number (scalars) or a list (vectors)

TREES = ("Tree3Mu/ntuple", "TreeMakerBkg/ntuple")  # section 3.1
_LEGS = tuple(f"{prefix}_{what}" for prefix in ("Mu01", "Mu02", "Tr") for what in ("Pt", "Eta", "Phi"))
_REFITTED = tuple(f"RefTrack{n}_{what}" for n in (1, 2) for what in ("Pt", "Eta", "Phi"))
_TRIGGERS = ("Trigger_hltname", "Trigger_hltdecision", "Trigger_l1name", "Trigger_l1decision")
_NEEDED = (
    "run", "lumi", "evt", *_TRIGGERS, "Triplet2_Mass", "TripletVtx2_Chi2", "RefittedPV2_NTracks", *_LEGS,
    "MuonPt", "MuonEta", "MuonPhi", "Track_pt", "Track_eta", "Track_phi", "Track_dz", "Track_dxy",
)  # fmt: skip
_OBJECTS = ("MuonPt_HLT2017", "MuonEta_HLT2017", "MuonPhi_HLT2017")


def tree_in(file: Any, name: str | None) -> Any:
    """The tree of that name, or the first of :data:`TREES` that the file has; uproot gives its newest cycle."""
    found = [tree for tree in ((name,) if name else TREES) if tree in file]
    if not found:
        msg = f"{file.file_path}: no tree {name or ' or '.join(TREES)}"
        raise ValueError(msg)
    return file[found[0]]


def branches(present: Collection[str], thresholds: Thresholds) -> list[str]:
    """The branches to read: those that every layout must have, and the optional ones of this file."""
    charge = ("MuonCharge",) if thresholds.opposite_charge else ()
    objects = _OBJECTS if thresholds.match_objects else ()
    matches = tuple(match_branches(present)[name] for name in thresholds.match_legs)
    needed = (*_NEEDED, *thresholds.muon_flags, *charge, *matches)
    missing = sorted(set(needed) - set(present))
    if missing:
        msg = f"the ntuple lacks {', '.join(missing)}"
        raise ValueError(msg)
    optional = ("FlightDistBS_SV_Significance", *_REFITTED, *objects)
    return [*needed, *(branch for branch in optional if branch in present)]


def events(ntuple: Any, names: Sequence[str]) -> Iterator[Event]:
    """One dictionary of plain numbers, strings and lists per event, in the order of the file."""
    for batch in ntuple.iterate(list(names), step_size=1000, library="np"):
        for i in range(len(batch["evt"])):
            yield {name: _plain(batch[name][i]) for name in names}


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def match_branches(present: Collection[str]) -> dict[str, str]:
    """Names of the ntuple's own dR to the trigger objects (section 3.4)."""
    if "Mu1_dRtriggerMatch_2017" in present:
        return {name: f"Mu{n}_dRtriggerMatch_2017" for n, name in enumerate(("mu1", "mu2", "track"), 1)}
    return {"mu1": "Mu01_dRtriggerMatch", "mu2": "Mu02_dRtriggerMatch", "track": "Tr_dRtriggerMatch"}
