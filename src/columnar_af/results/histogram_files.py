"""Histograms on disk: UHI JSON for an exact round trip, ROOT for everybody else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
from hist.serialization import from_uhi, to_uhi

from columnar_af.errors import OutputError
from columnar_af.results.plain_values import plain
from columnar_af.results.root_file import RootObject, streamers_of, write_root_file
from columnar_af.results.root_histograms import MAX_ROOT_AXES, Templates, root_parts

OUR_INFO = "columnar-af"
"""Our key in UHI's ``writer_info``."""

ACCUMULATED = ("values", "variances", "counts", "sum_of_weights", "sum_of_weights_squared")
"""Keys of UHI storages that hold one number per bin."""


def histogram_to_json(histogram: hist.BaseHist) -> dict[str, Any]:
    """The UHI dictionary of a histogram, in plain values.

    UHI keeps variances where mean storages accumulate sums of squared differences; dividing and multiplying again would
    lose bits, so those sums are kept beside, in our part of ``writer_info``.
    """
    record = to_uhi(histogram)
    if not histogram.__dict__.get("_variance_known", True):
        record["metadata"]["_variance_known"] = False  # else weighted fills of Double() would claim variances
    hidden = _hidden_sums(histogram.view(flow=True))
    if hidden:
        record["writer_info"][OUR_INFO] = hidden
    encoded: dict[str, Any] = plain(record)
    return encoded


def _hidden_sums(view: Any) -> dict[str, Any]:
    names = view.dtype.names or ()
    return {name: np.asarray(view[name]) for name in names if name.startswith("_")}


def histogram_from_json(record: Mapping[str, Any], where: str) -> hist.Hist:
    """The inverse of :func:`histogram_to_json`.

    Args:
        record: The UHI dictionary.
        where: Its key path, for the error.

    Raises:
        OutputError: Where the record is no histogram.
    """
    try:
        return _decoded(record)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        msg = f"{where} is no histogram that can be read: {type(error).__name__}: {error}"
        raise OutputError(msg) from error


def _decoded(record: Mapping[str, Any]) -> hist.Hist:
    storage = record["storage"]
    kind = np.int64 if storage["type"] == "int" else np.float64
    arrays = {key: np.asarray(storage[key], dtype=kind) for key in ACCUMULATED if key in storage}
    _check_size(record["axes"], arrays)
    histogram = from_uhi({**record, "storage": {**storage, **arrays}})
    for name, values in record.get("writer_info", {}).get(OUR_INFO, {}).items():
        histogram.view(flow=True)[name] = np.asarray(values, dtype=np.float64)
    return histogram


def _check_size(axes: list[Mapping[str, Any]], arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    # A damaged file must not make us allocate what it claims: the axes have to fit the numbers that are there.
    extent = math.prod(_extent(axis) for axis in axes)
    for key, values in arrays.items():
        if values.size != extent:
            msg = f"the axes have {extent} bins, {key} has {values.size}"
            raise ValueError(msg)


def _extent(axis: Mapping[str, Any]) -> int:
    if axis["type"] == "boolean":
        return 2
    if axis["type"].startswith("category"):
        return len(axis["categories"]) + bool(axis["flow"])
    bins = int(axis["bins"]) if axis["type"] == "regular" else len(axis["edges"]) - 1
    return bins + bool(axis["underflow"]) + bool(axis["overflow"])


def write_root(path: Path, histograms: Mapping[str, hist.BaseHist]) -> dict[str, str | None]:
    """Write histograms to a ROOT file, in folders along their keys.

    Integer storages are written as doubles, because uproot writes no 64-bit integer bins. String categories become one
    histogram each, in a folder of the histogram's name, so that every object is a plain TH1, TH2 or TH3.

    Returns:
        Key -> its path in the file, or None where ROOT has no class for it (more than three axes, mean storages).

    Raises:
        OutputError: The file would be larger than 2 GB.
    """
    contents: dict[str, Any] = {}
    templates = Templates()
    with np.errstate(invalid="ignore"):  # contents are added up, and may be NaN
        places = {key: _add(contents, key, histogram, templates) for key, histogram in histograms.items()}
    classes = frozenset(_classes_in(contents))
    write_root_file(path, contents, _streamers(classes), uproot.ZLIB(1))
    return places


def _add(contents: dict[str, Any], key: str, histogram: hist.BaseHist, templates: Templates) -> str | None:
    """Put the parts of a histogram into their folders; returns the path of all, None where it cannot be written."""
    try:
        parts = [
            (name.split("/"), written) for name, written in root_parts(_root_name(key), histogram, templates)
        ]
        folders = [_folder(contents, *path) for path, _ in parts]
    except (TypeError, ValueError):
        # Another release of uproot may know less. The exact copy is in the JSON file, and a long run must not lose
        # its result to the convenience copy.
        return None
    for folder, (path, written) in zip(folders, parts, strict=True):
        folder[path[-1]] = written
    return _root_name(key) if parts else None


def _folder(contents: dict[str, Any], *path: str) -> dict[str, Any]:
    """The folder of an object, made where it is not there.

    Raises:
        ValueError: Something else has its name, or that of a folder on the way.
    """
    here = contents
    for name in path[:-1]:
        here = here.setdefault(name, {})
        if isinstance(here, RootObject):
            raise ValueError(name)  # noqa: TRY004  # as uproot says it
    if path[-1] in here:
        raise ValueError(path[-1])
    return here


def _classes_in(contents: Mapping[str, Any]) -> Iterator[str]:
    for what in contents.values():
        yield from [what.class_name] if isinstance(what, RootObject) else _classes_in(what)


@cache
def _streamers(classes: frozenset[str]) -> bytes:
    axes = [hist.axis.Regular(1, 0, 1)] * MAX_ROOT_AXES
    examples = {f"TH{n}D": hist.Hist(*axes[:n]) for n in range(1, MAX_ROOT_AXES + 1)}
    return streamers_of([examples[name] for name in sorted(classes)])


def _root_name(name: str) -> str:
    return name.replace(";", "_")  # ROOT reads what follows a semicolon as a cycle
