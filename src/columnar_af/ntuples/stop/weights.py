"""Weights of simulated events, and the sums of weights that files hold for their normalization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from columnar_af.errors import ReadError, WorkAddress
from columnar_af.ntuples.stop.chunk_columns import tree_of
from columnar_af.ntuples.stop.columns import FACTORS

GENERATOR_WEIGHT = "WeightEvents"

EVENT_WEIGHTS = (GENERATOR_WEIGHT, *FACTORS)
"""The factors of the weight of an event, without cross-section and luminosity."""

SOME_FACTORS = ("nanoaod", "physlite")
"""Layouts that do not have all factors."""

SUM_OF_WEIGHTS = "NumberEvents"
"""Histogram that holds the sum of weights of the generated events of a file in its second bin (LoopSUSYFrame)."""

SUM_BIN = 1
"""Bin 2 of ROOT, counted from 0."""


class _Source(Protocol):
    def read(self, name: str) -> Any: ...

    def why_missing(self, name: str) -> str | None: ...


def weight_factors(source: _Source) -> Mapping[str, NDArray[Any]]:
    """The factors whose product is the weight of an event, without cross-section and luminosity.

    Args:
        source: Of simulated events; those of a variation give its own factors, where it has them.

    Returns:
        Factor -> its values, shape (events,), floating-point as in the ntuple. NanoAOD has ``WeightEvents`` only, PHYSLITE ``WeightEventsPU``, too.

    Raises:
        MissingBranchError: The tree lacks a factor that its layout has.
    """
    some = getattr(source, "layout", "") in SOME_FACTORS
    names = [name for name in EVENT_WEIGHTS if not some or source.why_missing(name) is None]
    return {name: np.asarray(source.read(name)) for name in names}


def sums_of_weights(file: str | Path | ak.Array) -> Mapping[str, float]:
    """Sums of weights of the generated events of a file: nominal, and one per theory variation that has its own.

    Args:
        file: Its path, or events that are read from it.

    Returns:
        Histogram -> sum, from the second bin of each one-dimensional histogram of the file.

    Raises:
        ReadError: ``NumberEvents`` is missing, or its sum is not a positive finite number, so that the sample cannot be
            normalized.
    """
    if isinstance(file, ak.Array):
        opened = tree_of(file).file
        return _sums(opened.root_directory, WorkAddress(file=str(opened.file_path)))
    with uproot.open({str(file): None}) as directory:
        return _sums(directory, WorkAddress(file=str(file)))


def _sums(directory: Any, address: WorkAddress) -> Mapping[str, float]:
    classes = directory.classnames(recursive=False, cycle=False)
    names = [name for name, kind in classes.items() if kind.startswith("TH1")]
    if SUM_OF_WEIGHTS not in names:
        msg = f"the file has no histogram {SUM_OF_WEIGHTS}, whose second bin is the sum of weights of its sample"
        raise ReadError(msg, advice=_ADVICE, address=address)
    return {name: _sum(name, directory[name].values(), address) for name in names}


def _sum(name: str, values: NDArray[Any], address: WorkAddress) -> float:
    if len(values) <= SUM_BIN:
        msg = f"histogram {name} has {len(values)} bin; the sum of weights is in the second"
        raise ReadError(msg, advice=_ADVICE, address=address)
    total = float(values[SUM_BIN])
    if not (math.isfinite(total) and total > 0):
        msg = f"the sum of weights in the second bin of histogram {name} is {total:g}; it must be positive and finite"
        raise ReadError(msg, advice=_ADVICE, address=address)
    return total


_ADVICE = "make the ntuple again, or leave the file out: its sample cannot be normalized"
