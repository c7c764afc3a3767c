"""The normalization on screen, in LaTeX and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from columnar_af.normalization.cards import CountingBin
from columnar_af.normalization.constants import Constants
from columnar_af.normalization.control_channel import EraYield, Value
from columnar_af.normalization.limit import Limit
from columnar_af.normalization.uncertainties import PARENTS, Nuisance, Term, breakdown, total_uncertainty

NAMES = {"Ds": "D_s", "B0": "B^0", "Bp": "B^+"}


@dataclass(frozen=True)
class Normalization:
    """All that the normalization found.

    Attributes:
        constants: Numbers from elsewhere.
        eras: Control channel, era by era.
        terms: Expected τ → 3μ, by channel, category and year.
        nuisances: Uncertainties.
        bins: Counting experiments; empty where no search was given.
        limit: Expected limit; None where none was computed.
        b_fraction: Fraction of D_s from B decays, fitted or given; None where the constant was taken.
        left_out: Era without yield -> why.
        cross_check: Channel -> expected events by the cross-sections of the simulation; empty where they are unknown.
        other_year: Year -> year of the signal simulation that its efficiencies are from, where that is another one.
    """

    constants: Constants
    eras: tuple[EraYield, ...]
    terms: tuple[Term, ...]
    nuisances: tuple[Nuisance, ...]
    bins: tuple[CountingBin, ...] = ()
    limit: Limit | None = None
    b_fraction: float | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    cross_check: Mapping[str, float] = field(default_factory=dict)
    other_year: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know before using the numbers."""
        notes = [
            f"{name} = {c.value:g} is not verified in its primary source ({c.source})"
            for name, c in self.constants.unverified.items()
        ]
        notes += [
            f"{era} HAS NO YIELD and is left out of its year: {reason}"
            for era, reason in self.left_out.items()
        ]
        notes += [
            f"there is no signal simulation of {year}: the efficiencies of τ → 3μ are those of {other}"
            for year, other in self.other_year.items()
        ]
        if self.terms and self.b_fraction is None:
            c = self.constants.b_fraction
            notes.append(
                f"the fraction of D_s from B decays was not fitted; {c.value:g} is taken ({c.source})"
            )
        skimmed = sorted({era.efficiency.dataset for era in self.eras if era.efficiency.after_skim})
        if skimmed:
            notes.append(
                f"simulation {', '.join(skimmed)} names no generated_events: its efficiency is relative to the events of "
                "the ntuple, and so is the number of produced D_s"
            )
        return tuple(notes)

    def categories(self) -> list[tuple[str, str, list[Term]]]:
        """Year, category and its terms, in order."""
        keys = dict.fromkeys((term.year, term.category) for term in self.terms)
        return [
            (year, category, [t for t in self.terms if (t.year, t.category) == (year, category)])
            for year, category in keys
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rows = [
            {
                "year": year,
                "category": category,
                **{term.parent: term.value for term in terms},
                "total": sum(term.value for term in terms),
                "uncertainty": total_uncertainty(terms, self.nuisances),
            }
            for year, category, terms in self.categories()
        ]
        return {
            "b_fraction": self.b_fraction,
            "branching_fraction": self.constants.tau_to_3mu.value,
            "eras": [asdict(era) for era in self.eras],
            "expected": rows,
            "total": {
                "value": sum(term.value for term in self.terms),
                "uncertainty": total_uncertainty(self.terms, self.nuisances),
                "by_parameter": breakdown(self.terms, self.nuisances),
            },
            "by_cross_section": dict(self.cross_check),
            "bins": [asdict(bin_) for bin_ in self.bins],
            "left_out": dict(self.left_out),
            "limit": None if self.limit is None else asdict(self.limit),
            "notes": list(self.notes),
        }


Rows = list[list[str]]


def _value(value: Value | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value.value:.{digits}g} ± {value.error:.2g}"


def era_rows(result: Normalization) -> Rows:
    """The table of eras, with its heading."""
    heading = ["era", "D_s in window", "efficiency", "produced D_s → μμπ", "per fb⁻¹", "data / simulation"]
    with_truth = any(era.truth is not None and era.truth.generated is not None for era in result.eras)
    return [heading + ["true D_s in window", "true produced"] * with_truth] + [
        [
            era.era,
            f"{era.fitted.value:.1f} ± {era.fitted.error:.1f}",
            f"{era.efficiency.value.value:.4g} ± {era.efficiency.value.error:.2g}",
            f"{era.produced.value:.1f} ± {era.produced.error:.1f}",
            f"{era.produced.value / era.control_luminosity:.1f} ± {era.produced.error / era.control_luminosity:.1f}",
            _value(era.data_over_simulation),
            *(_truth_cells(era) if with_truth else []),
        ]
        for era in result.eras
    ]


def _truth_cells(era: EraYield) -> list[str]:
    """What simulated data truly hold."""
    if era.truth is None:
        return ["–", "–"]
    return [str(era.truth.ds), "–" if era.truth.generated is None else str(era.truth.generated)]


def signal_rows(result: Normalization) -> Rows:
    """The table of expected τ → 3μ, with its heading."""
    rows = [["year", "category", *(f"from {NAMES[parent]}" for parent in PARENTS), "all"]]
    for year, category, terms in result.categories():
        rows.append([year, category, *_signal_cells(result, terms)])
    rows.append(["all", "", *_signal_cells(result, list(result.terms))])
    if result.cross_check:
        values = [result.cross_check.get(parent, 0.0) for parent in PARENTS]
        cells = [f"{value:.4g}" for value in (*values, sum(values))]
        rows.append(["all, by cross-section", "", *cells])
    return rows


def _signal_cells(result: Normalization, terms: Sequence[Term]) -> list[str]:
    values = [sum(term.value for term in terms if term.parent == parent) for parent in PARENTS]
    error = total_uncertainty(terms, result.nuisances)
    return [*(f"{value:.4g}" for value in values), f"{sum(values):.4g} ± {error:.2g}"]


def uncertainty_rows(result: Normalization) -> Rows:
    """The uncertainties of the sum of all signal, largest first, with a heading."""
    total = sum(term.value for term in result.terms)
    if not total:
        return [["parameter", "relative"]]
    found = sorted(breakdown(result.terms, result.nuisances).items(), key=lambda item: -item[1])
    rows = [[name, f"{100 * change / total:.2f} %"] for name, change in found]
    rows.append(["all", f"{100 * total_uncertainty(result.terms, result.nuisances) / total:.2f} %"])
    return [["parameter", "relative"], *rows]


def as_text(rows: Rows) -> str:
    """Aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


LATEX = {
    "±": r"$\pm$",
    "→": r"$\to$",
    "μ": r"$\mu$",
    "π": r"$\pi$",
    "⁻¹": "$^{-1}$",
    "%": r"\%",
    "–": "--",
    "_": r"\_",
}


def as_latex(rows: Rows) -> str:
    """A ``tabular`` with rules of booktabs."""
    lines = [r"\begin{tabular}{" + "l" + "r" * (len(rows[0]) - 1) + "}", r"\toprule"]
    for number, row in enumerate(rows):
        lines.append(" & ".join(_latex_cell(cell) for cell in row) + r" \\")
        if number == 0:
            lines.append(r"\midrule")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _latex_cell(cell: str) -> str:
    for name in NAMES.values():
        cell = cell.replace(name, {"D_s": "Ds#", "B^0": "B0#", "B^+": "Bp#"}[name])
    for sign, command in LATEX.items():
        cell = cell.replace(sign, command)
    return cell.replace("Ds#", "$D_s$").replace("B0#", "$B^0$").replace("Bp#", "$B^+$")


def report(result: Normalization) -> str:
    """All tables and notes as text."""
    parts = ["Control channel", as_text(era_rows(result))]
    if result.terms:
        reference = result.constants.tau_to_3mu.value
        parts += [
            f"\nExpected τ → 3μ in the signal windows for B = {reference:g}",
            as_text(signal_rows(result)),
        ]
        parts += ["\nUncertainties of the sum", as_text(uncertainty_rows(result))]
    if result.limit is not None:
        parts.append(_limit_line(result.limit))
    return "\n".join([*parts, *(f"\nnote: {note}" for note in result.notes)])


def _limit_line(limit: Limit) -> str:
    low, high = limit.band[1], limit.band[3]
    observed = "blinded" if limit.observed is None else f"{limit.observed:.3g}"
    return (
        f"\nUpper limit on B(τ → 3μ) at {100 * limit.confidence:.0f} % CL: expected {limit.expected:.3g} "
        f"(68 % between {low:.3g} and {high:.3g}), observed {observed}"
    )
