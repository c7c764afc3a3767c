"""Figures of yields: data and background per region and per variable, and what each nuisance parameter does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.statistics.study import Study
from columnar_af.statistics.uncertainties import Band, band, impacts
from columnar_af.statistics.yields import YieldTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

FIGURE_SIZE = (9.0, 7.5)
"""Inches; the font sizes of the style are made for about this size."""

COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Petroff's ten colours for people who see colours differently (arXiv:2107.02270)."""

SAMPLE_ORDER = ("ttbar", "VV", "Wt", "Zjets", "FNP", "ttZ", "other")
"""These have the same colours in all figures; others take the colours that follow."""

LABELS = {"ttbar": r"$t\bar{t}$", "VV": "$VV$", "Wt": "$Wt$", "Zjets": r"$Z$+jets", "ttZ": r"$t\bar{t}Z$", "FNP": "fake / non-prompt"}  # fmt: skip
SIGNAL_COLOURS = ("black", "#bd1f01", "#832db6")
LINES = ("--", ":", "-.")
LARGEST_RATIO = 2.0
HEADROOM = 1.6
LOG_HEADROOM = 30.0
"""How much longer the vertical axis is than the highest bin, to leave room for the legend; chosen by eye."""
MOST_NUISANCES = 20
"""Rows of a figure of nuisance parameters that can still be read."""


def _colour(sample: str, others: Sequence[str]) -> str:
    order = (*SAMPLE_ORDER, *(name for name in others if name not in SAMPLE_ORDER))
    return COLOURS[order.index(sample) % len(COLOURS)]


def two_panels(title: str) -> tuple[Figure, tuple[Axes, Axes]]:
    """An empty figure with a large panel above a small one."""
    # Not pyplot: its figures stay in memory, and it asks for a display where a notebook has set it up so.
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional dependency)

    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.set_title(title, loc="left", fontsize="small")
    return figure, (above, below)


