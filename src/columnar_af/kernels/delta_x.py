"""Delta_x: the longitudinal momentum of the lepton pair as a share of the beam energy."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

SQRT_S = 13_000.0
"""Centre-of-mass energy of the proton collisions in GeV (LHC Run 2)."""


@nb.njit(nogil=True, cache=True)
def delta_x(
    pt1: NDArray[np.floating],
    eta1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    eta2: NDArray[np.floating],
    sqrt_s: float = SQRT_S,
) -> NDArray[np.float64]:
    """2 \\|p_z(l1) + p_z(l2)\\| / sqrt(s), per event.

    Definition: GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_36invfb.cpp. (SimpleAnalysis declares it as an integer, which
    makes it 0; that is not copied.)

    Args:
        pt1, eta1, pt2, eta2: The two leptons, shape (events,).
        sqrt_s: In the unit of ``pt1``; the default is in GeV.
    """
    share = np.empty(len(pt1), np.float64)
    for event in range(len(pt1)):
        z1 = np.float64(pt1[event]) * math.sinh(np.float64(eta1[event]))
        z2 = np.float64(pt2[event]) * math.sinh(np.float64(eta2[event]))
        share[event] = 2.0 * abs(z1 + z2) / sqrt_s
    return share
