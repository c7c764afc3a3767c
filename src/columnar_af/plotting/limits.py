"""Figures of fits and limits: nuisance parameters after the fit, and the exclusion in the plane of masses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from columnar_af.plotting.yields import MOST_NUISANCES, one_panel
from columnar_af.statistics.contour import GridPoint, Surface, surface
from columnar_af.statistics.fitting import Fit, Parameter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXPECTED_COLOUR, OBSERVED_COLOUR, BAND_COLOUR = "black", "#bd1f01", "#ffd34d"


def pull_figure(fitted: Fit, title: str = "Background-only fit") -> Figure:
    """Nuisance parameters after the fit in units of their widths before it; free normalizations as numbers."""
    constrained = [parameter for parameter in fitted.parameters if not parameter.is_free]
    shown = sorted(constrained, key=lambda found: -abs(found.pull) - _constraint(found))[:MOST_NUISANCES]
    left_out = f", {len(constrained) - len(shown)} others not shown" if len(constrained) > len(shown) else ""
    figure, axes = one_panel(title + left_out, 2.6 + 0.36 * max(len(shown), 4))
    if not fitted.succeeded:
        axes.text(0.5, 0.5, f"FIT FAILED: {fitted.failure}", ha="center", color=OBSERVED_COLOUR, wrap=True)
        return figure
    places = np.arange(len(shown))[::-1]
    axes.axvspan(-2, 2, color="#ffd34d", alpha=0.5, linewidth=0)
    axes.axvspan(-1, 1, color="#94c58c", alpha=0.8, linewidth=0)
    axes.errorbar(
        [found.pull for found in shown], places, xerr=[found.error / found.width for found in shown],
        fmt="o", color="black", markersize=5, capsize=2,
    )  # fmt: skip
    axes.set_yticks(places, [found.name for found in shown], fontsize="x-small")
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.tick_params(axis="y", which="major", right=False)
    axes.set_xlim(-3, 3)
    axes.set_ylim(-0.8, max(len(shown), 4) + 0.8)
    axes.set_xlabel("(fitted - before) / width before the fit")
    free = [found for found in fitted.parameters if found.is_free]
    text = "\n".join(f"{found.name} = {found.value:.2f} ± {found.error:.2f}" for found in free)
    axes.text(0.98, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize="x-small")
    return figure


def _constraint(parameter: Parameter) -> float:
    """How much smaller the fit made the error of a parameter: 0 for not at all."""
    return 1 - parameter.error / parameter.width


def contour_figure(points: Sequence[GridPoint], title: str = "") -> Figure:
    """The points with their limits on the signal strength, and where these are 1: observed, expected with ±1σ band.

    Points that failed are crosses; a plane of few points has no contour, and the figure says why.
    """
    figure, axes = one_panel(title, 7.0)
    expected = surface(points, "expected")
    _draw_band(axes, points)
    drawn = [
        _draw_contour(axes, expected, EXPECTED_COLOUR, "--", "expected limit ±1σ"),
        _draw_contour(axes, surface(points, "observed"), OBSERVED_COLOUR, "-", "observed limit"),
    ]
    _draw_points(axes, points)
    masses = [point.stop_mass for point in points]
    differences = [point.mass_difference for point in points]
    axes.set_xlim(*_widened(masses))
    low, high = _widened(differences)
    axes.set_ylim(low, high + 0.4 * (high - low))  # room for the legend
    axes.set_xlabel(r"$m(\tilde{t}_1)$ [GeV]")
    axes.set_ylabel(r"$\Delta m(\tilde{t}_1, \tilde{\chi}^0_1)$ [GeV]")
    known = sum(1 for point in points if point.limit.band)
    which = "observed" if any(point.limit.observed is not None for point in points) else "expected"
    lines = [
        f"{known} signal points (dots), limits at 95 % CLs",
        f"numbers: {which} limits on the signal strength",
        "contours: linear in log(limit) between points",
    ]
    lines += [] if any(drawn) else ["NO CONTOUR: see the limits at the points"]
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", fontsize="x-small")
    if any(drawn):
        axes.legend(loc="upper right", fontsize="x-small")
    return figure


def _widened(values: Sequence[float]) -> tuple[float, float]:
    margin = 0.12 * max(max(values) - min(values), 10.0)
    return min(values) - margin, max(values) + margin


def _draw_contour(axes: Axes, drawn: Surface | None, colour: str, style: str, label: str) -> bool:
    """Draw where the limit is 1; False where there is no such line."""
    if drawn is None or not drawn.has_contour:
        return False
    axes.contour(
        drawn.stop_masses, drawn.mass_differences, drawn.logarithms, levels=[0.0], colors=[colour], linestyles=[style],
        linewidths=2,
    )  # fmt: skip
    axes.plot([], [], color=colour, linestyle=style, linewidth=2, label=label)
    return True


def _draw_band(axes: Axes, points: Sequence[GridPoint]) -> None:
    """Between the contours at -1 and +1 standard deviation: points that one of them excludes and the other does not."""
    low, high = surface(points, "expected -1σ"), surface(points, "expected +1σ")
    if low is None or high is None:
        return
    # A limit is between its -1σ and +1σ values: the band is where 0 lies between the two logarithms. The product is
    # negative there, and continuous, so that the edges of the band are the two contours.
    product = low.logarithms * high.logarithms
    if np.nanmin(product) < 0:
        axes.contourf(
            low.stop_masses, low.mass_differences, product, levels=[-np.inf, 0.0], colors=[BAND_COLOUR], alpha=0.6
        )  # fmt: skip


def _draw_points(axes: Axes, points: Sequence[GridPoint]) -> None:
    for point in points:
        strength = point.limit.observed if point.limit.observed is not None else point.limit.expected
        if strength is None:
            axes.plot(point.stop_mass, point.mass_difference, "x", color=OBSERVED_COLOUR, markersize=8)
            label = "failed"
        else:
            axes.plot(point.stop_mass, point.mass_difference, "o", color="0.3", markersize=4)
            label = f"{strength:.3g}"
        axes.annotate(
            label, (point.stop_mass, point.mass_difference), (0, 5), textcoords="offset points", ha="center",
            fontsize="xx-small", color="0.3",
        )  # fmt: skip
