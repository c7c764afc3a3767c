"""The pair of leptons in a flat ntuple, and how its branches become variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.stop.columns import anti_identified, identified
from columnar_af.ntuples.stop.sources import StopSource
from columnar_af.stop.flat_needs import why_missing
from columnar_af.stop.objects import OBJECTS_139, Objects
from columnar_af.stop.pair_functions import Flags, Floats, Leptons, SuperRazor, as_floats, pair_super_razor
from columnar_af.stop.pair_variables import PairVariables
from columnar_af.systematics import quantity

LISTED_LEPTONS, LISTED_JETS = 3, 4
"""Leptons and jets that the tree has columns of."""

NO_JET_DISTANCE = 10_000.0
"""What stands in ``minDRlep2jets`` where there is no jet (LoopSUSYFrame, GetDeltaRMin)."""

LEPTON_BRANCHES = {
    "pt": "lep{}pT",
    "eta": "lep{}eta",
    "phi": "lep{}phi",
    "mass": "lep{}mass",
    "flavour": "lepflav{}",
}

ID_BRANCHES = ("lepflav{}", "isSignalLep{}", "LepIsoGradient{}", "LepIsoFCLoose{}")


class Chosen(NamedTuple):
    """Which of the listed leptons are the pair.

    Attributes:
        first, second: Place in the list, counted from 0; -1 where there is none; shape (events,).
        others: Events whose pair is not the two leading leptons.
        n_signal: Signal leptons among the listed ones.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    others: NDArray[np.int64]
    n_signal: NDArray[np.int64]


class Identification(NamedTuple):
    """Flags of the listed leptons, by place; shape (events,) each, False where there is no lepton."""

    identified: list[Flags]
    anti_identified: list[Flags]


class FlatPair(PairVariables):
    """The pair in a flat ntuple; see :class:`~columnar_af.stop.FlatStopVariables`.

    Args:
        source: Columns of nominal.
        objects: Thresholds that regions are defined with.
    """

    def __init__(self, source: StopSource, objects: Objects = OBJECTS_139) -> None:
        super().__init__(source)
        self.objects = objects
        self._stop_source = source
        self._reasons: dict[str, str | None] = {}  # the same for all variations, which share it

    def why_missing(self, variable: str) -> str | None:
        """Why there is no such variable in this ntuple; None where there is.

        Raises:
            ConfigError: No ntuple has a variable of this name.
        """
        if variable not in self._reasons:
            self._reasons[variable] = why_missing(
                variable, type(self).names(), self._stop_source, self.objects
            )
        return self._reasons[variable]

    @quantity
    def chosen(self) -> Chosen:
        """Which of the listed leptons are the pair."""
        n_leptons = self.column("nlep")
        first, second = (np.where(n_leptons > place, place, -1) for place in (0, 1))
        flags = self.identification.identified
        n_signal = np.zeros(len(n_leptons), np.int64)
        for flag in flags:
            n_signal += flag
        two = n_signal == 2
        if len(flags) > 2:
            third = two & flags[2]
            second = np.where(third, 2, second)
            first = np.where(third & ~flags[0], 1, first)
        others = np.flatnonzero((second == 2) | (first == 1))
        return Chosen(first, second, others, n_signal)

    @quantity
    def identification(self) -> Identification:
        """Flags of the listed leptons."""
        n_leptons = self.column("nlep")
        longest = min(int(n_leptons.max()), LISTED_LEPTONS) if len(n_leptons) else 0
        found = Identification([], [])
        for place in range(longest):
            flags = [self.column(branch.format(place + 1)) for branch in ID_BRANCHES]
            there = n_leptons > place
            found.identified.append(identified(*flags) & there)
            found.anti_identified.append(anti_identified(*flags) & there)
        return found

    def _flat(self, branch: str) -> Floats:
        """A copy of a branch, in double precision."""
        return np.array(self.column(branch), dtype=np.float64)

    def _lepton(self, which: int, what: str) -> Floats:
        return self._listed_lepton(which, LEPTON_BRANCHES[what])

    def _listed_lepton(self, which: int, branch: str) -> Floats:
        """A branch of the listed leptons, for a lepton of the pair: 0 for the harder, 1 for the softer one."""
        values = self._flat(branch.format(which + 1))
        chosen = self.chosen
        places, others = (chosen.first, chosen.second)[which], chosen.others
        if len(others):
            values[others] = self._at(branch, places[others], others)
        values[places < 0] = np.nan
        return values

    def _at(self, branch: str, places: NDArray[np.int64], events: NDArray[np.int64]) -> Floats:
        """The property of the lepton at a place of the list, for some events."""
        listed = [self.column(branch.format(place + 1))[events] for place in range(LISTED_LEPTONS)]
        return as_floats(np.choose(places, listed))

    def _flag(self, which: int, flags: list[Flags]) -> Flags:
        """A flag of a lepton of the pair."""
        chosen = self.chosen
        places, others = (chosen.first, chosen.second)[which], chosen.others
        result = flags[which].copy() if which < len(flags) else np.zeros(len(places), np.bool_)
        if len(others):
            result[others] = np.choose(places[others], [flag[others] for flag in flags])
        return result

    def _of_pair(self, branch: str, compute: Callable[[Leptons], Floats], needed: int = 2) -> Floats:
        """A variable of the pair: from the tree, or computed where the pair is not the two leading leptons.

        Args:
            branch: The variable of the two leading leptons.
            compute: Gives it for any pair.
            needed: Leptons without which it is NaN.
        """
        values, chosen = self._flat(branch), self.chosen
        if len(chosen.others):
            values[chosen.others] = compute(self.leptons.at(chosen.others))
        values[(chosen.first if needed == 1 else chosen.second) < 0] = np.nan
        return values

    def _of_pair_and_met(
        self, branch: str, compute: Callable[[Leptons, Floats, Floats], Floats], needed: int = 2
    ) -> Floats:
        def with_met(pair: Leptons) -> Floats:
            others = self.chosen.others
            return compute(pair, self.met[others], self.met_phi[others])

        return self._of_pair(branch, with_met, needed)

    def _super_razor(self, branch: str, part: str) -> Floats:
        def compute(pair: Leptons, met: Floats, met_phi: Floats) -> Floats:
            values: SuperRazor = pair_super_razor(pair, met, met_phi)
            return as_floats(getattr(values, part))

        return self._of_pair_and_met(branch, compute)
