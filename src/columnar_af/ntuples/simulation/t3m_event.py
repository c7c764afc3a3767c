"""A block of events: what truly happened in it, and the muons and tracks that the detector saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import (
    CORE_MINUS,
    CORE_PLUS,
    SIGNAL_PION,
    SKIM_ETA,
    SKIM_PT,
    Particles,
    extra_muons,
    ordered_muons,
    other_tracks,
    particles,
    primary_vertices,
    smear,
    with_muon_tracks,
)
from columnar_af.ntuples.simulation.t3m_options import Layout, T3MOptions
from columnar_af.ntuples.simulation.t3m_physics import (
    B_MESONS,
    DPLUS,
    DS,
    MUON,
    Decays,
    decay,
    decay_length,
    directions,
    falling_pt,
    from_pt_eta_phi,
    generate,
    mass,
    phi_masses,
    to_pt_eta_phi,
)
from columnar_af.ntuples.simulation.t3m_triggers import Decisions, decide, turn_on

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BACKGROUND, DS_EVENT, DPLUS_EVENT = 0, 1, 2
"""Classes of events."""

PION_EFFICIENCY = {Layout.AOD_2017: 0.85, Layout.MINI_2021: 1.0}
"""A pion in the acceptance is reconstructed; 80 of 111 events of the real AOD file have a candidate. MINI keeps no event
without a candidate, so that its events have one."""

TRIGGER_THRESHOLD, TRIGGER_WIDTH = 4.0, 0.35
"""Turn-on of the muons in events that were recorded at all, from the muons of φ in the real file (10 % below 4 GeV)."""

PHI_BACKGROUND = 0.25
"""Fraction of background events whose muon pair is a φ; the rest is a continuum."""

HEAVY_FLAVOUR = 0.4
"""Fraction of background pairs that come from a displaced vertex."""

CONTINUUM_SCALE = 0.5
"""Exponential fall (GeV) of the mass of continuum pairs above the skim's 0.5 GeV."""

SKIM_DIMUON = {Layout.AOD_2017: (0.5, 4.0), Layout.MINI_2021: (0.5, 1.5)}
"""Masses of muon pairs that the skims keep (GeV)."""

NEARBY_TRACKS = {Layout.AOD_2017: (0, 0.8), Layout.MINI_2021: (1, 0.4)}
"""Tracks in the jet around the pair: at least, and how many more on average."""

MORE_MUONS_MORE_TRACKS = 0.2
"""Relative gain in tracks per further muon: the two numbers are correlated with 0.38 in the real file."""


ATTEMPTS = 4000
"""Decays that are tried at once when fewer wait for one in the acceptance."""


@dataclass(frozen=True)
class Block:
    """A block of events.

    Attributes:
        first: Number of its first event in the sample.
        kind: Class of each event.
        prompt: Whether its D comes from the primary vertex; false where there is none.
        decays: The D decays, one per event with a D, in order.
        decay_of: Row of the event's decay; -1 for none.
        attempts: Decays that were generated until that one was accepted, one number per decay.
        pile_up: Number of interactions.
        vertex: Primary vertex of the event, ``(3, n)``, cm.
        decisions: Of the trigger.
        muons, tracks: What was measured.
    """

    first: int
    kind: Integers
    prompt: NDArray[np.bool_]
    decays: Decays
    decay_of: Integers
    attempts: Integers
    pile_up: Integers
    vertex: Floats
    decisions: Decisions
    muons: Particles
    tracks: Particles

    def __len__(self) -> int:
        """Number of events."""
        return len(self.kind)


def event_classes(options: T3MOptions, first: int, count: int) -> Integers:
    """The class of events ``first`` to ``first + count``: exactly the asked yields, spread over the whole sample.

    Multiplying by a number coprime to the number of events visits every residue once, so any block knows its classes
    without those of the others.
    """
    step = coprime(options.events)
    position = (np.arange(first, first + count) * step + options.seed) % options.events
    ds = position < options.injected_ds
    dplus = ~ds & (position < options.injected_ds + options.injected_dplus)
    return np.select([ds, dplus], [DS_EVENT, DPLUS_EVENT], BACKGROUND)


