"""The D_s measurement on the result of a run: mass fits per era and of all eras, yields per fb⁻¹, fraction from B decays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from scipy import stats

from columnar_af.errors import ConfigError
from columnar_af.fits.constraint import Constraint, loose_tails
from columnar_af.fits.eras import EraData, data_eras, require_variation, simulated_datasets, summed
from columnar_af.fits.fit_result import FitResult
from columnar_af.fits.goodness import by_toys
from columnar_af.fits.injected import Injected, injected
from columnar_af.fits.mass_fit import FitOptions, fit_masses, fit_spectrum, tails_from_simulation
from columnar_af.fits.mass_model import MassModel, mass_model
from columnar_af.fits.prompt_fraction import Distribution, PromptFraction, fit_prompt_fraction
from columnar_af.fits.simultaneous import SimultaneousResult, fit_eras
from columnar_af.fits.sweights import sweights, weighted_projection
from columnar_af.results.run_result import RunResult

ALL_ERAS = "all eras"
DECAY_LENGTHS = ("xy", "3d")
"""Decay lengths of the processor, the better one first: the transverse one is that of RUN3, and only newer ntuples have it."""


@dataclass(frozen=True)
class StudyOptions:
    """What to fit, and how.

    Attributes:
        mass_range: GeV.
        peak, background: Shapes, keys of the tables in :mod:`columnar_af.fits.shapes`. The double Gaussian is the shape that
            simulated D_s have, whose resolution is better in the barrel than in the endcaps (RUN3 MC_yield.py).
        shared_tails: Whether both peaks have the same tails; not so in the seed's notebook.
        free_tails: Whether the data choose the tails even where there is simulation to take them from.
        datasets, eras: Only these.
        unbinned: Whether the fits per era take masses one by one.
        toys: Pseudo-experiments for the goodness of each fit; 0 takes the χ² distribution.
        variation: Systematic variation of the simulation that gives the tails of the peaks; empty is nominal.
    """

    mass_range: tuple[float, float] = (1.65, 2.01)
    peak: str = "double-gaussian"
    background: str = "exponential"
    shared_tails: bool = True
    free_tails: bool = False
    datasets: tuple[str, ...] = ()
    eras: tuple[str, ...] = ()
    unbinned: bool = False
    toys: int = 0
    variation: str = ""


@dataclass(frozen=True)
class EraStudy:
    """An era: its data, fit, fraction from B decays, and the truth where it is known."""

    data: EraData
    fit: FitResult
    from_b: PromptFraction | None
    truth: Injected | None

    def per_luminosity(self) -> tuple[float, float] | None:
        """D_s in the signal window per fb⁻¹, and its uncertainty from the fit; None for a failed fit."""
        if not self.fit.succeeded or not self.data.luminosity:
            return None
        window = self.fit.window("ds")
        return window.value / self.data.luminosity, window.error / self.data.luminosity


@dataclass(frozen=True)
class Study:
    """All fits of a result.

    Attributes:
        eras: One per era.
        simultaneous: The fit of all eras with shared shapes.
        from_b: Fraction from B decays of all eras together; None without simulation or decay lengths.
        tails: Parameters whose knowledge was taken from simulation; empty where there is none.
        notes: What was done by default.
    """

    eras: tuple[EraStudy, ...]
    simultaneous: SimultaneousResult
    from_b: PromptFraction | None
    tails: Constraint = field(default_factory=Constraint)
    notes: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether every era has a yield."""
        return all(era.fit.succeeded for era in self.eras)

    def stability(self) -> tuple[float, float, float] | None:
        """Mean D_s per fb⁻¹ over eras, its uncertainty, and the p-value that all eras have the same.

        None with fewer than two eras. The luminosity has no uncertainty here.
        """
        rates = np.array([rate for era in self.eras if (rate := era.per_luminosity()) is not None])
        if len(rates) < 2:
            return None
        weights = 1 / rates[:, 1] ** 2
        mean = float(np.sum(weights * rates[:, 0]) / np.sum(weights))
        chi2 = float(np.sum(weights * (rates[:, 0] - mean) ** 2))
        return mean, float(1 / np.sqrt(np.sum(weights))), float(stats.chi2.sf(chi2, len(rates) - 1))

    def to_json(self) -> dict[str, Any]:
        """The yields as plain values; the fits have files of their own."""
        stability = self.stability()
        return {
            "eras": [_era_json(era) for era in self.eras],
            "simultaneous": {
                era: [asdict(window) for window in result.windows]
                for era, result in self.simultaneous.eras.items()
            },
            "simultaneous_total": [asdict(window) for window in self.simultaneous.total],
            "simultaneous_problems": list(self.simultaneous.problems),
            "from_b": None if self.from_b is None else self.from_b.to_json(),
            "stability": None
            if stability is None
            else dict(zip(("mean", "error", "p_value"), stability, strict=True)),
            "tails_from_simulation": {
                name: {"value": float(value), "error": float(error)}
                for name, value, error in zip(
                    self.tails.names, self.tails.values, self.tails.errors, strict=True
                )
            },
            "notes": list(self.notes),
        }


