"""Super-razor variables of two leptons and missing transverse momentum: M_Delta^R, R_pT, 1/gamma_R+1, dphi_beta^R."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def _super_razor(
    l1: tuple[float, float, float], l2: tuple[float, float, float], met: float, met_phi: float
) -> tuple[float, float, float, float]:
    """One event; leptons as (pt, eta, phi), massless."""
    x1, y1, z1 = l1[0] * math.cos(l1[2]), l1[0] * math.sin(l1[2]), l1[0] * math.sinh(l1[1])
    x2, y2, z2 = l2[0] * math.cos(l2[2]), l2[0] * math.sin(l2[2]), l2[0] * math.sinh(l2[1])
    e1, e2 = l1[0] * math.cosh(l1[1]), l2[0] * math.cosh(l2[1])
    # along the beam, to the frame where the pair has no longitudinal momentum
    beta = (z1 + z2) / (e1 + e2)
    gamma = 1.0 / math.sqrt(1.0 - beta * beta)
    e1, z1 = gamma * (e1 - beta * z1), gamma * (z1 - beta * e1)
    e2, z2 = gamma * (e2 - beta * z2), gamma * (z2 - beta * e2)
    energy, sum_x, sum_y = e1 + e2, x1 + x2, y1 + y2
    recoil_x, recoil_y = sum_x + met * math.cos(met_phi), sum_y + met * math.sin(met_phi)
    recoil2 = recoil_x**2 + recoil_y**2
    d = sum_x * recoil_x + sum_y * recoil_y
    shat = math.sqrt(2.0 * (energy**2 - d + energy * math.sqrt(max(energy**2 + recoil2 - 2.0 * d, 0.0))))
    # against the recoil, to the approximate rest frame of the pair production
    total = math.sqrt(recoil2 + shat**2)
    beta_x, beta_y = recoil_x / total, recoil_y / total
    gamma = total / shat
    along1, along2 = x1 * beta_x + y1 * beta_y, x2 * beta_x + y2 * beta_y
    factor = gamma * gamma / (gamma + 1.0)
    x1, y1 = x1 + beta_x * (factor * along1 - gamma * e1), y1 + beta_y * (factor * along1 - gamma * e1)
    x2, y2 = x2 + beta_x * (factor * along2 - gamma * e2), y2 + beta_y * (factor * along2 - gamma * e2)
    e1, e2 = gamma * (e1 - along1), gamma * (e2 - along2)
    sum_x, sum_y = x1 + x2, y1 + y2
    dphi = abs(math.atan2(sum_x * beta_y - sum_y * beta_x, sum_x * beta_x + sum_y * beta_y))
    beta_r2 = ((x1 - x2) ** 2 + (y1 - y2) ** 2 + (z1 - z2) ** 2) / (e1 + e2) ** 2
    gamma_r = 1.0 / math.sqrt(1.0 - min(beta_r2, 1.0 - 1e-12))
    recoil = math.sqrt(recoil2)
    return shat / (2.0 * gamma_r), recoil / (recoil + shat / 4.0), 1.0 / gamma_r, dphi


@nb.njit(nogil=True, cache=True)
def super_razor(
    pt1: NDArray[np.floating],
    eta1: NDArray[np.floating],
    phi1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    eta2: NDArray[np.floating],
    phi2: NDArray[np.floating],
    met: NDArray[np.floating],
    met_phi: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Super-razor variables of massless leptons, per event.

    Closed form of M. R. Buckley, J. D. Lykken, C. Rogan, M. Spiropulu, arXiv:1310.4827. M_Delta^R is shat_R / (2 gamma_R),
    twice the energy of a lepton in its own frame; some code in use has shat_R / gamma_R, twice as much. gamma_R+1 is this
    gamma_R, of the boost from frame R to the next one, R+1: "+1" is part of the name (arXiv:1708.03247), and its inverse is
    what RestFrames calls the visible shape, in (0, 1].

    Args:
        pt1, eta1, phi1, pt2, eta2, phi2: The two leptons, shape (events,); phi in radians.
        met, met_phi: Missing transverse energy, in the unit of ``pt1``, and its azimuth.

    Returns:
        M_Delta^R in the unit of ``pt1``, R_pT, 1/gamma_R+1, and dphi_beta^R in [0, pi]; all of shape (events,).
    """
    size = len(pt1)
    m_delta, r_pt = np.empty(size, np.float64), np.empty(size, np.float64)
    inverse_gamma, dphi_beta = np.empty(size, np.float64), np.empty(size, np.float64)
    for event in range(size):
        first = (np.float64(pt1[event]), np.float64(eta1[event]), np.float64(phi1[event]))
        second = (np.float64(pt2[event]), np.float64(eta2[event]), np.float64(phi2[event]))
        m_delta[event], r_pt[event], inverse_gamma[event], dphi_beta[event] = _super_razor(
            first, second, np.float64(met[event]), np.float64(met_phi[event])
        )
    return m_delta, r_pt, inverse_gamma, dphi_beta
