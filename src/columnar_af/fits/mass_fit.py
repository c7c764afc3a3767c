"""Extended likelihood fit of the μμπ mass, binned or unbinned, with iminuit.

A fit that did not converge, that has a parameter at a limit, or whose covariance is not positive definite is reported as
failed. It is never a yield.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import hist
import numpy as np
from iminuit.cost import Cost, ExtendedBinnedNLL, ExtendedUnbinnedNLL

from columnar_af.errors import ConfigError
from columnar_af.fits.constraint import Constraint, for_model, loose_tails
from columnar_af.fits.fit_result import ENTRIES_PER_BIN, FitResult, GoodnessOfFit, WindowYield
from columnar_af.fits.goodness import saturated
from columnar_af.fits.mass_model import BACKGROUND, TAIL, MassModel, mass_model
from columnar_af.fits.minimization import Minimum, minimize, propagated
from columnar_af.fits.shapes import Parameter, Simplification, Values
from columnar_af.fits.spectrum import Spectrum
from columnar_af.fits.start_values import StartValues, start_values

SIGNAL_WINDOW = (1.93, 2.01)
"""Where the D_s yield is counted, GeV (MVA and RUN3 mass fits)."""
SCAN_BINS = 72
"""Bins in which an unbinned sample is looked at for starting values and goodness of fit; 5 MeV in 1.65 to 2.01."""
LEAST_ENTRIES = 20
"""With fewer events than this no mass fit with two peaks is tried."""
LEAST_EXPECTED = 1e-9
"""Expected events in a bin are at least this; one event there then costs 41 units of -2 log L."""
POOR = 0.01
"""Below this p-value a note says that the model describes the data poorly."""
HOPELESS = 1e-8
"""Below this p-value a fit has failed: no statistical fluctuation among all fits ever made looks like that."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        fixed: Parameter -> value to keep.
        tails: What is known of tails, from simulation for example; it adds to the likelihood, so that its uncertainty is in
            that of the yields.
        minos: Whether to compute asymmetric uncertainties of the peaks' yields.
        window: Mass window of the reported yields, GeV.
    """

    fixed: Mapping[str, float] = field(default_factory=dict)
    tails: Constraint = field(default_factory=Constraint)
    minos: bool = True
    window: tuple[float, float] = SIGNAL_WINDOW


def fit_histogram(histogram: hist.Hist, model: MassModel, options: FitOptions | None = None) -> FitResult:
    """Binned extended fit of the bins that lie in the model's range; weighted histograms keep their variances.

    Raises:
        ConfigError: The model's range is not bounded by bin edges.
    """
    return fit_spectrum(Spectrum.of_histogram(histogram, model.low, model.high), model, options)


def fit_spectrum(spectrum: Spectrum, model: MassModel, options: FitOptions | None = None) -> FitResult:
    """Binned extended fit of a spectrum that covers the model's range."""
    return _fit(binned_cost(spectrum, model, model.names), model, spectrum, options or FitOptions())


def fit_masses(
    masses: Values, model: MassModel, options: FitOptions | None = None, spectrum: Spectrum | None = None
) -> FitResult:
    """Unbinned extended fit of masses [GeV]; those outside of the model's range are left out.

    Args:
        masses: ``(n,)``.
        model: The model.
        options: How to fit.
        spectrum: The same masses in bins, for the start, the goodness of fit and the figure; :data:`SCAN_BINS` by default.
    """
    inside = masses[(masses >= model.low) & (masses <= model.high)]
    spectrum = spectrum or Spectrum.of_masses(inside, model.low, model.high, SCAN_BINS)
    cost = ExtendedUnbinnedNLL(inside, model.scaled_pdf, name=model.names)
    chosen = options or FitOptions()
    # The fit in bins takes a hundredth of the time and knows already which parameters the data can measure.
    binned = fit_spectrum(spectrum, model, replace(chosen, minos=False))
    return _fit(cost, model, spectrum, chosen, binned if binned.succeeded else None)


def tails_from_simulation(histogram: hist.Hist, model: MassModel) -> Constraint:
    """The shape of the tails in simulated D_s decays, with its uncertainty, for the fit of data.

    Args:
        histogram: Masses of simulated D_s candidates.
        model: That for the data; its peak is fitted here, without a D⁺.

    Returns:
        For :attr:`FitOptions.tails`.

    Raises:
        ConfigError: The fit of the simulation failed.
    """
    peak = model.component("ds").shape.name
    background = model.component(BACKGROUND).shape.name
    alone = mass_model(model.low, model.high, peak=peak, background=background, with_dplus=False)
    result = fit_histogram(histogram, alone, FitOptions(minos=False, tails=loose_tails(alone)))
    if not result.succeeded:
        msg = f"the shape cannot be taken from simulation, whose fit failed: {'; '.join(result.problems)}"
        raise ConfigError(msg, advice="simulate more events, or let the data choose the shape")
    tails = [name for name in result.parameters if name.startswith(f"{TAIL}_")]
    positions = [list(result.parameters).index(name) for name in tails]
    covariance = result.covariance[np.ix_(positions, positions)]
    covariance = covariance + np.diag(np.where(np.diag(covariance) > 0, 0.0, KNOWN**2))
    values = np.array([result.parameters[name].value for name in tails])
    return for_model(Constraint(tuple(tails), values, covariance), model)


