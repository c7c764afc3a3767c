"""Shapes of peaks and backgrounds in a mass spectrum: normalized densities on a range, with named parameters.

A shape is normalized to 1 on the fit range, so that a yield is the number of events in that range. Each shape also says how
it becomes simpler when the data cannot measure all of its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numba_stats import crystalball, norm
from numpy.typing import NDArray

from columnar_af.errors import ConfigError

Values = NDArray[np.float64]
Density = Callable[..., Values]
"""(x, *parameters) -> values of x's shape."""


@dataclass(frozen=True)
class Parameter:
    """A free parameter.

    Attributes:
        name: Its name.
        start: Where a fit starts.
        low, high: The limits that it may not leave.
        spread: How far from ``start`` it is expected before any data, one standard deviation; None where nobody knows.
    """

    name: str
    start: float
    low: float
    high: float
    spread: float | None = None


@dataclass(frozen=True)
class Simplification:
    """Parameters to fix when the data do not measure them.

    Attributes:
        fixed: Parameter -> value.
        note: What that means, for the reader of the result.
    """

    fixed: Mapping[str, float]
    note: str


@dataclass(frozen=True)
class Shape:
    """A density on ``[low, high]`` and its integral.

    Attributes:
        name: Name of the shape, for messages and results.
        parameters: Its free parameters, in the order that ``pdf`` and ``cdf`` take them.
        pdf: Density; its integral over the range is 1.
        cdf: Integral from ``low``; 0 at ``low``, 1 at ``high``.
        simplifications: What to fix, in this order, when the data do not measure it.
    """

    name: str
    parameters: tuple[Parameter, ...]
    pdf: Density
    cdf: Density
    simplifications: tuple[Simplification, ...] = ()


def _on_range(pdf: Density, cdf: Density, low: float, high: float) -> tuple[Density, Density]:
    """Cut a distribution on the whole axis to a range and normalize it there."""
    edges = np.array([low, high])

    def inside(x: Values, *parameters: float) -> Values:
        below, above = cdf(edges, *parameters)
        return pdf(x, *parameters) / (above - below)

    def integral(x: Values, *parameters: float) -> Values:
        values = cdf(np.concatenate([edges, x]), *parameters)  # one call: half of a fit is the cost of calls
        return np.asarray((values[2:] - values[0]) / (values[1] - values[0]))

    return inside, integral


