"""Filling of histograms from jagged values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np

from columnar_af.selection.candidates import is_typetracer

if TYPE_CHECKING:
    import hist


def fill(histogram: hist.Hist, values: ak.Array, weights: ak.Array, passing: ak.Array | None = None) -> None:
    """Fill a one-dimensional histogram; missing values are left out.

    Args:
        histogram: Filled in place.
        values: ``(n_events,)`` or ``(n_events, var)``.
        weights: Weight of each event, ``(n_events,)``; an event's weight goes to each of its values.
        passing: Which values to take, of the shape of ``values``; all where None.
    """
    spread = ak.broadcast_arrays(values, weights)[1]
    taken = ~ak.is_none(values, axis=-1)
    if passing is not None:
        taken = taken & passing
    chosen, weight = ak.flatten(values[taken], axis=None), ak.flatten(spread[taken], axis=None)
    if is_typetracer(chosen):
        ak.typetracer.touch_data(chosen)
        return
    histogram.fill(np.asarray(chosen, dtype=np.float64), weight=np.asarray(weight, dtype=np.float64))


def fill_plane(histogram: hist.Hist, x: ak.Array, y: ak.Array, weights: ak.Array) -> None:
    """Fill a two-dimensional histogram; pairs with a missing value are left out.

    Args:
        histogram: Filled in place.
        x, y: ``(n_events, var)``, of the same shape.
        weights: Weight of each event, ``(n_events,)``.
    """
    taken = ~ak.is_none(x, axis=-1) & ~ak.is_none(y, axis=-1)
    spread = ak.broadcast_arrays(x, weights)[1]
    columns = [ak.flatten(values[taken], axis=None) for values in (x, y, spread)]
    if is_typetracer(columns[0]):
        for column in columns:
            ak.typetracer.touch_data(column)
        return
    first, second, weight = (np.asarray(column, dtype=np.float64) for column in columns)
    histogram.fill(first, second, weight=weight)
