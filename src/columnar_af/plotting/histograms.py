"""A picture of every histogram of a result, the datasets laid over one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hist import Hist
from hist.axis import Regular, StrCategory

from columnar_af.errors import ConfigError, OutputError
from columnar_af.results.run_result import RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 120
"""1200 x 960 pixels for a figure of 10 x 8 inches, which fills half a screen."""

FIGURE_SIZE = (10.0, 8.0)
"""Inches; the font sizes of the style are made for about this size."""

VARIATION_AXIS, NOMINAL = "variation", "nominal"
"""Axis of systematic variations, and its category for none (``columnar_af.systematics``)."""

MAX_OVERLAID = 6
"""Colours of the style; more lines cannot be told apart, and each dataset has a picture of its own."""

MAX_UPRIGHT = 6
"""More names of categories do not fit side by side."""

HEADROOM = 1.25
"""The vertical axis is this much longer than the error bars need, to leave room for the legend; chosen by eye."""


def plot_histograms(result: RunResult, directory: Path, names: Iterable[str] = ()) -> list[Path]:
    """Write one PNG per histogram of a result, named after it.

    One-dimensional histograms of several datasets share one picture; two-dimensional ones have one per dataset. Those of
    three and more dimensions are left out, because a picture of them needs a choice that is not ours.

    Args:
        result: The result.
        directory: The folder to write to; made where it is missing.
        names: The histograms to draw; all of them where none is named.

    Returns:
        The files, in the order of ``names``; of all histograms in that of their names.

    Raises:
        ConfigError: Where matplotlib and mplhep are not installed, or the result has no histogram of a name.
        OutputError: Where a file cannot be written.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  (an optional dependency)
        import mplhep  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"figures need {error.name}, which is not installed"
        raise ConfigError(msg, advice="pip install 'columnar-af[plot]'") from error
    with mpl.rc_context():
        mplhep.style.use(mplhep.style.CMS)
        return [
            _written(figure, directory / f"{_file_name(name)}.png")
            for histogram in tuple(names) or result.hist_names
            for name, figure in _figures(histogram, result.hists(histogram), _remark(result, histogram))
        ]


def _file_name(name: str) -> str:
    """A path below the folder of figures: parts of nested names are folders, odd letters are replaced."""
    return "/".join(re.sub(r"[^\w+-]+", "_", part) for part in name.split("/"))


def _written(figure: Figure, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH)
    except OSError as error:
        msg = f"cannot write the figure {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return path


def _remark(result: RunResult, name: str) -> str:
    """What must stand on the pictures of a region, whose histograms are called ``region/variable``."""
    region = name.split("/", maxsplit=1)[0]
    parts = result.output.values() if isinstance(result.output, Mapping) else ()
    unverified = any(isinstance(part, Mapping) and region in part.get("unverified", ()) for part in parts)
    return " (thresholds not verified)" if unverified else ""


def _figures(name: str, histograms: Mapping[str, Hist], remark: str = "") -> Iterator[tuple[str, Figure]]:
    """(name of the file, figure) for one histogram of all datasets; of variations, only nominal is drawn."""
    histograms = {dataset: _nominal(histogram) for dataset, histogram in histograms.items()}
    dimensions = {histogram.ndim for histogram in histograms.values()}
    if dimensions == {1} and len(histograms) <= MAX_OVERLAID:
        yield name, overlay(name + remark, histograms)
    elif dimensions <= {1, 2}:
        for dataset, histogram in histograms.items():
            figure = (
                overlay(name + remark, {dataset: histogram})
                if histogram.ndim == 1
                else plane(name + remark, dataset, histogram)
            )
            yield f"{name}_{dataset}", figure


def _nominal(histogram: Hist) -> Hist:
    """A histogram without its axis of systematic variations."""
    for position, axis in enumerate(histogram.axes):
        if axis.name == VARIATION_AXIS and histogram.ndim > 1 and NOMINAL in list(axis):
            where = [slice(None)] * histogram.ndim
            return histogram[(*where[:position], list(axis).index(NOMINAL), *where[position + 1 :])]
    return histogram


def overlay(name: str, histograms: Mapping[str, Hist]) -> Figure:
    """One-dimensional histograms laid over one another, with error bars √(sum of squared weights), none on empty bins.

    Args:
        name: Name of the histogram; stands above the picture.
        histograms: Label in the legend -> histogram; the axis is labelled as the first one's.
    """
    import mplhep  # noqa: PLC0415  (an optional dependency)

    figure, axes = _new_figure(name)
    with np.errstate(invalid="ignore"):  # a bin that is infinite or NaN leaves a gap
        for label, histogram in histograms.items():
            mplhep.histplot(histogram, ax=axes, label=label, flow="none", w2method="sqrt")
    first = next(iter(histograms.values()))
    axes.set_xlabel(first.axes[0].label or first.axes[0].name)
    if isinstance(first.axes[0], StrCategory) and len(first.axes[0]) > MAX_UPRIGHT:
        axes.tick_params(axis="x", labelrotation=90, labelsize="xx-small")
    axes.set_ylabel("Mean" if first.kind == "MEAN" else _height_label(first.axes[0]))
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(0.0, bottom), HEADROOM * top)
    axes.legend(loc="upper right", fontsize="x-small")
    return figure


def plane(name: str, dataset: str, histogram: Hist) -> Figure:
    """A two-dimensional histogram of one dataset, bin contents as colours."""
    import mplhep  # noqa: PLC0415  (an optional dependency)

    figure, axes = _new_figure(f"{name}, {dataset}")
    drawn = mplhep.hist2dplot(histogram, ax=axes, flow="none", cbar=False)
    # Our own colour bar: mplhep's belongs to pyplot's current figure, which is another one.
    figure.colorbar(drawn.pcolormesh, ax=axes, label="Entries")
    axes.set_xlabel(histogram.axes[0].label or histogram.axes[0].name)
    axes.set_ylabel(histogram.axes[1].label or histogram.axes[1].name)
    return figure


def _new_figure(title: str) -> tuple[Figure, Axes]:
    # Not pyplot: its figures stay in memory, and it asks for a display where a notebook has set it up so.
    from matplotlib.figure import Figure  # noqa: PLC0415  (an optional dependency)

    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize="x-small", parse_math=False)
    return figure, axes


def _height_label(axis: Any) -> str:
    """What a bin counts; with the bin width and its unit where all bins are equally wide."""
    if not isinstance(axis, Regular) or axis.transform is not None:
        return "Entries"
    unit = re.search(r"\[([^\]]+)\]\s*$", axis.label)
    width = f"{axis.widths[0]:.3g}"
    return f"Entries / {width} {unit.group(1)}" if unit else f"Entries / {width}"
