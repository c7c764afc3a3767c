"""Blinding: data in a blinded region are left out of everything, before anything is counted.

Such events must not be found by subtraction either. They are left out of every region, N-1 and cutflow; and since the number of
entries of the data is known, a cutflow of data begins where the preselection ends: the first rows, which nearly all entries pass,
would tell by what they lack. A region that may share events with a blinded one would be incomplete, so that it is closed, too;
only preselections stay open, without these events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.selection.cut_expressions import Variable
from columnar_af.selection.region_evaluation import Evaluation
from columnar_af.selection.region_file import Extents
from columnar_af.selection.regions import Region, RegionSet

BLINDED = "blinded"


@dataclass(frozen=True)
class Blinding:
    """Which regions are closed.

    Attributes:
        closed: Region whose data are left out -> why.
        opened: Names of blinded regions that were opened by whoever runs the analysis.
    """

    closed: Mapping[str, str] = field(default_factory=dict)
    opened: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        regions: RegionSet,
        variables: Mapping[str, Variable],
        *,
        blinded: bool,
        unblind: Iterable[str] = (),
    ) -> Blinding:
        """The blinding of some regions.

        Args:
            regions: All of them.
            variables: What their cuts use.
            blinded: Whether blinded regions are closed at all.
            unblind: Names of blinded regions that are opened.

        Raises:
            ConfigError: There is no region of a name, or one that is to be opened may share events with one that is not.
        """
        wanted = [regions[name].name for name in unblind]
        marked = [region for region in regions if region.blinded]
        hidden = [region for region in marked if blinded and region.name not in wanted]
        closed = {region.name: BLINDED for region in hidden}
        extents = Extents(regions, variables)
        for region in regions:
            shared = [other.name for other in hidden if not extents.exclude(region, other)]
            if not shared or region.name in closed or region.kind == "preselection":
                continue
            if region.name in wanted:
                msg = f"{region.name} cannot be opened alone: it may share events with {', '.join(shared)}"
                raise ConfigError(msg, advice=f"open {', '.join([*wanted, *shared])}")
            closed[region.name] = f"may share events with {', '.join(shared)}"
        opened = (region.name for region in marked if region.name not in closed)
        return cls({name: closed[name] for name in regions.names if name in closed}, tuple(opened))

    def allowed(self, evaluations: Sequence[Evaluation], size: int) -> NDArray[np.bool_]:
        """Events of data that are in no blinded region that is closed, shape (events,)."""
        allowed = np.ones(size, np.bool_)
        for evaluation in evaluations:
            for name, reason in self.closed.items():
                if name in evaluation.masks and reason == BLINDED:
                    allowed &= ~evaluation.masks[name]
        return allowed

    def first_row(self, region: Region) -> int:
        """Index of the cut that the cutflow of data begins with; -1 for the row before all cuts, where nothing is closed."""
        if not self.closed:
            return -1
        return (region.preselection or len(region.cuts)) - 1
