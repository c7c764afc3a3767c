"""The best candidate of each event: the smallest χ² among those that pass."""

from __future__ import annotations

import awkward as ak
import numba as nb
import numpy as np
import numpy.typing as npt

from columnar_af.kernels.jagged import flat_numbers, on_any_backend, require_equal


@nb.njit(nogil=True, cache=True)
def best_candidate_kernel(
    chi2: npt.NDArray[np.float64], passing: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Flat form of :func:`best_candidate`.

    Args:
        chi2: Shape (candidates,).
        passing: Shape (candidates,).
        offsets: Shape (events + 1,), where the candidates of each event begin.

    Returns:
        Shape (events,): place of the best candidate within its event, -1 where none passes.
    """
    events = len(offsets) - 1
    best = np.full(events, -1, dtype=np.int64)
    for event in range(events):
        start = offsets[event]
        smallest = np.inf
        for candidate in range(start, offsets[event + 1]):
            value = chi2[candidate]
            if not passing[candidate] or np.isnan(value):
                continue
            if best[event] < 0 or value < smallest:
                smallest = value
                best[event] = candidate - start
    return best


def _one_index_per_event(chi2: ak.Array, passing: ak.Array) -> ak.Array:
    del passing
    return ak.num(chi2, axis=1)


@on_any_backend(_one_index_per_event)
def best_candidate(chi2: ak.Array, passing: ak.Array) -> ak.Array:
    """Index of the candidate with the smallest χ² among those that pass, event by event.

    Args:
        chi2: A list of numbers per event; a missing value or NaN never wins.
        passing: A list of bools per event, of the same lengths; a missing value does not pass.

    Returns:
        One integer per event: index in the event's list, -1 where none passes. Of equal χ² the lowest index wins.

    Raises:
        ValueError: The lengths differ.
    """
    values, offsets = flat_numbers(chi2, np.nan)
    passes, passing_offsets = flat_numbers(passing, missing=False)
    require_equal(offsets, passing_offsets, "chi2 and passing")
    return ak.Array(best_candidate_kernel(values.astype(np.float64), passes.astype(np.bool_), offsets))
