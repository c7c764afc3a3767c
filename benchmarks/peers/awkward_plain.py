"""Plain coffea: NanoEvents, all cuts on whole columns, legs matched by all pairs. As a good user writes it the first time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
from coffea.nanoevents import BaseSchema
from coffea.nanoevents.methods import vector
from coffea.processor import IterativeExecutor, ProcessorABC, Runner, column_accumulator
from coffea.util import coffea_console

from peers.layout import HLT, L1, MASS_BINS, MASS_RANGE, MUON_MASS, TREE, Selected

CHUNK_EVENTS = 10_000
"""All pairs of 63 triplets and 31 tracks take 0.5 MB per 10 events: more at a time would fill the memory."""


def fired(events: ak.Array) -> ak.Array:
    """Whether the path and one of the seeds accepted."""
    path = ak.str.match_substring(events.Trigger_hltname, HLT)
    seed = ak.str.match_substring(events.Trigger_l1name, L1[0]) | ak.str.match_substring(
        events.Trigger_l1name, L1[1]
    )
    hlt = ak.any(path & (events.Trigger_hltdecision == 1), axis=1)
    return hlt & ak.any(seed & (events.Trigger_l1decision == 1), axis=1)


def leg(events: Any, prefix: str) -> ak.Array:
    """A leg of the triplets as Lorentz vector with the muon's mass (the pion's is not used)."""
    pt = events[f"{prefix}_Pt"]
    fields = {"pt": pt, "eta": events[f"{prefix}_Eta"], "phi": events[f"{prefix}_Phi"]}
    return ak.zip(
        fields | {"mass": ak.full_like(pt, MUON_MASS)},
        with_name="PtEtaPhiMLorentzVector",
        behavior=vector.behavior,
    )


def pv_tracks(events: ak.Array) -> ak.Array:
    """Tracks of the primary vertex; the tree maker filled some events once too often, with a value below 2."""
    tracks = events.RefittedPV2_NTracks
    uneven = ak.num(tracks) > ak.num(events.Triplet2_Mass)
    return tracks[~(uneven & (tracks < 2))] if ak.any(uneven) else tracks


def in_acceptance(muon: ak.Array) -> ak.Array:
    """Barrel muons above 3.5 GeV, endcap muons above 2."""
    eta = abs(muon.eta)
    return ((eta < 1.2) & (muon.pt > 3.5)) | ((eta >= 1.2) & (eta < 2.4) & (muon.pt > 2.0))


def is_near(first: ak.Array, second: ak.Array) -> ak.Array:
    """Delta R of two legs between 1e-4 and 0.8."""
    distance = first.delta_r(second)
    return (distance > 1e-4) & (distance < 0.8)


def matched(legs: ak.Array, objects: ak.Array) -> ak.Array:
    """Whether each leg is one of the objects, by equal momentum, and that one is good."""
    pairs = ak.cartesian({"leg": legs, "object": objects}, axis=1, nested=True)
    equal = (
        (pairs.leg.pt == pairs.object.pt)
        & (pairs.leg.eta == pairs.object.eta)
        & (pairs.leg.phi == pairs.object.phi)
    )
    return ak.any(equal & pairs.object.good, axis=2)


def good_muons(events: ak.Array) -> ak.Array:
    """The muons, and which of them are global and particle-flow."""
    return ak.zip(
        {
            "pt": events.MuonPt,
            "eta": events.MuonEta,
            "phi": events.MuonPhi,
            "good": (events.Muon_isGlobal > 0) & (events.Muon_isPF > 0),
        }
    )


def good_tracks(events: ak.Array) -> ak.Array:
    """The tracks, and which of them come from near the origin."""
    return ak.zip(
        {
            "pt": events.Track_pt,
            "eta": events.Track_eta,
            "phi": events.Track_phi,
            "good": (abs(events.Track_dz) < 20) & (abs(events.Track_dxy) < 0.3),
        }
    )


def select(events: ak.Array) -> ak.Array:
    """Mass of the best candidate of each event; None where there is none."""
    mu1, mu2, track = (leg(events, prefix) for prefix in ("Mu01", "Mu02", "Tr"))
    mass = events.Triplet2_Mass
    passing = (mass > 1.62) & (mass < 2.02) & (pv_tracks(events) > 1)
    passing = passing & in_acceptance(mu1) & in_acceptance(mu2) & (track.pt > 1.2)
    passing = passing & is_near(mu1, mu2) & is_near(mu1, track) & is_near(mu2, track)
    muons = good_muons(events)
    passing = passing & matched(mu1, muons) & matched(mu2, muons) & matched(track, good_tracks(events))
    dimuon = (mu1 + mu2).mass
    passing = passing & (dimuon > 1.00) & (dimuon < 1.04)
    for distance in (events.Mu01_dRtriggerMatch, events.Mu02_dRtriggerMatch):
        passing = passing & (distance >= 0) & (distance < 0.03)
    best = ak.argmin(events.TripletVtx2_Chi2[passing], axis=1, keepdims=True)
    return ak.firsts(mass[passing][best])


class Plain(ProcessorABC):
    """Trigger, then the selection of the events that fired."""

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Entries and masses of the selected candidates, and the histogram."""
        first = events.metadata["entrystart"]
        keep = np.asarray(fired(events))
        mass = self.mass(events[keep])
        found = ~ak.is_none(mass)
        values = ak.to_numpy(mass[found])
        histogram = hist.Hist(hist.axis.Regular(MASS_BINS, *MASS_RANGE, name="mass"))
        histogram.fill(values)
        return {
            "entries": column_accumulator(np.flatnonzero(keep)[ak.to_numpy(found)] + first),
            "mass": column_accumulator(values),
            "histogram": histogram,
            "events": len(events),
        }

    def mass(self, events: ak.Array) -> ak.Array:
        """Mass of the best candidate of each event that fired."""
        return select(events)

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing."""
        return accumulator


def run(path: Path, processor: ProcessorABC | None = None, chunksize: int = CHUNK_EVENTS) -> Selected:
    """Through coffea's Runner, one chunk after the other."""
    coffea_console.quiet = True
    runner = Runner(
        executor=IterativeExecutor(status=False), schema=BaseSchema, chunksize=chunksize, savemetrics=False
    )
    output = runner({"data": {"files": {str(path): TREE}}}, processor or Plain())
    return Selected(output["entries"].value, output["mass"].value, output["events"])
