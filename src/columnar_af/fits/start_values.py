"""Where a mass fit starts, taken from the data: sideband counts for the background, the excess over it for the peaks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from columnar_af.fits.mass_model import MassModel
from columnar_af.fits.shapes import Values

SIDEBANDS = ((1.70, 1.80), (1.895, 1.925), (1.99, 2.02))
"""Ranges without a peak, GeV (RUN3 Control_fits.py: 1.70-1.80, 1.89-1.925, 1.99-2.02)."""
PEAK_WINDOWS = {"ds": (1.93, 1.99), "dplus": (1.84, 1.89)}
"""Where a peak's excess is counted, GeV."""
SEEN = 3.0
"""A peak is taken as seen when its excess is at least so many standard deviations; else its shape is not free."""


@dataclass(frozen=True)
class StartValues:
    """Starting values of a fit.

    Attributes:
        values: Parameter -> value.
        unseen: Components whose excess over the sidebands is too small to have a shape of their own.
    """

    values: dict[str, float]
    unseen: tuple[str, ...]


def start_values(model: MassModel, counts: Values, edges: Values) -> StartValues:
    """Starting values from a histogram.

    Args:
        model: The model that will be fitted.
        counts: ``(n_bins,)``.
        edges: ``(n_bins + 1,)``, GeV.
    """
    values = {name: parameter.start for name, parameter in model.shape_parameters.items()}
    slope, at_low = _sideband_exponential(counts, edges)
    if "background_slope" in values:
        values["background_slope"] = slope
    total, unseen = float(np.sum(counts)), []
    for component in model.components:
        if component.name in PEAK_WINDOWS:
            low, high = PEAK_WINDOWS[component.name]
            inside = _inside(edges, low, high)
            found = float(np.sum(counts[inside]))
            expected = float(np.sum(_exponential_counts(slope, at_low, edges)[inside]))
            values[component.yield_name] = max(found - expected, 1.0)
            if found - expected < SEEN * math.sqrt(max(found, 1.0)):
                unseen.append(component.name)
    peaks = sum(values[c.yield_name] for c in model.components if c.name in PEAK_WINDOWS)
    values["background_yield"] = max(total - peaks, 1.0)
    return StartValues(values, tuple(unseen))


def _inside(edges: Values, low: float, high: float) -> Values:
    return np.asarray((edges[:-1] >= low - 1e-9) & (edges[1:] <= high + 1e-9))


def _sideband_exponential(counts: Values, edges: Values) -> tuple[float, float]:
    """Slope [1/GeV] and logarithm of the events per bin at 0, by least squares on the logarithms in the sidebands."""
    chosen = np.logical_or.reduce([_inside(edges, low, high) for low, high in SIDEBANDS]) & (counts > 0)
    if np.count_nonzero(chosen) < 3:
        return 0.0, math.log(max(float(np.mean(counts)), 1e-3))
    centres = (edges[:-1] + edges[1:])[chosen] / 2
    slope, offset = np.polyfit(centres, np.log(counts[chosen]), 1, w=np.sqrt(counts[chosen]))
    return float(np.clip(slope, -15.0, 4.0)), float(offset)


def _exponential_counts(slope: float, offset: float, edges: Values) -> Values:
    return np.asarray(np.exp(offset + slope * (edges[:-1] + edges[1:]) / 2))