def _era_json(era: EraStudy) -> dict[str, Any]:
    rate = era.per_luminosity()
    return {
        "era": era.data.era,
        "datasets": list(era.data.datasets),
        "luminosity": era.data.luminosity,
        "luminosity_source": era.data.luminosity_source,
        "succeeded": era.fit.succeeded,
        "problems": list(era.fit.problems),
        "notes": list(era.fit.notes),
        "windows": [asdict(window) for window in era.fit.windows],
        "total": asdict(era.fit.total("ds")) if era.fit.succeeded else None,
        "per_luminosity": None if rate is None else dict(zip(("value", "error"), rate, strict=True)),
        "from_b": None if era.from_b is None else era.from_b.to_json(),
        "injected": None if era.truth is None else asdict(era.truth),
    }


def study(result: RunResult, options: StudyOptions, simulation: RunResult | None = None) -> Study:
    """Fit the mass in every era and in all together, and the fraction of D_s from B decays.

    Args:
        result: Of the processor ``ds_phi_pi``.
        options: What to fit, and how.
        simulation: The result with the simulated D_s that give the tails and the templates; by default the datasets of
            ``result`` whose metadata say ``is_data: false``.

    Raises:
        ConfigError: There are no such data, or a range or shape that cannot be.
    """
    model = mass_model(
        *options.mass_range,
        peak=options.peak,
        background=options.background,
        shared_tails=options.shared_tails,
    )
    datasets, eras = options.datasets, options.eras
    source, variation = simulation or result, options.variation
    require_variation(source, variation)
    data = data_eras(
        result,
        options.mass_range,
        datasets=datasets,
        eras=eras,
        unbinned=options.unbinned,
        variation=variation,
    )
    if not data:
        msg = "this result has no data: the metadata of all of its datasets say is_data: false"
        raise ConfigError(msg, advice="name the datasets to fit by --dataset")
    tails, notes = (Constraint(), ()) if options.free_tails else _tails(source, model, variation)
    fit_options = FitOptions(tails=tails if len(tails) else loose_tails(model))
    fits = [_fit(era, model, fit_options, options) for era in data]
    spectra = {era.era: era.spectrum for era in data}
    together = fit_eras(spectra, model, replace(fit_options, minos=False))
    lengths = [_decay_length(result, era, fit) for era, fit in zip(data, fits, strict=True)]
    studies = [
        EraStudy(era, fit, _from_b(source, [length]), injected(result, era.datasets))
        for era, fit, length in zip(data, fits, lengths, strict=True)
    ]
    return Study(tuple(studies), together, _from_b(source, lengths), tails, notes)


def _tails(source: RunResult, model: MassModel, variation: str) -> tuple[Constraint, tuple[str, ...]]:
    histogram = summed(source, "mass_gen_matched", simulated_datasets(source), variation)
    if histogram is None:
        return Constraint(), ("no simulation: the data choose the tails of the peaks",)
    if np.any([np.min(np.abs(histogram.axes[0].edges - edge)) > 1e-9 for edge in (model.low, model.high)]):
        model = replace(model, low=float(histogram.axes[0].edges[0]), high=float(histogram.axes[0].edges[-1]))
    tails = tails_from_simulation(histogram, model)
    varied = f" ({variation})" if variation else ""
    return tails, ((f"tails of the peaks from simulation{varied}: {tails.text()}",) if len(tails) else ())


def _fit(era: EraData, model: MassModel, options: FitOptions, chosen: StudyOptions) -> FitResult:
    if era.masses is not None:
        result = fit_masses(era.masses, model, options, era.spectrum)
    else:
        result = fit_spectrum(era.spectrum, model, options)
    if chosen.toys and result.succeeded:
        return replace(result, goodness=by_toys(result, chosen.toys))
    return result


Lengths = dict[str, Distribution]
"""Kind of decay length -> its distribution for the D_s."""


def _decay_length(result: RunResult, era: EraData, fit: FitResult) -> Lengths:
    """The decay lengths of the D_s in an era, by sWeights; empty where the fit, or the histogram, is none for that."""
    planes = {kind: summed(result, f"mass_decay_length_{kind}", era.datasets) for kind in DECAY_LENGTHS}
    has_background = fit.succeeded and fit.total("background").value > 0
    lengths = {}
    for kind, plane in planes.items():
        if plane is not None and has_background and _has_edges(plane.axes[0].edges, fit):
            values, variances = weighted_projection(plane, sweights(fit), "ds")
            lengths[kind] = Distribution(values, variances, np.asarray(plane.axes[1].edges))
    return lengths


def _has_edges(edges: Any, fit: FitResult) -> bool:
    return all(np.min(np.abs(edges - edge)) < 1e-9 for edge in fit.spectrum.edges)


def _from_b(source: RunResult, lengths: Sequence[Lengths]) -> PromptFraction | None:
    """The fraction of all D_s given, in the first kind of decay length that data and simulation have."""
    simulated = simulated_datasets(source)
    for kind in DECAY_LENGTHS:
        templates = [
            summed(source, f"decay_length_{kind}_{origin}", simulated) for origin in ("prompt", "from_b")
        ]
        data = [each[kind] for each in lengths if kind in each]
        if data and len(data) == sum(bool(each) for each in lengths) and None not in templates:
            prompt, from_b = (Distribution.of_histogram(template) for template in templates)
            return fit_prompt_fraction(reduce(add, data), prompt, from_b)
    return None
