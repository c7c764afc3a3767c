"""Blinding: data in a blinded region are left out of everything, before anything is counted.

Such events must not be found by subtraction either. They are left out of every region, N-1 and cutflow, so that no sum over
regions has them; and since the number of entries of the data is known, a cutflow of data begins where the preselection ends: the
first rows, which nearly all entries pass, would tell by what they lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.region_evaluation import Evaluation
from columnar_af.selection.regions import Region, RegionSet


@dataclass(frozen=True)
class Blinding:
    """Which regions are closed.

    Attributes:
        closed: Names of the regions whose data are left out.
        opened: Names of blinded regions that were opened by whoever runs the analysis.
    """

    closed: tuple[str, ...]
    opened: tuple[str, ...] = ()

    @classmethod
    def of(cls, regions: RegionSet, *, blinded: bool, unblind: Iterable[str] = ()) -> Blinding:
        """The blinding of some regions.

        Args:
            regions: All of them.
            blinded: Whether blinded regions are closed at all.
            unblind: Names of blinded regions that are opened.

        Raises:
            ConfigError: There is no region of a name.
        """
        opened = {regions[name].name for name in unblind}
        marked = [region.name for region in regions if region.blinded]
        return cls(
            tuple(name for name in marked if blinded and name not in opened),
            tuple(name for name in marked if not blinded or name in opened),
        )

    def allowed(self, evaluations: Sequence[Evaluation], size: int) -> NDArray[np.bool_]:
        """Events of data that are in no closed region, shape (events,)."""
        allowed = np.ones(size, np.bool_)
        for evaluation in evaluations:
            for name in self.closed:
                if name in evaluation.masks:
                    allowed &= ~evaluation.masks[name]
        return allowed

    def first_row(self, region: Region) -> int:
        """Index of the cut that the cutflow of data begins with; -1 for the row before all cuts, where nothing is closed."""
        if not self.closed:
            return -1
        return (region.preselection or len(region.cuts)) - 1
