"""R_2l: missing transverse energy over the scalar sum of the two leptons' transverse momenta."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def r_2l(
    met: NDArray[np.floating], pt1: NDArray[np.floating], pt2: NDArray[np.floating]
) -> NDArray[np.float64]:
    """E_T^miss / (p_T(l1) + p_T(l2)), per event.

    Definition: GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_36invfb.cpp, and LoopSUSYFrame in root-project/rootbench.

    Args:
        met: Missing transverse energy, shape (events,), any unit.
        pt1, pt2: Transverse momenta of the two leptons, same shape and unit.

    Returns:
        The ratio, shape (events,); infinite where both leptons have no transverse momentum, NaN where one is
        missing (NaN).
    """
    ratio = np.empty(len(met), np.float64)
    for event in range(len(met)):
        leptons = np.float64(pt1[event]) + np.float64(pt2[event])
        ratio[event] = np.inf if leptons == 0 else np.float64(met[event]) / leptons
    return ratio
