"""Shapes of peaks and backgrounds in a mass spectrum: normalized densities on a range, with named parameters.

A shape is normalized to 1 on the fit range, so that a yield is the number of events in that range. Densities come from
numba-stats; the Johnson SU distribution, which it lacks, from SciPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numba_stats import bernstein, crystalball, norm
from numpy.typing import NDArray
from scipy import stats

from columnar_af.errors import ConfigError

Values = NDArray[np.float64]
Density = Callable[..., Values]
"""(x, *parameters) -> values of x's shape."""


@dataclass(frozen=True)
class Parameter:
    """A free parameter: its name, where a fit starts, and the limits that it may not leave."""

    name: str
    start: float
    low: float
    high: float


@dataclass(frozen=True)
class Shape:
    """A density on ``[low, high]`` and its integral.

    Attributes:
        name: Name of the shape, for messages and results.
        parameters: Its free parameters, in the order that ``pdf`` and ``cdf`` take them.
        pdf: Density; its integral over the range is 1.
        cdf: Integral from ``low``; 0 at ``low``, 1 at ``high``.
    """

    name: str
    parameters: tuple[Parameter, ...]
    pdf: Density
    cdf: Density


def _on_range(pdf: Density, cdf: Density, low: float, high: float) -> tuple[Density, Density]:
    """Cut a distribution on the whole axis to a range and normalize it there."""
    edges = np.array([low, high])

    def inside(x: Values, *parameters: float) -> Values:
        below, above = cdf(edges, *parameters)
        return pdf(x, *parameters) / (above - below)

    def integral(x: Values, *parameters: float) -> Values:
        below, above = cdf(edges, *parameters)
        return (cdf(x, *parameters) - below) / (above - below)

    return inside, integral


def gaussian(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """A normal distribution; ``mean`` and ``sigma`` in GeV."""
    return Shape("gaussian", (mean, sigma), *_on_range(norm.pdf, norm.cdf, low, high))


def crystal_ball(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """A Gaussian core with a power-law tail below it, from energy lost by radiation.

    Parameters: mean, sigma [GeV]; ``alpha``, the distance in sigma at which the tail begins (0.5 to 10, RUN3
    Control_fits.py); ``n``, the power of the tail (1.01 to 25; a power of 1 cannot be normalized).
    """

    def pdf(x: Values, mean: float, sigma: float, alpha: float, n: float) -> Values:
        return np.asarray(crystalball.pdf(x, alpha, n, mean, sigma))

    def cdf(x: Values, mean: float, sigma: float, alpha: float, n: float) -> Values:
        return np.asarray(crystalball.cdf(x, alpha, n, mean, sigma))

    tail = (Parameter("alpha", 1.5, 0.5, 10.0), Parameter("n", 3.0, 1.01, 25.0))
    return Shape("crystal-ball", (mean, sigma, *tail), *_on_range(pdf, cdf, low, high))


def double_gaussian(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """Two Gaussians with a common mean; the second is wider.

    Parameters: mean, sigma [GeV]; ``width_ratio`` of the second to the first (more than 1, so that they cannot swap);
    ``fraction`` of the first.
    """

    def mixed(function: Density) -> Density:
        def mix(x: Values, mean: float, sigma: float, width_ratio: float, fraction: float) -> Values:
            narrow, wide = function(x, mean, sigma), function(x, mean, sigma * width_ratio)
            return np.asarray(fraction * narrow + (1 - fraction) * wide)

        return mix

    more = (Parameter("width_ratio", 2.0, 1.05, 6.0), Parameter("fraction", 0.7, 0.0, 1.0))
    return Shape("double-gaussian", (mean, sigma, *more), *_on_range(mixed(norm.pdf), mixed(norm.cdf), low, high))


def johnson(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """Johnson's SU distribution: a Gaussian in asinh of the mass, with adjustable skewness and tails.

    Parameters: mean, sigma [GeV], here location and scale; ``skewness`` γ; ``tail`` δ (larger: more Gaussian).
    """

    def pdf(x: Values, mean: float, sigma: float, skewness: float, tail: float) -> Values:
        return np.asarray(stats.johnsonsu.pdf(x, skewness, tail, mean, sigma))

    def cdf(x: Values, mean: float, sigma: float, skewness: float, tail: float) -> Values:
        return np.asarray(stats.johnsonsu.cdf(x, skewness, tail, mean, sigma))

    more = (Parameter("skewness", 0.0, -5.0, 5.0), Parameter("tail", 1.5, 0.3, 10.0))
    return Shape("johnson", (mean, sigma, *more), *_on_range(pdf, cdf, low, high))


def exponential(low: float, high: float) -> Shape:
    """``exp(slope · m)``; the slope in 1/GeV between -20 and 5 (MVA: -20 to 0).

    The seed's notebook allowed -2 to -0.01 and ended at -2: its limits were too tight for its data. A slope of exactly 0
    is a flat background; the formula is continued there.
    """

    def pdf(x: Values, slope: float) -> Values:
        if abs(slope) < 1e-9:
            return np.full_like(x, 1 / (high - low))
        return np.asarray(slope * np.exp(slope * (x - low)) / np.expm1(slope * (high - low)))

    def cdf(x: Values, slope: float) -> Values:
        if abs(slope) < 1e-9:
            return np.asarray((x - low) / (high - low))
        return np.asarray(np.expm1(slope * (x - low)) / np.expm1(slope * (high - low)))

    return Shape("exponential", (Parameter("slope", -1.0, -20.0, 5.0),), pdf, cdf)


def polynomial(low: float, high: float, degree: int = 2) -> Shape:
    """A Bernstein polynomial with non-negative coefficients, so that the density cannot be negative.

    The first coefficient is 1; ``c1`` to ``c<degree>`` are relative to it.
    """

    def coefficients(parameters: tuple[float, ...]) -> Values:
        raw = np.array([1.0, *parameters])
        return np.asarray(raw / (raw.mean() * (high - low)))  # the integral of a Bernstein polynomial is its mean

    def pdf(x: Values, *parameters: float) -> Values:
        return np.asarray(bernstein.density(x, coefficients(parameters), low, high))

    def cdf(x: Values, *parameters: float) -> Values:
        return np.asarray(bernstein.integral(x, coefficients(parameters), low, high))

    return Shape("polynomial", tuple(Parameter(f"c{i}", 1.0, 0.0, 50.0) for i in range(1, degree + 1)), pdf, cdf)


PeakShape = Callable[[Parameter, Parameter, float, float], Shape]
PEAKS: Mapping[str, PeakShape] = {
    "crystal-ball": crystal_ball,
    "gaussian": gaussian,
    "double-gaussian": double_gaussian,
    "johnson": johnson,
}
"""Name -> peak shape with free ``mean`` and ``sigma``."""
BACKGROUNDS: Mapping[str, Callable[[float, float], Shape]] = {"exponential": exponential, "polynomial": polynomial}
"""Name -> background shape on a range."""


def choice(kind: str, name: str, known: Mapping[str, object]) -> object:
    """The entry of a table of shapes, or an error that lists it."""
    if name not in known:
        msg = f"unknown {kind} shape {name!r}: expected one of {', '.join(known)}"
        raise ConfigError(msg)
    return known[name]
