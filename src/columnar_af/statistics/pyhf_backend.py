"""pyhf with Minuit as its minimizer, given the gradient of the likelihood. Imports pyhf and iminuit: two extras."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import iminuit
import numpy as np
import pyhf
from pyhf.exceptions import FailedMinimization
from pyhf.optimize.opt_minuit import minuit_optimizer
from scipy.optimize import OptimizeResult

from columnar_af.statistics.likelihood import Floats, Likelihood, is_supported

TOLERANCE = 1e-3
"""Minuit's: the estimated distance to the minimum of -2 ln L may be 0.002 times this. CLs near 5 % then has four digits."""


class GradientMinuit(minuit_optimizer):
    """pyhf's Minuit optimizer, but with the exact gradient, and an error matrix only where one is asked for."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        super().__init__(tolerance=TOLERANCE)
        self._known: tuple[Any, Likelihood] | None = None

    def minimize(
        self,
        objective: Callable[..., Any],
        data: Any,
        pdf: Any,
        init_pars: Any,
        par_bounds: Any,
        fixed_vals: Any = None,
        return_fitted_val: bool = False,
        return_result_obj: bool = False,
        return_uncertainties: bool = False,
        return_correlations: bool = False,
        do_grad: Any = None,
        do_stitch: bool = False,
        **kwargs: Any,
    ) -> Any:
        """As in pyhf; a model with modifiers that :class:`Likelihood` does not know goes the way of pyhf."""
        if not is_supported(pdf):
            return super().minimize(
                objective, data, pdf, init_pars, par_bounds, fixed_vals, return_fitted_val, return_result_obj,
                return_uncertainties, return_correlations, do_grad, do_stitch, **kwargs,
            )  # fmt: skip
        minuit = self._minimum(pdf, data, init_pars, par_bounds, fixed_vals or [])
        wants_errors = return_uncertainties or return_correlations or return_result_obj
        covariance = self._covariance(minuit, data) if wants_errors else None
        result = _result(minuit, covariance)
        fitted = np.stack([result.x, result.unc], axis=1) if return_uncertainties else result.x
        chosen = [fitted]
        chosen += [result.corr] if return_correlations else []
        chosen += [result.fun] if return_fitted_val else []
        chosen += [result] if return_result_obj else []
        return tuple(chosen) if len(chosen) > 1 else chosen[0]

    def _minimum(self, pdf: Any, data: Any, start: Any, bounds: Any, fixed: Any) -> iminuit.Minuit:
        """Minimize; with less and less help where Minuit does not converge.

        Raises:
            FailedMinimization: It never did.
        """
        if self._known is None or self._known[0] is not pdf:
            self._known = (pdf, Likelihood(pdf))
        data = np.asarray(data, float)
        value, gradient = self._known[1].function(data)
        curvature = self._known[1].curvature(data)
        start = [float(number) for number in start]
        for index, number in fixed:
            start[index] = float(number)
        if not np.isfinite(value(np.array(start))):
            message = "the likelihood is not a number at the start of the fit"
            raise FailedMinimization(OptimizeResult(message=message))
        for strategy, helpers in (
            (0, {"grad": gradient, "hessian": curvature}),
            (1, {"grad": gradient, "hessian": curvature}),
            (1, {"grad": gradient}),
            (2, {}),
        ):
            minuit = iminuit.Minuit(value, start, name=pdf.config.par_names, **helpers)
            minuit.limits = [tuple(bound) for bound in bounds]
            minuit.fixed = [index in dict(fixed) for index in range(len(start))]
            minuit.errordef = 1.0
            minuit.tol = self.tolerance
            minuit.strategy = strategy
            minuit.migrad()
            if minuit.valid and np.isfinite(minuit.fval):
                return minuit
        reason = "call limit reached" if minuit.fmin.has_reached_call_limit else "no valid minimum"
        message = f"Minuit did not converge ({reason}, EDM {minuit.fmin.edm:.2g})"
        raise FailedMinimization(OptimizeResult(message=message))

    def _covariance(self, minuit: iminuit.Minuit, data: Any) -> Floats:
        """Inverse of half the second derivatives at the minimum; 0 for what is fixed.

        Raises:
            FailedMinimization: It is not positive definite.
        """
        assert self._known is not None  # _minimum has set it
        values, free = np.array(minuit.values), ~np.array(minuit.fixed)
        hessian = self._known[1].hessian(values, np.asarray(data, float))[np.ix_(free, free)]
        if not np.isfinite(hessian).all() or np.linalg.eigvalsh(hessian).min() <= 0:
            raise FailedMinimization(OptimizeResult(message="the error matrix is not positive definite"))
        covariance = np.zeros((len(values), len(values)))
        covariance[np.ix_(free, free)] = 2 * np.linalg.inv(hessian)
        return covariance


def _result(minuit: iminuit.Minuit, covariance: Floats | None) -> OptimizeResult:
    found = OptimizeResult(
        x=np.array(minuit.values), fun=np.array(minuit.fval), success=minuit.valid, minuit=minuit
    )
    if covariance is not None:
        found.covariance = covariance
        found.unc = np.sqrt(np.diag(covariance))
        scale = np.where(found.unc > 0, found.unc, 1.0)
        found.corr = covariance / np.outer(scale, scale)
    return found


@contextmanager
def gradient_minuit() -> Iterator[None]:
    """pyhf with NumPy and :class:`GradientMinuit`; what was set before is set again in the end.

    pyhf logs the whole minimizer when a fit fails; the failure is an exception already, so its log is kept quiet.
    """
    before = pyhf.get_backend()
    log = logging.getLogger("pyhf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    pyhf.set_backend("numpy", GradientMinuit())
    try:
        yield
    finally:
        pyhf.set_backend(*before)
        log.setLevel(level)
