"""Normal random numbers that belong to an object: the same on every machine, in every chunk, in whatever order.

A smearing that takes the next number of a generator depends on which events came before. Here the number is a function of
the event and of the object's own measured values, so that copies of an object (a muon, and the leg of a candidate that it
is) get the same one.
"""

from __future__ import annotations

import math

import awkward as ak
import numba as nb
import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.jagged import flat_numbers, on_any_backend

Words = NDArray[np.uint64]

STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
"""Constants of splitmix64 (Steele, Lea, Flood, OOPSLA 2014, doi 10.1145/2660193.2660195)."""
SHIFT_A, SHIFT_B, SHIFT_C, SHIFT_D = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
UNIT = 2.0**-53


@nb.njit(nogil=True, cache=True)
def _mixed(state: np.uint64, word: np.uint64) -> np.uint64:
    """One step of splitmix64 with another word taken in."""
    state = (state ^ word) + STEP
    state = (state ^ (state >> SHIFT_A)) * FIRST
    state = (state ^ (state >> SHIFT_B)) * SECOND
    return state ^ (state >> SHIFT_C)


@nb.njit(nogil=True, cache=True)
def reproducible_normal_kernel(
    event_words: Words, object_words: Words, offsets: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Flat form of :func:`reproducible_normal`.

    Args:
        event_words: What tells events apart, shape (events, n).
        object_words: What tells the objects of an event apart, shape (objects, m).
        offsets: Shape (events + 1,), where the objects of each event begin.
        seed: Gives other numbers for the same objects.

    Returns:
        Shape (objects,): standard normal numbers (Box and Muller).
    """
    normal = np.empty(len(object_words), np.float64)
    for event in range(len(offsets) - 1):
        state = _mixed(np.uint64(seed), STEP)
        for number in range(event_words.shape[1]):
            state = _mixed(state, event_words[event, number])
        for one in range(offsets[event], offsets[event + 1]):
            first = state
            for number in range(object_words.shape[1]):
                first = _mixed(first, object_words[one, number])
            second = _mixed(first, STEP)
            radius = (np.float64(first >> SHIFT_D) + 1.0) * UNIT  # in (0, 1], so that its logarithm exists
            angle = np.float64(second >> SHIFT_D) * UNIT
            normal[one] = math.sqrt(-2.0 * math.log(radius)) * math.cos(2.0 * math.pi * angle)
    return normal


def _one_number_per_object(*columns: ak.Array) -> ak.Array:
    return ak.ones_like(ak.local_index(columns[3], axis=1), dtype=np.float64)


def reproducible_normal(events: ak.Array, objects: ak.Array, seed: int = 0) -> ak.Array:
    """A standard normal number for each object, which depends on nothing but its event, its momentum and the seed.

    Args:
        events: With ``run, luminosity_block, event``.
        objects: A list of records with ``pt, eta, phi`` per event, in single or double precision.
        seed: Gives other numbers for the same objects, for example for another variation.

    Returns:
        A list of numbers per event, of the lengths of ``objects``; also where a momentum is missing.
    """
    columns = [events[name] for name in ("run", "luminosity_block", "event")]
    return _of_columns(*columns, *(objects[name] for name in ("pt", "eta", "phi")), seed=seed)


@on_any_backend(_one_number_per_object)
def _of_columns(*columns: ak.Array, seed: int) -> ak.Array:
    events = np.stack(
        [ak.to_numpy(column).astype(np.int64).view(np.uint64) for column in columns[:3]], axis=1
    )
    flat = [flat_numbers(column, np.nan) for column in columns[3:]]
    offsets = flat[0][1]
    words = [values.astype(np.float64).view(np.uint64) for values, _ in flat]
    normal = reproducible_normal_kernel(events, np.stack(words, axis=1), offsets, seed)
    return ak.unflatten(normal, np.diff(offsets))
