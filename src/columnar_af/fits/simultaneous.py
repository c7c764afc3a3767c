"""One fit of the mass spectra of several eras: the peaks have the same shape in all, the yields are each era's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from operator import add
from typing import Any

import numpy as np
from iminuit import Minuit
from iminuit.cost import Cost

from columnar_af.errors import ConfigError
from columnar_af.fits.fit_result import FitResult, WindowYield
from columnar_af.fits.goodness import saturated
from columnar_af.fits.mass_fit import (
    FitOptions,
    all_simplifications,
    binned_cost,
    failed,
    judged,
    run_minos,
    started_shapes,
    too_few,
    unseen_shapes,
    window_yields,
    yield_parameters,
)
from columnar_af.fits.mass_model import BACKGROUND, MassModel
from columnar_af.fits.minimization import Minimum, minimize, propagated
from columnar_af.fits.shapes import Parameter, Simplification, Values
from columnar_af.fits.spectrum import Spectrum
from columnar_af.fits.start_values import start_values

Eras = Mapping[str, Spectrum]


@dataclass(frozen=True)
class SimultaneousResult:
    """The outcome of a simultaneous fit.

    Attributes:
        eras: Era -> what the fit says about it: parameters, yields, goodness. Those with too few events have failed.
        total: Yields in the signal window summed over eras, with the correlations through the shared shapes.
        names: All parameters; those of an era end in ``@era``.
        covariance: Of all parameters, ``(n_parameters, n_parameters)``.
    """

    eras: Mapping[str, FitResult]
    total: tuple[WindowYield, ...]
    names: tuple[str, ...] = ()
    covariance: Values = field(default_factory=lambda: np.zeros((0, 0)), repr=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with which era."""
        return tuple(f"{era}: {problem}" for era, result in self.eras.items() for problem in result.problems)

    @property
    def succeeded(self) -> bool:
        """Whether there is a sum that may be used: over the eras that have enough events, if the model describes all."""
        return bool(self.total)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "succeeded": self.succeeded,
            "problems": list(self.problems),
            "total": [vars(window) for window in self.total],
            "eras": {era: result.to_json() for era, result in self.eras.items()},
            "covariance": {"names": list(self.names), "matrix": self.covariance.tolist()},
        }


def fit_eras(
    spectra: Eras, model: MassModel, options: FitOptions | None = None, *, shared_background: bool = False
) -> SimultaneousResult:
    """Binned extended fit of several spectra with shared peak shapes.

    Args:
        spectra: Era -> its masses; all with the same bins. Eras with too few events are left out and reported as failed.
        model: The model of each era.
        options: How to fit.
        shared_background: Whether the background has the same shape in all eras, too (as in the MVA fit macros). The
            triggers differ between eras, so it has one of its own otherwise.

    Raises:
        ConfigError: No era, or eras with different bins.
    """
    options = options or FitOptions()
    if not spectra:
        msg = "a simultaneous fit needs at least one era"
        raise ConfigError(msg)
    empty = {era: failed(too_few(each), (), model, each) for era, each in spectra.items() if too_few(each)}
    result = _fit(
        {era: each for era, each in spectra.items() if era not in empty}, model, options, shared_background
    )
    merged = {**result.eras, **empty}
    return replace(result, eras={era: merged[era] for era in spectra})


def _fit(spectra: Eras, model: MassModel, options: FitOptions, shared_background: bool) -> SimultaneousResult:
    if not spectra:
        return SimultaneousResult({}, ())
    together = reduce(add, spectra.values())
    names = {era: _names(model, era, shared_background) for era in spectra}
    minimum, notes = _minimum(spectra, together, model, names, options)
    if options.minos and not minimum.problems:
        notes += run_minos(minimum, [names[era][0] for era in spectra])
    results = {
        era: _of_era(minimum, notes, model, names[era], each, options) for era, each in spectra.items()
    }
    if not all(result.succeeded for result in results.values()):
        return SimultaneousResult(results, ())
    total = _total(minimum, model, names, options)
    return SimultaneousResult(results, total, tuple(minimum.minuit.parameters), minimum.covariance)


class SumOverEras:
    """The sum of the costs of the eras and of what is known of the shapes. They are computed again only where one of their own parameters has changed.

    Most parameters belong to one era, and numerical derivatives change one at a time: with 14 eras this is ten times
    faster than a sum that computes everything.

    Args:
        costs: One per era, and one of what they share.
        positions: For each cost, which of all parameters are its arguments.
    """

    errordef = Minuit.LEAST_SQUARES
    """-2 log L."""

    def __init__(self, costs: Sequence[Cost], positions: Sequence[Sequence[int]]) -> None:
        self._costs = [lru_cache(maxsize=REMEMBERED)(cost) for cost in costs]
        self._positions = positions

    def __call__(self, *values: float) -> float:
        """-2 log L up to a constant."""
        return float(
            sum(
                cost(*[values[position] for position in positions])
                for cost, positions in zip(self._costs, self._positions, strict=True)
            )
        )


