"""What a chunk leaves in each region: numbers for all variations, and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hist
import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.weighted_sums import weighted_sums
from columnar_af.selection.regions import Binning
from columnar_af.systematics import NOMINAL, fill_weighted

Weights = NDArray[np.float64]
Events = NDArray[np.intp]


class RegionCounts:
    """Raw number of events, sum of weights and of squared weights, by region and variation.

    Args:
        regions: Names of the regions.
        variations: Names of the variations, nominal among them.
    """

    def __init__(self, regions: Sequence[str], variations: Sequence[str]) -> None:
        self.regions = {name: number for number, name in enumerate(regions)}
        self.variations = {name: number for number, name in enumerate(variations)}
        shape = (len(regions), len(variations))
        self._raw = np.zeros(shape, np.int64)
        self._sums = np.zeros((*shape, 2))

    def columns(self, variations: Sequence[str]) -> NDArray[np.intp]:
        """Numbers of some variations."""
        return np.array([self.variations[name] for name in variations], np.intp)

    def add(self, region: str, columns: NDArray[np.intp], weights: Weights, rows: Events) -> None:
        """Count events in a region.

        Args:
            region: Its name.
            columns: Numbers of the variations that the weights are of, in the order of the variations.
            weights: Shape (all events, columns).
            rows: Numbers of the region's events among them.
        """
        row = self.regions[region]
        sums, squares = weighted_sums(weights, rows)
        self._raw[row, columns] += len(rows)
        self._sums[row, columns, 0] += sums
        self._sums[row, columns, 1] += squares

    def histograms(self, prefix: str = "") -> dict[str, hist.Hist]:
        """``yields`` (weighted) and ``raw_events``, both with the axes region and variation."""
        axes = (
            hist.axis.StrCategory(list(self.regions), name="region", overflow=False),
            hist.axis.StrCategory(list(self.variations), name="variation", overflow=False),
        )
        yields = hist.Hist(*axes, storage=hist.storage.Weight())
        yields.view()["value"], yields.view()["variance"] = self._sums[..., 0], self._sums[..., 1]
        raw = hist.Hist(*axes, storage=hist.storage.Int64())
        raw.view()[...] = self._raw
        return {f"{prefix}yields": yields, f"{prefix}raw_events": raw}


class RegionHistograms:
    """Histograms of variables by region; each with an axis of variations. One that no event fills is left out.

    Args:
        variations: Of the histograms that are filled for all variations.
        shapes: Variables that are filled for all variations; others for nominal only.
    """

    def __init__(self, variations: Sequence[str], shapes: Sequence[str]) -> None:
        self.variations = list(variations)
        self.shapes = frozenset(shapes)
        self.filled: dict[str, hist.Hist] = {}

    def filled_columns(self, variable: str, variations: Sequence[str]) -> list[int]:
        """The numbers of those variations that a variable is filled for."""
        if variable in self.shapes:
            return list(range(len(variations)))
        return [variations.index(NOMINAL)] if NOMINAL in variations else []

    def book(self, name: str, binning: Binning) -> hist.Hist:
        """The histogram of a name; a new one where there is none yet."""
        if name not in self.filled:
            variations = self.variations if binning.variable in self.shapes else [NOMINAL]
            axis = hist.axis.StrCategory(variations, name="variation", overflow=False)
            self.filled[name] = hist.Hist(axis, binning.axis, storage=hist.storage.Weight())
        return self.filled[name]

    def fill(
        self, name: str, binning: Binning, values: Any, variations: Sequence[str], weights: Weights
    ) -> None:
        """Fill a histogram.

        Args:
            name: Its name.
            binning: How the variable is drawn.
            values: Shape (events,); NaN is left out.
            variations: The variations that the weights are of.
            weights: Shape (events, variations).
        """
        if not len(values):
            return
        numbers = np.asarray(values, np.float64)
        there = ~np.isnan(numbers)
        fill_weighted(self.book(name, binning), numbers[there], weights[there], variations)
