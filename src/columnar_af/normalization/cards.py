"""Counting experiments, one bin per category and year: combine datacards and pyhf models from the same description."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from columnar_af.errors import ConfigError
from columnar_af.normalization.background import Background
from columnar_af.normalization.uncertainties import CARD_NAMES, PARENTS, Nuisance, Term


@dataclass(frozen=True)
class SignalBin:
    """The signal in one category of one year.

    Attributes:
        category, year: Which.
        signal: Channel -> expected events for the reference branching fraction.
    """

    category: str
    year: str
    signal: dict[str, float]

    @property
    def name(self) -> str:
        """Name of the bin."""
        return f"{self.category}_{self.year}"


@dataclass(frozen=True)
class CountingBin(SignalBin):
    """The same with what a search says of it.

    Attributes:
        background: Expected background.
        observed: Events in the opened window; None while blinded, when the expected background stands in.
    """

    background: Background
    observed: int | None = None


def signal_bins(terms: Iterable[Term]) -> tuple[SignalBin, ...]:
    """The bins of the terms."""
    signals: dict[tuple[str, str], dict[str, float]] = {}
    for term in terms:
        signals.setdefault((term.category, term.year), {})[term.parent] = term.value
    return tuple(SignalBin(*key, signal) for key, signal in signals.items())


def counting_bins(
    terms: Iterable[Term],
    backgrounds: dict[tuple[str, str], Background],
    observed: dict[tuple[str, str], int],
) -> tuple[CountingBin, ...]:
    """The bins of the terms.

    Args:
        terms: Expected signal.
        backgrounds, observed: (category, year) -> background; observed events where the window was opened.

    Raises:
        ConfigError: A bin has no background.
    """
    bins = signal_bins(terms)
    missing = sorted((b.category, b.year) for b in bins if (b.category, b.year) not in backgrounds)
    if missing:
        names = ", ".join("_".join(key) for key in missing)
        msg = f"no background is known for {names}"
        raise ConfigError(msg, advice="run tau_to_3mu over the data of these years and give --search")
    return tuple(
        CountingBin(b.category, b.year, b.signal, backgrounds[key], observed.get(key))
        for b in bins
        for key in ((b.category, b.year),)
    )


def datacard(bins: Sequence[CountingBin], nuisances: Sequence[Nuisance]) -> str:
    """A combine datacard of counting experiments.

    The D_s, B⁰ and B⁺ channels are processes of their own, so that each nuisance moves what it belongs to. The sidebands
    give the background a gamma distribution.
    """
    columns = [(bin_, parent) for bin_ in bins for parent in (*_parents(bin_), "background")]
    rows = {
        "bin": [bin_.name for bin_, _ in columns],
        "process": [CARD_NAMES.get(parent, parent) for _, parent in columns],
        "process ": [str(-PARENTS.index(p)) if p in PARENTS else "1" for _, p in columns],
        "rate": [f"{_rate(bin_, parent):.6g}" for bin_, parent in columns],
    }
    blinded = [bin_.name for bin_ in bins if bin_.observed is None]
    observed = [
        f"{bin_.background.expected:.6g}" if bin_.observed is None else str(bin_.observed) for bin_ in bins
    ]
    lines = [
        "# tau -> 3mu, counting in the signal window; signal for B(tau -> 3mu) = 1e-7",
        *(
            [f"# blinded, the expected background stands for the observation: {' '.join(blinded)}"]
            if blinded
            else []
        ),
        f"imax {len(bins)}",
        "jmax *",
        "kmax *",
        "-" * 12,
        _line("bin", [bin_.name for bin_ in bins]),
        _line("observation", observed),
        "-" * 12,
        *(_line(name.strip(), row) for name, row in rows.items()),
        "-" * 12,
        *_systematics(columns, nuisances),
    ]
    return "\n".join(lines) + "\n"


def _parents(bin_: SignalBin) -> list[str]:
    return [parent for parent in PARENTS if parent in bin_.signal]


def _rate(bin_: CountingBin, parent: str) -> float:
    return bin_.signal.get(parent, bin_.background.expected)


def _line(name: str, entries: Iterable[str]) -> str:
    return f"{name:<28}" + " ".join(f"{entry:>12}" for entry in entries)


Effects = dict[str, dict[tuple[str, str], float]]
"""Parameter -> (bin, channel) -> factor on the expected signal when the parameter moves up by one standard deviation."""


def effects_of(bins: Sequence[SignalBin], nuisances: Sequence[Nuisance]) -> Effects:
    """What each parameter does, in the order of the nuisances."""
    effects: Effects = {}
    for nuisance in nuisances:
        for bin_ in bins:
            for parent in _parents(bin_):
                if effect := nuisance.on(parent, bin_.year):
                    effects.setdefault(nuisance.parameter(bin_.year), {})[bin_.name, parent] = 1 + effect
    return effects


def merged(effects: Effects) -> Effects:
    """The same with parameters of parallel effects made one, which changes no likelihood of the signal.

    κ₁^θ₁ κ₂^θ₂ with two standard normal parameters is distributed as κ^θ with one, ln κ = √(ln²κ₁ + ln²κ₂); this holds in
    all bins at once where the logarithms of the two have the same ratio in all of them.
    """
    groups: dict[tuple[tuple[tuple[str, str], float], ...], list[str]] = {}
    for name, factors in effects.items():
        size = math.hypot(*(math.log(factor) for factor in factors.values()))
        direction = tuple((key, round(math.log(factor) / size, 9)) for key, factor in factors.items())
        groups.setdefault(direction, []).append(name)
    return {
        " & ".join(names): {
            key: math.exp(math.hypot(*(math.log(effects[name][key]) for name in names)))
            for key, _ in direction
        }
        for direction, names in groups.items()
    }


def normalization_lines(bins: Sequence[SignalBin], nuisances: Sequence[Nuisance]) -> list[str]:
    """The lines of the signal, a column per bin and channel, for a datacard of one's own: rates and log-normal uncertainties."""
    columns = [(bin_, parent) for bin_ in bins for parent in _parents(bin_)]
    return [
        _line("bin", [bin_.name for bin_, _ in columns]),
        _line("process", [CARD_NAMES[parent] for _, parent in columns]),
        _line("rate", [f"{bin_.signal[parent]:.6g}" for bin_, parent in columns]),
        *_log_normal(columns, nuisances),
    ]