KNOWN = 1e-3
"""Uncertainty of a tail that the simulation could not measure and that the fit of it fixed: it stays there."""


def binned_cost(spectrum: Spectrum, model: MassModel, names: tuple[str, ...]) -> ExtendedBinnedNLL:
    """The likelihood of a spectrum; ``names`` are those of the fit for the model's parameters."""
    data = spectrum.counts
    if spectrum.is_weighted:
        data = np.stack([spectrum.counts, spectrum.variances], axis=1)

    def never_negative(edges: Values, *values: float) -> Values:
        """A peak may be negative, the sum may not: iminuit takes the logarithm of what is not positive as 0."""
        counts = np.maximum(np.diff(model.scaled_cdf(edges, *values)), LEAST_EXPECTED)
        return np.concatenate([[0.0], np.cumsum(counts)])

    return ExtendedBinnedNLL(data, spectrum.edges, never_negative, name=names)


def too_few(spectrum: Spectrum) -> tuple[str, ...]:
    """Why a spectrum cannot be fitted at all; empty where it can."""
    if spectrum.entries >= LEAST_ENTRIES:
        return ()
    low, high = spectrum.edges[[0, -1]]
    return (
        f"only {spectrum.entries:g} events between {low:g} and {high:g} GeV; a fit needs {LEAST_ENTRIES}",
    )


def _fit(
    cost: Cost, model: MassModel, spectrum: Spectrum, options: FitOptions, first: FitResult | None = None
) -> FitResult:
    """The fit; it starts where a first one ended, if there was one, and fixes what that had to fix."""
    if problems := too_few(spectrum):
        return failed(problems, (), model, spectrum)
    start = start_values(model, spectrum)
    fixed, notes = unseen_shapes(model, start)
    if first is not None:
        start = replace(start, values={name: found.value for name, found in first.parameters.items()})
        fixed, notes = (
            {name: found.value for name, found in first.parameters.items() if found.fixed},
            first.notes,
        )
    parameters = yield_parameters(model, start, spectrum) | started_shapes(model, start)
    fixed = {**fixed, **options.fixed}
    tails = options.tails.without(fixed)
    everything = cost + tails.cost() if len(tails) else cost
    minimum = minimize(everything, parameters, fixed, all_simplifications(model, start))
    notes += minimum.notes
    if minimum.problems:
        return failed(minimum.problems, notes, model, spectrum, minimum)
    tails = tails.without([name for name in tails.names if minimum.minuit.fixed[name]])
    goodness = saturated(spectrum, _expected(minimum, model, spectrum), minimum.minuit.nfit - len(tails))
    problems, more = judged(goodness, spectrum)
    notes = tuple(dict.fromkeys((*notes, *more)))
    if problems:
        return failed(problems, notes, model, spectrum, minimum)
    if options.minos:
        notes += run_minos(minimum, [name for name in model.yield_names if BACKGROUND not in name])
    return FitResult(
        problems=(),
        notes=notes,
        parameters=minimum.parameters(),
        covariance=minimum.covariance,
        windows=window_yields(model, minimum.values, minimum.covariance, options.window),
        goodness=goodness,
        model=model,
        spectrum=spectrum,
        tails=tails,
    )


