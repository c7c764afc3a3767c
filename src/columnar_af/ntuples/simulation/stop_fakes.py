"""Fake factors of the simulation, and the weight that they give an event with anti-identified leptons.

The factors are our own, of the size of the public ones (LoopSUSYFrame, FNPFF.xml: electrons 0.13 to 0.6, muons 0.4 to
0.9), so that no number of the experiment is shipped. Non-prompt leptons are identified with exactly these odds, so an
estimate with them closes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.stop_events import Flags, Floats

PT_EDGES = (0.0, 7.0, 15.0, 30.0)
"""Lower edges in GeV; half-open bins, the last without upper edge."""

ETA_EDGES = (0.0, 1.37)
"""Lower edges in |eta|."""

ELECTRON_FACTORS = ((0.20, 0.16), (0.32, 0.27), (0.42, 0.38), (0.50, 0.45))
MUON_FACTORS = ((0.60, 0.52), (0.50, 0.45), (0.46, 0.42), (0.55, 0.50))
"""Identified over anti-identified, by pT bin and |eta| bin."""


def fake_factor(pt: Floats, eta: Floats, is_electron: Flags) -> Floats:
    """Identified over anti-identified non-prompt leptons.

    Args:
        pt: Transverse momentum in GeV, any shape.
        eta: Pseudorapidity, same shape.
        is_electron: True for electrons, same shape.

    Returns:
        The factor, same shape; half-open bins, values outside the edges take the nearest bin.
    """
    row = np.clip(np.searchsorted(PT_EDGES, pt, side="right") - 1, 0, len(PT_EDGES) - 1)
    column = np.clip(np.searchsorted(ETA_EDGES, np.abs(eta), side="right") - 1, 0, len(ETA_EDGES) - 1)
    electron, muon = np.array(ELECTRON_FACTORS)[row, column], np.array(MUON_FACTORS)[row, column]
    return np.where(is_electron, electron, muon)


def fake_weight(
    factors: Floats, identified: Flags, anti_identified: Flags, present: NDArray[np.bool_]
) -> Floats:
    """Event weight of the fake-factor method (LoopSUSYFrame): (-1)^(n + 1) times the product of n factors.

    Args:
        factors: Fake factor of each lepton, shape (events, leptons).
        identified: Lepton is identified and isolated.
        anti_identified: Lepton counts as anti-identified; a lepton that is neither gives weight 0.
        present: The slot holds a lepton.

    Returns:
        Weight, shape (events,); 0 for events in which all leptons are identified.
    """
    anti = present & anti_identified
    useless = (present & ~identified & ~anti_identified).any(axis=1)
    number = anti.sum(axis=1)
    product = np.where(anti, factors, 1.0).prod(axis=1)
    sign = np.where(number % 2 == 1, 1.0, -1.0)
    return np.where((number == 0) | useless, 0.0, sign * product)
