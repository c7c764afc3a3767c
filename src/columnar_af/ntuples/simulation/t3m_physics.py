"""D_s and D+ → φπ, φ → μμ: decays in flight, lifetimes and spectra, before any detector. GeV, cm, radians.

Masses, widths and lifetimes are the PDG's, from the ``particle`` package.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from particle import Particle

Floats = NDArray[np.float64]
FourVector = tuple[Floats, Floats, Floats, Floats]
"""px, py, pz, energy."""

DS, DPLUS, PHI, MUON, PION = 431, 411, 333, 13, 211
B_MESONS = (511, 521, 531)
B_FRACTIONS = (0.4, 0.4, 0.2)
"""Share of B0, B+ and B_s among the mothers: fragmentation 0.41, 0.41, 0.10 (PDG), B_s doubled as it gives more D_s."""

MM_TO_CM = 0.1
LOWEST_PT = 9.0
"""No D below this pt has three legs above the skim's 2 GeV and a trigger."""

SPECTRUM_SCALE = 5.0
SPECTRUM_POWER = 3.0
"""dN/dpt ∝ pt (1 + pt²/scale²)^-power: with the trigger's turn-on this gives the pt of the real file (median 17.6 GeV)."""

PHI_WINDOW = 10.0
"""The φ line shape is cut this many widths from the mass."""


@lru_cache
def mass(pdg_id: int) -> float:
    """Mass in GeV."""
    return float(Particle.from_pdgid(pdg_id).mass) / 1000


@lru_cache
def width(pdg_id: int) -> float:
    """Width in GeV."""
    return float(Particle.from_pdgid(pdg_id).width) / 1000


@lru_cache
def decay_length(pdg_id: int) -> float:
    """Lifetime times the speed of light, in cm."""
    return float(Particle.from_pdgid(pdg_id).ctau) * MM_TO_CM


@dataclass(frozen=True)
class Decays:
    """D → φπ → μμπ decays, one per element; leg 0 is μ+, 1 is μ-, 2 is the pion.

    Attributes:
        legs: pt, eta and phi, ``(3, 3, n)``: leg, quantity, decay.
        vertex: Decay vertex relative to the primary vertex, ``(3, n)``, cm.
        pdg_id: Of the D, with the sign of its charge.
        mother: PDG code of the B, or 4 (a charm quark) for a prompt D.
        parents: pt, eta, phi of D and φ, ``(2, 3, n)``.
    """

    legs: Floats
    vertex: Floats
    pdg_id: NDArray[np.int32]
    mother: NDArray[np.int32]
    parents: Floats

    def __len__(self) -> int:
        """Number of decays."""
        return len(self.pdg_id)

    def take(self, index: NDArray[np.int64] | slice) -> Decays:
        """Some of the decays."""
        return Decays(
            self.legs[..., index],
            self.vertex[..., index],
            self.pdg_id[index],
            self.mother[index],
            self.parents[..., index],
        )

    @classmethod
    def concatenate(cls, parts: list[Decays]) -> Decays:
        """One after the other."""
        names = ("legs", "vertex", "pdg_id", "mother", "parents")
        return cls(*(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names))


def two_body_momentum(parent: Floats | float, first: Floats | float, second: Floats | float) -> Floats:
    """Momentum of either daughter in the rest frame of a parent of mass ``parent``."""
    plus, minus = np.add(first, second) ** 2, np.subtract(first, second) ** 2
    squared = np.square(parent)
    return np.sqrt(np.maximum((squared - plus) * (squared - minus), 0)) / (2 * np.asarray(parent))


def directions(generator: Generator, count: int) -> FourVector:
    """Isotropic unit vectors; the last component is 0."""
    cosine = generator.uniform(-1, 1, count)
    angle = generator.uniform(-np.pi, np.pi, count)
    sine = np.sqrt(1 - cosine**2)
    return sine * np.cos(angle), sine * np.sin(angle), cosine, np.zeros(count)


def boost(vector: FourVector, frame: FourVector, frame_mass: Floats | float) -> FourVector:
    """``vector``, given in the rest frame of ``frame``, in the frame in which ``frame`` is given."""
    gamma = frame[3] / frame_mass
    beta = tuple(component / frame[3] for component in frame[:3])
    along = sum(b * v for b, v in zip(beta, vector[:3], strict=True))
    factor = gamma * (gamma / (1 + gamma) * along + vector[3])
    x, y, z = (v + factor * b for b, v in zip(beta, vector[:3], strict=True))
    return x, y, z, gamma * (vector[3] + along)


def decay(
    parent: FourVector,
    parent_mass: Floats | float,
    first: Floats | float,
    second: Floats | float,
    axis: FourVector,
) -> tuple[FourVector, FourVector]:
    """Two-body decay in flight; ``axis`` is the unit vector of the first daughter in the parent's rest frame."""
    momentum = two_body_momentum(parent_mass, first, second)
    x, y, z = (momentum * component for component in axis[:3])
    one = (x, y, z, np.sqrt(momentum**2 + np.square(first)))
    other = (-x, -y, -z, np.sqrt(momentum**2 + np.square(second)))
    return boost(one, parent, parent_mass), boost(other, parent, parent_mass)


def from_pt_eta_phi(pt: Floats, eta: Floats, phi: Floats, rest_mass: Floats | float) -> FourVector:
    """Cartesian components."""
    x, y, z = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return x, y, z, np.sqrt(pt**2 + z**2 + np.square(rest_mass))


