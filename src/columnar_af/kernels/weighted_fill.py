"""Filling a histogram with many weights per event: one bin per event, and one addition per weight."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def weighted_fill(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    bins: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> None:
    """Add the weights of each event, and their squares, to its bin; event after event, as a histogram library does.

    Args:
        sums: Sums of weights, shape (bins, weights); changed in place.
        squares: Sums of squared weights, shape (bins, weights); changed in place.
        bins: Bin of each event, shape (events,); an event with a negative one is left out.
        weights: Shape (events, weights).
    """
    for event in range(len(bins)):
        where = bins[event]
        if where < 0:
            continue
        for number in range(weights.shape[1]):
            weight = weights[event, number]
            sums[where, number] += weight
            squares[where, number] += weight * weight
