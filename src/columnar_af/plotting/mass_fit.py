"""Figures of the D_s measurement: mass fits with their pulls, yields over eras, and the fit of the decay length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from columnar_af.fits.ds_study import Study
from columnar_af.fits.fit_result import FitResult
from columnar_af.fits.mass_model import BACKGROUND
from columnar_af.fits.prompt_fraction import PromptFraction
from columnar_af.fits.shapes import Values
from columnar_af.plotting.style import cms_style, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cms_style", "decay_length_figure", "mass_figure", "pulls", "stability_figure", "write"]

FIGURE_SIZE = (10.0, 10.0)
"""Inches; the font sizes of the style are made for about this size."""
CURVE_POINTS = 500
HEADROOM = 1.45
"""The vertical axis is this much longer than the highest bin, to leave room for legend and box; chosen by eye."""
LABELS = {"ds": r"$D_s^+$", "dplus": r"$D^+$", BACKGROUND: "background"}
COLOURS = {"ds": "#bd1f01", "dplus": "#3f90da", BACKGROUND: "#717581"}
"""Of Petroff's palette for people who see colours differently (arXiv:2107.02270)."""
TOTAL_COLOUR = "#832db6"


def mass_figure(result: FitResult, title: str) -> Figure:
    """Data, model and components above, pulls below, the numbers in a box; of a failed fit the data and the reason.

    Args:
        result: A mass fit.
        title: Stands above the picture.
    """
    figure, (axes, below) = _two_panels(title)
    _draw_data(axes, result.spectrum.counts, result.spectrum.variances, result.spectrum.edges)
    if result.succeeded:
        _draw_model(axes, result)
        _draw_pulls(below, result)
    width = 1000 * (result.spectrum.edges[1] - result.spectrum.edges[0])
    axes.set_ylabel(f"Candidates / {width:.3g} MeV")
    top = np.max(result.spectrum.counts + np.sqrt(result.spectrum.variances))
    axes.set_ylim(0, HEADROOM * max(float(top), 1.0))
    below.set_xlabel(r"$m(\mu\mu\pi)$ [GeV]")
    _box(axes, _numbers(result), failed=not result.succeeded)
    axes.legend(loc="upper right", fontsize="xx-small")
    return figure


def _two_panels(title: str) -> tuple[Figure, tuple[Axes, Axes]]:
    # Not pyplot: its figures stay in memory, and it asks for a display where a notebook has set it up so.
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional dependency)

    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.5, 1))
    axes.set_title(title, loc="left", fontsize="x-small", parse_math=False)
    return figure, (axes, below)


def _draw_data(axes: Axes, counts: Values, variances: Values, edges: Values, label: str = "data") -> None:
    import mplhep  # noqa: PLC0415  (an optional dependency)

    errors = np.where(variances > 0, np.sqrt(np.maximum(variances, 0)), np.nan)
    mplhep.histplot(
        counts, edges, yerr=errors, histtype="errorbar", color="black", ax=axes, label=label, markersize=7
    )


def _draw_model(axes: Axes, result: FitResult) -> None:
    edges = result.spectrum.edges
    points = np.linspace(edges[0], edges[-1], CURVE_POINTS + 1)
    per_bin = (edges[1] - edges[0]) / (points[1] - points[0])
    parts = result.model.component_counts(points, result.values)
    centres = (points[:-1] + points[1:]) / 2
    background = per_bin * parts[BACKGROUND]
    axes.plot(centres, per_bin * np.sum(list(parts.values()), axis=0), color=TOTAL_COLOUR, label="fit")
    for name, counts in parts.items():
        if name == BACKGROUND:
            axes.plot(centres, background, color=COLOURS[name], linestyle="--", label=LABELS[name])
        else:
            top = background + per_bin * counts
            axes.fill_between(
                centres, background, top, color=COLOURS[name], alpha=0.35, linewidth=0, label=LABELS[name]
            )


def pulls(result: FitResult) -> Values:
    """Data less fit in standard deviations of the data expected from the fit, ``(n_bins,)``; 0 where nothing is expected."""
    spectrum = result.spectrum
    expected = np.diff(result.model.scaled_cdf(spectrum.edges, *result.values))
    variance = (
        np.where(spectrum.counts > 0, spectrum.variances / np.maximum(spectrum.counts, 1e-300), 1.0)
        * expected
    )
    usable = variance > 0
    return np.where(usable, (spectrum.counts - expected) / np.sqrt(np.where(usable, variance, 1.0)), 0.0)


def _draw_pulls(axes: Axes, result: FitResult) -> None:
    axes.stairs(pulls(result), result.spectrum.edges, fill=True, color=TOTAL_COLOUR, alpha=0.6)
    _finish_pulls(axes)


def _finish_pulls(axes: Axes) -> None:
    axes.axhline(0, color="black", linewidth=1)
    for level in (-2, 2):
        axes.axhline(level, color="black", linewidth=1, linestyle=":")
    axes.set_ylim(-4.5, 4.5)
    axes.set_yticks([-4, -2, 0, 2, 4])
    axes.set_ylabel("Pull", loc="center")


