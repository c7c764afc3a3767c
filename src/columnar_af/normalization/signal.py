"""Expected τ → 3μ events from the D_s yield in data: the formulas of the CMS search, channel by channel.

    N(D_s)  = N(D_s → μμπ) · L/L_c · B(D_s→τν) / B(D_s→φπ→μμπ) · B(τ→3μ) · ratio of efficiencies · (D⁺ scale)
    N(B⁰,⁺) = N(D_s → μμπ) · L/L_c · f · share · B(B→τX) / (B(B→D_sX) B(D_s→φπ→μμπ)) · B(τ→3μ) · ratio · (B_s scale)

N(D_s → μμπ) divided by its efficiency is the number of produced D_s → μμπ; L_c is the luminosity of the prescaled control
trigger, f the fraction of D_s from B decays. Cross-section, luminosity and most of the trigger efficiency cancel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from columnar_af.datasets.eras import year_of
from columnar_af.errors import ConfigError
from columnar_af.normalization.constants import Constants, read_yaml
from columnar_af.normalization.control_channel import EraYield, Value, generated_events
from columnar_af.normalization.uncertainties import PARENTS, Term
from columnar_af.results.run_result import RunResult

CATEGORIES = ("A", "B", "C")
Efficiencies = Mapping[str, Mapping[str, Value]]
"""Category -> channel -> acceptance times efficiency of τ → 3μ in the signal window."""
ByYear = Mapping[str, Efficiencies]
"""Year -> its efficiencies."""


@dataclass(frozen=True)
class Channel:
    """What the formulas say per produced D_s → μμπ in data.

    Attributes:
        parent: Ds, B0 or Bp.
        per_ds: τ → 3μ decays of this channel per produced D_s → μμπ.
    """

    parent: str
    per_ds: float


def channels(constants: Constants, b_fraction: float | None = None) -> tuple[Channel, ...]:
    """τ → 3μ decays per produced D_s → φ(μμ)π, by channel.

    Args:
        constants: Branching fractions and scale factors.
        b_fraction: Fraction of D_s from B decays, for example from the fit of the decay length; else the constant.

    Raises:
        ConfigError: The fraction is no number from 0 to 1.
    """
    c = constants
    fraction = c.b_fraction.value if b_fraction is None else b_fraction
    if not 0 <= fraction <= 1:
        msg = f"the fraction of D_s from B decays is {fraction}; expected a number from 0 to 1"
        raise ConfigError(msg)
    common = c.tau_to_3mu.value / c.ds_to_mu_mu_pi
    from_b = common * fraction / c.b_to_ds.value * c.bs_scale.value
    return (
        Channel("Ds", common * c.ds_to_tau_nu.value * c.dplus_scale.value),
        Channel("B0", from_b * c.b0_share.value * c.b0_to_tau.value),
        Channel("Bp", from_b * (1 - c.b0_share.value) * c.bp_to_tau.value),
    )


def expected_from_cross_section(
    luminosity: float, cross_section: float, branching: float, efficiency: float, data_over_simulation: float
) -> float:
    """Expected events the way of the analysts' weights: L σ B ε times the data/simulation factor of the D_s yield.

    Args:
        luminosity: fb⁻¹ of the search.
        cross_section: pb, of the parent.
        branching: B(parent → τ) · B(τ → 3μ).
        efficiency: Acceptance times efficiency.
        data_over_simulation: Of the control channel.
    """
    return luminosity * 1000.0 * cross_section * branching * efficiency * data_over_simulation


def by_cross_section(
    eras: Iterable[EraYield], result: RunResult, efficiencies: ByYear, constants: Constants
) -> dict[str, float]:
    """The sum of the expected events of each channel in this other way, which the ratio to the control channel must agree with.

    Args:
        eras: Control channel, with its data/simulation factors.
        result: Run of TauTo3Mu over simulation, with ``cross_section`` [pb] of the parent in the metadata.
        efficiencies: Year -> those of this run.
        constants: Branching fractions and scale factors.

    Returns:
        Channel -> events; empty where a cross-section or a data/simulation factor is unknown.
    """
    c = constants
    branching = {"Ds": c.ds_to_tau_nu, "B0": c.b0_to_tau, "Bp": c.bp_to_tau}
    scale = {"Ds": c.dplus_scale, "B0": c.bs_scale, "Bp": c.bs_scale}
    found: dict[str, float] = {}
    for era in eras:
        for parent, name in signal_datasets(result, era.year).items():
            metadata, factor = result.datasets[name].metadata, era.data_over_simulation
            cross_section = metadata.get("cross_section")
            if cross_section is None or metadata.get("generated_events") is None or factor is None:
                return {}
            efficiency = sum(row[parent].value for row in efficiencies[era.year].values())
            decays = branching[parent].value * c.tau_to_3mu.value * scale[parent].value
            found[parent] = found.get(parent, 0.0) + expected_from_cross_section(
                era.full_luminosity, cross_section, decays, efficiency, factor.value
            )
    return found


def expected_terms(eras: Iterable[EraYield], by_year: ByYear, found: Iterable[Channel]) -> tuple[Term, ...]:
    """Expected τ → 3μ events of each channel, category and year.

    Args:
        eras: Control channel, era by era; the eras of a year are added.
        by_year: Efficiencies of τ → 3μ.
        found: The channels.
    """
    produced: dict[str, float] = {}
    for era in eras:
        scale = era.full_luminosity / era.control_luminosity
        produced[era.year] = produced.get(era.year, 0.0) + era.produced.value * scale
    return tuple(
        Term(
            channel.parent,
            category,
            year,
            number * channel.per_ds * efficiencies[category][channel.parent].value,
            number * channel.per_ds * efficiencies[category][channel.parent].error,
        )
        for year, number in produced.items()
        for efficiencies in (by_year[year],)
        for category in efficiencies
        for channel in found
        if channel.parent in efficiencies[category]
    )


def yield_errors(eras: Iterable[EraYield]) -> dict[str, float]:
    """Year -> relative uncertainty of the produced D_s of its eras, from the fits and the simulation.

    The fits of the eras are independent; the efficiency is common where they share a simulation, and added linearly.
    """
    found: dict[str, list[EraYield]] = {}
    for era in eras:
        found.setdefault(era.year, []).append(era)
    errors = {}
    for year, members in found.items():
        weights = [e.produced.value * e.full_luminosity / e.control_luminosity for e in members]
        total = math.fsum(weights)
        fit = math.sqrt(sum((w * e.fitted.relative) ** 2 for w, e in zip(weights, members, strict=True)))
        simulation = sum(w * e.efficiency.value.relative for w, e in zip(weights, members, strict=True))
        errors[year] = math.hypot(fit, simulation) / total
    return errors


def signal_datasets(result: RunResult, year: str = "") -> dict[str, str]:
    """Channel -> simulated dataset, of a year.

    Args:
        result: Run of TauTo3Mu over simulation, with ``parent`` in the metadata of its datasets.
        year: Take those of this year; where the run has one year only, those, whatever the year.

    Raises:
        ConfigError: A dataset does not name its parent, two of a year name the same, or several years are there and this one
            is not.
    """
    years: dict[str, dict[str, str]] = {}
    for name, summary in result.datasets.items():
        parent, era = str(summary.metadata.get("parent", "")), summary.metadata.get("era")
        mine = years.setdefault(year_of(str(era)) if era else "", {})
        if parent in mine or parent not in PARENTS:
            msg = (
                f"dataset {name} has parent {parent!r}: expected one dataset for each of {', '.join(PARENTS)}"
            )
            raise ConfigError(msg, advice="set 'parent' in the metadata of the signal simulation")
        mine[parent] = name
    if year not in years and len(years) != 1:
        msg = f"there is no signal simulation of {year or 'any year'}, and that of {', '.join(years) or 'none'} is there"
        raise ConfigError(msg, advice="run tau_to_3mu over simulation of this year, or of one year for all")
    return years.get(year) or next(iter(years.values()))


def other_years(result: RunResult, years: Iterable[str]) -> dict[str, str]:
    """Year -> year of the simulation that is taken for it, where that is another one (and known)."""
    found = {}
    for year in years:
        era = result.datasets[next(iter(signal_datasets(result, year).values()))].metadata.get("era")
        if era and year_of(str(era)) != year:
            found[year] = year_of(str(era))
    return found


def efficiencies_from_simulation(result: RunResult, year: str = "") -> Efficiencies:
    """Efficiencies of a year from a run of TauTo3Mu over simulation, one dataset per channel.

    Raises:
        ConfigError: As :func:`signal_datasets`, or a yield is missing.
    """
    datasets = signal_datasets(result, year)
    return {
        category: {parent: _efficiency(result, name, category) for parent, name in datasets.items()}
        for category in CATEGORIES
    }


def _efficiency(result: RunResult, dataset: str, category: str) -> Value:
    key = f"{category}_signal_window"
    found = result.yields[dataset].get(key)
    if found is None:
        msg = f"dataset {dataset} has no yield {key!r}"
        raise ConfigError(msg, advice="run tau_to_3mu on simulation, with is_data: false in its metadata")
    generated, _ = generated_events(result.datasets[dataset])
    return Value(found["value"] / generated, math.sqrt(found["sumw2"]) / generated)


def efficiencies_from_file(path: str | Path) -> Efficiencies:
    """Efficiencies from a YAML file: category -> channel -> number, or [number, uncertainty].

    Raises:
        ConfigError: A category or channel is unknown, or a number is no efficiency.
    """
    document = read_yaml(path, str(path))
    efficiencies: dict[str, dict[str, Value]] = {}
    for category, row in document.items():
        if not isinstance(row, dict) or not set(row) <= set(PARENTS):
            msg = f"{path}: category {category} holds {row!r}; expected efficiencies of {', '.join(PARENTS)}"
            raise ConfigError(msg)
        efficiencies[str(category)] = {parent: _number(path, value) for parent, value in row.items()}
    return efficiencies


def _number(path: str | Path, entry: Any) -> Value:
    numbers = entry if isinstance(entry, list) else [entry, 0.0]
    try:
        value, error = (float(number) for number in numbers)
    except (TypeError, ValueError) as problem:
        msg = f"{path}: {entry!r} is no efficiency; expected a number, or [number, uncertainty]"
        raise ConfigError(msg) from problem
    if not 0 <= value <= 1:
        msg = f"{path}: {value} is no efficiency; expected a number from 0 to 1"
        raise ConfigError(msg)
    return Value(value, error)
