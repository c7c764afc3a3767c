"""Share of the missing transverse energy in the event's leptons, some leading jets and missing energy."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def met_share(
    met: NDArray[np.floating],
    pt1: NDArray[np.floating],
    pt2: NDArray[np.floating],
    jet_pt: NDArray[np.floating],
    offsets: NDArray[np.int64],
    n_jets: int,
) -> NDArray[np.float64]:
    """E_T^miss / (E_T^miss + p_T(l1) + p_T(l2) + sum of p_T of up to ``n_jets`` leading jets), per event.

    Args:
        met: Missing transverse energy, shape (events,), any unit.
        pt1, pt2: Transverse momenta of the two leptons, same shape and unit.
        jet_pt: Transverse momenta of the signal jets of all events, in falling order within an event.
        offsets: Where each event's jets start, shape (events + 1,).
        n_jets: Number of leading jets that enter; fewer jets: what there is.

    Returns:
        The ratio, shape (events,).
    """
    ratio = np.empty(len(met), np.float64)
    for event in range(len(met)):
        total = np.float64(met[event]) + np.float64(pt1[event]) + np.float64(pt2[event])
        last = min(offsets[event + 1], offsets[event] + n_jets)
        for jet in range(offsets[event], last):
            total += np.float64(jet_pt[jet])
        ratio[event] = np.float64(met[event]) / total
    return ratio