def coprime(events: int) -> int:
    """A step near 0.618 of ``events`` without a common divisor, so that classes look mixed."""
    step = max(1, round(0.6180339887 * events))
    while np.gcd(step, events) != 1:
        step += 1
    return step


def make_block(generator: Generator, options: T3MOptions, first: int, count: int) -> Block:
    """Events ``first`` to ``first + count`` of a sample."""
    kind = event_classes(options, first, count)
    has_decay = kind != BACKGROUND
    from_b = generator.uniform(0, 1, count) >= options.prompt_fraction
    decays, attempts = _accepted(
        generator, np.where(kind == DS_EVENT, DS, DPLUS)[has_decay].astype(np.int32), from_b[has_decay]
    )
    vertex = primary_vertices(generator, count)
    pile_up = generator.poisson(options.pile_up * generator.gamma(8.0, 1 / 8.0, count))
    core, displaced = np.empty((2, 3, count)), np.empty((3, count))
    core[..., ~has_decay], displaced[:, ~has_decay] = _background_pairs(
        generator, options, np.sum(~has_decay)
    )
    core[..., has_decay], displaced[:, has_decay] = decays.legs[:2], decays.vertex
    origin = vertex + displaced
    core_muons = _measured_pair(generator, core, origin)
    muons = ordered_muons(Particles.concatenate([core_muons, extra_muons(generator, vertex)]))
    least, more = NEARBY_TRACKS[options.layout]
    nearby = least * ~has_decay + generator.poisson(more, count)
    activity = _activity(muons.counts(count), pile_up / options.pile_up)
    found = generator.uniform(0, 1, len(decays)) < PION_EFFICIENCY[options.layout]
    pions = _measured_pions(generator, np.nonzero(has_decay)[0], decays, origin[:, has_decay]).take(found)
    tracks = other_tracks(generator, vertex, _pair(core), activity, nearby)
    delta_r = np.hypot(core[0, 1] - core[1, 1], np.angle(np.exp(1j * (core[0, 2] - core[1, 2]))))
    return Block(
        first,
        kind,
        has_decay & ~from_b,
        decays,
        np.where(has_decay, np.cumsum(has_decay) - 1, -1),
        attempts,
        pile_up,
        vertex,
        decide(generator, core[:, 0], core[:, 1], delta_r),
        muons,
        with_muon_tracks(generator, Particles.concatenate([tracks, pions]), muons),
    )


def _accepted(
    generator: Generator, kinds: NDArray[np.int32], from_b: NDArray[np.bool_]
) -> tuple[Decays, Integers]:
    """One decay per element that the skim and the trigger would keep, by rejection; and how many were generated for it."""
    parts, rows = [generate(generator, kinds[:0], from_b[:0])], [np.arange(0)]
    waiting, generated = np.arange(len(kinds)), np.zeros(len(kinds), np.int64)
    while len(waiting):
        tried = attempts(waiting)
        decays = generate(generator, kinds[tried], from_b[tried])
        row, first = first_accepted(waiting, tried, in_acceptance(generator, decays.legs), generated)
        parts.append(decays.take(first))
        rows.append(row)
        waiting = np.setdiff1d(waiting, row, assume_unique=True)
    return Decays.concatenate(parts).take(np.argsort(np.concatenate(rows))), generated


