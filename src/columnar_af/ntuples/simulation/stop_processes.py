"""The hard processes of the simulated stop search: decays with exact kinematics on top of a recoiling system.

Each process gives the leptons, the jets and the sum of what is invisible, from a system of heavy particles that is
produced at rest and boosted against the recoil jets. Matrix elements are not used: decays are isotropic, resonances on
their mass, invariant masses fall from threshold. Masses come from the Particle Data Group through ``particle``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from particle import Particle

from columnar_af.ntuples.simulation.stop_events import EventColumns
from columnar_af.ntuples.simulation.stop_kinematics import (
    Floats,
    FourVectors,
    boosted,
    from_transverse,
    isotropic,
    two_body,
)
from columnar_af.ntuples.simulation.stop_samples import Sample

ELECTRON, MUON = 11, 13
B_JET, C_JET, LIGHT_JET = 5, 4, 0

ORIGIN_TOP, ORIGIN_W, ORIGIN_Z, ORIGIN_DIBOSON, ORIGIN_SUSY = 10, 12, 13, 43, 22
"""Origins of ATLAS' MCTruthClassifier, which the search counts as prompt."""


def _mass(pdg_id: int) -> float:
    """Mass in GeV."""
    particle = Particle.from_pdgid(pdg_id)
    if particle.mass is None:  # pragma: no cover - the Particle Data Group lists all that is asked for here
        msg = f"no mass is known for PDG ID {pdg_id}"
        raise ValueError(msg)
    return float(particle.mass) / 1000.0


TOP, BOTTOM, W, Z, TAU = (_mass(pdg_id) for pdg_id in (6, 5, 24, 23, 15))


@dataclass(frozen=True)
class Recoil:
    """What the heavy system is boosted with: transverse momentum (GeV) and rapidity, shape (events,) each."""

    px: Floats
    py: Floats
    rapidity: Floats


@dataclass(frozen=True)
class HardEvents(EventColumns):
    """Decay products of the heavy system, in GeV.

    Attributes:
        leptons: Shape (events, 2, 4).
        flavours: |PDG ID| of the leptons, shape (events, 2).
        origin: MCTruthClassifier origin of the leptons, shape (events, 2).
        jets: Partons, shape (events, partons, 4).
        jet_flavours: Quark flavour of each, shape (events, partons).
        jet_parent: PDG ID of what each comes from, shape (events, partons).
        invisible: Sum of neutrinos and neutralinos, shape (events, 4).
    """

    leptons: FourVectors
    flavours: NDArray[np.int32]
    origin: NDArray[np.int32]
    jets: FourVectors
    jet_flavours: NDArray[np.int32]
    jet_parent: NDArray[np.int32]
    invisible: FourVectors


Generate = Callable[[np.random.Generator, Recoil, Sample], HardEvents]


def _system(rng: np.random.Generator, recoil: Recoil, threshold: float, scale: float) -> FourVectors:
    """A system whose mass falls exponentially from above its threshold; ``scale`` in GeV is the mean excess."""
    return from_transverse(
        recoil.px, recoil.py, recoil.rapidity, threshold + rng.gamma(1.5, scale / 1.5, len(recoil.px))
    )


def _free_flavours(rng: np.random.Generator, size: int) -> NDArray[np.int32]:
    """e or mu with equal probability, each lepton by itself."""
    return rng.choice(np.array([ELECTRON, MUON], np.int32), (size, 2))


def _same_flavours(rng: np.random.Generator, size: int) -> NDArray[np.int32]:
    return np.repeat(_free_flavours(rng, size)[:, :1], 2, axis=1)


def _constant(value: int | tuple[int, ...], size: int) -> NDArray[np.int32]:
    return np.tile(np.atleast_1d(np.array(value, np.int32)), (size, 1))


def _top(rng: np.random.Generator, top: FourVectors) -> tuple[FourVectors, FourVectors, FourVectors]:
    """t -> b l nu: lepton, b, neutrino."""
    w, b = two_body(rng, top, W, BOTTOM)
    lepton, neutrino = two_body(rng, w, 0.0, 0.0)
    return lepton, b, neutrino


