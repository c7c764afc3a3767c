"""Signal jets: those that stay and pass the thresholds, in falling order, found in one walk."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

LISTED = 4
"""Leading jets whose momenta are given as columns: no variable of the search needs more."""


class SignalJets(NamedTuple):
    """Signal jets of all events, in falling order of p_T within an event.

    Attributes:
        pt, eta, phi: Contents.
        tagged: Whether each is b-tagged.
        offsets: Where each event's jets start, shape (events + 1,).
        n_tagged: Number of b-jets, shape (events,).
        leading_pt: p_T of the four leading jets, NaN where there are fewer, shape (4, events).
        leading_tagged: Whether each is b-tagged, shape (4, events).
    """

    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    tagged: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    n_tagged: NDArray[np.int64]
    leading_pt: NDArray[np.float64]
    leading_tagged: NDArray[np.bool_]


@nb.njit(nogil=True, cache=True)
def signal_jets(
    pt: NDArray[np.floating],
    eta: NDArray[np.floating],
    phi: NDArray[np.floating],
    tagged: NDArray[np.bool_],
    passes: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    asked: NDArray[np.bool_],
    lowest_pt: float,
    largest_eta: float,
    largest_tagged_eta: float,
) -> SignalJets:
    """Choose and sort the jets of each event.

    Args:
        pt, eta, phi: Of the jets of all events.
        tagged: Whether the tagger takes them for b-jets.
        passes: Whether they stay after the overlap removal.
        offsets: Where each event's jets start, shape (events + 1,).
        asked: Which events are looked at, shape (events,); all others get no jets.
        lowest_pt: p_T that a signal jet must exceed, in the unit of ``pt``.
        largest_eta: \\|eta\\| that it must stay below.
        largest_tagged_eta: The same for a b-jet.
    """
    size = len(offsets) - 1
    kept = np.empty(len(pt), np.int64)
    starts = np.zeros(size + 1, np.int64)
    n_tagged = np.zeros(size, np.int64)
    leading_pt = np.full((LISTED, size), np.nan)
    leading_tagged = np.zeros((LISTED, size), np.bool_)
    last = 0
    for event in range(size):
        for jet in range(offsets[event], offsets[event + 1] if asked[event] else offsets[event]):
            if not passes[jet] or not pt[jet] > lowest_pt or not abs(eta[jet]) < largest_eta:
                continue
            place = last
            while place > starts[event] and pt[kept[place - 1]] < pt[jet]:
                kept[place] = kept[place - 1]
                place -= 1
            kept[place] = jet
            last += 1
        starts[event + 1] = last
        for place in range(starts[event], last):
            jet = kept[place]
            is_b = tagged[jet] and abs(eta[jet]) < largest_tagged_eta
            n_tagged[event] += is_b
            if place - starts[event] < LISTED:
                leading_pt[place - starts[event], event] = pt[jet]
                leading_tagged[place - starts[event], event] = is_b
    chosen = kept[:last]
    is_tagged = np.empty(last, np.bool_)
    out_pt, out_eta, out_phi = np.empty(last), np.empty(last), np.empty(last)
    for place in range(last):
        jet = chosen[place]
        out_pt[place], out_eta[place], out_phi[place] = pt[jet], eta[jet], phi[jet]
        is_tagged[place] = tagged[jet] and abs(eta[jet]) < largest_tagged_eta
    return SignalJets(out_pt, out_eta, out_phi, is_tagged, starts, n_tagged, leading_pt, leading_tagged)