def attempts(waiting: Integers) -> Integers:
    """The rows that wait, each often enough that the last ones do not need many rounds."""
    return np.repeat(waiting, max(2, ATTEMPTS // len(waiting)))


def first_accepted(
    waiting: Integers, tried: Integers, accepted: NDArray[np.bool_], generated: Integers
) -> tuple[Integers, Integers]:
    """The first accepted attempt of each row that has one.

    Args:
        waiting: Rows that wait.
        tried: The row of each attempt, as :func:`attempts` gives them.
        accepted: Whether the attempt is.
        generated: Attempts per row so far; those up to the first accepted one are added, so that accepted over generated
            is the acceptance.

    Returns:
        Rows, and the index of their attempt.
    """
    kept = np.nonzero(accepted)[0]
    row, place = np.unique(tried[kept], return_index=True)
    first, rounds = kept[place], len(tried) // len(waiting)
    generated[waiting] += rounds
    generated[row] -= rounds - 1 - first % rounds
    return row, first


def in_acceptance(generator: Generator, legs: Floats) -> NDArray[np.bool_]:
    """Which decays ``(legs, 3, n)`` the skim and, with two muons first, the trigger keep."""
    inside = (legs[:, 0] > SKIM_PT).all(axis=0) & (np.abs(legs[:, 1]) < SKIM_ETA - 0.01).all(axis=0)
    efficiency = np.prod(turn_on(legs[:2, 0], TRIGGER_THRESHOLD, TRIGGER_WIDTH), axis=0)
    return inside & (generator.uniform(0, 1, legs.shape[-1]) < efficiency)


def _background_pairs(generator: Generator, options: T3MOptions, count: int) -> tuple[Floats, Floats]:
    """True legs ``(2, 3, n)`` of muon pairs and where they come from relative to the primary vertex, ``(3, n)``."""
    low, high = SKIM_DIMUON[options.layout]
    top = 1 - np.exp(-(high - low) / CONTINUUM_SCALE)
    continuum = low - CONTINUUM_SCALE * np.log1p(-top * generator.uniform(0, 1, count))
    is_phi = generator.uniform(0, 1, count) < PHI_BACKGROUND
    pair_mass = np.where(is_phi, phi_masses(generator, count), continuum)
    legs, momentum = np.empty((2, 3, count)), np.empty((3, count))
    waiting = np.arange(count)
    while len(waiting):
        tried = attempts(waiting)
        number = len(tried)
        pt, eta = falling_pt(generator, number), generator.uniform(-2.4, 2.4, number)
        pair = from_pt_eta_phi(pt, eta, generator.uniform(-np.pi, np.pi, number), pair_mass[tried])
        muons = decay(pair, pair_mass[tried], mass(MUON), mass(MUON), directions(generator, number))
        values = np.stack([to_pt_eta_phi(muon) for muon in muons])
        kept = np.nonzero(in_acceptance(generator, values))[0]
        row, first = np.unique(tried[kept], return_index=True)
        legs[..., row] = values[..., kept[first]]
        momentum[:, row] = np.stack(pair[:3])[:, kept[first]]
        waiting = np.setdiff1d(waiting, row, assume_unique=True)
    # a B that keeps half of its momentum in the pair
    proper = generator.exponential(1.0, count) * decay_length(B_MESONS[0]) * 2 / mass(B_MESONS[0])
    proper *= generator.uniform(0, 1, count) < HEAVY_FLAVOUR
    return legs, momentum * proper


def _measured_pair(generator: Generator, core: Floats, origin: Floats) -> Particles:
    count = core.shape[-1]
    event = np.arange(count)
    pair = []
    for leg, role in ((0, CORE_PLUS), (1, CORE_MINUS)):
        charge = np.full(count, 1.0 if role == CORE_PLUS else -1.0)
        pair.append(particles(generator, event, smear(generator, core[leg]), charge, origin, role))
    return Particles.concatenate(pair)


def _measured_pions(generator: Generator, event: Integers, decays: Decays, origin: Floats) -> Particles:
    charge = np.sign(decays.pdg_id).astype(float)
    return particles(generator, event, smear(generator, decays.legs[2]), charge, origin, SIGNAL_PION)


def _pair(core: Floats) -> Floats:
    """pt, eta, phi of the muon pairs, ``(3, n)``, from ``(2, 3, n)``."""
    one, other = (from_pt_eta_phi(core[leg, 0], core[leg, 1], core[leg, 2], mass(MUON)) for leg in (0, 1))
    return to_pt_eta_phi((one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]))


def _activity(muons: Integers, pile_up: Floats) -> Floats:
    """Tracks of each event over the mean: more with pile-up, and with muons, most of which are tracks themselves."""
    return (0.45 + 0.55 * pile_up) * (1 + MORE_MUONS_MORE_TRACKS * (muons - muons.mean()))
