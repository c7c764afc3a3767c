"""The muons and tracks of a block of events, as the detector measures them. GeV, cm, radians.

Distributions follow the public 2017 simulation file (github rvenditti/Tau3MuSearch, Tree_PhiPi_MC.root, "the file").
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BEAM_SPOT = (-0.0248, 0.0693, 0.0)
"""Beam spot, from the primary vertices of the file (cm)."""

BEAM_WIDTH = (0.0003, 0.0003, 3.6)
"""Spread of the primary vertices in the file (cm)."""

SKIM_PT, SKIM_ETA = 2.0, 2.4
"""Smallest pt and largest absolute eta of muons and tracks (skims of 2017 and 2018)."""

TRACK_POWER = 0.393
"""pt of the tracks: 2 GeV u^-0.393, which has the file's median of 2.63 GeV and 95 % point of 6.5 GeV."""

TRACKS_PER_EVENT = 27.5
"""Tracks that belong to no signal leg or muon; the file has 31.1 tracks per event in all."""

SAME_VERTEX = 0.25
"""Fraction of those tracks that come from the vertex of the triplet: 6 of 30 within 1 mm of the muons in the file."""

EXTRA_MUONS = (0.48, 0.31, 0.12, 0.09)
"""Probability of 0, 1, 2, 3 muons beside the pair: 53, 34, 13, 11 of 111 events in the file."""


JET_MASS = (0.3, 2.4)
"""Contribution (GeV) of a track in the jet around the pair to the mass of the three."""


@dataclass(frozen=True)
class Particles:
    """Tracks (or muons) of a block, one behind the other, ordered by event.

    Attributes:
        event: Event within the block.
        pt, eta, phi: As measured.
        charge: ±1.
        origin: Point on the particle's path near where it was made, ``(3, n)``, cm.
        pull: Distance to a common vertex in standard deviations; the same three tracks have the same χ².
        scale: Factor on the χ² with other vertices, about 1.
        role: What it truly is: :data:`ROLES`.
        source: Row of the muon that the track belongs to, among the muons; -1 for other tracks.
    """

    event: Integers
    pt: Floats
    eta: Floats
    phi: Floats
    charge: Floats
    origin: Floats
    pull: Floats
    scale: Floats
    role: Integers
    source: Integers

    def __len__(self) -> int:
        """Number of particles."""
        return len(self.event)

    def take(self, index: Integers | NDArray[np.bool_]) -> Self:
        """Some of the particles."""
        return replace(self, **{item.name: getattr(self, item.name)[..., index] for item in fields(self)})

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """One after the other, not ordered."""
        return cls(
            *(np.concatenate([getattr(part, item.name) for part in parts], axis=-1) for item in fields(cls))
        )

    def counts(self, events: int) -> Integers:
        """Number of particles of each event."""
        return np.bincount(self.event, minlength=events)


FAKE, CORE_PLUS, CORE_MINUS, SIGNAL_PION = 0, 1, 2, 3
"""Roles: 1 and 2 are the muons of the low-mass pair that made the trigger, 3 the pion of a D."""


def smear(generator: Generator, legs: Floats) -> Floats:
    """Measured pt, eta, phi from true ones, ``(3, n)``.

    The momentum resolution is 0.6 % in the barrel, 1.4 % at the end, rising with pt (CMS tracker, arXiv:1405.6569
    Fig. 14); with the vertex fit it makes the 16 MeV width of the D_s in the file.
    """
    pt, eta, phi = legs
    relative = 0.0065 + 0.0022 * eta**2 + 0.0001 * pt
    noise = generator.standard_normal((3, len(pt)))
    return np.stack([pt * (1 + relative * noise[0]), eta + 0.0006 * noise[1], phi + 0.0006 * noise[2]])


def particles(
    generator: Generator,
    event: Integers,
    legs: Floats,
    charge: Floats,
    origin: Floats,
    role: int,
) -> Particles:
    """Particles with measured ``legs`` (pt, eta, phi); no pt lies below the skim's threshold."""
    count = len(event)
    return Particles(
        event,
        np.maximum(legs[0], np.nextafter(SKIM_PT, 3)),
        np.clip(legs[1], -SKIM_ETA, SKIM_ETA),
        wrap(legs[2]),
        charge,
        origin,
        generator.standard_normal(count),
        np.exp(0.5 * generator.standard_normal(count)),
        np.full(count, role),
        np.full(count, -1),
    )


