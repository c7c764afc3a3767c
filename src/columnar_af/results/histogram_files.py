"""Histograms on disk: UHI JSON for an exact round trip, ROOT for everybody else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
from hist.serialization import from_uhi, to_uhi

from columnar_af.errors import OutputError
from columnar_af.results.plain_values import plain

OUR_INFO = "columnar-af"
"""Our key in UHI's ``writer_info``."""

ACCUMULATED = ("values", "variances", "counts", "sum_of_weights", "sum_of_weights_squared")
"""Keys of UHI storages that hold one number per bin."""

MAX_ROOT_AXES = 3
"""ROOT has TH1, TH2 and TH3."""


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
    """
    places: dict[str, str | None] = {}
    with (
        uproot.recreate(path) as file,
        np.errstate(invalid="ignore"),
    ):  # uproot adds up bins, which may be NaN
        for key, histogram in histograms.items():
            places[key] = _write_parts(file, key, histogram)
    return places


def _write_parts(file: Any, key: str, histogram: hist.BaseHist) -> str | None:
    place = None
    for name, part in _root_parts(key, histogram):
        try:
            file[name] = part
        except (TypeError, ValueError):
            # Another release of uproot may know less. The exact copy is in the JSON file, and a long run must not lose
            # its result to the convenience copy.
            return None
        place = _root_name(key)
    return place


def _root_parts(key: str, histogram: hist.BaseHist) -> Iterator[tuple[str, hist.BaseHist]]:
    """(path, histogram that ROOT has a class for) of a histogram."""
    index = next(
        (i for i, axis in enumerate(histogram.axes) if isinstance(axis, hist.axis.StrCategory)), None
    )
    if index is not None and histogram.ndim > 1:
        for position, category in enumerate(histogram.axes[index]):
            yield from _root_parts(f"{key}/{_root_name(category)}", histogram[{index: position}])
    elif histogram.ndim <= MAX_ROOT_AXES and histogram.kind == "COUNT":
        yield _root_name(key), _as_double(histogram)


def _root_name(name: str) -> str:
    return name.replace(";", "_")  # ROOT reads what follows a semicolon as a cycle


def _as_double(histogram: hist.BaseHist) -> hist.BaseHist:
    if histogram.view(flow=True).dtype.kind != "i":
        return histogram
    double = hist.Hist(*histogram.axes, storage=hist.storage.Double())
    double.view(flow=True)[...] = histogram.view(flow=True)
    return double