def _log_normal(columns: Sequence[tuple[SignalBin, str]], nuisances: Sequence[Nuisance]) -> list[str]:
    bins = list(dict.fromkeys(bin_.name for bin_, _ in columns))
    by_name = {bin_.name: bin_ for bin_, _ in columns}
    lines = []
    for parameter, factors in effects_of([by_name[name] for name in bins], nuisances).items():
        found = [factors.get((bin_.name, parent)) for bin_, parent in columns]
        lines.append(
            _line(f"{parameter} lnN", ["-" if factor is None else f"{factor:g}" for factor in found])
        )
    return lines


def _systematics(columns: Sequence[tuple[CountingBin, str]], nuisances: Sequence[Nuisance]) -> list[str]:
    lines = _log_normal(columns, nuisances)
    for bin_, parent in columns:
        if parent == "background":
            count = max(round(bin_.background.counted), 1)
            entries = [
                f"{_rate(bin_, parent) / count:.6g}" if (other, process) == (bin_, parent) else "-"
                for other, process in columns
            ]
            lines.append(_line(f"background_{bin_.name} gmN {count}", entries))
    return lines


def pyhf_specification(bins: Sequence[CountingBin], effects: Effects) -> dict[str, Any]:
    """The same experiments as a pyhf model specification; the signal strength ``mu`` is B(τ → 3μ) over its reference."""
    return {
        "channels": [
            {
                "name": bin_.name,
                "samples": [
                    *(_signal_sample(bin_, parent, effects) for parent in _parents(bin_)),
                    _background_sample(bin_),
                ],
            }
            for bin_ in bins
        ]
    }


def _signal_sample(bin_: CountingBin, parent: str, effects: Effects) -> dict[str, Any]:
    modifiers: list[dict[str, Any]] = [{"name": "mu", "type": "normfactor", "data": None}]
    for parameter, factors in effects.items():
        factor = factors.get((bin_.name, parent))
        if factor is not None:
            modifiers.append({"name": parameter, "type": "normsys", "data": {"hi": factor, "lo": 1 / factor}})
    return {"name": CARD_NAMES[parent], "data": [bin_.signal[parent]], "modifiers": modifiers}


def _background_sample(bin_: CountingBin) -> dict[str, Any]:
    modifier = {"name": f"sidebands_{bin_.name}", "type": "shapesys", "data": [bin_.background.error]}
    return {"name": "background", "data": [_rate(bin_, "background")], "modifiers": [modifier]}