def gaussian(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """A normal distribution; ``mean`` and ``sigma`` in GeV."""
    return Shape("gaussian", (mean, sigma), *_on_range(norm.pdf, norm.cdf, low, high))


NO_TAIL = 10.0
"""An ``alpha`` from which on a Crystal Ball is a Gaussian for any number of events; upper limit of RUN3 Control_fits.py
(github Ma128-bit/Tau3muRun3)."""


def crystal_ball(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """A Gaussian core with a power-law tail below it, from energy lost by radiation.

    Parameters: mean, sigma [GeV]; ``alpha``, the distance in sigma at which the tail begins (0.5 to 10, RUN3
    Control_fits.py); ``n``, the power of the tail (1.01 to 25; a power of 1 cannot be normalized).
    """

    def pdf(x: Values, mean: float, sigma: float, alpha: float, n: float) -> Values:
        return np.asarray(crystalball.pdf(x, alpha, n, mean, sigma))

    def cdf(x: Values, mean: float, sigma: float, alpha: float, n: float) -> Values:
        return np.asarray(crystalball.cdf(x, alpha, n, mean, sigma))

    tail = (Parameter("alpha", 1.5, 0.5, NO_TAIL), Parameter("n", 3.0, 1.01, 25.0))
    simpler = (
        Simplification({"n": 3.0}, "the power of the tail cannot be measured and is fixed at 3"),
        Simplification({"alpha": NO_TAIL, "n": 3.0}, "no tail can be measured: the peak is a Gaussian"),
    )
    return Shape("crystal-ball", (mean, sigma, *tail), *_on_range(pdf, cdf, low, high), simpler)


RATIO_SPREAD, FRACTION_SPREAD = 0.5, 0.1
"""A loose expectation around what simulated D_s have (1.66 and 0.15 in a large sample of ours): resolutions of barrel and
endcaps differ by a factor of 1.5 to 2.5 (CMS tracker, arXiv:1405.6569 Fig. 14)."""


def double_gaussian(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """Two Gaussians with a common mean; the second is wider.

    Parameters: mean, sigma [GeV] of the narrow one; ``width_ratio`` of the wide to the narrow one (more than 1, so that
    they cannot swap); ``wide_fraction``, the part of the events in the wide one.
    """

    def mixed(function: Density) -> Density:
        def mix(x: Values, mean: float, sigma: float, width_ratio: float, wide_fraction: float) -> Values:
            narrow, wide = function(x, mean, sigma), function(x, mean, sigma * width_ratio)
            return np.asarray((1 - wide_fraction) * narrow + wide_fraction * wide)

        return mix

    more = (
        Parameter("width_ratio", 1.7, 1.1, 6.0, RATIO_SPREAD),
        Parameter("wide_fraction", 0.15, 0.0, 1.0, FRACTION_SPREAD),
    )
    simpler = (
        Simplification({"width_ratio": 2.0}, "the ratio of the widths cannot be measured and is fixed at 2"),
        Simplification(
            {"width_ratio": 2.0, "wide_fraction": 0.0},
            "no second width can be measured: the peak is a Gaussian",
        ),
    )
    functions = _on_range(mixed(norm.pdf), mixed(norm.cdf), low, high)
    return Shape("double-gaussian", (mean, sigma, *more), *functions, simpler)


ALMOST_GAUSSIAN = 0.02
"""A Johnson ``tail`` below which its kurtosis differs from a Gaussian's by less than 0.2 %."""


def johnson(mean: Parameter, sigma: Parameter, low: float, high: float) -> Shape:
    """Johnson's SU distribution, a Gaussian in asinh of the mass, in terms of its own mean and standard deviation.

    Parameters: ``mean``, ``sigma`` [GeV], true mean and standard deviation; ``skewness``, negative for a tail below the
    peak; ``tail``, 0 for a Gaussian. Formulae: Rigby and Stasinopoulos, Appl. Statist. 54 (2005) 507, "JSU", with
    ``skewness`` their ν and ``tail`` their 1/τ.
    """

    def standard(
        x: Values, mean: float, sigma: float, skewness: float, tail: float
    ) -> tuple[Values, Values, float]:
        """The variable that is normally distributed, that inside of asinh, and the scale of the mass."""
        w, omega = np.exp(tail**2), -skewness * tail
        scale = sigma / np.sqrt(np.expm1(tail**2) * (w * np.cosh(2 * omega) + 1) / 2)
        y = (x - mean) / scale - np.sqrt(w) * np.sinh(omega)
        return np.arcsinh(y) / tail - skewness, y, float(scale)

    def pdf(x: Values, mean: float, sigma: float, skewness: float, tail: float) -> Values:
        z, y, scale = standard(x, mean, sigma, skewness, tail)
        return np.asarray(norm.pdf(z, 0.0, 1.0) / (scale * tail * np.sqrt(1 + y**2)))

    def cdf(x: Values, mean: float, sigma: float, skewness: float, tail: float) -> Values:
        return np.asarray(norm.cdf(standard(x, mean, sigma, skewness, tail)[0], 0.0, 1.0))

    more = (Parameter("skewness", 0.0, -5.0, 5.0), Parameter("tail", 0.4, ALMOST_GAUSSIAN, 1.5))
    simpler = (
        Simplification({"skewness": 0.0}, "the skewness cannot be measured and is fixed at 0"),
        Simplification(
            {"skewness": 0.0, "tail": ALMOST_GAUSSIAN}, "no tail can be measured: the peak is a Gaussian"
        ),
    )
    return Shape("johnson", (mean, sigma, *more), *_on_range(pdf, cdf, low, high), simpler)


FLAT = 1e-9
"""A slope that nobody can tell from 0; below it the limit of the formula is taken, which would divide by 0."""


def exponential(low: float, high: float) -> Shape:
    """``exp(slope · m)``; the slope in 1/GeV between -20 and 5 (MVA: -20 to 0).

    The seed's notebook allowed -2 to -0.01 and ended at -2: its limits were too tight for its data. A slope of exactly 0
    is a flat background; the formula is continued there.
    """

    def pdf(x: Values, slope: float) -> Values:
        if abs(slope) < FLAT:
            return np.full_like(x, 1 / (high - low))
        return np.asarray(slope * np.exp(slope * (x - low)) / np.expm1(slope * (high - low)))

    def cdf(x: Values, slope: float) -> Values:
        if abs(slope) < FLAT:
            return np.asarray((x - low) / (high - low))
        return np.asarray(np.expm1(slope * (x - low)) / np.expm1(slope * (high - low)))

    simpler = (Simplification({"slope": 0.0}, "its slope cannot be measured: flat"),)
    return Shape("exponential", (Parameter("slope", -1.0, -20.0, 5.0),), pdf, cdf, simpler)


def polynomial(low: float, high: float) -> Shape:
    """A Chebychev polynomial of second order, ``1 + a1 T1(t) + a2 T2(t)``, with t from -1 to 1 (RUN3 MC_yield.py)."""

    def variable(x: Values) -> Values:
        return np.asarray((2 * x - low - high) / (high - low))

    def pdf(x: Values, a1: float, a2: float) -> Values:
        t = variable(x)
        return np.asarray((1 + a1 * t + a2 * (2 * t**2 - 1)) / ((high - low) * (1 - a2 / 3)))

    def cdf(x: Values, a1: float, a2: float) -> Values:
        t = variable(x)
        integral = (t + 1) + a1 * (t**2 - 1) / 2 + a2 * (2 * (t**3 + 1) / 3 - (t + 1))
        return np.asarray(integral / (2 - 2 * a2 / 3))

    simpler = (
        Simplification({"a2": 0.0}, "its curvature cannot be measured: a straight line"),
        Simplification({"a1": 0.0, "a2": 0.0}, "its slope cannot be measured: flat"),
    )
    parameters = (Parameter("a1", -0.3, -2.0, 2.0), Parameter("a2", 0.0, -1.0, 1.0))
    return Shape("polynomial", parameters, pdf, cdf, simpler)


PeakShape = Callable[[Parameter, Parameter, float, float], Shape]
PEAKS: Mapping[str, PeakShape] = {
    "crystal-ball": crystal_ball,
    "gaussian": gaussian,
    "double-gaussian": double_gaussian,
    "johnson": johnson,
}
"""Name -> peak shape with free ``mean`` and ``sigma``."""
BACKGROUNDS: Mapping[str, Callable[[float, float], Shape]] = {
    "exponential": exponential,
    "polynomial": polynomial,
}
"""Name -> background shape on a range."""


def choice(kind: str, name: str, known: Mapping[str, object]) -> object:
    """The entry of a table of shapes, or an error that lists it."""
    if name not in known:
        msg = f"unknown {kind} shape {name!r}: expected one of {', '.join(known)}"
        raise ConfigError(msg)
    return known[name]
