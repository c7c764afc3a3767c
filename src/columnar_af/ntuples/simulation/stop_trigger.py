"""Trigger decisions of the simulated stop search: ETmiss chains by run number."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.stop_events import Events, Flags, Floats

MET_CHAINS = (
    (0, ("HLT_xe70_mht",)),
    (297730, ("HLT_xe90_mht_L1XE50", "HLT_xe80_tc_lcw_L1XE50")),
    (302394, ("HLT_xe90_mht_L1XE50",)),
    (302873, ("HLT_xe110_mht_L1XE50",)),
    (311482, ("HLT_xe90_pufit_L1XE50", "HLT_xe110_pufit_L1XE55")),
    (328394, ("HLT_xe100_pufit_L1XE50", "HLT_xe100_pufit_L1XE55", "HLT_xe110_pufit_L1XE55")),
    (330471, ("HLT_xe110_pufit_L1XE50", "HLT_xe110_pufit_L1XE55")),
    (331976, ("HLT_xe110_pufit_L1XE50",)),
    (348197, ("HLT_xe110_pufit_L1XE50", "HLT_xe120_pufit_L1XE50")),
    (355274, ("HLT_xe110_pufit_xe70_L1XE50",)),
)
"""First run of each period and the chains that the search takes in it (LoopSUSYFrame, LoopSUSYThTh.cxx)."""

CHAINS = tuple(dict.fromkeys(chain for _, chains in MET_CHAINS for chain in chains))
"""All chains, in the order in which they came into use."""

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