def _two_tops(rng: np.random.Generator, system: FourVectors) -> HardEvents:
    first, second = two_body(rng, system, TOP, TOP)
    (l1, b1, n1), (l2, b2, n2) = _top(rng, first), _top(rng, second)
    size = len(system)
    return HardEvents(
        np.stack([l1, l2], 1),
        _free_flavours(rng, size),
        _constant((ORIGIN_TOP, ORIGIN_TOP), size),
        np.stack([b1, b2], 1),
        _constant((B_JET, B_JET), size),
        _constant((6, 6), size),
        n1 + n2,
    )


def _no_jets(size: int) -> tuple[FourVectors, NDArray[np.int32], NDArray[np.int32]]:
    return np.empty((size, 0, 4)), np.empty((size, 0), np.int32), np.empty((size, 0), np.int32)


def ttbar(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """tt̄, both tops leptonic."""
    return _two_tops(rng, _system(rng, recoil, 2 * TOP, 120.0))


def wt(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """Single top with a W, both leptonic: one b."""
    top, w = two_body(rng, _system(rng, recoil, TOP + W, 100.0), TOP, W)
    l1, b, n1 = _top(rng, top)
    l2, n2 = two_body(rng, w, 0.0, 0.0)
    size = len(top)
    return HardEvents(
        np.stack([l1, l2], 1),
        _free_flavours(rng, size),
        _constant((ORIGIN_TOP, ORIGIN_W), size),
        b[:, None],
        _constant(B_JET, size),
        _constant(6, size),
        n1 + n2,
    )


ZZ_FRACTION = 0.12
"""Share of ZZ -> l l nu nu beside WW and lost-lepton WZ in the dilepton sample; chosen, not measured."""


def vv(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """WW to two leptons, and ZZ to two charged leptons of the same flavour and two neutrinos."""
    size = len(recoil.px)
    is_zz = rng.random(size) < ZZ_FRACTION
    boson = np.where(is_zz, Z, W)
    system = from_transverse(recoil.px, recoil.py, recoil.rapidity, 2 * boson + rng.gamma(1.5, 50.0, size))
    first, second = two_body(rng, system, boson, boson)
    a1, a2 = two_body(rng, first, 0.0, 0.0)
    b1, b2 = two_body(rng, second, 0.0, 0.0)
    zz = is_zz[:, None]
    flavours = np.where(zz, _same_flavours(rng, size), _free_flavours(rng, size)).astype(np.int32)
    return HardEvents(
        np.stack([a1, np.where(zz, a2, b1)], 1),
        flavours,
        _constant((ORIGIN_DIBOSON, ORIGIN_DIBOSON), size),
        *_no_jets(size),
        np.where(zz, b1, a2) + b2,
    )


def _tau_lepton(rng: np.random.Generator, tau: FourVectors) -> FourVectors:
    """The charged lepton of tau -> l nu nu, with the energy spectrum x^2 (3 - 2x) of an unpolarised muon decay.

    x = 2 E / m(tau) in the rest frame; 2/3 Beta(3, 1) and 1/3 Beta(3, 2) give the spectrum exactly.
    """
    size = len(tau)
    steep = rng.random(size) < 2 / 3
    x = np.where(steep, rng.beta(3, 1, size), rng.beta(3, 2, size))
    energy = x * TAU / 2
    space = energy[:, None] * isotropic(rng, size)
    return boosted(np.concatenate([energy[:, None], space], axis=-1), tau)


def ztautau(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """Z -> tau tau, both leptonic, boosted by the recoil."""
    size = len(recoil.px)
    z = from_transverse(recoil.px, recoil.py, recoil.rapidity, np.full(size, Z))
    first, second = two_body(rng, z, TAU, TAU)
    l1, l2 = _tau_lepton(rng, first), _tau_lepton(rng, second)
    return HardEvents(
        np.stack([l1, l2], 1),
        _free_flavours(rng, size),
        _constant((ORIGIN_Z, ORIGIN_Z), size),
        *_no_jets(size),
        z - l1 - l2,
    )


def ttz(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """tt̄Z with Z -> nu nu."""
    pair_mass = 2 * TOP + rng.gamma(1.5, 60.0, len(recoil.px))
    system = from_transverse(
        recoil.px, recoil.py, recoil.rapidity, pair_mass + Z + rng.gamma(1.5, 80.0, len(recoil.px))
    )
    pair, z = two_body(rng, system, pair_mass, Z)
    tops = _two_tops(rng, pair)
    return HardEvents(
        tops.leptons,
        tops.flavours,
        tops.origin,
        tops.jets,
        tops.jet_flavours,
        tops.jet_parent,
        tops.invisible + z,
    )


def triboson(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """WWZ with Z -> nu nu, which stands for the rare processes."""
    pair_mass = 2 * W + rng.gamma(1.5, 40.0, len(recoil.px))
    system = from_transverse(
        recoil.px, recoil.py, recoil.rapidity, pair_mass + Z + rng.gamma(1.5, 60.0, len(recoil.px))
    )
    pair, z = two_body(rng, system, pair_mass, Z)
    first, second = two_body(rng, pair, W, W)
    l1, n1 = two_body(rng, first, 0.0, 0.0)
    l2, n2 = two_body(rng, second, 0.0, 0.0)
    size = len(pair)
    return HardEvents(
        np.stack([l1, l2], 1),
        _free_flavours(rng, size),
        _constant((ORIGIN_DIBOSON, ORIGIN_DIBOSON), size),
        *_no_jets(size),
        n1 + n2 + z,
    )


def w_fake(rng: np.random.Generator, recoil: Recoil, _: Sample) -> HardEvents:
    """W -> l nu; the second lepton, of no momentum here, is the non-prompt one that the detector step adds."""
    size = len(recoil.px)
    w = from_transverse(recoil.px, recoil.py, recoil.rapidity, np.full(size, W))
    lepton, neutrino = two_body(rng, w, 0.0, 0.0)
    return HardEvents(
        np.stack([lepton, np.zeros_like(lepton)], 1),
        _free_flavours(rng, size),
        _constant((ORIGIN_W, 0), size),
        *_no_jets(size),
        neutrino,
    )


def _four_body(
    rng: np.random.Generator, stop: FourVectors, difference: float
) -> tuple[FourVectors, FourVectors, FourVectors]:
    """stop -> b l nu neutralino: lepton, b, and the sum of neutrino and neutralino.

    Phase space of three massless particles and one heavy one that takes momentum but hardly any energy: the three
    energies add up to the mass difference and each has a factor E (a flat Dirichlet density times E1 E2 E3).
    """
    size = len(stop)
    energies = difference * rng.dirichlet((2.0, 2.0, 2.0), size)
    massless = [
        boosted(np.concatenate([e[:, None], e[:, None] * isotropic(rng, size)], axis=-1), stop)
        for e in energies.T
    ]
    return massless[0], massless[1], stop - massless[0] - massless[1]


def four_body(rng: np.random.Generator, recoil: Recoil, sample: Sample) -> HardEvents:
    """Stop pair, each stop -> b l nu neutralino."""
    system = _system(rng, recoil, 2 * sample.stop_mass, 0.25 * sample.stop_mass)
    first, second = two_body(rng, system, sample.stop_mass, sample.stop_mass)
    l1, b1, i1 = _four_body(rng, first, sample.mass_difference)
    l2, b2, i2 = _four_body(rng, second, sample.mass_difference)
    size = len(system)
    return HardEvents(
        np.stack([l1, l2], 1),
        _free_flavours(rng, size),
        _constant((ORIGIN_SUSY, ORIGIN_SUSY), size),
        np.stack([b1, b2], 1),
        _constant((B_JET, B_JET), size),
        _constant((1000006, 1000006), size),
        i1 + i2,
    )


PROCESSES: dict[str, Generate] = {
    "wt": wt,
    "ttbar": ttbar,
    "vv": vv,
    "ztautau": ztautau,
    "ttz": ttz,
    "triboson": triboson,
    "w_fake": w_fake,
    "four_body": four_body,
}
