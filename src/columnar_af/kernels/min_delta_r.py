"""Smallest distance in (eta, phi) between one object per event and a collection."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def min_delta_r(
    eta: NDArray[np.floating],
    phi: NDArray[np.floating],
    other_eta: NDArray[np.floating],
    other_phi: NDArray[np.floating],
    offsets: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Smallest sqrt(deta^2 + dphi^2) from one object per event to the others of the event.

    LoopSUSYFrame gives 10000 (or -10) without any other object; here it is infinity, so that a cut from below passes.

    Args:
        eta, phi: Of the one object, shape (events,), phi in radians.
        other_eta, other_phi: Of the collection, contents of all events.
        offsets: Where each event's part of the collection starts, shape (events + 1,).

    Returns:
        The distance, shape (events,); infinite where the collection is empty.
    """
    smallest = np.empty(len(eta), np.float64)
    for event in range(len(eta)):
        best = math.inf
        for other in range(offsets[event], offsets[event + 1]):
            deta = np.float64(eta[event]) - np.float64(other_eta[other])
            dphi = abs(np.float64(phi[event]) - np.float64(other_phi[other]))
            if dphi > 2 * math.pi:
                dphi %= 2 * math.pi
            if dphi > math.pi:
                dphi = 2 * math.pi - dphi
            best = min(best, deta * deta + dphi * dphi)
        smallest[event] = math.sqrt(best)
    return smallest