def one_panel(title: str, height: float = 6.5) -> tuple[Figure, Axes]:
    """An empty figure."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional dependency)

    figure = Figure(figsize=(FIGURE_SIZE[0], height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize="small")
    return figure, axes


def _luminosity_text(luminosity: float) -> str:
    return "" if math.isnan(luminosity) else rf"√s = 13 TeV, {luminosity:.4g} fb$^{{-1}}$"


@dataclass(frozen=True, eq=False)
class Stack:
    """What a stacked figure shows.

    Attributes:
        edges: Of the bins.
        backgrounds: Sample -> expected events per bin.
        down, up: Uncertainty of their sum per bin.
        observed: Data per bin; NaN in bins without.
        signals: Signal -> expected events per bin.
    """

    edges: Floats
    backgrounds: Mapping[str, Floats]
    down: Floats
    up: Floats
    observed: Floats
    signals: Mapping[str, Floats]

    @property
    def total(self) -> Floats:
        """Sum of the backgrounds."""
        return np.sum([np.zeros(len(self.edges) - 1), *self.backgrounds.values()], axis=0)


def _draw_stack(axes: Axes, stack: Stack, *, logarithmic: bool) -> None:
    import mplhep  # noqa: PLC0415  (an optional dependency)

    shown = sorted(stack.backgrounds, key=lambda name: float(stack.backgrounds[name].sum()))
    mplhep.histplot(
        [stack.backgrounds[name] for name in shown], stack.edges, stack=True, histtype="fill", ax=axes,
        label=[LABELS.get(name, name) for name in shown], color=[_colour(name, sorted(shown)) for name in shown],
        edgecolor="black", linewidth=0.5,
    )  # fmt: skip
    total = stack.total
    _draw_band(axes, stack.edges, total - stack.down, total + stack.up, "uncertainty")
    for index, (name, values) in enumerate(stack.signals.items()):
        axes.stairs(
            values, stack.edges, label=name, linewidth=1.8, baseline=None,
            color=SIGNAL_COLOURS[index % 3], linestyle=LINES[index % 3],
        )  # fmt: skip
    if np.isfinite(stack.observed).any():
        errors = np.stack(poisson_errors(stack.observed))
        mplhep.histplot(
            stack.observed,
            stack.edges,
            yerr=errors,
            histtype="errorbar",
            color="black",
            ax=axes,
            label="data",
        )
    tops = [total + stack.up, np.nan_to_num(stack.observed), *stack.signals.values()]
    top = max(float(np.max(np.nan_to_num(values))) for values in tops)
    if logarithmic:
        axes.set_yscale("log")
        axes.set_ylim(0.05, LOG_HEADROOM * max(top, 1.0))
    else:
        axes.set_ylim(0, HEADROOM * max(top, 1e-3))
    axes.set_ylabel("Events")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper right", ncols=2, fontsize="x-small")


def _draw_band(axes: Axes, edges: Floats, low: Floats, high: Floats, label: str | None = None) -> None:
    axes.stairs(
        high, edges, baseline=low, fill=True, facecolor="none", edgecolor="0.25", hatch="////", linewidth=0, label=label
    )  # fmt: skip


def poisson_errors(counts: Floats) -> tuple[Floats, Floats]:
    """68.27 % interval of a Poisson mean (Garwood, Biometrika 28 (1936) 437), as lengths downwards and upwards."""
    from scipy.stats import chi2, norm  # noqa: PLC0415

    tail = norm.sf(1)
    low = np.where(counts > 0, chi2.ppf(tail, 2 * np.maximum(counts, 1)) / 2, 0.0)
    high = chi2.isf(tail, 2 * (np.nan_to_num(counts) + 1)) / 2
    return np.where(np.isfinite(counts), counts - low, np.nan), np.where(
        np.isfinite(counts), high - counts, np.nan
    )


def region_figure(study: Study) -> Figure:
    """Data and background after the background-only fit in all regions, pulls below; signals on top.

    Where the fit failed, the background is that before it, and the figure says so.
    """
    regions = study.regions
    count = len(regions)
    shown = [region.after or region.before for region in regions]
    names = dict.fromkeys(name for content in shown for name in content.samples)
    backgrounds = {
        name: np.array([content.sample_all_bins.get(name, (0.0, 0.0))[0] for content in shown])
        for name in names
    }
    errors = np.array([content.total_all_bins[1] for content in shown])
    observed = np.array(
        [np.nan if region.observed is None else float(sum(region.observed)) for region in regions]
    )
    edges = np.linspace(-0.5, count - 0.5, count + 1)
    stack = Stack(edges, backgrounds, errors, errors, observed, _signals(study))
    when = "after" if study.background.succeeded else "BEFORE (the fit FAILED)"
    title = f"Background {when} the background-only fit   {_luminosity_text(study.table.luminosity)}"
    figure, (above, below) = two_panels(title)
    _draw_stack(above, stack, logarithmic=True)
    _draw_region_pulls(below, study)
    table = study.table
    labels = [name.region if table.region(name.region).verified else f"{name.region}*" for name in regions]
    below.set_xticks(range(count), labels)
    below.minorticks_off()
    above.tick_params(axis="x", which="minor", bottom=False, top=False)
    if any(not region.verified for region in table.regions):
        below.set_xlabel("* thresholds not verified in a published source", fontsize="small")
    for position, region in enumerate(regions):
        if region.observed is None:
            text = "blinded" if table.region(region.region).blinded else "no data"
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            below.text(position, 0, text, ha="center", va="center", fontsize="x-small", bbox=box)
    return figure


def _signals(study: Study, most: int = 2) -> dict[str, Floats]:
    """Those with the best expected limits."""
    limits = [limit for limit in study.exclusions.values() if limit.expected is not None]
    best = sorted(limits, key=lambda limit: limit.expected or math.inf)[:most]
    table = study.table
    return {
        limit.signal: np.array(
            [
                table[region.region, limit.signal, "Nominal"].value
                if table.has(region.region, limit.signal)
                else 0.0
                for region in study.regions
            ]
        )
        for limit in best
    }


def _draw_region_pulls(axes: Axes, study: Study) -> None:
    colours = {"control": "#3f90da", "validation": "#94a4a2", "signal": "#bd1f01"}
    for position, region in enumerate(study.regions):
        if region.pull is not None:
            axes.bar(position, region.pull, color=colours[region.role], width=0.8)
    axes.axhline(0, color="black", linewidth=1)
    for level in (-2, 2):
        axes.axhline(level, color="black", linewidth=1, linestyle=":")
    largest = max([3.0, *(1.2 * abs(region.pull) for region in study.regions if region.pull is not None)])
    axes.set_ylim(-largest, largest)
    axes.set_ylabel("Pull", loc="center")
    axes.set_xlim(-0.5, len(study.regions) - 0.5)


def variable_figure(table: YieldTable, region: str, label: str = "", signals: Sequence[str] = ()) -> Figure:
    """Data and background of a region in the variable that it is histogrammed in, with their ratio.

    The band is the statistics of the simulation and all variations, in quadrature, before any fit.

    Args:
        table: Yields with a shape of the region.
        region: Its name.
        label: Of the horizontal axis; that of the histogram where it is empty.
        signals: Signals to draw.

    Raises:
        ConfigError: The region is counted, not histogrammed.
    """
    binned = table.region(region)
    if binned.bins == 1 and binned.variable == "cuts":
        msg = f"region {region} is counted, it has no histogram to draw"
        raise ConfigError(msg, advice="read the yields with YieldTable.of(result, shapes={region: variable})")
    content = band(table, region)
    stack = Stack(
        np.array(binned.edges),
        {name: table.template(region, name).values for name in table.backgrounds if table.has(region, name)},
        content.total_down,
        content.total_up,
        table.observed.get(region, np.full(binned.bins, np.nan)),
        {name: table.template(region, name).values for name in signals if table.has(region, name)},
    )
    star = "" if binned.verified else " (thresholds not verified)"
    blinded = ", data blinded" if binned.blinded else ""
    missing = [
        sample.name
        for sample in table.samples
        if sample.is_data_driven and not table.has(region, sample.name)
    ]
    without = f", without {', '.join(missing)}" if missing else ""
    title = f"{region}{star}{blinded}{without}   {_luminosity_text(table.luminosity)}"
    figure, (above, below) = two_panels(title)
    _draw_stack(above, stack, logarithmic=False)
    _draw_ratio(below, stack, content)
    below.set_xlabel(
        f"{label or binned.label or binned.variable}  (under- and overflow in the outer bins)",
        fontsize="small",
    )
    above.set_xlim(binned.edges[0], binned.edges[-1])
    return figure


def _draw_ratio(axes: Axes, stack: Stack, content: Band) -> None:
    import mplhep  # noqa: PLC0415  (an optional dependency)

    total = np.where(content.nominal > 0, content.nominal, np.nan)
    _draw_band(axes, stack.edges, 1 - stack.down / total, 1 + stack.up / total)
    if np.isfinite(stack.observed).any():
        errors = np.stack(poisson_errors(stack.observed)) / total
        mplhep.histplot(
            stack.observed / total, stack.edges, yerr=errors, histtype="errorbar", color="black", ax=axes
        )
    axes.axhline(1, color="black", linewidth=1)
    axes.set_ylim(0, LARGEST_RATIO)
    axes.set_yticks([0.5, 1.0, 1.5])
    axes.set_ylabel("Data / exp.", loc="center")


def impact_figure(table: YieldTable, region: str) -> Figure:
    """What each nuisance parameter does to the background of a region, the largest first."""
    found = [item for item in impacts(table, region) if item[1] or item[2]]
    shown = found[:MOST_NUISANCES]
    left_out = f", {len(found) - len(shown)} smaller ones not shown" if len(found) > len(shown) else ""
    unverified = "" if table.region(region).verified else " (thresholds not verified)"
    figure, axes = one_panel(
        f"{region}{unverified}, before the fit{left_out}", 2.2 + 0.36 * max(len(shown), 3)
    )
    places = np.arange(len(shown))[::-1]
    for index, (label, colour) in enumerate((("+1σ", "#bd1f01"), ("-1σ", "#3f90da"))):
        values = [100 * item[1 + index] for item in shown]
        axes.barh(places + 0.2 - 0.4 * index, values, height=0.4, color=colour, label=label)
    axes.axvline(0, color="black", linewidth=1)
    largest = max([1e-3, *(100 * max(abs(up), abs(down)) for _, up, down in shown)])
    axes.set_xlim(-1.15 * largest, 1.15 * largest)
    axes.set_yticks(places, [name for name, _, _ in shown], fontsize="x-small")
    axes.set_ylim(-0.7, max(len(shown), 1) - 0.3)
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_xlabel("Change of the background [%]")
    if shown:
        axes.legend(loc="lower right", fontsize="x-small")
    return figure
