"""What the cuts of a region leave of events, one after the other and each without the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.cutflow import Cutflow, CutflowRow
from columnar_af.selection.regions import Region

Mask = NDArray[np.bool_]
Values = NDArray[Any]


@dataclass(frozen=True)
class RegionWalk:
    """What the cuts of a region leave, one after the other and each without the others.

    Attributes:
        region: The region.
        first: Index of the first cut that an event fails; the number of cuts where it fails none; shape (events,).
        only: Index of the only cut that it fails; the number of cuts where it fails none, negative where several.
    """

    region: Region
    first: NDArray[np.int16]
    only: NDArray[np.int16]

    def of(self, chosen: Mask) -> RegionWalk:
        """The walk of some of the events."""
        return RegionWalk(self.region, self.first[chosen], self.only[chosen])

    def all_but(self, cut: str) -> Mask:
        """Events that pass all cuts but perhaps this one."""
        index = [each.name for each in self.region.cuts].index(cut)
        return np.asarray((self.only == index) | (self.only == len(self.region.cuts)))

    def cutflow(self, weights: Values, start: int = -1) -> Cutflow:
        """What is left after each cut.

        Args:
            weights: Weight of each event.
            start: Index of the cut that the first row is of; -1 for a row ``all`` before them.
        """
        size = len(self.region.cuts) + 1
        raw = np.bincount(self.first, minlength=size)
        sumw = np.bincount(self.first, weights=weights, minlength=size)
        sumw2 = np.bincount(self.first, weights=np.square(weights), minlength=size)
        left = [np.cumsum(counts[::-1])[::-1] for counts in (raw, sumw, sumw2)]
        rows = []
        for index in range(start, size - 1):
            cut = None if index < 0 else self.region.cuts[index]
            note = (f"{cut.text} is not verified ({cut.source})",) if cut and not cut.verified else ()
            counts = [values[index + 1] for values in left]
            rows.append(
                CutflowRow(
                    cut.name if cut else "all",
                    int(counts[0]),
                    int(counts[0]),
                    float(counts[1]),
                    float(counts[2]),
                    notes=note,
                )
            )
        return Cutflow(tuple(rows))