def wrap(angle: Floats) -> Floats:
    """Angles in -π to π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def primary_vertices(generator: Generator, count: int) -> Floats:
    """``(3, n)`` vertices in the beam spot."""
    spot, width = np.array(BEAM_SPOT)[:, None], np.array(BEAM_WIDTH)[:, None]
    return spot + width * generator.standard_normal((3, count))


def other_vertices(generator: Generator, vertices: Floats, same: float) -> Floats:
    """For each of ``vertices`` itself with probability ``same``, else a pile-up vertex."""
    count = vertices.shape[1]
    chosen = generator.uniform(0, 1, count) < same
    return np.where(chosen, vertices, primary_vertices(generator, count))


def extra_muons(
    generator: Generator, vertices: Floats, probabilities: tuple[float, ...] = EXTRA_MUONS
) -> Particles:
    """Muons beside those of the signal: soft, mostly not from the same vertex, mostly decays in flight.

    Args:
        generator: Random numbers.
        vertices: Primary vertices, ``(3, events)``.
        probabilities: Of 0, 1, 2, ... such muons.
    """
    counts = generator.choice(np.arange(len(probabilities)), vertices.shape[1], p=probabilities)
    event = np.repeat(np.arange(vertices.shape[1]), counts)
    count = len(event)
    soft = generator.uniform(0, 1, count) < 0.65
    pt = SKIM_PT + generator.exponential(1.0, count) * np.where(soft, 0.5, 4.5)
    legs = np.stack([pt, generator.uniform(-2.35, 2.35, count), generator.uniform(-np.pi, np.pi, count)])
    origin = other_vertices(generator, vertices[:, event], 0.5)
    return particles(generator, event, legs, signs(generator, count), origin, FAKE)


def other_tracks(
    generator: Generator, vertices: Floats, pair: Floats, activity: Floats, nearby: Integers
) -> Particles:
    """Tracks that belong to no signal and no muon.

    Args:
        generator: Random numbers.
        vertices: Primary vertices, ``(3, events)``.
        pair: pt, eta and phi of the muon pair, ``(3, events)``.
        activity: Mean number of tracks of each event over the mean of all.
        nearby: Number of tracks in the jet around the pair; they come from its vertex.
    """
    spread = generator.gamma(6.0, 1 / 6.0, len(nearby)) * activity
    counts = generator.poisson(TRACKS_PER_EVENT * spread) + nearby
    event = np.repeat(np.arange(len(nearby)), counts)
    count = len(event)
    rank = np.arange(count) - np.repeat(np.cumsum(counts) - counts, counts)
    in_jet = np.nonzero(rank < nearby[event])[0]
    pt = SKIM_PT * (1 - generator.uniform(0, 1, count)) ** -TRACK_POWER
    eta = generator.uniform(-SKIM_ETA, SKIM_ETA, count)
    phi = generator.uniform(-np.pi, np.pi, count)
    own = vertices[:, event]
    origin = other_vertices(generator, own, SAME_VERTEX)
    eta[in_jet], phi[in_jet] = _around(generator, pair[:, event[in_jet]], pt[in_jet])
    origin[:, in_jet] = own[:, in_jet]
    origin += _displacement(generator, phi)
    return particles(generator, event, np.stack([pt, eta, phi]), signs(generator, count), origin, FAKE)


def _around(generator: Generator, pair: Floats, pt: Floats) -> tuple[Floats, Floats]:
    """eta and phi of tracks near a muon pair, so that the mass of the three is flat up to some 3 GeV."""
    distance = generator.uniform(*JET_MASS, len(pt)) / np.sqrt(pt * pair[0])
    angle = generator.uniform(-np.pi, np.pi, len(pt))
    return pair[1] + distance * np.cos(angle), pair[2] + distance * np.sin(angle)


def _displacement(generator: Generator, phi: Floats) -> Floats:
    """Where a track passes its vertex: within resolution, from heavy flavour, or from a strange particle, ``(3, n)``."""
    count = len(phi)
    size = np.array([0.003, 0.02, 0.8])
    kind = generator.choice(3, count, p=(0.9, 0.08, 0.02))
    distance = size[kind] * generator.standard_normal(count)
    along = np.array([0.004, 0.02, 6.0])[kind] * generator.standard_normal(count)
    return np.stack([-np.sin(phi) * distance, np.cos(phi) * distance, along])


def signs(generator: Generator, count: int) -> Floats:
    """±1 at random."""
    return generator.choice(np.array([-1.0, 1.0]), count)


def ordered_muons(muons: Particles) -> Particles:
    """By event, then from the highest pt down, as the ntuples list them."""
    return muons.take(np.lexsort((-muons.pt, muons.event)))


def with_muon_tracks(generator: Generator, tracks: Particles, muons: Particles) -> Particles:
    """Tracks and the tracks of the muons, by event, in no particular order within one."""
    own = replace(muons, source=np.arange(len(muons)))
    everything = Particles.concatenate([tracks, own])
    order = np.lexsort((generator.uniform(0, 1, len(everything)), everything.event))
    return everything.take(order)
