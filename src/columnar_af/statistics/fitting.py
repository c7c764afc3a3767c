"""Maximum-likelihood fits of a model, and what it expects before and after them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from columnar_af.errors import MissingModuleError
from columnar_af.statistics.likelihood import Likelihood
from columnar_af.statistics.model import SIGNAL_STRENGTH, Model
from columnar_af.statistics.pyhf_workspace import observations, specification
from columnar_af.statistics.yields import Floats

BOUND_DISTANCE = 1e-6
"""A parameter this close to its limit, relative to the range, is at the limit."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of the likelihood.

    Attributes:
        name: Its name; ``staterror_SRA[0]`` is the simulation's statistics in the first bin of SRA.
        value, error: Fitted; those before the fit where the fit did not have it.
        start: Value before the fit.
        width: Its uncertainty before the fit; NaN for a free parameter.
        at_limit: Whether it was fitted to the limit of its range.
    """

    name: str
    value: float
    error: float
    start: float
    width: float
    at_limit: bool = False

    @property
    def is_free(self) -> bool:
        """Whether nothing but the data constrain it."""
        return math.isnan(self.width)

    @property
    def pull(self) -> float:
        """How many of its widths it has moved."""
        return (self.value - self.start) / self.width


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit, successful or not.

    Attributes:
        parameters: All parameters; empty where it failed.
        covariance: Of the parameters, in their order.
        twice_nll: -2 ln L at the minimum.
        failure: Why there is no result; empty for a success.
    """

    parameters: tuple[Parameter, ...] = ()
    covariance: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    twice_nll: float = math.nan
    failure: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it converged, with a positive definite error matrix."""
        return not self.failure

    def __getitem__(self, name: str) -> Parameter:
        """The parameter of a name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)


def require_pyhf() -> None:
    """Say what is missing.

    Raises:
        MissingModuleError: pyhf or iminuit is not installed.
    """
    try:
        import iminuit  # noqa: F401, PLC0415  (an extra)
        import pyhf  # noqa: F401, PLC0415  (an extra)
    except ModuleNotFoundError as error:
        msg = f"limits and fits of yields need {error.name}, which is not installed"
        raise MissingModuleError(msg, advice="pip install 'columnar-af[limit]'") from error


def pyhf_model(model: Model) -> Any:
    """The model as pyhf has it."""
    require_pyhf()
    import pyhf  # noqa: PLC0415  (an extra)

    poi = None if model.signal is None else SIGNAL_STRENGTH
    return pyhf.Model(specification(model), poi_name=poi, validate=False)


def pyhf_data(model: Model, likelihood_model: Any) -> list[float]:
    """Observed counts and auxiliary data in pyhf's order."""
    counts = observations(model)
    main = [count for name in likelihood_model.config.channels for count in counts[name]]
    return [*main, *likelihood_model.config.auxdata]


def fit(model: Model, *, signal_strength: float | None = None) -> Fit:
    """Fit a model to its data.

    Args:
        model: The model; the expected background stands for what is not observed.
        signal_strength: Fix the strength of the signal; free where it is None.
    """
    require_pyhf()
    import pyhf  # noqa: PLC0415  (an extra)

    from columnar_af.statistics.pyhf_backend import gradient_minuit  # noqa: PLC0415  (imports an extra)

    built = pyhf_model(model)
    start, bounds = built.config.suggested_init(), built.config.suggested_bounds()
    fixed = built.config.suggested_fixed()
    if signal_strength is not None and built.config.poi_index is not None:
        start[built.config.poi_index] = signal_strength
        fixed[built.config.poi_index] = True
    with gradient_minuit():
        try:
            _, result = pyhf.infer.mle.fit(
                pyhf_data(model, built), built, start, bounds, fixed, return_result_obj=True
            )
        except fit_failures() as error:
            return Fit(failure=failure_reason(error))
    priors = prior_parameters(built)
    parameters = tuple(
        Parameter(prior.name, float(value), float(error), prior.start, prior.width, _at_limit(value, bound, is_fixed))
        for prior, value, error, bound, is_fixed in zip(
            priors, result.x, result.unc, bounds, fixed, strict=True
        )
    )  # fmt: skip
    return Fit(parameters, np.asarray(result.covariance), float(result.fun))


def fit_failures() -> tuple[type[Exception], ...]:
    """Exceptions that say that a fit, or the search for a limit, has no result."""
    import pyhf  # noqa: PLC0415  (an extra)

    return pyhf.exceptions.FailedMinimization, ValueError, FloatingPointError


