"""The pair of leptons that the stop search looks at, found in one walk over the leptons of each event."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

ELECTRON = 11

Floats = NDArray[np.float64]


class LeptonPair(NamedTuple):
    """The two leptons of each event, the harder first, and how many there are.

    Attributes:
        first, second: Place in the flat arrays, -1 where there is none; shape (events,).
        n_baseline: Leptons above the thresholds that stay after the overlap removal.
        n_signal: Those of them that are identified.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    n_baseline: NDArray[np.int64]
    n_signal: NDArray[np.int64]


@nb.njit(nogil=True, cache=True)
def lepton_pair(
    pt: NDArray[np.floating],
    eta: NDArray[np.floating],
    flavour: NDArray[np.integer],
    passes: NDArray[np.bool_],
    identified: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    asked: NDArray[np.bool_],
    electron_threshold: tuple[float, float],
    muon_threshold: tuple[float, float],
) -> LeptonPair:
    """The two signal leptons where there are exactly two, else the two leading baseline leptons.

    A signal lepton is a baseline lepton that is identified. Leptons may be in any order; of equal p_T the one that is listed
    first counts as harder.

    Args:
        pt, eta, flavour: Of the leptons of all events; the flavour is a PDG number of any sign.
        passes: Whether they stay after the overlap removal.
        identified: Whether they pass identification and isolation.
        offsets: Where each event's leptons start, shape (events + 1,).
        asked: Which events are looked at, shape (events,); all others get no leptons.
        electron_threshold, muon_threshold: p_T that a baseline lepton must exceed, in the unit of ``pt``, and \\|eta\\| that
            it must stay below.
    """
    size = len(offsets) - 1
    first, second = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    n_baseline, n_signal = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for event in range(size):
        if not asked[event]:
            continue
        all1, all2, signal1, signal2 = -1, -1, -1, -1
        for lepton in range(offsets[event], offsets[event + 1]):
            lowest, largest = electron_threshold if abs(flavour[lepton]) == ELECTRON else muon_threshold
            if not passes[lepton] or not pt[lepton] > lowest or not abs(eta[lepton]) < largest:
                continue
            n_baseline[event] += 1
            if all1 < 0 or pt[lepton] > pt[all1]:
                all1, all2 = lepton, all1
            elif all2 < 0 or pt[lepton] > pt[all2]:
                all2 = lepton
            if identified[lepton]:
                n_signal[event] += 1
                if signal1 < 0 or pt[lepton] > pt[signal1]:
                    signal1, signal2 = lepton, signal1
                elif signal2 < 0 or pt[lepton] > pt[signal2]:
                    signal2 = lepton
        if n_signal[event] == 2:
            first[event], second[event] = signal1, signal2
        else:
            first[event], second[event] = all1, all2
    return LeptonPair(first, second, n_baseline, n_signal)


@nb.njit(nogil=True, cache=True)
def taken(values: NDArray[np.generic], places: NDArray[np.int64]) -> Floats:
    """The values at some places of a flat array, NaN where the place is -1.

    Args:
        values: Numbers or flags.
        places: Shape (events,).
    """
    result = np.empty(len(places), np.float64)
    for event in range(len(places)):
        result[event] = values[places[event]] if places[event] >= 0 else np.nan
    return result
