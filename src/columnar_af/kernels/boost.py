"""p_T,boost and dphi_boost: the transverse recoil of leptons and missing momentum, and its angle to the latter."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def boost(
    met: NDArray[np.floating],
    met_phi: NDArray[np.floating],
    pt1: NDArray[np.floating],
    phi1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    phi2: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Modulus of the transverse vector sum of E_T^miss and both leptons, and its azimuth to E_T^miss.

    Definition: LoopSUSYFrame in root-project/rootbench (GetPbllMOD, GetPhiMetPbll).

    Args:
        met, met_phi: Missing transverse energy and its azimuth, shape (events,); azimuths in radians.
        pt1, phi1, pt2, phi2: Transverse momenta and azimuths of the two leptons, momenta in the unit of ``met``.

    Returns:
        p_T,boost in the unit of ``met``, and |dphi(E_T^miss, p_T,boost)| in [0, pi]; both of shape (events,).
    """
    modulus = np.empty(len(met), np.float64)
    angle = np.empty(len(met), np.float64)
    for event in range(len(met)):
        # along E_T^miss and across
        dphi1 = np.float64(phi1[event]) - np.float64(met_phi[event])
        dphi2 = np.float64(phi2[event]) - np.float64(met_phi[event])
        first, second = np.float64(pt1[event]), np.float64(pt2[event])
        along = np.float64(met[event]) + first * math.cos(dphi1) + second * math.cos(dphi2)
        across = first * math.sin(dphi1) + second * math.sin(dphi2)
        modulus[event] = math.sqrt(along * along + across * across)
        angle[event] = abs(math.atan2(across, along))
    return modulus, angle
