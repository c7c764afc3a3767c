"""Match of reconstructed legs to trigger objects: the objects that the online selection built and accepted."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

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
