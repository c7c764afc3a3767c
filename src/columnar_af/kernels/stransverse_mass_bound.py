"""What m_T2 never exceeds: the larger transverse mass of one way to share the missing momentum, found without a search."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

ROUNDING = 1.0 + 1e-9
"""The bound is made larger by this, far more than the rounding of either number."""


@nb.njit(nogil=True, cache=True)
def stransverse_mass_bound(
    pt1: NDArray[np.floating],
    phi1: NDArray[np.floating],
    mass1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    phi2: NDArray[np.floating],
    mass2: NDArray[np.floating],
    met: NDArray[np.floating],
    met_phi: NDArray[np.floating],
) -> NDArray[np.float64]:
    """An upper bound of m_T2(l1, l2, E_T^miss) with massless invisible particles, per event.

    m_T2 is the smallest, over all ways to share the missing momentum, of the larger of both transverse masses. Two of these
    ways give all of it to one lepton, and leave the other one its own mass.

    Args:
        pt1, phi1, mass1: First lepton, shape (events,); azimuths in radians.
        pt2, phi2, mass2: Second lepton.
        met, met_phi: Missing transverse energy, in the unit of ``pt1``, and its azimuth.

    Returns:
        In the unit of ``pt1``, shape (events,); NaN where a lepton is not there.
    """
    bound = np.empty(len(pt1), np.float64)
    for event in range(len(pt1)):
        first, second = np.float64(mass1[event]) ** 2, np.float64(mass2[event]) ** 2
        transverse1 = math.sqrt(first + np.float64(pt1[event]) ** 2)
        transverse2 = math.sqrt(second + np.float64(pt2[event]) ** 2)
        cosine1 = pt1[event] * math.cos(np.float64(phi1[event]) - np.float64(met_phi[event]))
        cosine2 = pt2[event] * math.cos(np.float64(phi2[event]) - np.float64(met_phi[event]))
        all_to_1 = max(first + 2.0 * met[event] * (transverse1 - cosine1), second)
        all_to_2 = max(second + 2.0 * met[event] * (transverse2 - cosine2), first)
        bound[event] = math.sqrt(max(min(all_to_1, all_to_2), 0.0)) * ROUNDING + ROUNDING - 1.0
    return bound
