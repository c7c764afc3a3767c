"""What follows from two leptons and ETmiss: the kernels, called with the pair as a whole."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.boost import boost
from columnar_af.kernels.cos_theta_b import cos_theta_b
from columnar_af.kernels.dilepton_mass import dilepton_mass
from columnar_af.kernels.dilepton_pt import dilepton_pt
from columnar_af.kernels.super_razor import super_razor

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def as_floats(values: Any) -> Floats:
    """In double precision; the same array where it has that already."""
    return np.asarray(values, dtype=np.float64)


class Leptons(NamedTuple):
    """The two leptons, the harder first; shape (events,) each, NaN where there is none.

    Attributes:
        pt1, pt2, mass1, mass2: GeV.
        eta1, eta2, phi1, phi2: Pseudorapidity; azimuth in radians.
        flavour1, flavour2: 11 or 13 with the sign of the charge.
    """

    pt1: Floats
    eta1: Floats
    phi1: Floats
    mass1: Floats
    flavour1: Floats
    pt2: Floats
    eta2: Floats
    phi2: Floats
    mass2: Floats
    flavour2: Floats

    def at(self, where: Any) -> Leptons:
        """Those of some events."""
        return Leptons(*(values[where] for values in self))


class SuperRazor(NamedTuple):
    """M_Delta^R in GeV, R_pT, 1/gamma_R+1, dphi_beta^R."""

    m_delta_r: Floats
    r_pt: Floats
    inverse_gamma: Floats
    dphi_beta: Floats


def pair_mass(pair: Leptons) -> Floats:
    """m_ll with the masses of the ntuple."""
    return dilepton_mass(
        pair.pt1, pair.eta1, pair.phi1, pair.mass1, pair.pt2, pair.eta2, pair.phi2, pair.mass2
    )


def pair_pt(pair: Leptons) -> tuple[Floats, Floats]:
    """p_T of the pair, and the opening in azimuth."""
    return dilepton_pt(pair.pt1, pair.phi1, pair.pt2, pair.phi2)


def pair_boost(pair: Leptons, met: Floats, met_phi: Floats) -> tuple[Floats, Floats]:
    """p_T,boost and dphi_boost."""
    return boost(met, met_phi, pair.pt1, pair.phi1, pair.pt2, pair.phi2)


def pair_super_razor(pair: Leptons, met: Floats, met_phi: Floats) -> SuperRazor:
    """The super-razor variables."""
    return SuperRazor(
        *super_razor(pair.pt1, pair.eta1, pair.phi1, pair.pt2, pair.eta2, pair.phi2, met, met_phi)
    )


def pair_cos_theta_b(pair: Leptons) -> Floats:
    """\\|cos(theta_b)\\|; its sign depends on which lepton is positive, its size does not."""
    return np.abs(cos_theta_b(pair.eta1, pair.eta2))