def _numbers(result: FitResult) -> list[str]:
    if not result.succeeded:
        return ["FIT FAILED: no yield", *(_wrapped(problem) for problem in result.problems)]
    window = result.window("ds")
    lines = [
        f"$N(D_s)$ in {window.low:g}-{window.high:g} GeV: {window.value:,.0f} ± {window.error:,.0f}",
        f"$N(D_s)$ in the fit range: {result.total('ds').value:,.0f} ± {result.total('ds').error:,.0f}",
    ]
    if "dplus_yield" in result.parameters:
        lines.append(f"$N(D^+)$: {result.total('dplus').value:,.0f} ± {result.total('dplus').error:,.0f}")
    for name, label in (("ds_mean", r"$m(D_s)$"), ("ds_sigma", r"$\sigma(D_s)$")):
        parameter = result.parameters[name]
        error = "fixed" if parameter.fixed else f"± {1000 * parameter.error:.1f}"
        lines.append(f"{label} = {1000 * parameter.value:.1f} {error} MeV")
    goodness = result.goodness
    if goodness is not None:
        ratio = f"{goodness.statistic:.1f} / {goodness.ndof}"
        probability = "" if result.p_value is None else f", p = {result.p_value:.2g} ({goodness.method})"
        lines.append(f"$-2\\ln\\lambda$ / ndof = {ratio}{probability}")
    return lines


def _wrapped(text: str) -> str:
    import textwrap  # noqa: PLC0415  (needed for failed fits only)

    return textwrap.fill(text, 48)


def _box(axes: Axes, lines: list[str], *, failed: bool = False) -> None:
    colour = "#bd1f01" if failed else "black"
    axes.text(
        0.03, 0.965, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=15, color=colour, linespacing=1.35,
        bbox={"facecolor": "white", "edgecolor": colour, "alpha": 0.85, "boxstyle": "round,pad=0.4"},
    )  # fmt: skip


def stability_figure(study: Study) -> Figure:
    """D_s per fb⁻¹ in every era, and their mean; eras whose fit failed are named and have no point."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional dependency)

    figure = Figure(figsize=(10.0, 7.0), layout="constrained")
    axes = figure.add_subplot()
    names = [era.data.era for era in study.eras]
    rates = [era.per_luminosity() for era in study.eras]
    known = [(place, *rate) for place, rate in enumerate(rates) if rate is not None]
    if known:
        places, values, errors = (np.array(column) for column in zip(*known, strict=True))
        axes.errorbar(places, values, errors, fmt="o", color="black", capsize=4, label="fit per era")
        axes.set_ylim(0, 1.35 * float(np.max(values + errors)))
    for place in (place for place, rate in enumerate(rates) if rate is None):
        axes.text(place, 0.04, "no yield", rotation=90, ha="center", transform=axes.get_xaxis_transform())
    if (stability := study.stability()) is not None:
        mean, error, p_value = stability
        axes.axhline(mean, color=TOTAL_COLOUR, label=f"mean {mean:,.0f} ± {error:.0f}, p = {p_value:.2g}")
        axes.axhspan(mean - error, mean + error, color=TOTAL_COLOUR, alpha=0.2, linewidth=0)
    axes.set_xticks(range(len(names)), names)
    axes.minorticks_off()
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel(r"$N(D_s)$ in the signal window / fb$^{-1}$")
    axes.set_title("Stability over eras", loc="left", fontsize="x-small")
    if known:
        axes.legend(loc="upper right", fontsize="x-small")
    return figure


def decay_length_figure(fraction: PromptFraction, title: str) -> Figure:
    """The decay length of the D_s in data by sWeights, with the fitted templates; pulls below."""
    import mplhep  # noqa: PLC0415  (an optional dependency)

    figure, (axes, below) = _two_panels(title)
    data = fraction.data
    templates = [fraction.prompt, fraction.non_prompt]
    if fraction.succeeded:
        mplhep.histplot(
            templates, data.edges, stack=True, histtype="fill", ax=axes, label=["prompt", "from B decays"],
            color=[COLOURS["dplus"], COLOURS["ds"]], alpha=0.6,
        )  # fmt: skip
        spread = np.hypot(
            np.sqrt(np.where(data.variances > 0, data.variances, np.inf)), fraction.template_errors
        )
        below.stairs(
            (data.values - np.sum(templates, axis=0)) / spread,
            data.edges,
            fill=True,
            color=TOTAL_COLOUR,
            alpha=0.6,
        )
    _draw_data(axes, data.values, data.variances, data.edges, "data, sWeighted")
    _finish_pulls(below)
    below.set_xlabel("Proper decay length [mm], overflow in the last bin")
    axes.set_ylabel(f"$D_s$ / {data.edges[1] - data.edges[0]:.3g} mm")
    axes.set_ylim(min(0.0, 1.1 * float(np.min(data.values))), HEADROOM * max(float(np.max(data.values)), 1.0))
    _box(axes, _fraction_numbers(fraction), failed=not fraction.succeeded)
    axes.legend(loc="upper right", fontsize="xx-small")
    return figure


def _fraction_numbers(fraction: PromptFraction) -> list[str]:
    if not fraction.succeeded:
        return ["FIT FAILED: no fraction", *(_wrapped(problem) for problem in fraction.problems)]
    lines = [
        f"from B, data: {fraction.from_b:.3f} ± {fraction.from_b_error:.3f}",
        f"from B, simulation: {fraction.simulated:.3f} ± {fraction.simulated_error:.3f}",
    ]
    if fraction.goodness is not None:
        ratio = f"{fraction.goodness.statistic:.1f} / {fraction.goodness.ndof}"
        lines.append(f"$\\chi^2$ / ndof = {ratio}, p = {fraction.goodness.p_value:.2g}")
    return lines
