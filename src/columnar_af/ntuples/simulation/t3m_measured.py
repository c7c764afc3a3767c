"""What belongs to single muons and tracks: identification, trigger objects, impact parameters. GeV, cm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import FAKE, SIGNAL_PION, Particles
from columnar_af.ntuples.simulation.t3m_event import Block
from columnar_af.ntuples.simulation.t3m_options import Layout, T3MOptions

Floats = NDArray[np.float64]

NO_OBJECT_AOD, NO_OBJECT = 999.0, 1.0
"""ΔR where the event has no trigger object (AOD), and where none is within ΔR = 1."""

FLAG_RATES = {
    "isGlobal": (0.965, 0.24),
    "isPF": (0.985, 0.15),
    "isTrackerMuon": (0.996, 0.83),
    "isSoft": (0.98, 0.44),
    "isMedium": (0.96, 0.25),
    "isRPCMuon": (0.86, 0.27),
}
"""Probability of a flag for a muon of the pair and for any other, from 227 and 88 muons of the real 2017 simulation file
(isPF given isGlobal; isMedium is not in that file: a guess)."""


@dataclass(frozen=True)
class Measured:
    """Beside the momenta.

    Attributes:
        flags: Muon flags without their prefix, 0.0 or 1.0.
        muon_dr, track_dr: ΔR to the trigger object of the control channel's path, float32 values.
        dxy, dz, dxy_error, dz_error: Of the tracks, to the origin of CMS.
    """

    flags: dict[str, Floats]
    muon_dr: Floats
    track_dr: Floats
    dxy: Floats
    dz: Floats
    dxy_error: Floats
    dz_error: Floats


def measure(generator: Generator, options: T3MOptions, block: Block) -> Measured:
    """Identify the muons and measure the tracks of a block."""
    muon_dr, track_dr = _trigger_matches(generator, options, block)
    dxy_error, dz_error = track_errors(generator, block.tracks)
    noise = generator.standard_normal((2, len(block.tracks)))
    dxy, dz = impact(block.tracks)
    return Measured(
        muon_flags(generator, block.muons),
        muon_dr,
        track_dr,
        dxy + dxy_error * noise[0],
        dz + dz_error * noise[1],
        dxy_error,
        dz_error,
    )


def track_errors(generator: Generator, tracks: Particles) -> tuple[Floats, Floats]:
    """Uncertainties of the impact parameters, with the medians of the real file (0.0036 and 0.0057 cm)."""
    noise = np.exp(0.25 * generator.standard_normal((2, len(tracks))))
    return (0.0012 + 0.006 / tracks.pt) * noise[0], (0.0015 + 0.007 / tracks.pt) * np.cosh(
        tracks.eta
    ) ** 0.8 * noise[1]


def impact(tracks: Particles) -> tuple[Floats, Floats]:
    """Signed transverse and longitudinal impact parameters to the origin."""
    x, y, z = tracks.origin
    return y * np.cos(tracks.phi) - x * np.sin(tracks.phi), z


def muon_flags(generator: Generator, muons: Particles) -> dict[str, Floats]:
    """Identification flags of muons, 0.0 or 1.0."""
    rates = np.array(list(FLAG_RATES.values()))[:, (muons.role == FAKE).astype(int)]
    values = (generator.uniform(0, 1, rates.shape) < rates).astype(float)
    flags = dict(zip(FLAG_RATES, values, strict=True))
    flags["isPF"] = np.where(muons.role == FAKE, flags["isPF"], flags["isPF"] * flags["isGlobal"])
    flags["isLoose"] = flags["isPF"]  # a loose muon is a particle-flow muon that is global or tracker muon
    return flags


def _trigger_matches(generator: Generator, options: T3MOptions, block: Block) -> tuple[Floats, Floats]:
    """ΔR to the nearest object of the tau3mu filter, of muons and tracks; a muon and its track share it."""
    fired = block.decisions.tau3mu
    nothing = NO_OBJECT_AOD if options.layout is Layout.AOD_2017 else NO_OBJECT
    muon_matched = np.where(block.muons.role == FAKE, 0.15, 0.985)
    muons = object_distances(generator, muon_matched, fired[block.muons.event], nothing)
    track_matched = np.where(block.tracks.role == SIGNAL_PION, 0.95, 0.002)
    tracks = object_distances(generator, track_matched, fired[block.tracks.event], nothing)
    own = block.tracks.source
    tracks = np.where(own >= 0, muons[own] if len(muons) else tracks, tracks)
    return muons.astype(np.float32).astype(float), tracks.astype(np.float32).astype(float)


def object_distances(
    generator: Generator, probability: Floats, fired: NDArray[np.bool_], nothing: float
) -> Floats:
    """ΔR to the nearest trigger object: near with a probability, where the path fired; else ``nothing``."""
    count = len(probability)
    near = 1.5e-4 * np.exp(generator.standard_normal(count))
    far = np.minimum(generator.uniform(0.05, 2.0, count), NO_OBJECT)
    found = np.where(generator.uniform(0, 1, count) < probability, near, far)
    return np.where(fired, found, nothing)
