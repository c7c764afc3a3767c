"""p_T and opening in azimuth of the lepton pair."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def dilepton_pt(
    pt1: NDArray[np.floating],
    phi1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    phi2: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transverse momentum of the pair, and \\|dphi\\| of its leptons in [0, pi], per event.

    Args:
        pt1, phi1, pt2, phi2: The two leptons, shape (events,); azimuths in radians.
    """
    momentum = np.empty(len(pt1), np.float64)
    angle = np.empty(len(pt1), np.float64)
    for event in range(len(pt1)):
        first, second = np.float64(pt1[event]), np.float64(pt2[event])
        dphi = abs((np.float64(phi1[event]) - np.float64(phi2[event]) + math.pi) % (2 * math.pi) - math.pi)
        square = first**2 + second**2 + 2.0 * first * second * math.cos(dphi)
        momentum[event] = math.sqrt(max(square, 0.0)) if square == square else np.nan  # noqa: PLR0124  # NaN is not itself
        angle[event] = dphi
    return momentum, angle
