"""The uncertainties of the normalization and how they correlate, read from ``uncertainties.yaml``."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from columnar_af.errors import ConfigError
from columnar_af.normalization.constants import read_yaml

PARENTS = ("Ds", "B0", "Bp")
"""Channels of the signal: τ from D_s, from B⁰, from B⁺."""
CARD_NAMES = {"Ds": "sig_Ds", "B0": "sig_B0", "Bp": "sig_Bp"}


@dataclass(frozen=True)
class Nuisance:
    """One source of uncertainty.

    Attributes:
        name: Name.
        meaning: What is uncertain.
        affects: The channels that it moves.
        across_years: Whether one parameter moves all years, or each year has its own.
        effect: Year -> relative effect; a year that is missing is not affected.
        source: Where the numbers are from.
    """

    name: str
    meaning: str
    affects: tuple[str, ...]
    across_years: bool
    effect: Mapping[str, float]
    source: str

    def parameter(self, year: str) -> str:
        """Name of the parameter that moves this year."""
        return self.name if self.across_years else f"{self.name}_{year}"

    def on(self, parent: str, year: str) -> float:
        """Relative effect on a channel in a year; 0 where it has none."""
        return self.effect.get(year, 0.0) if parent in self.affects else 0.0


@dataclass(frozen=True)
class Term:
    """An expected number of signal events of one channel, category and year.

    Attributes:
        value: Events.
        statistical: Absolute uncertainty from the number of simulated events; independent of all others.
    """

    parent: str
    category: str
    year: str
    value: float
    statistical: float = 0.0


def load_uncertainties(path: str | Path | None = None) -> tuple[Nuisance, ...]:
    """Read the uncertainties; from the package's file where no path is given.

    Raises:
        ConfigError: An entry lacks a key, or an effect is no number from 0 to 1.
    """
    return tuple(_nuisance(name, entry) for name, entry in read_yaml(path, "uncertainties.yaml").items())


def _nuisance(name: str, entry: Any) -> Nuisance:
    try:
        effect = {str(year): float(value) for year, value in entry["effect"].items()}
        affects = tuple(entry["affects"])
        nuisance = Nuisance(
            name, entry["meaning"], affects, bool(entry["across_years"]), effect, entry["source"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"uncertainty {name}: expected meaning, affects, across_years, effect (year: number) and source"
        raise ConfigError(msg) from error
    if not set(affects) <= set(PARENTS) or not all(0 <= value < 1 for value in effect.values()):
        msg = f"uncertainty {name} affects {', '.join(affects)} by {effect}; expected {', '.join(PARENTS)} and numbers below 1"
        raise ConfigError(msg)
    return nuisance


def with_measured_yield(
    nuisances: Iterable[Nuisance], relative_errors: Mapping[str, float]
) -> tuple[Nuisance, ...]:
    """The nuisances, with that of the D_s yield raised to the fit's uncertainty in the years where it is larger."""
    return tuple(
        replace(n, effect={y: max(v, relative_errors.get(y, 0.0)) for y, v in n.effect.items()})
        if n.name == "ds_yield"
        else n
        for n in nuisances
    )


def fitted_fraction(relative_error: float, years: Iterable[str]) -> Nuisance:
    """The statistical uncertainty of the fraction of D_s from B decays, which one fit gives for all years.

    A fit that hardly sees the fraction is cut at :data:`LARGEST`, since a log-normal cannot say more.
    """
    effect = dict.fromkeys(sorted(years), min(relative_error, LARGEST))
    meaning = "fit of the fraction of Ds from B decays: statistics of data and templates"
    return Nuisance("b_fraction_fit", meaning, ("B0", "Bp"), True, effect, "fit of the decay length")


LARGEST = 0.99
"""Relative effects are below 1: at 1 a log-normal of minus one standard deviation is half of nominal, not nothing."""


def breakdown(terms: Iterable[Term], nuisances: Iterable[Nuisance]) -> dict[str, float]:
    """Parameter -> absolute change of the sum of the terms when it is moved by one standard deviation.

    Terms that the same parameter moves change together, so their changes add linearly.
    """
    terms = tuple(terms)
    changes: dict[str, float] = defaultdict(float)
    for nuisance in nuisances:
        for term in terms:
            if effect := nuisance.on(term.parent, term.year):
                changes[nuisance.parameter(term.year)] += term.value * effect
    return dict(changes)


def total_uncertainty(terms: Iterable[Term], nuisances: Iterable[Nuisance]) -> float:
    """Absolute uncertainty of the sum of the terms: parameters in quadrature, and the statistics of the simulation."""
    terms = tuple(terms)
    systematic = breakdown(terms, nuisances).values()
    return math.sqrt(sum(x**2 for x in systematic) + sum(term.statistical**2 for term in terms))
