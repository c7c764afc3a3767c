"""m_T: transverse mass of a massless lepton and the missing transverse momentum."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def transverse_mass(
    pt: NDArray[np.floating],
    phi: NDArray[np.floating],
    met: NDArray[np.floating],
    met_phi: NDArray[np.floating],
) -> NDArray[np.float64]:
    """sqrt(2 p_T E_T^miss (1 - cos dphi)), per event.

    Args:
        pt, phi: Of the lepton, shape (events,); phi in radians.
        met, met_phi: Missing transverse energy, in the unit of ``pt``, and its azimuth.

    Returns:
        Transverse mass in the unit of ``pt``, shape (events,).
    """
    mass = np.empty(len(pt), np.float64)
    for event in range(len(pt)):
        opening = 1.0 - math.cos(np.float64(phi[event]) - np.float64(met_phi[event]))
        mass[event] = math.sqrt(2.0 * pt[event] * met[event] * max(opening, 0.0))
    return mass
