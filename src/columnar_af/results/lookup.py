"""Finding histograms, cutflows and yields in the output of a processor, whichever way it is nested.

Two shapes are known: coffea's convention ``{dataset: {"cutflow": ..., "hists": {name: ...}, "yields": ...}}``, and flat
outputs ``{"cutflow": ..., name: histogram}`` that sum over datasets, or keep them apart by an axis named ``dataset`` or
by ``{name: {dataset: histogram}}``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import hist

from columnar_af.selection.cutflow import Cutflow

DATASET_AXIS = "dataset"

PerDataset = dict[str | None, Any]
"""Dataset -> part of the output; None stands for all datasets together."""


def parts(output: Any, datasets: Collection[str]) -> PerDataset:
    """The output of each dataset; ``{None: output}`` for a flat output.

    A flat output of a run with one dataset is that dataset's.
    """
    if not isinstance(output, Mapping):
        return {}
    if any(name in output for name in datasets):
        return {name: output[name] for name in datasets if isinstance(output.get(name), Mapping)}
    return {next(iter(datasets)) if len(datasets) == 1 else None: output}


def histograms(output: Any, datasets: Collection[str]) -> dict[str, PerDataset]:
    """Name -> dataset -> histogram. Names of nested ones are joined with ``/``."""
    found: dict[str, PerDataset] = {}
    for dataset, part in parts(output, datasets).items():
        for path, histogram in _walk(part, ()):
            owner, name = _owner(path, datasets)
            for each, one in _split(histogram, dataset if owner is None else owner):
                found.setdefault(name, {}).setdefault(each, one)
    return found


def _walk(part: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], hist.BaseHist]]:
    if isinstance(part, hist.BaseHist):
        yield path, part
    elif isinstance(part, Mapping):
        for key, value in part.items():
            yield from _walk(value, (*path, str(key)))


def _owner(path: tuple[str, ...], datasets: Collection[str]) -> tuple[str | None, str]:
    """Dataset in the path of a flat output, if any, and the name without it and without ``hists``."""
    path = path[1:] if path[0] == "hists" and len(path) > 1 else path
    owner = next((key for key in path if key in datasets), None) if len(path) > 1 else None
    return owner, "/".join(key for key in path if key != owner)


def _split(histogram: hist.BaseHist, dataset: str | None) -> Iterator[tuple[str | None, hist.BaseHist]]:
    axis = next((axis for axis in histogram.axes if axis.name == DATASET_AXIS), None)
    if axis is None or histogram.ndim == 1:
        yield dataset, histogram
        return
    for index, category in enumerate(axis):
        yield str(category), histogram[{DATASET_AXIS: index}]


def cutflows(output: Any, datasets: Collection[str]) -> PerDataset:
    """Dataset -> cutflow."""
    found: PerDataset = {}
    for dataset, part in parts(output, datasets).items():
        candidate = part.get("cutflow")
        if isinstance(candidate, Cutflow):
            found[dataset] = candidate
        elif isinstance(candidate, Mapping):
            found |= {str(key): value for key, value in candidate.items() if isinstance(value, Cutflow)}
    return found


def yields(output: Any, datasets: Collection[str]) -> PerDataset:
    """Dataset -> name -> ``{"value", "sumw2", "raw"}``; what has not these three is no yield."""
    found: PerDataset = {}
    for dataset, part in parts(output, datasets).items():
        candidates = part.get("yields")
        if isinstance(candidates, Mapping):
            proper = {name: entry for name, entry in candidates.items() if _is_yield(entry)}
            found[dataset] = candidates if len(proper) == len(candidates) else proper
    return found


def _is_yield(entry: Any) -> bool:
    return isinstance(entry, Mapping) and set(entry) == {"value", "sumw2", "raw"}
