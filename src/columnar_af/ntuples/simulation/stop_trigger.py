"""Trigger decisions of the simulated stop search: ETmiss chains by run number."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.stop_events import Events, Flags, Floats
from columnar_af.ntuples.stop.trigger import CHAINS, MET_CHAINS

PLATEAU, TURN_ON, TURN_ON_WIDTH = 0.99, 150.0, 35.0
"""Efficiency of a chain: error function in ETmiss (GeV), on its plateau above 230 GeV. Chosen, not measured."""


def trigger_efficiency(met: Floats) -> Floats:
    """Probability that an ETmiss chain fires, for nominal ETmiss in GeV."""
    return PLATEAU * 0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])((met - TURN_ON) / TURN_ON_WIDTH))


def passes_trigger(events: Events, nominal_met: Floats) -> Flags:
    """Events that the chains of their own run take. All of them see the same ETmiss, so they decide alike."""
    return np.asarray(events.trigger < trigger_efficiency(nominal_met))


def trigger_decisions(events: Events, nominal_met: Floats) -> dict[str, NDArray[np.int32]]:
    """Decision of every chain, 0 in runs in which it is not used; shape (events,) each."""
    fired = passes_trigger(events, nominal_met)
    period = np.searchsorted([first for first, _ in MET_CHAINS], events.run, side="right") - 1
    decisions = {}
    for chain in CHAINS:
        active = np.array([chain in chains for _, chains in MET_CHAINS])[period]
        decisions[chain] = (fired & active).astype(np.int32)
    return decisions
