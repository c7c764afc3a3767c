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
    n_baseline: NDArray[np.int16]
    n_signal: NDArray[np.int16]

    @classmethod
    def none(cls, size: int) -> LeptonPair:
        """No leptons in any event."""
        places = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
        return cls(*places, np.zeros(size, np.int16), np.zeros(size, np.int16))

    def copy(self) -> LeptonPair:
        """A copy that may be changed."""
        places = self.first.copy(), self.second.copy()
        return LeptonPair(*places, self.n_baseline.copy(), self.n_signal.copy())


@nb.njit(nogil=True, cache=True)
def find_lepton_pair(
    pair: LeptonPair,
    events: NDArray[np.int64],
    pt: NDArray[np.floating],
    eta: NDArray[np.floating],
    flavour: NDArray[np.integer],
    passes: NDArray[np.bool_],
    identified: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    electron_threshold: tuple[float, float],
    muon_threshold: tuple[float, float],
) -> None:
    """The two signal leptons where there are exactly two, else the two leading baseline leptons.

    A signal lepton is a baseline lepton that is identified. Leptons may be in any order; of equal p_T the one that is listed
    first counts as harder.

    Args:
        pair: What is filled, for all events.
        events: Numbers of the events that are looked at.
        pt, eta, flavour: Of the leptons of all events; the flavour is a PDG number of any sign.
        passes: Whether they stay after the overlap removal.
        identified: Whether they pass identification and isolation.
        offsets: Where each event's leptons start, shape (all events + 1,).
        electron_threshold, muon_threshold: p_T that a baseline lepton must exceed, in the unit of ``pt``, and \\|eta\\| that
            it must stay below.
    """
    for event in events:
        all1, all2, signal1, signal2 = -1, -1, -1, -1
        n_baseline, n_signal = 0, 0
        for lepton in range(offsets[event], offsets[event + 1]):
            lowest, largest = electron_threshold if abs(flavour[lepton]) == ELECTRON else muon_threshold
            if not passes[lepton] or not pt[lepton] > lowest or not abs(eta[lepton]) < largest:
                continue
            n_baseline += 1
            if all1 < 0 or pt[lepton] > pt[all1]:
                all1, all2 = lepton, all1
            elif all2 < 0 or pt[lepton] > pt[all2]:
                all2 = lepton
            if identified[lepton]:
                n_signal += 1
                if signal1 < 0 or pt[lepton] > pt[signal1]:
                    signal1, signal2 = lepton, signal1
                elif signal2 < 0 or pt[lepton] > pt[signal2]:
                    signal2 = lepton
        pair.n_baseline[event], pair.n_signal[event] = n_baseline, n_signal
        if n_signal == 2:
            pair.first[event], pair.second[event] = signal1, signal2
        else:
            pair.first[event], pair.second[event] = all1, all2


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
