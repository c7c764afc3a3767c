"""Expert coffea: cheap cuts first, on fewer and fewer candidates; only what survives is matched."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np

from peers import awkward_plain as plain
from peers.layout import TRIPLET, Selected

CHUNK_EVENTS = 50_000


def select(events: ak.Array) -> ak.Array:
    """Mass of the best candidate of each event; None where there is none."""
    mass = events.Triplet2_Mass
    passing = (mass > 1.62) & (mass < 2.02) & (plain.pv_tracks(events) > 1)
    alive = np.asarray(ak.any(passing, axis=1))
    rest, passing = events[alive], passing[alive]
    triplets = {name: rest[name][passing] for name in TRIPLET if name != "RefittedPV2_NTracks"}
    mu1, mu2, track = (plain.leg(triplets, prefix) for prefix in ("Mu01", "Mu02", "Tr"))
    passing = plain.in_acceptance(mu1) & plain.in_acceptance(mu2) & (track.pt > 1.2)
    for prefix in ("Mu01", "Mu02"):
        distance = triplets[f"{prefix}_dRtriggerMatch"]
        passing = passing & (distance >= 0) & (distance < 0.03)
    mu1, mu2, track = mu1[passing], mu2[passing], track[passing]
    mass, chi2 = triplets["Triplet2_Mass"][passing], triplets["TripletVtx2_Chi2"][passing]
    dimuon = (mu1 + mu2).mass
    passing = plain.is_near(mu1, mu2) & plain.is_near(mu1, track) & plain.is_near(mu2, track)
    passing = passing & (dimuon > 1.00) & (dimuon < 1.04)
    mu1, mu2, track, mass, chi2 = (values[passing] for values in (mu1, mu2, track, mass, chi2))
    muons = plain.good_muons(rest)
    passing = plain.matched(mu1, muons) & plain.matched(mu2, muons)
    passing = passing & plain.matched(track, plain.good_tracks(rest))
    best = ak.firsts(mass[passing][ak.argmin(chi2[passing], axis=1, keepdims=True)])
    place = np.full(len(events), -1)
    place[alive] = np.arange(len(rest))
    return ak.mask(best, np.ones(len(best), bool))[ak.mask(ak.Array(place), place >= 0)]


class Expert(plain.Plain):
    """The same processor with the staged selection."""

    def mass(self, events: ak.Array) -> ak.Array:
        """Mass of the best candidate of each event that fired."""
        return select(events)


def run(path: Path) -> Selected:
    """Through coffea's Runner."""
    return plain.run(path, Expert(), CHUNK_EVENTS)
