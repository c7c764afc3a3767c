"""The lists of some events out of flat arrays."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def lists_at(
    offsets: NDArray[np.int64], events: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the elements of some events are.

    Args:
        offsets: Where each event's elements start, shape (all events + 1,).
        events: Numbers of the events, shape (events,).

    Returns:
        Places of their elements in the flat arrays, event after event, and where each event's part of these places starts, shape
        (events + 1,).
    """
    starts = np.zeros(len(events) + 1, np.int64)
    for number, event in enumerate(events):
        starts[number + 1] = starts[number] + offsets[event + 1] - offsets[event]
    places = np.empty(starts[-1], np.int64)
    for number, event in enumerate(events):
        for place in range(starts[number], starts[number + 1]):
            places[place] = offsets[event] + place - starts[number]
    return places, starts
