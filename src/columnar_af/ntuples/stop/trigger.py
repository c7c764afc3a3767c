"""The ETmiss trigger of the search: which chains count in which runs, and whether one of them fired."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import MissingBranchError

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


def chains_of(runs: NDArray[Any]) -> dict[int, tuple[str, ...]]:
    """First run of each period that these runs belong to, and its chains."""
    firsts = [first for first, _ in MET_CHAINS]
    periods = np.unique(np.searchsorted(firsts, runs, side="right") - 1)
    return {MET_CHAINS[period][0]: MET_CHAINS[period][1] for period in periods}


def runs_of(chain: str) -> str:
    """The runs in which a chain counts, in words: ``297730 to 302872``."""
    used = [chain in chains for _, chains in MET_CHAINS]
    firsts = [first for first, _ in MET_CHAINS]
    starts = [
        first for first, now, before in zip(firsts, used, [False, *used], strict=False) if now and not before
    ]
    stops = [
        first - 1
        for first, now, before in zip(firsts[1:], used[1:], used, strict=False)
        if before and not now
    ]
    ranges = [f"{start} to {stop}" for start, stop in zip(starts, stops, strict=False)]
    return " and ".join([*ranges, *(f"{start} and later" for start in starts[len(stops) :])])


def met_trigger(
    runs: NDArray[Any], decision: Callable[[str], NDArray[Any]], available: Collection[str]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Whether a chain of the event's run fired.

    Args:
        runs: Run numbers, shape (events,).
        decision: Gives the decisions of a chain, shape (events,), not 0 where it fired; called for chains that are needed.
        available: Chains that the ntuple has.

    Returns:
        The flags, shape (events,), and the chains that these runs need and the ntuple lacks: as if they never fired.

    Raises:
        MissingBranchError: The ntuple has no chain at all for some of the runs.
    """
    fired = np.zeros(len(runs), np.bool_)
    missing: list[str] = []
    last = {first: following for (first, _), (following, _) in pairwise(MET_CHAINS)}
    for first, chains in chains_of(runs).items():
        absent = [chain for chain in chains if chain not in available]
        if len(absent) == len(chains):
            until = f" to {last[first] - 1}" if first in last else " and later"
            msg = f"runs {first}{until} are triggered by {' or '.join(chains)}, and the ntuple has no such column"
            raise MissingBranchError(msg, advice="make the ntuple with the columns of these chains")
        missing += [chain for chain in absent if chain not in missing]
        in_period = (runs >= first) & (runs < last.get(first, np.inf))
        for chain in chains:
            if chain not in absent:
                fired |= in_period & (decision(chain) != 0)
    return fired, tuple(missing)
