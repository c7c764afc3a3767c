"""Signal jets: those that stay and pass the thresholds, the leading ones in falling order, found in one walk."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

LISTED = 4
"""Leading jets whose momenta are given as columns: no variable of the search needs more."""


class SignalJets(NamedTuple):
    """Signal jets of each event.

    Attributes:
        number: How many there are, shape (events,).
        n_tagged: Number of b-jets, shape (events,).
        leading_pt: p_T of the four leading jets, NaN where there are fewer, shape (4, events).
        leading_tagged: Whether each is b-tagged, shape (4, events).
    """

    number: NDArray[np.int16]
    n_tagged: NDArray[np.int16]
    leading_pt: NDArray[np.float64]
    leading_tagged: NDArray[np.bool_]

    @classmethod
    def none(cls, size: int) -> SignalJets:
        """No jets in any event."""
        counts = np.zeros(size, np.int16), np.zeros(size, np.int16)
        return cls(*counts, np.full((LISTED, size), np.nan), np.zeros((LISTED, size), np.bool_))

    def copy(self) -> SignalJets:
        """A copy that may be changed."""
        counts = self.number.copy(), self.n_tagged.copy()
        return SignalJets(*counts, self.leading_pt.copy(), self.leading_tagged.copy())


@nb.njit(nogil=True, cache=True)
def find_signal_jets(
    jets: SignalJets,
    events: NDArray[np.int64],
    pt: NDArray[np.floating],
    eta: NDArray[np.floating],
    tagged: NDArray[np.bool_],
    passes: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    lowest_pt: float,
    largest_eta: float,
    largest_tagged_eta: float,
) -> None:
    """Choose the jets of some events, and put the leading ones in falling order; of equals the first one stays first.

    Args:
        jets: What is filled, for all events.
        events: Numbers of the events that are looked at.
        pt, eta: Of the jets of all events.
        tagged: Whether the tagger takes them for b-jets.
        passes: Whether they stay after the overlap removal.
        offsets: Where each event's jets start, shape (all events + 1,).
        lowest_pt: p_T that a signal jet must exceed, in the unit of ``pt``.
        largest_eta: \\|eta\\| that it must stay below.
        largest_tagged_eta: The same for a b-jet.
    """
    leading = np.empty(LISTED, np.int64)
    for event in events:
        number, n_tagged = 0, 0
        for jet in range(offsets[event], offsets[event + 1]):
            if not passes[jet] or not pt[jet] > lowest_pt or not abs(eta[jet]) < largest_eta:
                continue
            n_tagged += tagged[jet] and abs(eta[jet]) < largest_tagged_eta
            place = min(number, LISTED)
            number += 1
            while place > 0 and pt[leading[place - 1]] < pt[jet]:
                if place < LISTED:
                    leading[place] = leading[place - 1]
                place -= 1
            if place < LISTED:
                leading[place] = jet
        jets.number[event], jets.n_tagged[event] = number, n_tagged
        for place in range(LISTED):
            jets.leading_pt[place, event], jets.leading_tagged[place, event] = np.nan, False
        for place in range(min(number, LISTED)):
            jet = leading[place]
            jets.leading_pt[place, event] = pt[jet]
            jets.leading_tagged[place, event] = tagged[jet] and abs(eta[jet]) < largest_tagged_eta
