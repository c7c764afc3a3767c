"""What a run of TauTo3Mu over data says of a counting experiment: background from the sidebands, and what was opened."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

from columnar_af.datasets.eras import year_of
from columnar_af.errors import ConfigError
from columnar_af.normalization.background import Background, background_in_window
from columnar_af.results.run_result import RunResult

Key = tuple[str, str]
"""Category, year."""


def backgrounds(result: RunResult) -> dict[Key, Background]:
    """(category, year) -> background in its signal window.

    Raises:
        ConfigError: The result is not one of TauTo3Mu over data.
    """
    found = {}
    for year, datasets in _data_by_year(result).items():
        windows = _windows(result, datasets)
        for category in sorted(set(windows) - {"mass"}):
            spectra = [result.hist(f"mass_{category}", dataset=name) for name in datasets]
            total = reduce(add, spectra)
            found[category, year] = background_in_window(total, windows[category], windows["mass"])
    return found


def observed(result: RunResult) -> dict[Key, int]:
    """(category, year) -> events in the signal window, for the years in which all data were opened."""
    found = {}
    for year, datasets in _data_by_year(result).items():
        parts = [_part(result, name) for name in datasets]
        if any(part["signal_window"]["blinded_entries"] for part in parts):
            continue
        for category in sorted(set(_windows(result, datasets)) - {"mass"}):
            key = f"{category}_signal_window"
            found[category, year] = sum(int(result.yields[name][key]["raw"]) for name in datasets)
    return found


def _data_by_year(result: RunResult) -> dict[str, list[str]]:
    years: dict[str, list[str]] = {}
    for name, summary in result.datasets.items():
        if summary.metadata.get("is_data"):
            years.setdefault(year_of(str(summary.metadata.get("era"))), []).append(name)
    if not years:
        msg = f"the result of the search has no data; its datasets are {', '.join(result.datasets) or 'none'}"
        raise ConfigError(msg, advice="run tau_to_3mu over data, with is_data: true in the metadata")
    return years


def _part(result: RunResult, dataset: str) -> Mapping[str, Any]:
    part = result.output.get(dataset, {})
    if not {"windows", "signal_window"} <= set(part):
        msg = f"dataset {dataset} has no signal window in its result: it was not made by tau_to_3mu"
        raise ConfigError(msg, advice="give the folder of a run of tau_to_3mu")
    return part


def _windows(result: RunResult, datasets: list[str]) -> dict[str, tuple[float, float]]:
    joined: dict[str, set[tuple[float, float]]] = {}
    for name in datasets:
        for key, window in _part(result, name)["windows"].items():
            joined.setdefault(key, set()).update(window)
    several = sorted(key for key, window in joined.items() if len(window) != 1)
    if several:
        msg = f"the windows of {', '.join(several)} differ between {', '.join(datasets)}"
        raise ConfigError(msg, advice="run all data of a year with one selection")
    return {key: next(iter(window)) for key, window in joined.items()}
