"""R_2l4j: share of the missing transverse energy in the event's leptons, leading jets and missing energy."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

LEADING_JETS = 4
"""Number of leading jets that enter; fewer jets: what there is (LoopSUSYFrame, Get2lNj with N = 4)."""


@nb.njit(nogil=True, cache=True)
def r_2l4j(
    met: NDArray[np.floating],
    pt1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    jet_pt: NDArray[np.floating],
    offsets: NDArray[np.int64],
) -> NDArray[np.float64]:
    """E_T^miss / (E_T^miss + p_T(l1) + p_T(l2) + sum of p_T of up to four leading jets), per event.

    Definition: GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_36invfb.cpp, and LoopSUSYFrame in root-project/rootbench.

    Args:
        met: Missing transverse energy, shape (events,), any unit.
        pt1, pt2: Transverse momenta of the two leptons, same shape and unit.
        jet_pt: Transverse momenta of the signal jets of all events, in falling order within an event.
        offsets: Where each event's jets start, shape (events + 1,).

    Returns:
        The ratio, shape (events,).
    """
    ratio = np.empty(len(met), np.float64)
    for event in range(len(met)):
        total = np.float64(met[event]) + np.float64(pt1[event]) + np.float64(pt2[event])
        last = min(offsets[event + 1], offsets[event] + LEADING_JETS)
        for jet in range(offsets[event], last):
            total += np.float64(jet_pt[jet])
        ratio[event] = np.float64(met[event]) / total
    return ratio
