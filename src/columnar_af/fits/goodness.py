"""Goodness of fit in bins: likelihood ratio to the saturated model, its distribution from χ² or from toys."""

from __future__ import annotations

import numpy as np
from iminuit import Minuit
from iminuit.cost import ExtendedBinnedNLL
from scipy import stats

from columnar_af.errors import ConfigError
from columnar_af.fits.fit_result import FitResult, GoodnessOfFit
from columnar_af.fits.shapes import Values
from columnar_af.fits.spectrum import Spectrum

TINY = 1e-12
"""Expected events are at least this, so that a bin without any has a logarithm."""


def saturated_statistic(spectrum: Spectrum, expected: Values) -> float:
    """Twice the logarithm of the likelihood ratio to the saturated model (Baker and Cousins, NIM 221 (1984) 437).

    Weighted bins are scaled to an equivalent number of events (Bohm and Zech, NIM A 748 (2014) 1).
    """
    counts, expected = spectrum.counts, np.maximum(expected, TINY)
    filled = (spectrum.variances > 0) & (counts > 0)
    scale = np.ones_like(counts)
    scale[filled] = counts[filled] / spectrum.variances[filled]
    scale[~filled] = np.median(scale[filled]) if np.any(filled) else 1.0
    logarithm = np.zeros_like(counts)
    logarithm[filled] = counts[filled] * np.log(counts[filled] / expected[filled])
    return float(2 * np.sum(scale * (expected - counts + logarithm)))


def saturated(spectrum: Spectrum, expected: Values, free_parameters: int) -> GoodnessOfFit:
    """The test with the χ² distribution that the statistic has for large counts."""
    statistic, ndof = saturated_statistic(spectrum, expected), len(expected) - free_parameters
    return GoodnessOfFit("saturated", statistic, ndof, float(stats.chi2.sf(statistic, ndof)))


def by_toys(result: FitResult, toys: int, seed: int = 1) -> GoodnessOfFit:
    """The test with the distribution of the statistic in pseudo-experiments from the fitted model, each fitted again.

    Args:
        result: A fit that succeeded, to data without weights.
        toys: Number of pseudo-experiments.
        seed: Of their random numbers.

    Raises:
        ConfigError: The data are weighted: what to draw is not known.
    """
    if result.spectrum.is_weighted:
        msg = "toys need counts, and this histogram is weighted"
        raise ConfigError(msg, advice="take the goodness of fit from the saturated likelihood")
    generator = np.random.default_rng(seed)
    expected = np.maximum(np.diff(result.model.scaled_cdf(result.spectrum.edges, *result.values)), 0)
    observed = saturated_statistic(result.spectrum, expected)
    statistics = [_refitted(result, generator.poisson(expected).astype(float)) for _ in range(toys)]
    worse = sum(statistic >= observed for statistic in statistics)
    free = sum(not parameter.fixed for parameter in result.parameters.values())
    ndof = len(expected) - free + len(result.tails)
    return GoodnessOfFit("toys", observed, ndof, (1 + worse) / (1 + toys))


def _refitted(result: FitResult, counts: Values) -> float:
    binned = ExtendedBinnedNLL(
        counts, result.spectrum.edges, result.model.scaled_cdf, name=result.model.names
    )
    cost = binned + result.tails.cost() if len(result.tails) else binned
    minuit = Minuit(cost, *result.values, name=result.model.names)
    for name, parameter in result.parameters.items():
        minuit.fixed[name] = parameter.fixed
        if name in result.model.shape_parameters and not parameter.fixed:
            limits = result.model.shape_parameters[name]
            minuit.limits[name] = (limits.low, limits.high)
    minuit.strategy = 0  # the minimum is wanted, not the covariance
    minuit.migrad()
    return float(binned(*minuit.values))
