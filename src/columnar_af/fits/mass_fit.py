"""Extended likelihood fit of the μμπ mass, binned or unbinned, with iminuit.

A fit that did not converge, that has a parameter at a limit, or whose covariance is not positive definite is reported as
failed. It is never a yield.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import hist
import numpy as np
from iminuit import Minuit
from iminuit.cost import ExtendedBinnedNLL, ExtendedUnbinnedNLL
from iminuit.util import propagate
from scipy import stats

from columnar_af.errors import ConfigError
from columnar_af.fits.fit_result import FitResult, FittedParameter, GoodnessOfFit, WindowYield
from columnar_af.fits.mass_model import MassModel
from columnar_af.fits.shapes import Values
from columnar_af.fits.start_values import StartValues, start_values

SIGNAL_WINDOW = (1.93, 2.01)
"""Where the D_s yield is counted, GeV (MVA and RUN3 mass fits)."""
SCAN_BINS = 80
"""Bins in which an unbinned sample is looked at for starting values and goodness of fit."""
AT_LIMIT = 1e-3
"""A parameter closer to a limit than this part of its allowed range sits at the limit."""
LEAST_ENTRIES = 50
"""With fewer events than this no mass fit with two peaks is tried."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        fixed: Parameter -> value to keep, for example tails taken from simulation.
        minos: Whether to compute asymmetric uncertainties of the yields.
        window: Mass window of the reported yields, GeV.
    """

    fixed: Mapping[str, float] = field(default_factory=dict)
    minos: bool = True
    window: tuple[float, float] = SIGNAL_WINDOW


def fit_histogram(histogram: hist.Hist, model: MassModel, options: FitOptions | None = None) -> FitResult:
    """Binned extended fit of the bins that lie in the model's range; weighted histograms keep their variances.

    Raises:
        ConfigError: The model's range is not bounded by bin edges, or lies outside of the histogram.
    """
    counts, variances, edges = _bins_in_range(histogram, model)
    weighted = not np.array_equal(counts, variances)
    data = np.stack([counts, variances], axis=1) if weighted else counts
    cost = ExtendedBinnedNLL(data, edges, model.scaled_cdf, name=model.names)
    return _fit(cost, model, counts, edges, options or FitOptions())


def fit_masses(masses: Values, model: MassModel, options: FitOptions | None = None) -> FitResult:
    """Unbinned extended fit of masses [GeV]; those outside of the model's range are left out."""
    inside = masses[(masses >= model.low) & (masses <= model.high)]
    counts, edges = np.histogram(inside, bins=SCAN_BINS, range=(model.low, model.high))
    cost = ExtendedUnbinnedNLL(inside, model.scaled_pdf, name=model.names)
    return _fit(cost, model, counts.astype(float), edges, options or FitOptions())


def _bins_in_range(histogram: hist.Hist, model: MassModel) -> tuple[Values, Values, Values]:
    edges = np.asarray(histogram.axes[0].edges)
    first, last = (int(np.argmin(np.abs(edges - edge))) for edge in (model.low, model.high))
    if not np.allclose([edges[first], edges[last]], [model.low, model.high], atol=1e-9):
        msg = (
            f"the fit range {model.low} to {model.high} GeV does not fall on bin edges of the histogram, which go from "
            f"{edges[0]:.6g} to {edges[-1]:.6g} in steps of {edges[1] - edges[0]:.6g}"
        )
        raise ConfigError(msg, advice=f"take the range {edges[first]:.6g} to {edges[last]:.6g}")
    values, variances = np.asarray(histogram.values()), histogram.variances()
    chosen = slice(first, last)
    variances = values if variances is None else np.asarray(variances)
    return values[chosen], variances[chosen], edges[first : last + 1]


def _fit(
    cost: ExtendedBinnedNLL | ExtendedUnbinnedNLL, model: MassModel, counts: Values, edges: Values, options: FitOptions
) -> FitResult:
    entries = float(np.sum(counts))
    if entries < LEAST_ENTRIES:
        problem = f"only {entries:g} events between {model.low} and {model.high} GeV; a fit needs {LEAST_ENTRIES}"
        return _failed((problem,), (), model, entries)
    start = start_values(model, counts, edges)
    minuit, notes = _prepared(cost, model, start, options)
    notes += _minimize(minuit, model)
    problems = _problems(minuit, model)
    if problems:
        return _failed(problems, notes, model, entries, minuit)
    if options.minos:
        minuit.minos(*[name for name in model.yield_names if not minuit.fixed[name]])
    return FitResult(
        problems=(),
        notes=notes,
        parameters=_parameters(minuit),
        covariance=np.asarray(minuit.covariance),
        windows=_windows(minuit, model, options.window),
        goodness=_goodness(minuit, model, counts, edges),
        entries=entries,
        mass_range=(model.low, model.high),
    )


