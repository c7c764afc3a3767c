"""Sums of weights of some events, for many variations of the weights at once."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def weighted_sums(
    weights: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add the weights of some events, and their squares, event after event.

    The sum over the same events is the same to the last bit, whatever else is in the matrix: a variation that moves nothing
    has nominal's numbers.

    Args:
        weights: Shape (all events, variations).
        rows: Numbers of the events in this matrix, shape (events,).

    Returns:
        Sums of weights and of squared weights, shape (variations,) each.
    """
    size = weights.shape[1]
    sums, squares = np.zeros(size), np.zeros(size)
    for row in rows:
        for number in range(size):
            weight = weights[row, number]
            sums[number] += weight
            squares[number] += weight * weight
    return sums, squares
