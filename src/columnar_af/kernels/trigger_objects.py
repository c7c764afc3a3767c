"""Match of reconstructed legs to trigger objects: the objects that the online selection built and accepted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import awkward as ak
import numba
import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.jagged import flat_numbers, on_any_backend

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]
UNMATCHED = -1


@numba.njit(nogil=True, cache=True)
def delta_r_squared(eta_1: float, phi_1: float, eta_2: float, phi_2: float) -> float:
    """ΔR² of two directions, the azimuth difference wrapped into [-π, π]."""
    phi = abs(phi_1 - phi_2) % (2 * math.pi)
    if phi > math.pi:
        phi = 2 * math.pi - phi
    return (eta_1 - eta_2) ** 2 + phi**2


@numba.njit(nogil=True, cache=True)
def assign_objects(
    leg_eta: FloatArray,
    leg_phi: FloatArray,
    candidate_offsets: IndexArray,
    object_pt: FloatArray,
    object_eta: FloatArray,
    object_phi: FloatArray,
    object_offsets: IndexArray,
) -> IndexArray:
    """Give each leg of a candidate a trigger object of its own, by the globally smallest ΔR first.

    Two objects equal in pt, eta and phi are one: the ntuples hold duplicates. This is the assignment of the full
    analysis (github fsimone91/Tau3Mu_Analysis_MVA, ntupleClass_Control.C).

    Args:
        leg_eta, leg_phi: ``(n_candidates, n_legs)``; NaN for a leg that is missing, which is never matched.
        candidate_offsets: ``(n_events + 1,)``, candidates of event i are ``[offsets[i], offsets[i + 1])``.
        object_pt, object_eta, object_phi: ``(n_objects,)``; NaN objects are never taken.
        object_offsets: ``(n_events + 1,)``.

    Returns:
        ``(n_candidates, n_legs)``: index of the object in its event, or -1. Ties go to the lowest leg, then object.
    """
    n_candidates, n_legs = leg_eta.shape
    chosen = np.full((n_candidates, n_legs), UNMATCHED, dtype=np.int64)
    for event in range(len(candidate_offsets) - 1):
        first, last = object_offsets[event], object_offsets[event + 1]
        for candidate in range(candidate_offsets[event], candidate_offsets[event + 1]):
            for _ in range(n_legs):
                best_leg, best_object, best = UNMATCHED, UNMATCHED, math.inf
                for leg in range(n_legs):
                    if chosen[candidate, leg] != UNMATCHED:
                        continue
                    for index in range(first, last):
                        distance = delta_r_squared(
                            leg_eta[candidate, leg],
                            leg_phi[candidate, leg],
                            object_eta[index],
                            object_phi[index],
                        )
                        if distance < best and is_free(
                            chosen[candidate], object_pt, object_eta, object_phi, first, index
                        ):
                            best_leg, best_object, best = leg, index - first, distance
                if best_leg == UNMATCHED:
                    break
                chosen[candidate, best_leg] = best_object
    return chosen


@numba.njit(nogil=True, cache=True)
def is_free(
    taken: IndexArray, pt: FloatArray, eta: FloatArray, phi: FloatArray, first: int, index: int
) -> bool:
    """Whether no leg has taken this object or a duplicate of it."""
    for other in taken:
        if other != UNMATCHED:
            same = first + other
            if pt[same] == pt[index] and eta[same] == eta[index] and phi[same] == phi[index]:
                return False
    return True


def match_objects(legs: Sequence[ak.Array], objects: ak.Array) -> tuple[ak.Array, ...]:
    """Trigger object of each leg of each candidate, no object twice in a candidate: see :func:`assign_objects`.

    Args:
        legs: One jagged array of vectors per leg, ``n_events * var`` each, of the same lengths.
        objects: Trigger objects of the same events, ``n_events * var`` vectors.

    Returns:
        For each leg the jagged index of its object in the event, ``n_events * var``; -1 where none is left for it.
    """
    columns = [leg[name] for leg in legs for name in ("eta", "phi")]
    columns += [objects[name] for name in ("pt", "eta", "phi")]
    index = _match_objects(*columns)
    return tuple(index[str(leg)] for leg in range(len(legs)))


def _one_index_per_leg(*columns: ak.Array) -> ak.Array:
    place = ak.local_index(columns[0], axis=1)
    return ak.zip({str(leg): place for leg in range((len(columns) - 3) // 2)})


@on_any_backend(_one_index_per_leg)
def _match_objects(*columns: ak.Array) -> ak.Array:
    flat = [flat_numbers(column, np.nan) for column in columns]
    values = [numbers.astype(np.float64) for numbers, _ in flat]
    leg_values, object_values = values[:-3], values[-3:]
    eta, phi = np.stack(leg_values[0::2], axis=1), np.stack(leg_values[1::2], axis=1)
    index = assign_objects(eta, phi, flat[0][1], *object_values, flat[-1][1])
    counts = np.diff(flat[0][1])
    return ak.zip({str(leg): ak.unflatten(index[:, leg], counts) for leg in range(index.shape[1])})