REMEMBERED = 4
"""Values that are remembered per era: that of the point about which derivatives are taken, and the last few."""


def _names(model: MassModel, era: str, shared_background: bool) -> tuple[str, ...]:
    """The fit's names for the model's parameters in an era."""
    shared = set(model.shape_parameters)
    if not shared_background:
        shared -= set(model.component(BACKGROUND).names)
    return tuple(name if name in shared else f"{name}@{era}" for name in model.names)


def _minimum(
    spectra: Eras,
    together: Spectrum,
    model: MassModel,
    names: Mapping[str, tuple[str, ...]],
    options: FitOptions,
) -> tuple[Minimum, tuple[str, ...]]:
    whole = start_values(model, together)
    fixed, notes = unseen_shapes(model, whole)
    parameters: dict[str, Parameter] = {}
    steps: dict[tuple[tuple[str, float], ...], Simplification] = {}
    fixed_names: dict[str, float] = {}
    for era, spectrum in spectra.items():
        to_fit = dict(zip(model.names, names[era], strict=True))
        start = start_values(model, spectrum)
        own = yield_parameters(model, start, spectrum) | started_shapes(model, whole)
        parameters |= {to_fit[name]: replace(parameter, name=to_fit[name]) for name, parameter in own.items()}
        fixed_names |= {
            to_fit[name]: value for name, value in (fixed | dict(options.fixed)).items() if name in to_fit
        }
        for step in all_simplifications(model, replace(start, faint=whole.faint)):
            renamed = _renamed(step, to_fit, era)
            steps.setdefault(tuple(sorted(renamed.fixed.items())), renamed)
    costs: list[Cost] = [binned_cost(spectrum, model, names[era]) for era, spectrum in spectra.items()]
    arguments = [names[era] for era in spectra]
    if len(tails := options.tails.without(fixed_names)):
        costs.append(tails.cost())
        arguments.append(tails.names)
    positions = [[list(parameters).index(name) for name in own] for own in arguments]
    minimum = minimize(SumOverEras(costs, positions), parameters, fixed_names, tuple(steps.values()))
    return minimum, (*notes, *minimum.notes)


def _renamed(step: Simplification, to_fit: Mapping[str, str], era: str) -> Simplification:
    """A simplification in the fit's names; its note says the era where it concerns one."""
    fixed = {to_fit[name]: value for name, value in step.fixed.items()}
    is_own = any(name.endswith(f"@{era}") for name in fixed)
    return Simplification(fixed, f"{era}: {step.note}" if is_own else step.note)


def _of_era(
    minimum: Minimum,
    notes: tuple[str, ...],
    model: MassModel,
    names: tuple[str, ...],
    spectrum: Spectrum,
    options: FitOptions,
) -> FitResult:
    """The part of the fit that concerns an era, in the model's own names."""
    if minimum.problems:
        return failed(minimum.problems, notes, model, spectrum)
    everything = list(minimum.minuit.parameters)
    positions = [everything.index(name) for name in names]
    values, covariance = minimum.values[positions], minimum.covariance[np.ix_(positions, positions)]
    found = minimum.parameters()
    own = sum("@" in name and not found[name].fixed for name in names)
    expected = np.asarray(np.diff(model.scaled_cdf(spectrum.edges, *values)))
    goodness = saturated(spectrum, expected, own)
    problems, more = judged(goodness, spectrum)
    if problems:
        return failed(problems, (*notes, *more), model, spectrum)
    return FitResult(
        problems=(),
        notes=tuple(dict.fromkeys((*notes, *more))),
        parameters=dict(zip(model.names, (found[name] for name in names), strict=True)),
        covariance=covariance,
        windows=window_yields(model, values, covariance, options.window),
        goodness=goodness,
        model=model,
        spectrum=spectrum,
    )


def _total(
    minimum: Minimum, model: MassModel, names: Mapping[str, tuple[str, ...]], options: FitOptions
) -> tuple[WindowYield, ...]:
    everything = list(minimum.minuit.parameters)
    positions = [[everything.index(name) for name in own] for own in names.values()]
    edges = np.array([max(options.window[0], model.low), min(options.window[1], model.high)])
    components = [component.name for component in model.components]

    def counts(values: Values) -> Values:
        parts = [model.component_counts(edges, [float(v) for v in values[own]]) for own in positions]
        return np.array([sum(part[name][0] for part in parts) for name in components])

    centre, covariance = propagated(counts, minimum.values, minimum.covariance)
    low, high = (float(edge) for edge in edges)
    return tuple(
        WindowYield(name, low, high, float(value), float(error))
        for name, value, error in zip(components, centre, np.sqrt(np.diag(covariance)), strict=True)
    )
