"""A mass spectrum as a fit sees it: counts, their variances and the edges of the bins in the range of the fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import hist
import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.fits.shapes import Values

ON_EDGE = 1e-9
"""GeV; a range that is this close to a bin edge falls on it."""


@dataclass(frozen=True)
class Spectrum:
    """Binned masses.

    Attributes:
        counts: Sums of weights, ``(n_bins,)``.
        variances: Sums of squared weights, ``(n_bins,)``; the counts themselves where nothing is weighted.
        edges: ``(n_bins + 1,)``, GeV.
    """

    counts: Values = field(repr=False)
    variances: Values = field(repr=False)
    edges: Values = field(repr=False)

    @property
    def entries(self) -> float:
        """Sum of all weights."""
        return float(np.sum(self.counts))

    @property
    def is_weighted(self) -> bool:
        """Whether any weight is not 1."""
        return not np.array_equal(self.counts, self.variances)

    @property
    def centres(self) -> Values:
        """``(n_bins,)``, GeV."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    @classmethod
    def of_masses(cls, masses: Values, low: float, high: float, bins: int) -> Spectrum:
        """Masses [GeV] counted in equal bins."""
        counts, edges = np.histogram(masses, bins=bins, range=(low, high))
        return cls(counts.astype(float), counts.astype(float), edges)

    @classmethod
    def of_histogram(cls, histogram: hist.Hist, low: float, high: float) -> Spectrum:
        """The bins of a one-dimensional histogram that lie in a range.

        Raises:
            ConfigError: The range is not bounded by bin edges.
        """
        edges = np.asarray(histogram.axes[0].edges)
        first, last = (int(np.argmin(np.abs(edges - edge))) for edge in (low, high))
        if not np.allclose([edges[first], edges[last]], [low, high], rtol=0, atol=ON_EDGE):
            msg = (
                f"the range {low} to {high} GeV does not fall on bin edges of the histogram, which go from "
                f"{edges[0]:.6g} to {edges[-1]:.6g} in steps of {edges[1] - edges[0]:.6g}"
            )
            raise ConfigError(msg, advice=f"take the range {edges[first]:.6g} to {edges[last]:.6g}")
        values, variances = np.asarray(histogram.values(), dtype=float), histogram.variances()
        variances = values if variances is None else np.asarray(variances)
        return cls(values[first:last], variances[first:last], edges[first : last + 1])

    def rebinned(self, group: int) -> Spectrum:
        """The same with ``group`` neighbouring bins taken together; their number must divide."""
        return Spectrum(
            self.counts.reshape(-1, group).sum(axis=1),
            self.variances.reshape(-1, group).sum(axis=1),
            self.edges[::group],
        )

    def __add__(self, other: Spectrum) -> Spectrum:
        """The sum of two spectra with the same bins."""
        if not np.array_equal(self.edges, other.edges):
            msg = "the spectra have different bins and do not add up"
            raise ConfigError(msg)
        return Spectrum(self.counts + other.counts, self.variances + other.variances, self.edges)
