"""What all peers read, the thresholds of the selection, and the form of what they give."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from columnar_af.benchmarking.measured_processor import peak_mb

TREE = "Tree3Mu/ntuple"
HLT = "HLT_DoubleMu3_Trk_Tau3mu_v"
L1 = ("L1_DoubleMu", "L1_TripleMu")
MUON_MASS = 0.1056583755

TRIPLET_DOUBLES = (
    "Triplet2_Mass",
    "RefittedPV2_NTracks",
    "TripletVtx2_Chi2",
    *(f"{leg}_{coordinate}" for leg in ("Mu01", "Mu02", "Tr") for coordinate in ("Pt", "Eta", "Phi")),
)
TRIPLET_FLOATS = ("Mu01_dRtriggerMatch", "Mu02_dRtriggerMatch")
MUON_FLOATS = ("MuonPt", "MuonEta", "MuonPhi")
MUON_DOUBLES = ("Muon_isGlobal", "Muon_isPF")
TRACK_DOUBLES = ("Track_pt", "Track_eta", "Track_phi", "Track_dz", "Track_dxy")
TRIPLET, MUON, TRACK = TRIPLET_DOUBLES + TRIPLET_FLOATS, MUON_FLOATS + MUON_DOUBLES, TRACK_DOUBLES
NUMBERS = TRIPLET + MUON + TRACK
NAMES = ("Trigger_hltname", "Trigger_l1name")
DECISIONS = ("Trigger_hltdecision", "Trigger_l1decision")

MASS_BINS, MASS_RANGE = 62, (1.65, 2.01)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass
class Selected:
    """What a peer found.

    Attributes:
        entries: Entry of each selected candidate, in order.
        mass: m(mu mu pi) of each, GeV.
        events: Entries that were looked at.
    """

    entries: Integers
    mass: Floats
    events: int

    @classmethod
    def of_events(cls, mass: Floats, first: int = 0) -> Selected:
        """From one mass per event, NaN where there is no candidate."""
        found = np.flatnonzero(~np.isnan(mass))
        return cls(found + first, mass[found], len(mass))

    @classmethod
    def joined(cls, parts: list[Selected]) -> Selected:
        """Several parts, one behind the other."""
        entries = np.concatenate([part.entries for part in parts])
        return cls(entries, np.concatenate([part.mass for part in parts]), sum(part.events for part in parts))

    def same_as(self, other: Selected) -> str:
        """Empty where entries and masses are equal to the last bit; else what differs."""
        if self.events != other.events:
            return f"{self.events} events and {other.events}"
        odd = np.setxor1d(self.entries, other.entries)
        if len(odd):
            return f"{len(odd)} events selected by one only, the first is entry {odd[0]}"
        unequal = np.flatnonzero(self.mass != other.mass)
        return f"{len(unequal)} masses differ" if len(unequal) else ""


@dataclass
class Timing:
    """One measurement.

    Attributes:
        wall_s: From the call to the result, in a process where everything is imported and compiled.
        cpu_s: CPU seconds of all threads in it.
        spans: Parts of ``wall_s`` that the peer can tell.
        events, selected: What was processed.
        peak_mb: Largest resident memory of the process, in MB.
    """

    wall_s: float
    cpu_s: float
    events: int
    selected: int
    spans: dict[str, float] = field(default_factory=dict)
    peak_mb: float = 0.0

    def tell(self) -> None:
        """Write it as the last line of standard output."""
        self.peak_mb = peak_mb()
        sys.stdout.write(json.dumps(asdict(self)) + "\n")


def save(selected: Selected, path: Path) -> None:
    """Keep the selected candidates for the comparison."""
    np.savez(path, entries=selected.entries, mass=selected.mass, events=selected.events)


def load(path: Path) -> Selected:
    """Inverse of :func:`save`."""
    with np.load(path) as data:
        return Selected(data["entries"], data["mass"], int(data["events"]))
