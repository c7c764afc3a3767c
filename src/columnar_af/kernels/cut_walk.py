"""Cut walk: which cut of a list each event fails first, and which it fails alone."""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

NO_CUT = -1
"""Stands for "more than one cut fails"."""


@nb.njit(nogil=True, cache=True)
def cut_walk(passes: NDArray[np.bool_]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The first cut that each event fails, and the only one.

    Args:
        passes: Whether each event passes each cut, shape (cuts, events), fewer than 32768 cuts.

    Returns:
        Index of the first cut that an event fails, and of the only one that it fails, shape (events,) each. Both are the
        number of cuts where it fails none; the second is ``NO_CUT`` where it fails several.
    """
    n_cuts, size = passes.shape
    first = np.full(size, n_cuts, np.int16)
    only = np.full(size, n_cuts, np.int16)
    for cut in range(n_cuts):
        row = passes[cut]
        for event in range(size):
            if not row[event]:
                if first[event] == n_cuts:
                    first[event] = cut
                    only[event] = cut
                else:
                    only[event] = NO_CUT
    return first, only
