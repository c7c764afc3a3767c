"""The control channel: D_s yield of each era from the mass fit, efficiency from simulation, data over simulation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from columnar_af.datasets.eras import year_of
from columnar_af.datasets.luminosity import luminosity
from columnar_af.errors import ConfigError
from columnar_af.fits.eras import processed_luminosity
from columnar_af.fits.injected import Injected, injected
from columnar_af.normalization.constants import Constants
from columnar_af.results.run_result import DatasetSummary, RunResult

FIT_FILE = "fits/yields.json"
"""Where ``columnar-af fit ds-mass DIR`` writes, below DIR."""
PEAK = "ds"
"""Name of the D_s component of the mass fit."""


@dataclass(frozen=True)
class Value:
    """A number with its statistical uncertainty."""

    value: float
    error: float

    @property
    def relative(self) -> float:
        """Relative uncertainty; infinite for a value of 0."""
        return abs(self.error / self.value) if self.value else math.inf

    def over(self, other: Value) -> Value:
        """The ratio of two independent numbers."""
        ratio = self.value / other.value
        return Value(ratio, abs(ratio) * math.hypot(self.relative, other.relative))


@dataclass(frozen=True)
class Efficiency:
    """Part of the simulated D_s that is selected with the mass in the signal window.

    Attributes:
        dataset: Simulated dataset.
        selected, generated: Sum of weights that is selected; events before any selection.
        value: With the uncertainty from the number of simulated events.
        after_skim: True where the number of generated events is unknown and the entries of the ntuple are taken, so that
            the efficiency is relative to the skim.
        cross_section: pb; None where unknown.
    """

    dataset: str
    selected: float
    generated: float
    value: Value
    after_skim: bool
    cross_section: float | None


@dataclass(frozen=True)
class EraYield:
    """The D_s of one era.

    Attributes:
        era: Name.
        fitted: D_s in the signal window, from the fit.
        efficiency: From simulation.
        produced: D_s → φ(μμ)π before the selection: fitted / efficiency.
        control_luminosity, full_luminosity: fb⁻¹ behind the trigger of the control channel, and of the search.
        data_over_simulation: Fitted over expected by the simulation's cross-section; None where that or the number of
            generated events is unknown.
        truth: Of simulated data; None for real data.
    """

    era: str
    fitted: Value
    efficiency: Efficiency
    produced: Value
    control_luminosity: float
    full_luminosity: float
    data_over_simulation: Value | None
    truth: Injected | None = None

    @property
    def year(self) -> str:
        """The year of the era."""
        return year_of(self.era)


def read_fits(path: str | Path, *, shared_shapes: bool = False) -> Mapping[str, Mapping[str, Any]]:
    """Era -> mass fit (``succeeded``, ``problems``, ``windows``), from the JSON of ``columnar-af fit ds-mass``.

    Args:
        path: The JSON.
        shared_shapes: Take the yields of the simultaneous fit, which has one shape for all eras, not those of each era alone.

    Raises:
        ConfigError: The file is missing or no such JSON.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if shared_shapes:
            return {era: _shared(windows) for era, windows in document["simultaneous"].items()}
        fits = {
            fit["era"]: {key: fit[key] for key in ("succeeded", "problems", "windows")}
            for fit in document["eras"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path} is no result of the mass fit: {type(error).__name__}: {error}"
        raise ConfigError(msg, advice="run columnar-af fit ds-mass DIR_DATA first, or give --fit") from error
    return fits


def fitted_b_fraction(path: str | Path) -> Value | None:
    """Fraction of D_s from B decays of all eras, from the same JSON; None where it was not fitted, or the fit failed."""
    try:
        fit = json.loads(Path(path).read_text(encoding="utf-8")).get("from_b")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        msg = f"{path} is no result of the mass fit: {type(error).__name__}: {error}"
        raise ConfigError(msg, advice="run columnar-af fit ds-mass DIR_DATA first, or give --fit") from error
    if not (fit and fit["succeeded"]):
        return None
    return Value(float(fit["from_b"]), float(fit["from_b_error"]))


def _shared(windows: list[Any]) -> dict[str, Any]:
    problems = [] if windows else ["the simultaneous fit gives no yield for this era"]
    return {"succeeded": bool(windows), "problems": problems, "windows": windows}


def fitted_yield(era: str, fit: Mapping[str, Any]) -> Value:
    """D_s in the signal window of a fit.

    Raises:
        ConfigError: The fit failed; a failed fit has no yield.
    """
    if not fit["succeeded"]:
        msg = f"the mass fit of era {era} failed and gives no yield: {'; '.join(fit['problems'])}"
        raise ConfigError(msg, advice="take --shared-shapes, or the other eras with --era")
    window = next((w for w in fit["windows"] if w["component"] == PEAK), None)
    if window is None:
        msg = f"the mass fit of era {era} has no component {PEAK!r}"
        raise ConfigError(msg, advice="fit with a D_s peak")
    return Value(float(window["value"]), float(window["error"]))


def efficiency_of(result: RunResult, dataset: str) -> Efficiency:
    """Efficiency of the D_s window in a simulated dataset.

    The generated events are ``generated_events`` of the dataset's metadata, scaled to the part that was processed; where
    they are unknown, the entries that were processed.

    Raises:
        ConfigError: It was not run, nothing is selected, or more than was generated.
    """
    summary, found = result.datasets[dataset], result.yields.get(dataset, {}).get("signal_window")
    if found is None:
        msg = f"simulation {dataset} has no yield 'signal_window' in its result"
        raise ConfigError(msg, advice="run ds_phi_pi over it, with files that can be read")
    selected, variance = float(found["value"]), float(found["sumw2"])
    generated, after_skim = generated_events(summary)
    if not 0 < selected <= generated:
        msg = f"simulation {dataset}: {selected:g} of {generated:g} events are selected in the D_s window"
        raise ConfigError(msg, advice="give D_s → φπ simulation, and its number of generated events")
    ratio = selected / generated
    # binomial, with the weights' spread: Var = (Σw² (1-2ε) + ε² N) / N²
    error = math.sqrt(max(variance * (1 - 2 * ratio) + ratio**2 * generated, 0.0)) / generated
    cross_section = summary.metadata.get("cross_section")
    return Efficiency(dataset, selected, generated, Value(ratio, error), after_skim, cross_section)


def generated_events(summary: DatasetSummary) -> tuple[float, bool]:
    """Generated events behind the processed entries; and True where they are the entries of the ntuple."""
    known = summary.metadata.get("generated_events")
    if known is None or not summary.entries:
        return float(summary.processed), True
    if summary.fraction is None:
        msg = f"simulation {summary.name}: {summary.unknown_files} files could not be read, and nobody knows their entries"
        raise ConfigError(msg, advice="run it again with all its files")
    return float(known) * summary.fraction, False


def simulation_for(era: str, result: RunResult, chosen: Mapping[str, str]) -> str:
    """The simulated dataset of an era: the chosen one, else that of the era, else that of its year.

    Raises:
        ConfigError: There is none, or several.
    """
    names = {name for name, summary in result.datasets.items() if not summary.metadata.get("is_data")}
    year = year_of(era)
    wanted = chosen.get(era) or chosen.get(year)
    if wanted is not None and wanted in names:
        return wanted
    for label in (era, year):
        found = sorted(n for n in names if str(result.datasets[n].metadata.get("era")) == label)
        if len(found) == 1 and wanted is None:
            return found[0]
        if found:
            break
    what = f"no dataset {wanted!r}" if wanted else f"{len(found)} simulated datasets for era {era}"
    msg = f"the simulation has {what}; it has {', '.join(sorted(names)) or 'none'}"
    raise ConfigError(msg, advice=f"choose one with --simulation {era}=DATASET")


def era_yield(
    era: str, fitted: Value, efficiency: Efficiency, control_luminosity: float, constants: Constants
) -> EraYield:
    """What an era tells, from its fitted yield and its efficiency."""
    try:
        full = luminosity(era, "full")
    except ConfigError:
        full = control_luminosity  # an era of which no full luminosity is published alone: its own share only
    return EraYield(
        era,
        fitted,
        efficiency,
        fitted.over(efficiency.value),
        control_luminosity,
        full,
        _data_over_simulation(fitted, efficiency, control_luminosity, constants),
    )


PB_PER_FB = 1000.0
"""1 fb⁻¹ = 1000 pb⁻¹."""


def _data_over_simulation(
    fitted: Value, efficiency: Efficiency, control_luminosity: float, constants: Constants
) -> Value | None:
    """Fitted over L σ B ε, the factor that the analysts call Ds_correction; luminosity and σ have no uncertainty here."""
    if efficiency.cross_section is None or efficiency.after_skim:
        return None
    produced = control_luminosity * PB_PER_FB * efficiency.cross_section * constants.ds_to_mu_mu_pi
    expected = Value(produced * efficiency.value.value, produced * efficiency.value.error)
    return fitted.over(expected)


@dataclass(frozen=True)
class ControlChannel:
    """The yields of all eras.

    Attributes:
        eras: One per era that has a yield.
        left_out: Era without yield -> why; what is normalized by the year lacks its data.
    """

    eras: tuple[EraYield, ...]
    left_out: Mapping[str, str]


def control_channel(
    data: RunResult,
    simulation: RunResult,
    fits: Mapping[str, Mapping[str, Any]],
    constants: Constants,
    *,
    chosen: Mapping[str, str] | None = None,
    eras: tuple[str, ...] = (),
) -> ControlChannel:
    """The yields of all eras of data that were fitted, or of those that are named.

    An era whose fit failed has no yield and is left out, with its reason; where it was named, it is an error.

    Raises:
        ConfigError: A named era has no fit or a failed one, all fits failed, or an era has no simulation.
    """
    unknown = [era for era in eras if era not in fits]
    if unknown:
        msg = f"no mass fit for era {', '.join(unknown)}; there are fits for {', '.join(fits)}"
        raise ConfigError(msg, advice="name eras that were fitted")
    failed = {era: "; ".join(fit["problems"]) for era, fit in fits.items() if not fit["succeeded"]}
    left_out = {} if eras else failed
    used = [era for era in eras or fits if era not in left_out]
    if not used:
        reasons = "; ".join(f"{era}: {problem}" for era, problem in left_out.items())
        msg = f"no era has a yield of D_s: {reasons or 'none was fitted'}"
        raise ConfigError(msg, advice="give more data, or take the shapes from more simulation")
    yields = []
    for era in used:
        fitted = fitted_yield(era, fits[era])
        efficiency = efficiency_of(simulation, simulation_for(era, simulation, chosen or {}))
        found = era_yield(era, fitted, efficiency, _recorded(data, era), constants)
        yields.append(replace(found, truth=injected(data, _datasets(data, era))))
    return ControlChannel(tuple(yields), left_out)


def _datasets(data: RunResult, era: str) -> list[str]:
    """The datasets of data of an era."""
    return [
        name
        for name, each in data.datasets.items()
        if str(each.metadata.get("era")) == era and each.metadata.get("is_data") is not False
    ]


def _recorded(data: RunResult, era: str) -> float:
    """Luminosity of the processed data of an era, as the mass fit has it.

    Raises:
        ConfigError: Nobody knows it.
    """
    value, source = processed_luminosity(era, [data.datasets[name] for name in _datasets(data, era)])
    if value is None:
        msg = f"the luminosity of the data of era {era} is {source}"
        raise ConfigError(msg, advice="give 'luminosity' in the fileset, and run with all files")
    return value
