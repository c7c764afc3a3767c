"""Smallest distance in (eta, phi) between one object per event and a collection."""

from __future__ import annotations

import math

import awkward as ak
import numba as nb
import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.jagged import flat_numbers, on_any_backend


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


def _one_per_event(eta: ak.Array, *_: ak.Array) -> ak.Array:
    return ak.zeros_like(eta, dtype=np.float64)


@on_any_backend(_one_per_event)
def nearest_delta_r(eta: ak.Array, phi: ak.Array, other_eta: ak.Array, other_phi: ak.Array) -> ak.Array:
    """The same of awkward arrays.

    Args:
        eta, phi: Of the one object, ``(n_events,)``; missing where there is none.
        other_eta, other_phi: Of the collection, ``n_events * var``; a missing direction is near nothing.

    Returns:
        ``(n_events,)``: the distance; infinite where the collection is empty or the object missing.
    """
    etas, offsets = flat_numbers(other_eta, np.nan)
    phis, _ = flat_numbers(other_phi, np.nan)
    one = [np.asarray(ak.fill_none(values, np.nan), dtype=np.float64) for values in (eta, phi)]
    return ak.Array(min_delta_r(*one, etas.astype(np.float64), phis.astype(np.float64), offsets))