def failure_reason(error: Exception) -> str:
    """Why a fit has no result, in one line."""
    result = getattr(error, "result", None)
    text = str(getattr(result, "message", "") or error) or type(error).__name__
    return text.splitlines()[0]


def _at_limit(value: float, bound: Sequence[float], fixed: bool) -> bool:
    low, high = bound
    return not fixed and bool(min(value - low, high - value) < BOUND_DISTANCE * (high - low))


def prior_parameters(built: Any) -> tuple[Parameter, ...]:
    """The parameters of a pyhf model before any fit; the error of a free one counts as 0."""
    found = []
    names = iter(built.config.par_names)
    for name in built.config.par_order:
        set_ = built.config.param_set(name)
        sigmas = getattr(set_, "sigmas", None) or [1.0] * set_.n_parameters
        for start, sigma in zip(set_.suggested_init, sigmas, strict=True):
            width = float(sigma) if set_.constrained else math.nan
            found.append(
                Parameter(next(names), float(start), width if set_.constrained else 0.0, float(start), width)
            )
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Expectation:
    """What a model expects in a channel.

    Attributes:
        channel: Name of the channel.
        samples: Sample -> expected events and their uncertainty, shape (2, bins).
        total: The same for the sum of the backgrounds, with the correlations of the samples.
        total_all_bins: Sum of the backgrounds over the bins, and its uncertainty.
        sample_all_bins: The same of each sample.
    """

    channel: str
    samples: Mapping[str, Floats]
    total: Floats
    total_all_bins: tuple[float, float]
    sample_all_bins: Mapping[str, tuple[float, float]]


def expectations(model: Model, result: Fit | None = None) -> dict[str, Expectation]:
    """Channel -> what the model expects, before a fit, or with the parameters of a fit.

    The fit may be one of fewer channels: parameters that it did not have keep their values and widths from before.

    Args:
        model: The model.
        result: A successful fit; None for before the fit, when free normalizations are 1 without uncertainty.
    """
    built = pyhf_model(model)
    likelihood = Likelihood(built)
    priors = prior_parameters(built)
    values = np.array([prior.value for prior in priors])
    covariance = np.diag([prior.error**2 for prior in priors])
    if result is not None:
        index = {parameter.name: position for position, parameter in enumerate(result.parameters)}
        known = [(here, index[prior.name]) for here, prior in enumerate(priors) if prior.name in index]
        here, there = (np.array(column, np.intp) for column in zip(*known, strict=True))
        values[here] = [result.parameters[position].value for position in there]
        covariance[np.ix_(here, here)] = result.covariance[np.ix_(there, there)]
    cells, jacobian = likelihood.expected(values)
    return {
        channel.name: _expectation(model, channel.name, built, likelihood, cells, jacobian, covariance)
        for channel in model.channels
    }


def _expectation(
    model: Model,
    channel: str,
    built: Any,
    likelihood: Likelihood,
    cells: Floats,
    jacobian: Floats,
    covariance: Floats,
) -> Expectation:
    place = built.config.channel_slices[channel]
    signals = {sample.name for sample in model.channel(channel).samples if sample.is_signal}
    names = np.array(likelihood.samples)
    in_channel = (likelihood.bins >= place.start) & (likelihood.bins < place.stop)

    def with_errors(rows: Any) -> tuple[Floats, tuple[float, float]]:
        """Contents and errors of some cells, per bin, and of all bins together."""
        sums = np.zeros((place.stop - place.start, len(cells)))
        sums[likelihood.bins[rows] - place.start, np.flatnonzero(rows)] = 1.0
        values, derivatives = sums @ cells, sums @ jacobian
        variances = np.einsum("ij,jk,ik->i", derivatives, covariance, derivatives)
        all_bins = derivatives.sum(axis=0)
        variance = all_bins @ covariance @ all_bins
        return np.stack([values, np.sqrt(variances)]), (float(values.sum()), math.sqrt(variance))

    by_sample = {
        sample.name: with_errors(in_channel & (names == sample.name))
        for sample in model.channel(channel).samples
    }
    total, total_all = with_errors(in_channel & ~np.isin(names, sorted(signals)))
    return Expectation(
        channel,
        {name: content for name, (content, _) in by_sample.items()},
        total,
        total_all,
        {name: both for name, (_, both) in by_sample.items()},
    )
