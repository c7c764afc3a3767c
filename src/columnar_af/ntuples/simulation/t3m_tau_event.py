"""A block of three-muon events: what truly happened, the muons that the detector saw, and their triplets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import (
    CORE_PLUS,
    FAKE,
    Particles,
    extra_muons,
    ordered_muons,
    particles,
    primary_vertices,
    smear,
)
from columnar_af.ntuples.simulation.t3m_event import coprime
from columnar_af.ntuples.simulation.t3m_physics import MUON
from columnar_af.ntuples.simulation.t3m_tau_options import Parent, TauOptions
from columnar_af.ntuples.simulation.t3m_tau_physics import Triples, accepted, background, tau_decays
from columnar_af.ntuples.simulation.t3m_tau_trigger import TauDecisions, decide
from columnar_af.ntuples.simulation.t3m_triplets import SENTINEL_RATE, AtLegs, Triplets, fit_vertices

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BACKGROUND, SIGNAL = 0, 1
"""Classes of events."""

EXTRA_MUONS = (0.74, 0.20, 0.06)
"""Probability of 0, 1, 2 muons beside the three: 207, 55, 20 of 282 events in the real Run 3 file (there up to 5)."""


@dataclass(frozen=True)
class ThreeMuonBlock:
    """A block of events.

    Attributes:
        first: Number of its first event in the sample.
        kind: Class of each event.
        triples: What truly happened.
        generated: τ → 3μ that were generated until that of the event was accepted; 0 for background.
        pile_up: Number of interactions.
        vertex: Primary vertex, ``(3, n)``, cm.
        decisions: Of the trigger.
        muons: What was measured.
    """

    first: int
    kind: Integers
    triples: Triples
    generated: Integers
    pile_up: Integers
    vertex: Floats
    decisions: TauDecisions
    muons: Particles

    def __len__(self) -> int:
        """Number of events."""
        return len(self.kind)


def make_block(generator: Generator, options: TauOptions, first: int, count: int) -> ThreeMuonBlock:
    """Events ``first`` to ``first + count`` of a sample."""
    position = (np.arange(first, first + count) * coprime(options.events) + options.seed) % options.events
    kind = np.where(position < options.injected, SIGNAL, BACKGROUND)
    parent = Parent.DS if options.is_data else options.parent
    signal, tried = accepted(
        generator,
        int(np.sum(kind == SIGNAL)),
        lambda numbers, many: tau_decays(numbers, many, parent, options.prompt_fraction),
    )
    other, _ = accepted(generator, int(np.sum(kind == BACKGROUND)), background)
    triples = Triples.concatenate([signal, other]).take(
        np.argsort(np.argsort(kind == BACKGROUND, kind="stable"), kind="stable")
    )
    generated = np.zeros(count, np.int64)
    generated[kind == SIGNAL] = tried
    vertex = primary_vertices(generator, count)
    pile_up = generator.poisson(options.pile_up * generator.gamma(8.0, 1 / 8.0, count))
    core = _measured(generator, triples, vertex)
    muons = ordered_muons(Particles.concatenate([core, extra_muons(generator, vertex, EXTRA_MUONS)]))
    decisions = decide(generator, options, triples)
    return ThreeMuonBlock(first, kind, triples, generated, pile_up, vertex, decisions, muons)


def _measured(generator: Generator, triples: Triples, vertex: Floats) -> Particles:
    """The three muons of each event; one that does not belong to the others is a fake."""
    event, legs = np.arange(len(triples)), []
    for leg in range(3):
        measured = smear(generator, triples.legs[leg])
        origin = vertex + triples.origins[leg]
        muons = particles(generator, event, measured, triples.charges[leg], origin, CORE_PLUS)
        legs.append(replace(muons, role=np.where(triples.stray[leg], FAKE, CORE_PLUS)))
    return Particles.concatenate(legs)


def make_triplets(generator: Generator, block: ThreeMuonBlock) -> Triplets:
    """All triplets of muons with a charge of ±1, the muon of highest pt first."""
    event, legs = _combinations(block)
    counts = np.bincount(event, minlength=len(block))
    number = np.arange(len(event)) - np.repeat(np.cumsum(counts) - counts, counts)
    muons = block.muons
    # float precision, as the ntuple stores them
    values = np.stack([muons.pt, muons.eta, muons.phi]).astype(np.float32).astype(np.float64)
    measured = np.stack([values[:, leg] for leg in legs])
    fit = fit_vertices(generator, _at_legs(muons, legs), measured, block.vertex[:, event], (MUON,) * 3)
    true = (muons.role[legs] == CORE_PLUS).all(axis=0) & (block.kind[event] == SIGNAL)
    failed = generator.uniform(0, 1, len(event)) < SENTINEL_RATE
    return Triplets(event, legs, number, measured, *fit, true, failed)


def _combinations(block: ThreeMuonBlock) -> tuple[Integers, Integers]:
    """Events and muons ``(3, n)`` of the triplets, by event."""
    muons = block.muons
    counts = muons.counts(len(block))
    start = np.cumsum(counts) - counts
    found = [
        start[counts > places[2]] + np.array(places)[:, None]
        for places in combinations(range(int(counts.max(initial=0))), 3)
    ]
    legs = np.concatenate([np.zeros((3, 0), np.int64), *found], axis=1)
    legs = legs[:, np.abs(muons.charge[legs].sum(axis=0)) == 1]
    event = muons.event[legs[0]]
    order = np.lexsort((legs[2], legs[1], legs[0], event))
    return event[order], legs[:, order]


def _at_legs(muons: Particles, legs: Integers) -> AtLegs:
    origins = np.stack([muons.origin[:, leg] for leg in legs])
    return origins, muons.pull[legs], muons.scale[legs]
