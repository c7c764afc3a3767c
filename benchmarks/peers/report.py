"""RESULTS.md: the tables, with the machine and the versions."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peers.processes import PROJECT, Series
from peers.targets import HEADER, Target

LIBRARIES = ("coffea", "uproot", "awkward", "numba", "numpy", "deflate", "hist", "dask", "distributed")

BEYOND = """\
Compared is the selection with a mass histogram. The targets take `columnar-af run` of a processor that makes just these, with the same
selection as `ds_phi_pi`; it still does more than the others: the inspection of the file, the comparison of all lengths, the cutflow of 13
cuts in events, candidates and weights, and the ledger. The whole processor has some 20 histograms, yields with uncertainties, the columns
of the selected candidates and 24 N-1 distributions as well. RDataFrame and the C loop leave a candidate at its first failing cut, and
count none of the others.
"""


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def write(measurements: dict[str, Any], file: Path, load_before: float) -> tuple[str, dict[str, Any]]:
    """The text and the same as plain values."""
    simulation, sparse = measurements["simulation"], measurements.get("data-like")
    lines = ["# Results of `benchmarks/compare_peers.py`", "", *_conditions(measurements, file, load_before)]
    targets = all_targets(measurements)
    lines += ["", "## Targets", "", HEADER, *(target.row() for target in targets)]
    lines += ["", f"## The same selection side by side: {file.name}", "", BEYOND]
    lines += _table(simulation.series)
    if sparse is not None:
        lines += ["", f"## Data-like sample, trigger 1 %, small baskets: {sparse.file.name}", ""]
        lines += _table(sparse.series)
    lines += _other_tables(measurements)
    record = {
        "targets": [asdict(target) | {"verdict": target.verdict} for target in targets],
        "checks": measurements["checks"],
        "series": {
            kind: {name: asdict(series) for name, series in measurements[kind].series.items()}
            for kind in ("simulation", "data-like")
            if kind in measurements
        },
        "two-cores": asdict(measurements["two-cores"]),
        "memory": measurements.get("memory", []),
        **measurements["others"],
    }
    return "\n".join(lines) + "\n", record


def _conditions(measurements: dict[str, Any], file: Path, load_before: float) -> list[str]:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    roots = [record for series in measurements["simulation"].series.values() for record in series.records]
    root = next((f", ROOT {record['version']}" for record in roots if "version" in record), ", no ROOT here")
    command = " ".join(Path(word).name if "/" in word else word for word in sys.argv)
    commit = subprocess.run(
        ["git", "-C", PROJECT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{_processor()}, {len(os.sched_getaffinity(0))} cores"
    loads = f"load average {load_before:.2f} before, {load_average():.2f} after (our own processes included)"
    return [
        f"- made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by `python {command}`, commit {commit or 'unknown'}",
        f"- machine: {machine}; {loads}",
        f"- Python {platform.python_version()}, {versions}{root}",
        f"- input: {file.stat().st_size / 1e6:.0f} MB, {_events(measurements)} events; page cache warm",
        "- each number: median of fresh processes [smallest, largest], wall seconds; ratios of medians of this run",
        f"- results: {_checks(measurements['checks'])}",
    ]


def _events(measurements: dict[str, Any]) -> int:
    series = measurements["simulation"].series["ours"]
    return int(series.records[0]["events"]) if series.records else 0


def _checks(checks: dict[str, dict[str, str]]) -> str:
    odd = [
        f"{kind}: {name}: {text}" for kind, found in checks.items() for name, text in found.items() if text
    ]
    if odd:
        return "**differ**: " + "; ".join(odd)
    compared = sum(len(found) for found in checks.values())
    return f"equal in all {compared} comparisons: same events, same masses to the last bit, same histogram"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _table(series: dict[str, Series]) -> list[str]:
    ours = series["ours-mass"].median()
    rows = ["| who | wall s | CPU s | kHz | × ours | peak MB |", "|---|---|---|---|---|---|"]
    for item in series.values():
        if item.problem:
            rows.append(f"| {item.title} | not measured: {item.problem.strip().splitlines()[-1]} | | | | |")
        elif item.name == "limit":
            limit = item.median("spans/inflate") + item.median("spans/loop")
            loop = f"inflate {item.median('spans/inflate'):.3g}, loop {item.median('spans/loop'):.3g}"
            rows.append(f"| {item.title} | {limit:.3g} ({loop}) | | | {limit / ours:.3g} | |")
        elif item.records:
            rows.append(_row(item, ours))
    return rows


def _row(item: Series, ours: float) -> str:
    first = item.records[0]
    cpu = f"{item.median('cpu_s'):.3g}" if "cpu_s" in first else ""
    rate = f"{first['events'] / item.median() / 1e3:.3g}" if "events" in first else ""
    peak = f"{item.median('peak_mb'):.0f}" if first.get("peak_mb") else ""
    return f"| {item.title} | {item.spread()} | {cpu} | {rate} | {item.median() / ours:.3g} | {peak} |"


def _other_tables(measurements: dict[str, Any]) -> list[str]:
    lines = ["", "## Two cores, memory, start-up, dask, stop search", ""]
    cores = measurements["two-cores"]
    lines.append(
        f"- two cores: {cores.title}: {cores.spread('one_s')} s and {cores.spread()} s, ratio {cores.spread('ratio')}"
    )
    lines += [
        f"- memory: {item['gigabytes']:.2f} GB of files, peak {item['peak_mb']:.0f} MB"
        for item in measurements.get("memory", [])
    ]
    for name, found in measurements["others"].items():
        shown = {key: value for key, value in found.items() if not isinstance(value, dict | list)}
        lines.append(f"- {name}: {', '.join(f'{key} {_number(value)}' for key, value in shown.items())}")
    return lines


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def all_targets(measurements: dict[str, Any]) -> list[Target]:
    """The table of targets."""
    series = measurements["simulation"].series
    sparse = measurements["data-like"].series if "data-like" in measurements else {}
    others = measurements["others"]
    ours, whole = series["ours-mass"].median(), series["ours"].median()
    limit = series["limit"].median("spans/inflate") + series["limit"].median("spans/loop")
    shell = min(_median(series, name) for name in ("shell-rdf", "shell-rdf-typed"))
    return [
        Target(
            "first pass, against plain coffea", 20, _median(series, "plain") / ours, _by_cpu(series, "plain")
        ),
        Target(
            "first pass, against expert-staged coffea",
            5,
            _median(series, "expert") / ours,
            _by_cpu(series, "expert"),
        ),
        Target(
            "against RDataFrame's event loop alone, 1 thread",
            2,
            _median(series, "rdf-1") / ours,
            _by_cpu(series, "rdf-1"),
        ),
        Target(
            "against RDataFrame's event loop alone, 2 threads each",
            2,
            _median(series, "rdf-2") / series["ours-mass-2"].median("spans/event_loop"),
            "event loop of `run` on one file with 2 workers that are there already",
        ),
        Target(
            "start to finish from the shell, against RDataFrame's",
            3,
            shell / _median(series, "shell-ours"),
            "the faster of two ways to write it",
        ),
        Target(
            "share of the limit (libdeflate inflate of the needed baskets + C loop)",
            0.85,
            limit / ours,
            f"trigger names inflated once; without N-1 {limit / series['ours-lean'].median():.3g}, whole processor {limit / whole:.3g}",
        ),
        Target(
            "second pass from the cache, against plain coffea",
            200,
            _median(series, "plain") / _median(series, "ours-mass-cached"),
            f"whole processor {_median(series, 'plain') / _median(series, 'ours-cached'):.3g}",
        ),
        Target("two cores against one", 1.8, measurements["two-cores"].median("ratio"), "event loops"),
        Target(
            "data-like sample, trigger 1 %, small baskets, against plain coffea",
            15,
            _median(sparse, "plain") / _median(sparse, "ours-mass"),
            _by_cpu(sparse, "plain") if sparse else "",
        ),
        *_targets_of_others(others, measurements.get("memory", [])),
    ]


def _targets_of_others(others: dict[str, Any], memory: list[dict[str, float]]) -> list[Target]:
    stop, dask, start = (others.get(name, {}) for name in ("stop", "dask", "start_up"))
    peak = max((item["peak_mb"] for item in memory), default=math.nan)
    largest = f"{max((item['gigabytes'] for item in memory), default=0):.1f} GB of files"
    return [
        Target(
            "stop, 41 trees, against RDataFrame's notebook logic, 2 threads",
            10,
            _get(stop, "ratio_41_trees"),
            stop.get("problem", ""),
        ),
        Target(
            "50 kinematic variations, marginal each",
            3,
            _get(stop, "marginal_kinematic_percent"),
            stop.get("problem", _of_the_nominal_run(stop)),
            at_least=False,
            unit=" %",
        ),
        Target("memory of a worker", 1500, peak, largest, at_least=False, unit=" MB"),
        Target(
            "dask overhead for 1,000 chunks, each",
            3,
            _get(dask, "dask_ms_per_chunk"),
            dask.get("problem", ""),
            at_least=False,
            unit=" ms",
        ),
        Target(
            "dask-awkward overhead for 1,000 chunks, each",
            3,
            _get(dask, "dask_awkward_ms_per_chunk"),
            dask.get("problem", ""),
            at_least=False,
            unit=" ms",
        ),
        Target(
            "fresh worker ready, beyond imports",
            0.5,
            _get(start, "ready_s"),
            start.get("problem", ""),
            at_least=False,
            unit=" s",
        ),
        Target(
            "`columnar-af --help`",
            0.5,
            _get(start, "help_s"),
            start.get("problem", ""),
            at_least=False,
            unit=" s",
        ),
    ]


def _median(series: dict[str, Series], name: str) -> float:
    return series[name].median() if name in series else math.nan


def _by_cpu(series: dict[str, Series], name: str) -> str:
    """The same ratio in CPU time, which other jobs on the machine disturb less, and for the whole processor."""
    if not series[name].records:
        return series[name].problem
    cpu = series[name].median("cpu_s") / series["ours-mass"].median("cpu_s")
    return f"in CPU time {cpu:.3g}; without N-1 {series[name].median() / series['ours-lean'].median():.3g}, whole processor {series[name].median() / series['ours'].median():.3g}"


def _of_the_nominal_run(stop: dict[str, Any]) -> str:
    """What the share is of."""
    cpu = _get(stop, "marginal_kinematic_percent_of_cpu")
    return f"48 of them, reading included, of the wall time of the nominal run; of its chunks' CPU time {cpu:.3g} %"


def _get(found: dict[str, Any], key: str) -> float:
    return float(found.get(key, math.nan))
