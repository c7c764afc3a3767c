"""Which muon or track of the event a leg of a candidate is: the one with equal momentum.

The ntuple holds no index from legs to collections, only copies of the kinematics: the legs as double, the muons as float.
Widening a float to a double is exact, so equal means equal, and a tolerance would only invent matches. Transverse momentum
alone is not enough; the triple (pt, eta, phi) is unique.
"""

from __future__ import annotations

import awkward as ak
import numba as nb
import numpy as np
import numpy.typing as npt

from columnar_af.kernels.jagged import flat_numbers, on_any_backend

Floats = npt.NDArray[np.float64]
Offsets = npt.NDArray[np.int64]


@nb.njit(nogil=True, cache=True)
def match_flat_legs(
    leg_pt: Floats,
    leg_eta: Floats,
    leg_phi: Floats,
    leg_event: Offsets,
    pt: Floats,
    eta: Floats,
    phi: Floats,
    offsets: Offsets,
) -> Offsets:
    """Flat form of :func:`match_legs`, for all legs of a chunk or some of them, given with the event of each.

    Args:
        leg_pt, leg_eta, leg_phi: Shape (legs,); NaN equals nothing.
        leg_event: Shape (legs,).
        pt, eta, phi: Shape (objects,).
        offsets: Shape (events + 1,), where the objects of each event begin.

    Returns:
        Shape (legs,): place of the object among all objects, -1 where none is equal.
    """
    index = np.full(len(leg_pt), -1, dtype=np.int64)
    for leg in range(len(leg_pt)):
        event = leg_event[leg]
        for place in range(offsets[event], offsets[event + 1]):
            if pt[place] == leg_pt[leg] and eta[place] == leg_eta[leg] and phi[place] == leg_phi[leg]:
                index[leg] = place
                break
    return index


def _one_index_per_leg(leg_pt: ak.Array, *_: ak.Array) -> ak.Array:
    return ak.local_index(leg_pt, axis=1)


def match_legs(leg: ak.Array, collection: ak.Array) -> ak.Array:
    """Index of the object with the momentum of each leg, event by event.

    Args:
        leg: A list of records with ``pt, eta, phi`` per event, such as ``events.triplet.mu1``.
        collection: A list of records with ``pt, eta, phi`` per event, such as ``events.muon``; in single or double precision.

    Returns:
        A list of integers per event, of the lengths of ``leg``: index into the collection of the same event, -1 where none is
        equal. A missing value or NaN equals nothing; of several equal objects the lowest index is given.

    Raises:
        ValueError: The numbers of events differ.
    """
    columns = [array[name] for array in (leg, collection) for name in ("pt", "eta", "phi")]
    return _match_columns(*columns)


@on_any_backend(_one_index_per_leg)
def _match_columns(*columns: ak.Array) -> ak.Array:
    flat = [flat_numbers(column, np.nan) for column in columns]
    values = [numbers.astype(np.float64) for numbers, _ in flat]
    leg_offsets, offsets = flat[0][1], flat[3][1]
    if len(leg_offsets) != len(offsets):
        msg = f"legs and collection: expected as many events in both, got {len(leg_offsets) - 1} and {len(offsets) - 1}"
        raise ValueError(msg)
    event = np.repeat(np.arange(len(leg_offsets) - 1), np.diff(leg_offsets))
    place = match_flat_legs(*values[:3], event, *values[3:], offsets)
    return ak.unflatten(np.where(place < 0, -1, place - offsets[event]), np.diff(leg_offsets))
