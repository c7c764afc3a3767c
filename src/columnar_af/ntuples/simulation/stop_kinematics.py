"""Four-vectors as arrays (E, px, py, pz) in the last axis: decays and boosts, in GeV."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FourVectors = NDArray[np.float64]
Floats = NDArray[np.float64]


def mass(p: FourVectors) -> Floats:
    """Invariant mass, shape of ``p`` without its last axis."""
    square = p[..., 0] ** 2 - (p[..., 1:] ** 2).sum(axis=-1)
    return np.sqrt(np.maximum(square, 0.0))


def pt(p: FourVectors) -> Floats:
    """Transverse momentum."""
    return np.hypot(p[..., 1], p[..., 2])


def phi(p: FourVectors) -> Floats:
    """Azimuth in (-pi, pi]."""
    return np.arctan2(p[..., 2], p[..., 1])


def eta(p: FourVectors) -> Floats:
    """Pseudorapidity; a vector without transverse momentum gets a large finite one."""
    return np.arcsinh(p[..., 3] / np.maximum(pt(p), 1e-9))


def isotropic(rng: np.random.Generator, size: int) -> Floats:
    """Unit vectors, uniform over the sphere, shape (size, 3)."""
    cosine = rng.uniform(-1.0, 1.0, size)
    azimuth = rng.uniform(-np.pi, np.pi, size)
    sine = np.sqrt(1.0 - cosine**2)
    return np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=-1)


def boosted(p: FourVectors, frame: FourVectors) -> FourVectors:
    """``p``, given in the rest frame of ``frame``, as seen where ``frame`` is measured."""
    rest = mass(frame)[..., None]
    momentum = frame[..., 1:]
    along = (momentum * p[..., 1:]).sum(axis=-1, keepdims=True)
    energy = (frame[..., :1] * p[..., :1] + along) / rest
    space = p[..., 1:] + momentum * (p[..., :1] + energy) / (frame[..., :1] + rest)
    return np.concatenate([energy, space], axis=-1)


def two_body(
    rng: np.random.Generator, parent: FourVectors, first: Floats | float, second: Floats | float
) -> tuple[FourVectors, FourVectors]:
    """Isotropic decay of ``parent`` (events, 4) into particles of masses ``first`` and ``second``."""
    total = mass(parent)
    square = (total**2 - (first + second) ** 2) * (total**2 - (first - second) ** 2)
    momentum = np.sqrt(np.maximum(square, 0.0)) / (2.0 * total)
    space = momentum[:, None] * isotropic(rng, len(parent))
    daughters = []
    for sign, own in ((1.0, first), (-1.0, second)):
        energy = np.sqrt(momentum**2 + np.square(own))
        daughters.append(boosted(np.concatenate([energy[:, None], sign * space], axis=-1), parent))
    return daughters[0], daughters[1]


def from_transverse(px: Floats, py: Floats, rapidity: Floats, own: Floats) -> FourVectors:
    """Four-vectors of given transverse momentum, rapidity and mass."""
    transverse = np.sqrt(px**2 + py**2 + own**2)
    return np.stack([transverse * np.cosh(rapidity), px, py, transverse * np.sinh(rapidity)], axis=-1)


def lomax(rng: np.random.Generator, size: int, scale: float, power: float) -> Floats:
    """Falling power law from 0: density proportional to (1 + x/scale)^-(power + 1)."""
    return scale * rng.pareto(power, size)