def to_pt_eta_phi(vector: FourVector) -> Floats:
    """``(3, n)``: pt, eta, phi."""
    pt = np.hypot(vector[0], vector[1])
    return np.stack([pt, np.arcsinh(vector[2] / pt), np.arctan2(vector[1], vector[0])])


def phi_masses(generator: Generator, count: int) -> Floats:
    """Masses of φ mesons: a Breit-Wigner, cut at :data:`PHI_WINDOW` widths (where two muons are long possible)."""
    limit = np.arctan(2 * PHI_WINDOW)
    return mass(PHI) + width(PHI) / 2 * np.tan(generator.uniform(-limit, limit, count))


def falling_pt(generator: Generator, count: int, lowest: float = LOWEST_PT) -> Floats:
    """Transverse momenta above ``lowest`` from the spectrum of :data:`SPECTRUM_SCALE`, by inversion."""
    power = 1 - SPECTRUM_POWER
    top = (1 + (lowest / SPECTRUM_SCALE) ** 2) ** power
    uniform = generator.uniform(0, 1, count)
    return SPECTRUM_SCALE * np.sqrt((top * (1 - uniform)) ** (1 / power) - 1)


def mu_mu_axis(generator: Generator, phi_in_d: FourVector, count: int) -> FourVector:
    """Direction of μ+ in the φ's rest frame: sin²θ about the φ's flight, since the φ of D → φπ has helicity 0."""
    # the density 3/4 (1 - c²) is that of the middle one of three numbers that are uniform in -1 to 1
    cosine = np.median(generator.uniform(-1, 1, (3, count)), axis=0)
    angle = generator.uniform(-np.pi, np.pi, count)
    sine = np.sqrt(1 - cosine**2)
    norm = np.sqrt(phi_in_d[0] ** 2 + phi_in_d[1] ** 2 + phi_in_d[2] ** 2)
    z_axis = np.stack([component / norm for component in phi_in_d[:3]])
    flat = np.hypot(z_axis[0], z_axis[1])
    x_axis = np.stack([-z_axis[1] / flat, z_axis[0] / flat, np.zeros(count)])
    y_axis = np.cross(z_axis, x_axis, axis=0)
    x, y, z = cosine * z_axis + sine * np.cos(angle) * x_axis + sine * np.sin(angle) * y_axis
    return x, y, z, np.zeros(count)


def flight(
    generator: Generator, particle: FourVector, rest_mass: Floats | float, length: Floats | float
) -> Floats:
    """Decay point relative to the production point, ``(3, n)``: exponential in proper time, cτ = ``length`` cm."""
    proper = generator.exponential(1.0, len(particle[0])) * length
    return np.stack([proper * component / rest_mass for component in particle[:3]])


def d_mesons(
    generator: Generator, from_b: NDArray[np.bool_], d_mass: Floats
) -> tuple[FourVector, Floats, NDArray[np.int32]]:
    """Momenta of D mesons, where they are produced relative to the primary vertex, and the codes of their mothers."""
    count = len(from_b)
    pt, eta, phi = (
        falling_pt(generator, count),
        generator.uniform(-2.4, 2.4, count),
        _angles(generator, count),
    )
    prompt = from_pt_eta_phi(pt, eta, phi, d_mass)
    kinds = generator.choice(np.array(B_MESONS), count, p=B_FRACTIONS)
    b_mass = np.select([kinds == kind for kind in B_MESONS], [mass(kind) for kind in B_MESONS])
    b_length = np.select([kinds == kind for kind in B_MESONS], [decay_length(kind) for kind in B_MESONS])
    # what goes with the D in B → D X: mostly another charmed meson, or light hadrons
    rest = generator.uniform(0.8, 2.6, count)
    b_meson = from_pt_eta_phi(falling_pt(generator, count, 1.5 * LOWEST_PT), eta, phi, b_mass)
    daughter, _ = decay(b_meson, b_mass, d_mass, rest, directions(generator, count))
    start = np.where(from_b, flight(generator, b_meson, b_mass, b_length), 0.0)
    sign = generator.choice(np.array([-1, 1], np.int32), count)
    meson = tuple(np.where(from_b, one, other) for one, other in zip(daughter, prompt, strict=True))
    return (meson[0], meson[1], meson[2], meson[3]), start, np.where(from_b, kinds, 4).astype(np.int32) * sign


def _angles(generator: Generator, count: int) -> Floats:
    return generator.uniform(-np.pi, np.pi, count)


def generate(generator: Generator, kinds: NDArray[np.int32], from_b: NDArray[np.bool_]) -> Decays:
    """One decay per element, without any acceptance.

    Args:
        generator: Random numbers.
        kinds: 431 or 411 for each decay.
        from_b: Whether its D comes from a B.
    """
    count = len(kinds)
    is_ds = kinds == DS
    d_mass = np.where(is_ds, mass(DS), mass(DPLUS))
    meson, start, mother = d_mesons(generator, from_b, d_mass)
    length = np.where(is_ds, decay_length(DS), decay_length(DPLUS))
    vertex = start + flight(generator, meson, d_mass, length)
    phi_mass = phi_masses(generator, count)
    axis = directions(generator, count)
    phi, pion = decay(meson, d_mass, phi_mass, mass(PION), axis)
    muons = decay(phi, phi_mass, mass(MUON), mass(MUON), mu_mu_axis(generator, axis, count))
    legs = np.stack([to_pt_eta_phi(vector) for vector in (*muons, pion)])
    parents = np.stack([to_pt_eta_phi(meson), to_pt_eta_phi(phi)])
    sign = generator.choice(np.array([-1, 1], np.int32), count)
    return Decays(legs, vertex, (kinds * sign).astype(np.int32), mother, parents)
