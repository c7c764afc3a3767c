"""Histograms with an axis of variations: all weight variations of an event are filled with one look-up of its bin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.kernels.weighted_fill import weighted_fill

if TYPE_CHECKING:
    import hist

VARIATION_AXIS = "variation"
PARTS = ("value", "variance")
"""Fields of the contents of a weighted histogram."""


def fill_weighted(
    histogram: hist.Hist,
    values: Any,
    weights: NDArray[np.float64],
    variations: Sequence[str] | None = None,
) -> None:
    """Fill a histogram once for each variation of the weights.

    The result is that of one ``histogram.fill(variation=name, ..., weight=weights[:, i])`` per variation, to the last bit if
    the bins were empty before; else sums may differ in rounding.

    Args:
        histogram: With a category axis ``variation`` and weighted storage; filled in place.
        values: What goes on the other axes: axis -> ``(n_values,)``, or one value for all, such as the name of a region; or
            an array alone, where there is one other axis.
        weights: ``(n_values, n_variations)``, or ``(n_values,)`` for one variation.
        variations: Names of the columns of ``weights``; by default all categories of the axis, in order.

    Raises:
        ConfigError: Shapes, axes or names do not fit.
    """
    axes = list(histogram.axes)
    contents = histogram.view(flow=True)  # once: it costs more than the filling of a few values
    position = _position(histogram, axes, contents.dtype.names or ())
    names = list(axes[position]) if variations is None else list(variations)
    matrix = _matrix(weights, names)
    others = axes[:position] + axes[position + 1 :]
    bins, shape = _bins(others, _by_axis(others, values), len(matrix))
    columns = _columns(axes[position], names)
    view = np.moveaxis(np.asarray(contents), position, -1)
    flat = (
        math.prod(shape),
        len(columns),
    )  # a copy, in the order of the bins; a view cannot be had in general
    parts = [np.ascontiguousarray(view[part][..., columns].reshape(flat)) for part in PARTS]
    weighted_fill(*parts, bins, matrix)
    for part, filled in zip(PARTS, parts, strict=True):
        view[part][..., columns] = filled.reshape(*shape, len(columns))


def _position(histogram: hist.Hist, axes: Sequence[Any], parts: Sequence[str]) -> int:
    names = [axis.name for axis in axes]
    if VARIATION_AXIS not in names or "variance" not in parts:
        msg = f"expected a histogram with an axis {VARIATION_AXIS!r} and storage Weight, not {histogram!r}"
        raise ConfigError(msg)
    return names.index(VARIATION_AXIS)


def _matrix(weights: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    matrix = np.asarray(weights, dtype=np.float64)
    matrix = matrix[:, np.newaxis] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or matrix.shape[1] != len(names) or len(set(names)) != len(names):
        msg = (
            f"weights of shape {np.shape(weights)} for the {len(names)} variations {', '.join(names[:5])} ..."
        )
        raise ConfigError(msg, advice="give one column per variation, each variation once")
    return np.ascontiguousarray(matrix)


def _columns(axis: Any, names: Sequence[str]) -> list[int]:
    columns = []
    for name in names:
        try:
            columns.append(int(axis.index(name)))
        except KeyError as error:
            msg = f"the histogram has no variation {name!r}; it has {', '.join(axis)}"
            advice = "make its axis with all variations, so that all chunks have the same axes"
            raise ConfigError(msg, advice=advice) from error
    return columns


def _by_axis(others: Sequence[Any], values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping) and len(others) == 1:
        return {others[0].name: values}
    if not isinstance(values, Mapping) or set(values) != {axis.name for axis in others}:
        given = ", ".join(values) if isinstance(values, Mapping) else f"a {type(values).__name__}"
        msg = f"values for the axes {', '.join(axis.name for axis in others)} expected, got {given}"
        raise ConfigError(msg)
    return values


def _bins(
    axes: Sequence[Any], values: Mapping[str, Any], number: int
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Number of each value's bin in the histogram without variations, -1 where an axis has none; and its shape."""
    bins = np.zeros(number, dtype=np.int64)
    inside = np.ones(number, dtype=np.bool_)
    for axis in axes:
        index = _index(axis, values[axis.name])
        if index.ndim and len(index) != number:
            msg = f"{len(index)} values for the axis {axis.name} and {number} rows of weights"
            raise ConfigError(msg, advice="give one row of weights per value")
        position, extent = index + axis.traits.underflow, axis.extent
        inside &= (position >= 0) & (position < extent)
        bins = bins * extent + position
    return np.where(inside, bins, -1), tuple(axis.extent for axis in axes)


def _index(axis: Any, values: Any) -> NDArray[np.int64]:
    """Number of the bin along an axis; that of a category which the axis does not have is the one after the last."""
    array = np.asarray(values)
    if array.dtype.kind not in "UO":
        return np.asarray(axis.index(array))
    known = {name: number for number, name in enumerate(axis)}
    if array.ndim == 0:
        return np.asarray(known.get(str(array), axis.size))
    return np.array([known.get(name, axis.size) for name in array.tolist()], dtype=np.int64)
