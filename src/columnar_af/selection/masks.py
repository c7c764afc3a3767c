"""Small steps that selections on candidates share: windows, conjunctions, elements of another collection, trigger match."""

from __future__ import annotations

import math
from collections.abc import Sequence

import awkward as ak
import numpy as np

from columnar_af.kernels.trigger_objects import match_objects


def at_least(threshold: float) -> float:
    """The number whose ``value > number`` is the same as ``value >= threshold``."""
    return math.nextafter(threshold, -math.inf)


def at_most(threshold: float) -> float:
    """The number whose ``value < number`` is the same as ``value <= threshold``."""
    return math.nextafter(threshold, math.inf)


def between(values: ak.Array, low: float, high: float) -> ak.Array:
    """Whether values lie inside the open window."""
    return (values > low) & (values < high)


def all_of(masks: Sequence[ak.Array]) -> ak.Array:
    """Where all masks hold; at least one mask is needed."""
    passing = masks[0]
    for mask in masks[1:]:
        passing = passing & mask
    return passing


def element(collection: ak.Array, index: ak.Array) -> ak.Array:
    """The elements of a collection at a jagged index; missing where the index is negative."""
    return collection[ak.mask(index, index >= 0)]


def is_close(leg: ak.Array, trigger_object: ak.Array, largest_dr: float, largest_dpt: float) -> ak.Array:
    """Whether direction and transverse momentum agree; the latter relative to the leg's."""
    near = leg.delta_r(trigger_object) < largest_dr
    return near & (abs(leg.pt - trigger_object.pt) / leg.pt < largest_dpt)


def each_has_its_own(
    legs: Sequence[ak.Array], objects: ak.Array, largest_dr: float, largest_dpt: float
) -> ak.Array:
    """Whether each leg has a trigger object of its own; the legs take objects by the smallest ΔR first.

    Args:
        legs: One jagged array of vectors per leg, ``n_events * var`` candidates.
        objects: Trigger objects, ``n_events * var``.
        largest_dr, largest_dpt: Largest distance, and largest relative difference of transverse momenta.
    """
    matches = match_objects(legs, objects)
    return all_of(
        [
            is_close(leg, element(objects, match), largest_dr, largest_dpt)
            for leg, match in zip(legs, matches, strict=True)
        ]
    )


def each_has_any(
    legs: Sequence[ak.Array], objects: ak.Array, largest_dr: float, largest_dpt: float
) -> ak.Array:
    """Whether each leg has some trigger object; two legs may share one. Arguments as :func:`each_has_its_own`."""
    return all_of(
        [
            ak.any(
                is_close(leg[:, :, np.newaxis], objects[:, np.newaxis, :], largest_dr, largest_dpt), axis=2
            )
            for leg in legs
        ]
    )
