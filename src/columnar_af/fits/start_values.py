"""Where a mass fit starts, taken from the data: sideband counts for the background, the excess over it for the peaks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from columnar_af.fits.mass_model import BACKGROUND, MassModel
from columnar_af.fits.shapes import Values
from columnar_af.fits.spectrum import Spectrum

SIDEBANDS = ((1.70, 1.80), (1.895, 1.925), (1.99, 2.02))
"""Ranges without a peak, GeV (RUN3 Control_fits.py: 1.70-1.80, 1.89-1.925, 1.99-2.02)."""
PEAK_WINDOWS = {"ds": (1.93, 1.99), "dplus": (1.84, 1.89)}
"""Where a peak's excess is counted, GeV."""
SEEN = 3.0
"""A peak is taken as seen when its excess is at least so many standard deviations; else its shape is not free."""
CLEAR = 8.0
"""From so many standard deviations on a peak must be able to say its own position and width."""


@dataclass(frozen=True)
class StartValues:
    """Starting values of a fit.

    Attributes:
        values: Parameter -> value.
        unseen: Components whose excess over the sidebands is too small to have a shape of their own.
        faint: Components that are seen, but perhaps not well enough to have a position and a width of their own.
    """

    values: dict[str, float]
    unseen: tuple[str, ...]
    faint: tuple[str, ...]


def start_values(model: MassModel, spectrum: Spectrum) -> StartValues:
    """Starting values from a spectrum.

    Args:
        model: The model that will be fitted.
        spectrum: What it will be fitted to.
    """
    values = {name: parameter.start for name, parameter in model.shape_parameters.items()}
    slope, at_low = _sideband_exponential(spectrum)
    if "background_slope" in values:
        values["background_slope"] = slope
    significance = {}
    for component in model.components:
        if component.name in PEAK_WINDOWS:
            inside = _inside(spectrum.edges, *PEAK_WINDOWS[component.name])
            found = float(np.sum(spectrum.counts[inside]))
            excess = found - float(np.sum(_exponential_counts(slope, at_low, spectrum)[inside]))
            values[component.yield_name] = max(excess, 1.0)
            noise = math.sqrt(max(float(np.sum(spectrum.variances[inside])), 1.0))
            significance[component.name] = excess / noise
    peaks = sum(values[model.component(name).yield_name] for name in significance)
    values[f"{BACKGROUND}_yield"] = max(spectrum.entries - peaks, 1.0)
    return StartValues(
        values,
        unseen=tuple(name for name, sigmas in significance.items() if sigmas < SEEN),
        faint=tuple(name for name, sigmas in significance.items() if SEEN <= sigmas < CLEAR),
    )


def _inside(edges: Values, low: float, high: float) -> Values:
    return np.asarray((edges[:-1] >= low - 1e-9) & (edges[1:] <= high + 1e-9))


def _sideband_exponential(spectrum: Spectrum) -> tuple[float, float]:
    """Slope [1/GeV] and logarithm of the events per bin at 0, by least squares on the logarithms in the sidebands."""
    edges, counts = spectrum.edges, spectrum.counts
    chosen = np.logical_or.reduce([_inside(edges, low, high) for low, high in SIDEBANDS]) & (counts > 0)
    if np.count_nonzero(chosen) < 3:
        return 0.0, math.log(max(float(np.min(counts)), 1e-3))
    slope, offset = np.polyfit(spectrum.centres[chosen], np.log(counts[chosen]), 1, w=np.sqrt(counts[chosen]))
    clipped = float(np.clip(slope, -15.0, 4.0))
    return clipped, float(offset + (slope - clipped) * np.mean(spectrum.centres[chosen]))


def _exponential_counts(slope: float, offset: float, spectrum: Spectrum) -> Values:
    return np.asarray(np.exp(offset + slope * spectrum.centres))
