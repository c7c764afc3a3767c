"""MIGRAD and HESSE, with simpler shapes where the data do not measure all parameters, and a verdict on the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from iminuit import Minuit
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.fits.fit_result import FittedParameter
from columnar_af.fits.shapes import Parameter, Simplification, Values

AT_LIMIT = 1e-3
"""A parameter closer to a limit than this part of its allowed range sits at the limit."""
UNMEASURED = 0.5
"""A parameter whose uncertainty is this part of its allowed range is not measured."""
MOST_CALLS = 20_000
"""Calls of the likelihood in one MIGRAD; a fit of 11 parameters takes about 500."""
STEP = 0.01
"""Step of numerical derivatives in standard deviations: the yields are linear over that distance."""


@dataclass(frozen=True)
class Minimum:
    """Where a minimization ended.

    Attributes:
        minuit: With its parameters, fixed and free, and the covariance.
        problems: Why it must not be used; empty for a good one.
        notes: The simplifications that were necessary.
    """

    minuit: Minuit
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def values(self) -> Values:
        """The parameters, ``(n_parameters,)``."""
        return np.asarray(self.minuit.values, dtype=np.float64)

    @property
    def covariance(self) -> Values:
        """``(n_parameters, n_parameters)``; 0 for fixed parameters."""
        return np.asarray(self.minuit.covariance, dtype=np.float64)

    def parameters(self) -> dict[str, FittedParameter]:
        """Name -> value and uncertainty."""
        return {
            p.name: FittedParameter(
                value=p.value,
                error=0.0 if p.is_fixed else p.error,
                lower=p.merror[0] if p.merror else None,
                upper=p.merror[1] if p.merror else None,
                fixed=p.is_fixed,
            )
            for p in self.minuit.params
        }


CostFunction = Callable[..., float]
"""A cost of iminuit, or another function of all parameters that says by ``errordef`` how it is scaled."""


def minimize(
    cost: CostFunction,
    parameters: Mapping[str, Parameter],
    fixed: Mapping[str, float],
    simplifications: Sequence[Simplification],
) -> Minimum:
    """Find the minimum of a cost function.

    A parameter at a limit, a parameter that is not measured, or a covariance that is not positive definite mean that the
    model asks more than the data know. Then the first simplification that holds such a parameter is made, with a note,
    and the fit repeated. Only when none is left the fit has failed.

    Args:
        cost: Its arguments are the parameters, in their order.
        parameters: Name -> start and limits; all arguments of ``cost``.
        fixed: Parameter -> value that it keeps.
        simplifications: What may be fixed, in this order.

    Raises:
        ConfigError: ``fixed`` names an unknown parameter.
    """
    unknown = [name for name in fixed if name not in parameters]
    if unknown:
        msg = f"there is no parameter {', '.join(unknown)} to fix; the parameters are {', '.join(parameters)}"
        raise ConfigError(msg)
    minuit = _prepared(cost, parameters, fixed)
    left, notes = list(simplifications), list[str]()
    while True:
        _descend(minuit)
        at_limits, unmeasured = _at_limits(minuit), _unmeasured(minuit)
        generic = _generic_problems(minuit)
        if not (generic or at_limits or unmeasured):
            return Minimum(minuit, (), tuple(notes))
        step = _next_step(left, minuit, {*at_limits, *unmeasured})
        if step is None:
            problems = (*generic, *(_limit_message(minuit, name) for name in at_limits))
            return Minimum(minuit, problems, tuple(notes))
        left.remove(step)
        notes = [*notes, step.note]
        _fix(minuit, step.fixed)
        _restart(minuit, parameters)


def _prepared(cost: CostFunction, parameters: Mapping[str, Parameter], fixed: Mapping[str, float]) -> Minuit:
    minuit = Minuit(cost, *[parameter.start for parameter in parameters.values()], name=list(parameters))
    for name, parameter in parameters.items():
        minuit.limits[name] = (parameter.low, parameter.high)
    _fix(minuit, fixed)
    minuit.strategy = 1
    return minuit


def _fix(minuit: Minuit, fixed: Mapping[str, float]) -> None:
    for name, value in fixed.items():
        minuit.limits[name] = None  # a fixed value may lie outside of what a fit may find
        minuit.values[name] = value
        minuit.fixed[name] = True


def _restart(minuit: Minuit, parameters: Mapping[str, Parameter]) -> None:
    """Start again from the starting values: the last minimum may be far from that of the simpler model."""
    for name, parameter in parameters.items():
        if not minuit.fixed[name]:
            minuit.values[name] = parameter.start


def _descend(minuit: Minuit) -> None:
    minuit.migrad(ncall=MOST_CALLS)
    if not minuit.valid:
        minuit.simplex(ncall=MOST_CALLS)
        minuit.migrad(ncall=MOST_CALLS)
    minuit.hesse()


def _generic_problems(minuit: Minuit) -> tuple[str, ...]:
    problems = []
    if not minuit.valid:
        problems.append(f"the minimization did not converge (EDM {minuit.fmin.edm:.3g})")
    if minuit.covariance is None or not minuit.fmin.has_posdef_covar or minuit.fmin.has_made_posdef_covar:
        problems.append("the covariance matrix is not positive definite")
    return tuple(problems)


def _at_limits(minuit: Minuit) -> list[str]:
    return [
        p.name
        for p in minuit.params
        if not p.is_fixed and _is_at_limit(p.value, p.lower_limit, p.upper_limit)
    ]


def _is_at_limit(value: float, low: float, high: float) -> bool:
    margin = AT_LIMIT * (high - low)
    return not low + margin < value < high - margin


def _unmeasured(minuit: Minuit) -> list[str]:
    return [
        p.name
        for p in minuit.params
        if not p.is_fixed and not p.error < UNMEASURED * (p.upper_limit - p.lower_limit)
    ]


def _limit_message(minuit: Minuit, name: str) -> str:
    low, high = minuit.limits[name]
    return f"parameter {name} = {minuit.values[name]:.6g} sits at its limit [{low:.6g}, {high:.6g}]"


def _next_step(left: list[Simplification], minuit: Minuit, offending: set[str]) -> Simplification | None:
    """The first simplification that fixes an offending parameter; any where there is no particular one."""
    useful = [step for step in left if any(not minuit.fixed[name] for name in step.fixed)]
    fitting = [step for step in useful if offending & set(step.fixed)]
    return next(iter(fitting or ([] if offending else useful)), None)


def propagated(
    function: Callable[[Values], Values], values: Values, covariance: Values
) -> tuple[Values, NDArray[np.float64]]:
    """A function of the parameters, and its covariance to first order.

    Args:
        function: ``(n_parameters,)`` -> ``(n_results,)``.
        values: ``(n_parameters,)``.
        covariance: ``(n_parameters, n_parameters)``; parameters without variance are not varied.

    Returns:
        ``(n_results,)`` and ``(n_results, n_results)``.
    """
    centre, errors = function(values), np.sqrt(np.diag(covariance))
    derivatives = np.zeros((len(centre), len(values)))
    for index in np.flatnonzero(errors > 0):
        step = np.zeros_like(values)
        step[index] = STEP * errors[index]
        derivatives[:, index] = (function(values + step) - function(values - step)) / (2 * step[index])
    return centre, derivatives @ covariance @ derivatives.T
