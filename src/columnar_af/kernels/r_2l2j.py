"""R_2l2j: share of the missing transverse energy in the event's leptons, two leading jets and missing energy."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.met_share import met_share

LEADING_JETS = 2
"""Number of leading jets that enter; fewer jets: what there is."""


@nb.njit(nogil=True, cache=True)
def r_2l2j(
    met: NDArray[np.floating],
    pt1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    jet_pt: NDArray[np.floating],
    offsets: NDArray[np.int64],
) -> NDArray[np.float64]:
    """E_T^miss / (E_T^miss + p_T(l1) + p_T(l2) + sum of p_T of up to two leading jets), per event.

    Definition: GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_36invfb.cpp.

    Args:
        met, pt1, pt2, jet_pt, offsets: As for :func:`~columnar_af.kernels.met_share.met_share`.

    Returns:
        The ratio, shape (events,).
    """
    return met_share(met, pt1, pt2, jet_pt, offsets, LEADING_JETS)
