"""The report of a benchmark: ``benchmark.json``, ``benchmark.csv`` and pictures."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from columnar_af.benchmarking.metrics import STAGES, UNITS
from columnar_af.benchmarking.sweep import SWEEPS, Measured
from columnar_af.errors import ConfigError, OutputError
from columnar_af.results.provenance import host_kind, installed_versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT = "columnar-af-benchmark-1"
JSON, CSV = "benchmark.json", "benchmark.csv"

GIGABYTE = 1e9
LABELS = {
    "size": "compressed bytes that were read [GB]",
    "workers": "workers",
    "variations": "variations",
}
COLORS = {"overall_s": "C0", "event_loop_s": "C1", "loop_khz": "C0", "worker_peak_mb": "C2"}
STAGE_NAMES = {
    "open_s": "open",
    "read_s": "read",
    "inflate_s": "inflate",
    "decode_s": "decode",
    "compute_s": "compute",
    "fill_s": "fill",
}

HEADROOM = 1.1
"""The vertical axis is this much longer than the largest value needs."""

Columns = tuple[str, ...]
POINT_COLUMNS: Columns = ("sweep", "value", "size", "workers", "variations", "cold", "repeat")


def write_report(
    measured: Sequence[Measured], folder: Path, *, title: str, settings: dict[str, Any]
) -> list[Path]:
    """Write the report.

    Args:
        measured: All points.
        folder: Made where it is missing.
        title: For the pictures: processor and input.
        settings: What was asked for, as plain values.

    Returns:
        The files.

    Raises:
        OutputError: A file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [_write_json(measured, folder / JSON, settings), _write_csv(measured, folder / CSV)]
        return files + _pictures(measured, folder, title)
    except OSError as error:
        msg = f"the report cannot be written to {folder}: {error.strerror or error}"
        raise OutputError(msg, advice="choose another folder with -o") from error


def _write_json(measured: Sequence[Measured], path: Path, settings: dict[str, Any]) -> Path:
    record = {
        "format": FORMAT,
        "settings": settings,
        "machine": {**host_kind(), "load_average": os.getloadavg()},
        "versions": installed_versions(),
        "units": UNITS,
        "valid": all(each.valid for each in measured),
        "points": [each.to_json() for each in measured],
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path


def _write_csv(measured: Sequence[Measured], path: Path) -> Path:
    """One row per measurement."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*POINT_COLUMNS, *UNITS])
        for each in measured:
            point = each.point
            setting = (
                point.sweep,
                point.value,
                point.size,
                point.workers,
                point.variations,
                point.cold,
            )
            for repeat, record in enumerate(each.records, 1):
                writer.writerow([*setting, repeat, *(record[metric] for metric in UNITS)])
    return path


def _pictures(measured: Sequence[Measured], folder: Path, title: str) -> list[Path]:
    """A picture per sweep with more than one value, and one of the stages."""
    try:
        import matplotlib as mpl  # noqa: PLC0415  # an optional dependency
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"figures need {error.name}, which is not installed"
        raise ConfigError(msg, advice="pip install 'columnar-af[plot]'") from error
    files = []
    with mpl.rc_context({"axes.grid": True, "grid.alpha": 0.3, "font.size": 12, "savefig.dpi": 120}):
        for sweep in SWEEPS:
            points = [each for each in measured if each.point.sweep == sweep and each.records]
            if len({each.point.value for each in points}) < 2:
                continue
            figure = Figure(figsize=(13, 5), layout="constrained")
            _draw_sweep(figure.subplots(1, 2), points, sweep)
            figure.suptitle(title)
            files.append(folder / f"{sweep}.png")
            figure.savefig(files[-1])
        figure = Figure(figsize=(10, 1.6 + 0.5 * len(measured)), layout="constrained")
        _draw_stages(figure.subplots(), measured)
        figure.suptitle(title)
        files.append(folder / "stages.png")
        figure.savefig(files[-1])
    return files


def _draw_sweep(axes: Sequence[Axes], points: Sequence[Measured], sweep: str) -> None:
    left, right = axes
    for state, style in ((False, "-"), (True, "--")):
        chosen = sorted(
            (each for each in points if each.point.cold is state), key=lambda each: each.point.value
        )
        if not chosen:
            continue
        x = [_position(each, sweep) for each in chosen]
        name = " (cold)" if state else ""
        if sweep == "workers":
            _line(left, x, chosen, "loop_khz", f"event loop{name}", style)
            first = chosen[0].median("loop_khz") or 0
            left.plot(x, [first * value / x[0] for value in x], "k:", label="proportional")
        else:
            _line(left, x, chosen, "overall_s", f"start to finish{name}", style)
            _line(left, x, chosen, "event_loop_s", f"event loop{name}", style)
        _line(right, x, chosen, "worker_peak_mb", f"worker{name}", style)
    left.set(xlabel=LABELS[sweep], ylabel="rate [kHz]" if sweep == "workers" else "time [s]")
    right.set(xlabel=LABELS[sweep], ylabel="peak memory [MB]")
    for axis in axes:
        axis.set_ylim(0, HEADROOM * axis.get_ylim()[1])
        axis.legend()


def _position(measured: Measured, sweep: str) -> float:
    if sweep == "size":
        return (measured.median("bytes_read") or 0) / GIGABYTE
    return float(measured.point.value)


def _line(
    axis: Axes, x: list[float], points: Sequence[Measured], metric: str, label: str, style: str
) -> None:
    """Medians with bars from the smallest to the largest value."""
    medians = [each.median(metric) or 0 for each in points]
    spreads = [each.spread(metric) or (0, 0) for each in points]
    low = [median - spread[0] for median, spread in zip(medians, spreads, strict=True)]
    high = [spread[1] - median for median, spread in zip(medians, spreads, strict=True)]
    axis.errorbar(x, medians, [low, high], fmt=f"o{style}", capsize=3, label=label, color=COLORS[metric])


def _draw_stages(axis: Axes, measured: Sequence[Measured]) -> None:
    """Where the CPU time of the chunks goes, as shares of it."""
    names = [_name(each) for each in measured]
    left = [0.0] * len(measured)
    for stage in STAGES:
        total = [sum(each.median(name) or 0 for name in STAGES) or 1 for each in measured]
        shares = [
            100 * (each.median(stage) or 0) / whole for each, whole in zip(measured, total, strict=True)
        ]
        axis.barh(names, shares, left=left, label=STAGE_NAMES[stage])
        left = [start + share for start, share in zip(left, shares, strict=True)]
    axis.set(xlabel="share of the CPU time of the chunks [%]", xlim=(0, 100))
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.legend(ncols=len(STAGES), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)


def _name(measured: Measured) -> str:
    point = measured.point
    return f"{point.sweep} {point.value}{' cold' if point.cold else ''}"
