"""Background in the signal window of a category, from the sidebands of its mass spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import hist
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from columnar_af.errors import ConfigError

Values = NDArray[np.float64]

STEEPEST = 20.0
"""1/GeV; bounds the slope of the exponential, as the fits of the analysts do."""


@dataclass(frozen=True)
class Background:
    """Expected background in a signal window.

    Attributes:
        sidebands: Events in the sidebands.
        transfer: Expected events in the window per event in the sidebands.
        slope: Of the exponential exp(-slope · m), 1/GeV.
    """

    sidebands: float
    transfer: float
    slope: float

    @property
    def counted(self) -> float:
        """Events in the sidebands; an empty sideband counts as one event, so that nothing is expected free of background."""
        return max(self.sidebands, 1.0)

    @property
    def expected(self) -> float:
        """Events in the window."""
        return self.counted * self.transfer

    @property
    def error(self) -> float:
        """Its uncertainty, from the number of events in the sidebands."""
        return math.sqrt(self.counted) * self.transfer


def background_in_window(
    histogram: hist.Hist, window: tuple[float, float], mass_range: tuple[float, float]
) -> Background:
    """Fit an exponential to the sidebands and integrate it over the window.

    Bins that the window's ends cut are left out of the sidebands: in blinded data they are filled in part.

    Args:
        histogram: Mass spectrum, GeV.
        window: Signal window, GeV.
        mass_range: Range of the selection, GeV.

    Raises:
        ConfigError: No bin lies in the sidebands.
    """
    edges = np.asarray(histogram.axes[0].edges, dtype=float)
    low, high = edges[:-1], edges[1:]
    tolerance = 1e-9
    in_range = (low >= mass_range[0] - tolerance) & (high <= mass_range[1] + tolerance)
    outside = (high <= window[0] + tolerance) | (low >= window[1] - tolerance)
    bins = in_range & outside
    if not bins.any():
        msg = f"no bin of the mass spectrum lies between {mass_range} GeV and outside of the window {window} GeV"
        raise ConfigError(msg)
    counts = np.asarray(histogram.values(), dtype=float)[bins]
    slope = _slope(counts, low[bins], high[bins])
    sideband = float(np.sum(_integral(slope, low[bins], high[bins])))
    inside = float(_integral(slope, np.array([window[0]]), np.array([window[1]]))[0])
    return Background(float(counts.sum()), inside / sideband, slope)


def _integral(slope: float, low: Values, high: Values) -> Values:
    """∫ exp(-slope (m - 1.8)) dm over each bin."""
    if abs(slope) < 1e-6:
        return high - low
    return (np.exp(-slope * (low - 1.8)) - np.exp(-slope * (high - 1.8))) / slope


def _slope(counts: Values, low: Values, high: Values) -> float:
    """Slope of largest likelihood of the multinomial of the counts; flat where there are too few events to tell."""
    if np.count_nonzero(counts) < 2:
        return 0.0

    def cost(slope: float) -> float:
        parts = _integral(slope, low, high)
        return float(-np.sum(counts * np.log(parts / parts.sum())))

    return float(minimize_scalar(cost, bounds=(-STEEPEST, STEEPEST), method="bounded").x)