def _prepared(
    cost: ExtendedBinnedNLL | ExtendedUnbinnedNLL, model: MassModel, start: StartValues, options: FitOptions
) -> tuple[Minuit, tuple[str, ...]]:
    values = {**start.values, **options.fixed}
    minuit = Minuit(cost, *[values[name] for name in model.names], name=model.names)
    total = sum(start.values[name] for name in model.yield_names)
    for name in model.yield_names:
        minuit.limits[name] = (-0.1 * total, 2.0 * total)  # negative: a yield of zero must not sit at a limit
    for name, parameter in model.shape_parameters.items():
        minuit.limits[name] = (parameter.low, parameter.high)
    for name in options.fixed:
        minuit.fixed[name] = True
    notes = []
    for unseen in start.unseen:
        for name in model.component(unseen).names:
            minuit.fixed[name] = True
        notes.append(f"no {unseen} peak seen above the sidebands: its shape is fixed, only its yield is free")
    return minuit, tuple(notes)


def _minimize(minuit: Minuit, model: MassModel) -> tuple[str, ...]:
    """MIGRAD, again without a tail that the data do not want, then HESSE."""
    minuit.strategy = 1
    minuit.migrad(ncall=20_000)
    notes = []
    for component in model.components:
        alpha, power = f"{component.name}_alpha", f"{component.name}_n"
        if alpha in minuit.parameters and not minuit.fixed[alpha] and minuit.values[alpha] > NO_TAIL:
            minuit.values[alpha] = minuit.limits[alpha][1]
            minuit.fixed[alpha] = minuit.fixed[power] = True
            notes.append(f"no tail in the {component.name} peak: alpha and n are fixed, the peak is a Gaussian")
    if notes or not minuit.valid:
        minuit.migrad(ncall=20_000)
    minuit.hesse()
    return tuple(notes)


NO_TAIL = 4.0
"""A tail that begins so many standard deviations below the peak holds too few events to be measured."""


def _problems(minuit: Minuit, model: MassModel) -> tuple[str, ...]:
    problems = []
    if not minuit.valid:
        problems.append(f"the minimization did not converge (EDM {minuit.fmin.edm:.3g})")
    if minuit.covariance is None or not minuit.fmin.has_posdef_covar or minuit.fmin.has_made_posdef_covar:
        problems.append("the covariance matrix is not positive definite")
    for name in model.names:
        low, high = minuit.limits[name]
        margin = AT_LIMIT * (high - low)
        value = minuit.values[name]
        if not minuit.fixed[name] and not low + margin < value < high - margin:
            problems.append(f"parameter {name} = {value:.6g} sits at its limit [{low:.6g}, {high:.6g}]")
    return tuple(problems)


def _parameters(minuit: Minuit) -> dict[str, FittedParameter]:
    return {
        p.name: FittedParameter(
            p.value,
            0.0 if p.is_fixed else p.error,
            p.merror[0] if p.merror else None,
            p.merror[1] if p.merror else None,
            p.is_fixed,
        )
        for p in minuit.params
    }


def _failed(
    problems: tuple[str, ...], notes: tuple[str, ...], model: MassModel, entries: float, minuit: Minuit | None = None
) -> FitResult:
    parameters = {} if minuit is None else _parameters(minuit)
    empty = np.zeros((len(parameters), len(parameters)))
    return FitResult(problems, notes, parameters, empty, (), None, entries, (model.low, model.high))


def _windows(minuit: Minuit, model: MassModel, window: tuple[float, float]) -> tuple[WindowYield, ...]:
    low, high = max(window[0], model.low), min(window[1], model.high)
    edges = np.array([low, high])
    names = [component.name for component in model.components]

    def counts(values: Values) -> Values:
        parts = model.component_counts(edges, tuple(values))
        return np.array([parts[name][0] for name in names])

    value, covariance = propagate(counts, np.asarray(minuit.values), np.asarray(minuit.covariance))
    errors = np.sqrt(np.diag(covariance))
    return tuple(
        WindowYield(name, low, high, float(v), float(e)) for name, v, e in zip(names, value, errors, strict=True)
    )


def _goodness(minuit: Minuit, model: MassModel, counts: Values, edges: Values) -> GoodnessOfFit:
    """Likelihood ratio to the saturated model (Baker and Cousins, NIM 221 (1984) 437), in bins."""
    expected = np.maximum(np.diff(model.scaled_cdf(edges, *minuit.values)), 1e-12)
    ratio = np.where(counts > 0, counts * np.log(np.maximum(counts, 1e-300) / expected), 0.0)
    statistic = float(2 * np.sum(expected - counts + ratio))
    ndof = len(counts) - minuit.nfit
    return GoodnessOfFit("saturated", statistic, ndof, float(stats.chi2.sf(statistic, ndof)))