def judged(goodness: GoodnessOfFit, spectrum: Spectrum) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Problems and notes from a p-value, which is one only where the bins have entries."""
    if spectrum.entries < ENTRIES_PER_BIN * len(spectrum.counts):
        return (), ("few entries per bin: the p-value of the saturated likelihood is none; use toys",)
    if goodness.p_value < HOPELESS:
        return (f"the model does not describe the data (p-value {goodness.p_value:.2g})",), ()
    if goodness.p_value < POOR:
        return (), (f"the model describes the data poorly (p-value {goodness.p_value:.2g})",)
    return (), ()


def failed(
    problems: tuple[str, ...],
    notes: tuple[str, ...],
    model: MassModel,
    spectrum: Spectrum,
    minimum: Minimum | None = None,
) -> FitResult:
    """A fit without yields; with the parameters where it ended, to find out why."""
    parameters = {} if minimum is None else minimum.parameters()
    nothing = np.zeros((len(parameters), len(parameters)))
    return FitResult(problems, notes, parameters, nothing, (), None, model, spectrum)


def yield_parameters(model: MassModel, start: StartValues, spectrum: Spectrum) -> dict[str, Parameter]:
    """Start and limits of the yields. A peak may be negative: a yield of zero must not sit at a limit."""
    most = max(spectrum.entries, 1.0)
    low = dict.fromkeys(model.yield_names, -0.1 * most)
    low[f"{BACKGROUND}_yield"] = 0.0
    if "dplus" in start.unseen:
        low["dplus_yield"] = -_events_below_peak(model, start)
    return {name: Parameter(name, start.values[name], low[name], 2.0 * most) for name in model.yield_names}


def _events_below_peak(model: MassModel, start: StartValues) -> float:
    """So many events a Gaussian D⁺ can miss before the sum of peak and background is negative."""
    density = start.values[f"{BACKGROUND}_yield"] / (model.high - model.low)
    return density * model.shape_parameters["dplus_sigma"].start * math.sqrt(2 * math.pi)


def started_shapes(model: MassModel, start: StartValues) -> dict[str, Parameter]:
    """The shape parameters with the starting values of the data."""
    return {
        name: Parameter(name, start.values[name], parameter.low, parameter.high)
        for name, parameter in model.shape_parameters.items()
    }


def unseen_shapes(model: MassModel, start: StartValues) -> tuple[dict[str, float], tuple[str, ...]]:
    """What to fix of the shapes of peaks that are not there, and a note for each."""
    peaks = [component for component in model.components if component.name != BACKGROUND]
    missing = [component for component in peaks if component.name in start.unseen]
    names = {name for component in missing for name in component.own_names}
    if len(missing) == len(peaks):  # nobody is left to measure what they share
        names |= {name for component in missing for name in component.names}
    notes = tuple(
        f"no {component.name} peak seen above the sidebands: its shape is fixed, only its yield is free"
        for component in missing
    )
    fixed = {name: start.values[name] for name in sorted(names)}
    for component in missing:  # without a peak there is no tail either
        fixed |= {
            name: value
            for step in component.simplifications
            for name, value in step.fixed.items()
            if name in fixed
        }
    return fixed, notes


def all_simplifications(model: MassModel, start: StartValues) -> tuple[Simplification, ...]:
    """Those of the shapes, of peaks too faint for a width and a position, and of a background of nothing."""
    steps = list(model.simplifications)
    for name in start.faint:
        mean, sigma = (f"{name}_{what}" for what in ("mean", "sigma"))
        at_start = {key: model.shape_parameters[key].start for key in (sigma, mean)}
        steps.append(
            Simplification({sigma: at_start[sigma]}, f"{name}: too few events for a width, which is fixed")
        )
        steps.append(
            Simplification(at_start, f"{name}: too few events for a position and a width, both fixed")
        )
    if "dplus" in start.unseen:
        steps.append(Simplification({"dplus_yield": 0.0}, "no D⁺ can be measured"))
    flat = dict.fromkeys(model.component(BACKGROUND).names, 0.0)
    steps.append(Simplification({f"{BACKGROUND}_yield": 0.0, **flat}, "no background can be measured"))
    return tuple(steps)


def run_minos(minimum: Minimum, names: list[str]) -> tuple[str, ...]:
    """Asymmetric uncertainties of some parameters; a note where MINOS fails."""
    free = [name for name in names if not minimum.minuit.fixed[name]]
    minimum.minuit.minos(*free)
    bad = [name for name in free if not minimum.minuit.merrors[name].is_valid]
    return (f"MINOS failed for {', '.join(bad)}: symmetric uncertainties only",) if bad else ()


def window_yields(
    model: MassModel, values: Values, covariance: Values, window: tuple[float, float]
) -> tuple[WindowYield, ...]:
    """Events of each component in a window, with the uncertainties of yields and shapes.

    Args:
        model: The model.
        values: Its parameters, in its order.
        covariance: Theirs.
        window: GeV; cut to the range of the model.
    """
    edges = np.array([max(window[0], model.low), min(window[1], model.high)])
    names = [component.name for component in model.components]

    def counts(parameters: Values) -> Values:
        parts = model.component_counts(edges, [float(value) for value in parameters])
        return np.array([parts[name][0] for name in names])

    centre, spread = propagated(counts, values, covariance)
    errors = np.sqrt(np.diag(spread))
    low, high = (float(edge) for edge in edges)
    return tuple(
        WindowYield(name, low, high, float(value), float(error))
        for name, value, error in zip(names, centre, errors, strict=True)
    )


def _expected(minimum: Minimum, model: MassModel, spectrum: Spectrum) -> Values:
    return np.asarray(np.diff(model.scaled_cdf(spectrum.edges, *minimum.values)))
