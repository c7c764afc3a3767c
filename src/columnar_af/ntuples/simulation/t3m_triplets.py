"""Triplets: every pair of opposite muons with every track, their vertex fits and flight distances. GeV, cm, radians."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import (
    BEAM_SPOT,
    CORE_MINUS,
    CORE_PLUS,
    SIGNAL_PION,
    Particles,
    other_vertices,
    wrap,
)
from columnar_af.ntuples.simulation.t3m_event import BACKGROUND, SKIM_DIMUON, Block
from columnar_af.ntuples.simulation.t3m_options import Layout, T3MOptions
from columnar_af.ntuples.simulation.t3m_physics import MUON, PION, from_pt_eta_phi, mass

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KEPT_CANDIDATES = 0.9
"""Fraction of candidates that the tree maker stores: 7042 of 7830 in the real file; those not stored are not fitted."""

MINI_MASS = (0.8, 3.0)
MINI_LEG_DR = 0.01
"""The MINI skim's window of the triplet mass (GeV), and the smallest ΔR of a muon and the track."""

Z_RESOLUTION, XY_RESOLUTION = 0.0125, 0.006
"""How well a track points to a vertex (cm): χ² of unrelated tracks then has the real file's median of 5e4."""

REFIT_RESOLUTION = 0.0045
"""Relative change of a leg's pt in the vertex fit; grows with the root of χ²/15 for tracks that do not belong together."""

SENTINEL_RATE = 0.01
"""MINI triplets whose primary vertex could not be refitted: 6 of 618 in the real Run 3 file."""

NO_TRIPLET_RATE = 1 / 282
"""MINI events without any triplet: 1 of 282 in the real Run 3 file."""


