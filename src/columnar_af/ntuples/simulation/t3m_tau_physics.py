"""τ → 3μ from D_s and B decays, and three muons that are none: decays in flight, before any detector. GeV, cm, radians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import signs
from columnar_af.ntuples.simulation.t3m_event import (
    HEAVY_FLAVOUR,
    attempts,
    first_accepted,
    in_acceptance,
)
from columnar_af.ntuples.simulation.t3m_physics import (
    B_MESONS,
    DS,
    LOWEST_PT,
    MUON,
    FourVector,
    d_mesons,
    decay,
    decay_length,
    directions,
    falling_pt,
    flight,
    from_pt_eta_phi,
    mass,
    phi_masses,
    to_pt_eta_phi,
    two_body_momentum,
    width,
)
from columnar_af.ntuples.simulation.t3m_tau_options import Parent

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TAU, OMEGA = 15, 223
PARENT_CODES = {Parent.DS: DS, Parent.B0: 511, Parent.BP: 521}
RECOIL = (1.9, 3.2)
"""Mass (GeV) of what goes with the τ in B → τ X: a charmed meson and a neutrino."""

BACKGROUND_MASS = (1.4, 2.4)
BACKGROUND_SCALE = 0.8
"""Range of m(3μ) of background events, and its exponential fall (GeV): the range of the analysis and some more."""
PHI_SHARE, OMEGA_SHARE = 0.15, 0.10
"""Background events with two muons from φ and from ω; the others have none from a resonance."""
COMBINATORIAL = 0.7
"""Background events whose third muon does not belong to the other two, and is mostly a decay in flight."""
COMBINATORIAL_DISTANCE = 0.03
"""How far (cm) such a muon passes from the vertex of the others, on average."""


@dataclass(frozen=True)
class Triples:
    """Three muons each, the one of highest pt first; ``n`` of them.

    Attributes:
        legs: pt, eta, phi of the muons, ``(3, 3, n)``: leg, quantity.
        charges: Of the muons, ``(3, n)``.
        origins: Where each muon comes from relative to the primary vertex, ``(3, 3, n)``: leg, coordinate.
        stray: Whether a muon does not belong to the others, ``(3, n)``.
        parent: PDG code of what the τ comes from, with sign; 0 for background.
        parents: pt, eta, phi of it and of the τ, ``(2, 3, n)``.
    """

    legs: Floats
    charges: Floats
    origins: Floats
    stray: NDArray[np.bool_]
    parent: Integers
    parents: Floats

    def __len__(self) -> int:
        """Number of triples."""
        return len(self.parent)

    def take(self, index: Integers) -> Triples:
        """Some of them."""
        return replace(self, **{item.name: getattr(self, item.name)[..., index] for item in fields(self)})

    @classmethod
    def concatenate(cls, parts: list[Triples]) -> Triples:
        """One after the other."""
        names = [item.name for item in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names))


def accepted(
    generator: Generator, count: int, generate: Callable[[Generator, int], Triples]
) -> tuple[Triples, Integers]:
    """``count`` triples that the skim and the trigger keep, and how many were generated for each."""
    parts, rows = [generate(generator, 0)], [np.arange(0)]
    waiting, generated = np.arange(count), np.zeros(count, np.int64)
    while len(waiting):
        tried = attempts(waiting)
        triples = generate(generator, len(tried))
        row, first = first_accepted(waiting, tried, in_acceptance(generator, triples.legs), generated)
        parts.append(triples.take(first))
        rows.append(row)
        waiting = np.setdiff1d(waiting, row, assume_unique=True)
    return Triples.concatenate(parts).take(np.argsort(np.concatenate(rows))), generated


def tau_decays(generator: Generator, count: int, parent: Parent, prompt_fraction: float) -> Triples:
    """τ → 3μ in phase space, without any acceptance.

    D_s above 9 GeV (from B above 13.5 GeV) and B above 13.5 GeV, as in the simulation of the control channel: efficiencies
    of both are relative to the same mesons.
    """
    make = _taus_of_ds if parent is Parent.DS else _taus_of_b
    meson, start, tau, code = make(generator, count, parent, prompt_fraction)
    tau_mass = np.full(count, mass(TAU))
    vertex = start + flight(generator, tau, tau_mass, decay_length(TAU))
    vectors = _three_muons(generator, tau, tau_mass, _pair_masses(generator, tau_mass))
    parents = np.stack([to_pt_eta_phi(meson), to_pt_eta_phi(tau)])
    # a B⁰ has no charge; D_s⁺ and B⁺ give τ⁺
    sign = np.where(np.abs(code) == PARENT_CODES[Parent.B0], signs(generator, count), np.sign(code))
    charges = np.stack([sign, -sign, sign])
    origins = np.broadcast_to(vertex, (3, 3, count)).copy()
    return _ordered(vectors, charges, origins, np.zeros((3, count), np.bool_), code, parents)


Taus = tuple[FourVector, Floats, FourVector, Integers]
"""The meson, where the τ is produced, the τ, and the signed code of the meson."""


def _taus_of_ds(generator: Generator, count: int, _: Parent, prompt_fraction: float) -> Taus:
    from_b = generator.uniform(0, 1, count) >= prompt_fraction
    ds_mass = np.full(count, mass(DS))
    meson, start, mother = d_mesons(generator, from_b, ds_mass)
    tau, _neutrino = decay(meson, ds_mass, mass(TAU), 0.0, directions(generator, count))
    start = start + flight(generator, meson, ds_mass, decay_length(DS))
    return meson, start, tau, (DS * np.sign(mother)).astype(np.int64)


def _taus_of_b(generator: Generator, count: int, parent: Parent, _: float) -> Taus:
    code = PARENT_CODES[parent]
    b_mass = np.full(count, mass(code))
    pt = falling_pt(generator, count, 1.5 * LOWEST_PT)
    eta, phi = generator.uniform(-2.4, 2.4, count), generator.uniform(-np.pi, np.pi, count)
    meson = from_pt_eta_phi(pt, eta, phi, b_mass)
    rest = generator.uniform(*RECOIL, count)
    tau, _other = decay(meson, b_mass, mass(TAU), rest, directions(generator, count))
    start = flight(generator, meson, b_mass, decay_length(code))
    return meson, start, tau, (code * signs(generator, count)).astype(np.int64)


def background(generator: Generator, count: int) -> Triples:
    """Three muons of a smooth mass spectrum, without any acceptance: a pair, perhaps of a resonance, and a third."""
    low, high = BACKGROUND_MASS
    top = 1 - np.exp(-(high - low) / BACKGROUND_SCALE)
    total = low - BACKGROUND_SCALE * np.log1p(-top * generator.uniform(0, 1, count))
    pair_mass = _pair_masses(generator, total)
    kind = generator.choice(3, count, p=(PHI_SHARE, OMEGA_SHARE, 1 - PHI_SHARE - OMEGA_SHARE))
    half_width = np.tan(generator.uniform(-1.4, 1.4, count)) / 2  # Breit-Wigner, cut at some 6 widths
    pair_mass = np.where(kind == 0, phi_masses(generator, count), pair_mass)
    pair_mass = np.where(kind == 1, mass(OMEGA) + width(OMEGA) * half_width, pair_mass)
    eta, phi = generator.uniform(-2.4, 2.4, count), generator.uniform(-np.pi, np.pi, count)
    whole = from_pt_eta_phi(falling_pt(generator, count), eta, phi, total)
    vectors = _three_muons(generator, whole, total, pair_mass)
    # a B that keeps half of its momentum in the three muons
    proper = generator.exponential(1.0, count) * decay_length(B_MESONS[0]) * 2 / mass(B_MESONS[0])
    proper *= generator.uniform(0, 1, count) < HEAVY_FLAVOUR
    origins = np.broadcast_to(np.stack(whole[:3]) * proper, (3, 3, count)).copy()
    stray = np.zeros((3, count), np.bool_)
    stray[2] = generator.uniform(0, 1, count) < COMBINATORIAL
    origins[2] += stray[2] * COMBINATORIAL_DISTANCE * generator.standard_normal((3, count))
    sign = signs(generator, count)
    charges = np.stack([sign, -sign, signs(generator, count)])
    return _ordered(vectors, charges, origins, stray, np.zeros(count, np.int64), np.zeros((2, 3, count)))


def _three_muons(
    generator: Generator, whole: FourVector, whole_mass: Floats, pair_mass: Floats
) -> tuple[FourVector, ...]:
    """Two muons of a pair of this mass and a third muon, isotropic."""
    count = len(whole_mass)
    pair, third = decay(whole, whole_mass, pair_mass, mass(MUON), directions(generator, count))
    one, other = decay(pair, pair_mass, mass(MUON), mass(MUON), directions(generator, count))
    return one, other, third


def _pair_masses(generator: Generator, whole_mass: Floats) -> Floats:
    """Masses of two of three muons in phase space: dN/dm₁₂ ∝ p₃ q₁₂, by rejection."""
    low, high = 2 * mass(MUON), whole_mass - mass(MUON)
    most = two_body_momentum(whole_mass, low, mass(MUON)) * two_body_momentum(high, mass(MUON), mass(MUON))
    found, waiting = np.empty_like(whole_mass), np.arange(len(whole_mass))
    while len(waiting):
        tried = low + (high[waiting] - low) * generator.uniform(0, 1, len(waiting))
        density = two_body_momentum(whole_mass[waiting], tried, mass(MUON))
        density = density * two_body_momentum(tried, mass(MUON), mass(MUON))
        keep = generator.uniform(0, 1, len(waiting)) * most[waiting] < density
        found[waiting[keep]] = tried[keep]
        waiting = waiting[~keep]
    return found


def _ordered(
    vectors: tuple[FourVector, ...],
    charges: Floats,
    origins: Floats,
    stray: NDArray[np.bool_],
    parent: Integers,
    parents: Floats,
) -> Triples:
    """The muon of highest pt first."""
    legs = np.stack([to_pt_eta_phi(vector) for vector in vectors])
    order = np.argsort(-legs[:, 0], axis=0)
    by_leg = np.broadcast_to(order[:, None], legs.shape)
    return Triples(
        np.take_along_axis(legs, by_leg, axis=0),
        np.take_along_axis(charges, order, axis=0),
        np.take_along_axis(origins, by_leg, axis=0),
        np.take_along_axis(stray, order, axis=0),
        parent,
        parents,
    )
