"""m_ll: invariant mass of two leptons with their masses."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def dilepton_mass(
    pt1: NDArray[np.floating],
    eta1: NDArray[np.floating],
    phi1: NDArray[np.floating],
    mass1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    eta2: NDArray[np.floating],
    phi2: NDArray[np.floating],
    mass2: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Invariant mass of the pair, per event.

    Args:
        pt1, eta1, phi1, mass1: First lepton, shape (events,); phi in radians, mass in the unit of ``pt1``.
        pt2, eta2, phi2, mass2: Second lepton.

    Returns:
        Mass in the unit of ``pt1``, shape (events,); 0 where rounding makes the square negative.
    """
    mass = np.empty(len(pt1), np.float64)
    for event in range(len(pt1)):
        first, second = np.float64(pt1[event]), np.float64(pt2[event])
        squares1, squares2 = np.float64(mass1[event]) ** 2, np.float64(mass2[event]) ** 2
        z1, z2 = first * math.sinh(np.float64(eta1[event])), second * math.sinh(np.float64(eta2[event]))
        energies = math.sqrt((first**2 + z1**2 + squares1) * (second**2 + z2**2 + squares2))
        momenta = first * second * math.cos(np.float64(phi1[event]) - np.float64(phi2[event])) + z1 * z2
        mass[event] = math.sqrt(max(squares1 + squares2 + 2.0 * (energies - momenta), 0.0))
    return mass