@dataclass(frozen=True)
class Triplets:
    """Candidates of a block, ordered by event; ``n`` of them.

    Attributes:
        event: Event within the block.
        legs: Rows of the two muons among the muons and of the track among the tracks, ``(3, n)``; the first muon has
            the higher pt.
        number: Candidate number within the event, counting those that were not stored.
        measured: pt, eta, phi of the legs, ``(3, 3, n)``: leg, quantity.
        refitted: The same after the vertex fit.
        chi2: Of the vertex, a float32 value.
        vertex: Fitted vertex, ``(3, n)``.
        resolution: Of the vertex across the beam, along the flight (cm).
        primary: The primary vertex that belongs to the candidate, ``(3, n)``.
        momentum: px, py, pz and energy of the refitted triplet, ``(4, n)``.
        true: Whether it is the D of the event.
        failed: Whether its primary vertex could not be refitted, so that everything is a sentinel.
    """

    event: Integers
    legs: Integers
    number: Integers
    measured: Floats
    refitted: Floats
    chi2: Floats
    vertex: Floats
    resolution: Floats
    primary: Floats
    momentum: Floats
    true: NDArray[np.bool_]
    failed: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of triplets."""
        return len(self.event)

    def take(self, index: NDArray[np.bool_]) -> Self:
        """Some of the triplets."""
        return replace(self, **{item.name: getattr(self, item.name)[..., index] for item in fields(self)})

    @property
    def mass(self) -> Floats:
        """Invariant mass after the vertex fit, pion hypothesis."""
        x, y, z, energy = self.momentum
        return np.sqrt(np.maximum(energy**2 - x**2 - y**2 - z**2, 0))


def make_triplets(generator: Generator, options: T3MOptions, block: Block) -> tuple[Triplets, Integers]:
    """The stored triplets of a block, and the number of candidates of each event before the tree maker."""
    first, second = _muon_pairs(options, block)
    event, legs = _with_tracks(block, first, second)
    measured = _leg_values(block, legs)
    keep = _skim(options, block, event, measured)
    event, legs, measured = event[keep], legs[:, keep], measured[..., keep]
    candidates = np.bincount(event, minlength=len(block))
    number = np.arange(len(event)) - np.repeat(np.cumsum(candidates) - candidates, candidates)
    stored = generator.uniform(0, 1, len(event)) < KEPT_CANDIDATES
    if options.layout is Layout.MINI_2021:
        stored |= number == 0  # its events have candidates, but for a few
    event, legs, number = event[stored], legs[:, stored], number[stored]
    return _fit(generator, options, block, event, legs, number, measured[..., stored]), candidates


def _muon_pairs(options: T3MOptions, block: Block) -> tuple[Integers, Integers]:
    """Rows of the muons of all opposite-charge pairs, by event, the muon of higher pt first."""
    muons = block.muons
    counts = muons.counts(len(block))
    start = np.cumsum(counts) - counts
    firsts, seconds = [], []
    for i in range(int(counts.max(initial=0))):
        for j in range(i + 1, int(counts.max(initial=0))):
            enough = counts > j
            firsts.append(start[enough] + i)
            seconds.append(start[enough] + j)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    opposite = muons.charge[first] != muons.charge[second]
    if options.layout is Layout.MINI_2021:
        opposite &= _in_window(_pair_mass(muons, first, second), SKIM_DIMUON[options.layout])
    first, second = first[opposite], second[opposite]
    order = np.lexsort((second, first, muons.event[first]))
    return first[order], second[order]


def _pair_mass(muons: Particles, first: Integers, second: Integers) -> Floats:
    one, other = (
        from_pt_eta_phi(muons.pt[row], muons.eta[row], muons.phi[row], mass(MUON)) for row in (first, second)
    )
    total = np.stack(one) + np.stack(other)
    return np.sqrt(np.maximum(total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2, 0))


def _with_tracks(block: Block, first: Integers, second: Integers) -> tuple[Integers, Integers]:
    """Each pair with each track of its event that is not one of its muons: events and legs."""
    per_event = block.tracks.counts(len(block))
    start = np.cumsum(per_event) - per_event
    event = block.muons.event[first]
    counts = per_event[event]
    pair = np.repeat(np.arange(len(event)), counts)
    rank = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    track = start[event[pair]] + rank
    legs = np.stack([first[pair], second[pair], track])
    source = block.tracks.source[track]
    other = (source != legs[0]) & (source != legs[1])
    return event[pair][other], legs[:, other]


def _leg_values(block: Block, legs: Integers) -> Floats:
    """Measured pt, eta, phi of the legs; those of muons have float precision, as the ntuple stores them."""
    muons = np.stack([block.muons.pt, block.muons.eta, block.muons.phi]).astype(np.float32).astype(np.float64)
    tracks = np.stack([block.tracks.pt, block.tracks.eta, block.tracks.phi])
    return np.stack([muons[:, legs[0]], muons[:, legs[1]], tracks[:, legs[2]]])


TWO_MUONS_AND_A_PION = (MUON, MUON, PION)
"""PDG codes of the legs."""


def four_momenta(legs: Floats, kinds: tuple[int, ...] = TWO_MUONS_AND_A_PION) -> Floats:
    """``(3, 4, n)`` from ``(3, 3, n)`` pt, eta, phi of three legs of these kinds."""
    return np.stack(
        [
            np.stack(from_pt_eta_phi(leg[0], leg[1], leg[2], mass(kind)))
            for leg, kind in zip(legs, kinds, strict=True)
        ]
    )


def delta_r(one: Floats, other: Floats) -> Floats:
    """ΔR of two legs given as pt, eta, phi."""
    return np.hypot(one[1] - other[1], wrap(one[2] - other[2]))


def _in_window(values: Floats, window: tuple[float, float]) -> NDArray[np.bool_]:
    return (values > window[0]) & (values < window[1])


def _skim(options: T3MOptions, block: Block, event: Integers, measured: Floats) -> NDArray[np.bool_]:
    """Which candidates the skim keeps: all in AOD, low masses in MINI, with a few events that lose all."""
    if options.layout is Layout.AOD_2017:
        return np.ones(len(event), np.bool_)
    total = four_momenta(measured).sum(axis=0)
    values = np.sqrt(np.maximum(total[3] ** 2 - (total[:3] ** 2).sum(axis=0), 0))
    apart = np.minimum(delta_r(measured[0], measured[2]), delta_r(measured[1], measured[2])) > MINI_LEG_DR
    every = round(1 / NO_TRIPLET_RATE)
    emptied = (block.first + event) % every == every - 1
    lost = emptied & (block.kind[event] == BACKGROUND)
    return _in_window(values, MINI_MASS) & apart & ~lost


def _fit(
    generator: Generator,
    options: T3MOptions,
    block: Block,
    event: Integers,
    legs: Integers,
    number: Integers,
    measured: Floats,
) -> Triplets:
    """Fit the vertices of the candidates."""
    fit = fit_vertices(
        generator, _at_legs(block, legs), measured, block.vertex[:, event], TWO_MUONS_AND_A_PION
    )
    true = _is_true(block, event, legs)
    rate = SENTINEL_RATE if options.layout is Layout.MINI_2021 else 0.0
    failed = generator.uniform(0, 1, len(event)) < rate
    return Triplets(event, legs, number, measured, *fit, true, failed)


AtLegs = tuple[Floats, Floats, Floats]
"""Origins ``(3, 3, n)`` (leg, coordinate), pulls and scales ``(3, n)`` of the legs, in an order that does not depend on
which leg is which."""


def fit_vertices(
    generator: Generator, at_legs: AtLegs, measured: Floats, own: Floats, kinds: tuple[int, ...]
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """The vertex of three tracks.

    Args:
        generator: Random numbers.
        at_legs: Where the tracks come from, and how well they meet.
        measured: pt, eta, phi of the legs, ``(3, 3, n)``.
        own: Primary vertex of the event, ``(3, n)``.
        kinds: PDG codes of the legs.

    Returns:
        Refitted legs, χ², vertex, its resolution, primary vertex and momentum, as :class:`Triplets` has them.
    """
    origins, pulls, scales = at_legs
    count = measured.shape[-1]
    centre = origins.mean(axis=0)
    spread = ((origins - centre) ** 2).sum(axis=0)
    distance = (spread[0] + spread[1]) / XY_RESOLUTION**2 + spread[2] / Z_RESOLUTION**2
    # symmetric in the legs: the same three tracks in another order have the same χ², as in the real files
    chi2 = (np.sort(pulls, axis=0) ** 2).sum(axis=0) + distance * np.prod(np.sort(scales, axis=0), axis=0)
    chi2 = chi2.astype(np.float32).astype(np.float64)
    strain = REFIT_RESOLUTION * np.sqrt(1 + np.minimum(chi2, 3e6) / 15)
    noise = np.clip(strain * generator.standard_normal((3, count)), -3, 3)
    refitted = measured.copy()
    refitted[:, 0] *= np.exp(noise)
    momentum = four_momenta(refitted, kinds).sum(axis=0)
    collimated = delta_r(measured[0], measured[2]) < 0.8
    resolution = np.where(collimated, 0.011, 0.005) * np.exp(0.45 * generator.standard_normal(count))
    vertex = _fitted_vertex(generator, centre, chi2, resolution, momentum)
    primary = _primary_vertices(generator, own, vertex, chi2)
    return refitted, chi2, vertex, resolution, primary, momentum


GOOD_PRIMARY, SAME_PRIMARY = 0.97, 0.15
"""How often a good (χ² < 100) and a bad vertex is attached to the primary vertex of the muons."""


def _primary_vertices(generator: Generator, own: Floats, vertex: Floats, chi2: Floats) -> Floats:
    """The primary vertex of each candidate: the event's own, or for bad vertices the farther of two others.

    The tree maker takes the primary vertex with the largest cosine between momentum and flight, which favours far ones.
    """
    one, other = (other_vertices(generator, own, 0.0) for _ in range(2))
    farther = np.where(np.abs(one[2] - vertex[2]) > np.abs(other[2] - vertex[2]), one, other)
    stays = generator.uniform(0, 1, len(chi2)) < np.where(chi2 < 100, GOOD_PRIMARY, SAME_PRIMARY)
    return np.where(stays, own, farther)


def _at_legs(block: Block, legs: Integers) -> AtLegs:
    """The same for a muon and its track."""
    muons, tracks = block.muons, block.tracks
    origins = np.stack([muons.origin[:, legs[0]], muons.origin[:, legs[1]], tracks.origin[:, legs[2]]])
    pulls = np.stack([muons.pull[legs[0]], muons.pull[legs[1]], tracks.pull[legs[2]]])
    scales = np.stack([muons.scale[legs[0]], muons.scale[legs[1]], tracks.scale[legs[2]]])
    order = np.argsort(legs_key(block, legs), axis=0)
    return np.take_along_axis(origins, order[:, None, :], axis=0), pulls, scales


def legs_key(block: Block, legs: Integers) -> Integers:
    """A number per leg that is the same for a muon and its track, to put the legs in an order of their own."""
    source = block.tracks.source[legs[2]]
    track = np.where(source >= 0, source, len(block.muons) + legs[2])
    return np.stack([legs[0], legs[1], track])


def _fitted_vertex(
    generator: Generator, centre: Floats, chi2: Floats, resolution: Floats, momentum: Floats
) -> Floats:
    """Where the fit puts the vertex: smeared along the flight, anywhere when the tracks do not meet."""
    pt = np.hypot(momentum[0], momentum[1])
    along = resolution * generator.standard_normal(len(chi2)) / pt
    wander = 0.003 * np.sqrt(chi2) / (1 + (chi2 / 2e5) ** 0.3)
    wander = np.where(chi2 < 15, 0.0015, wander)
    noise = generator.standard_normal((3, len(chi2))) * wander
    vertex = centre + along * momentum[:3] + noise
    return vertex.astype(np.float32).astype(np.float64)


def _is_true(block: Block, event: Integers, legs: Integers) -> NDArray[np.bool_]:
    roles = np.stack([block.muons.role[legs[0]], block.muons.role[legs[1]]])
    pair = np.sort(roles, axis=0)
    return (
        (pair[0] == CORE_PLUS)
        & (pair[1] == CORE_MINUS)
        & (block.tracks.role[legs[2]] == SIGNAL_PION)
        & (block.kind[event] != BACKGROUND)
    )


def beam_spot_distance(vertex: Floats) -> Floats:
    """Transverse distance of vertices to the beam spot (cm)."""
    return np.hypot(vertex[0] - BEAM_SPOT[0], vertex[1] - BEAM_SPOT[1])
