"""Spectra with a known truth, for the tests of the fits."""

from __future__ import annotations

import hist
import numpy as np
from numpy.random import Generator

from columnar_af.fits.shapes import Values

LOW, HIGH, BINS = 1.65, 2.01, 62
DS_MEAN, DPLUS_MEAN = 1.9685, 1.8695
NARROW, RATIO, WIDE_FRACTION = 0.0125, 1.66, 0.15
"""Resolution of simulated D_s: narrow in the barrel, wider in the endcaps."""
SLOPE = -2.0
"""1/GeV, of the background."""


def peak(generator: Generator, mean: float, number: int) -> Values:
    """Masses of a resonance."""
    wide = generator.random(number) < WIDE_FRACTION
    return generator.normal(mean, NARROW * np.where(wide, RATIO, 1.0))


def background(generator: Generator, number: int) -> Values:
    """Masses from a falling exponential."""
    width = HIGH - LOW
    return LOW + np.log1p(generator.random(number) * np.expm1(SLOPE * width)) / SLOPE


def masses(generator: Generator, ds: int, dplus: int, other: int) -> Values:
    """A sample of exactly these numbers; some peak candidates lie outside of the range."""
    parts = [peak(generator, DS_MEAN, ds), peak(generator, DPLUS_MEAN, dplus), background(generator, other)]
    return np.concatenate(parts)


def histogram(values: Values) -> hist.Hist:
    """With the bins of the seed's notebook."""
    filled = hist.Hist(hist.axis.Regular(BINS, LOW, HIGH, name="mass"), storage=hist.storage.Weight())
    filled.fill(values)
    return filled
