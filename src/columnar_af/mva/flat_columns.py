"""The selected candidates as flat columns, which add up over chunks by concatenation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
from coffea.processor import column_accumulator
from numpy.typing import NDArray

from columnar_af.mva.three_muon_inputs import COLUMNS, IDENTIFIERS, WEIGHT, InputColumn
from columnar_af.selection.candidates import is_typetracer

if TYPE_CHECKING:
    from columnar_af.mva.inference import Classifier

Values = NDArray[np.float64]


def flat_columns(
    events: ak.Array, chosen: ak.Array, weights: ak.Array, classifier: Classifier | None = None
) -> dict[str, column_accumulator]:
    """The columns of the selected candidates of three muons, one value per candidate.

    Args:
        events: Events of the chunk.
        chosen: Their selected candidates, ``n_events * var``.
        weights: Weight of each event, ``(n_events,)``.
        classifier: Evaluated on its inputs; the output is the column ``score``.

    Returns:
        Column -> values, ``(n_candidates,)``; what the ntuple does not have is NaN.
    """
    count = ak.num(chosen, axis=1)
    n_candidates = 0 if is_typetracer(count) else int(ak.sum(count))
    columns = _identifiers(events, chosen, weights)
    columns |= {column.name: _values(column, chosen, n_candidates) for column in COLUMNS}
    if classifier is not None:
        columns["score"] = classifier.scores(columns)
    return {name: column_accumulator(values) for name, values in columns.items()}


def one_per_event(
    events: ak.Array, weights: ak.Array, values: Mapping[str, ak.Array]
) -> dict[str, column_accumulator]:
    """The same for candidates of any kind, one in each event, with columns that are given.

    Args:
        events: The event of each candidate, ``(n_candidates,)``.
        weights: Its weight.
        values: Column -> values of the candidates, ``(n_candidates,)``.
    """
    columns = {name: _plain(column, keep=True) for name, column in _per_event(events, weights).items()}
    columns |= {name: _plain(column) for name, column in values.items()}
    return {name: column_accumulator(column) for name, column in columns.items()}


def _per_event(events: ak.Array, weights: ak.Array) -> dict[str, ak.Array]:
    """Run, luminosity block, event and weight of each event."""
    per_event = {name: getattr(events, field) for name, (field, _, _) in IDENTIFIERS.items()}
    return per_event | {WEIGHT[0]: weights}


def _identifiers(events: ak.Array, chosen: ak.Array, weights: ak.Array) -> dict[str, Values]:
    """The same of each candidate."""
    place = ak.local_index(chosen, axis=1)
    return {
        name: _flat(ak.broadcast_arrays(values, place)[0], keep=True)
        for name, values in _per_event(events, weights).items()
    }


def _values(column: InputColumn, chosen: ak.Array, n_candidates: int) -> Values:
    try:
        values = column.value(chosen)
    except ak.errors.FieldNotFoundError:
        return np.full(n_candidates, np.nan)  # a version of the ntuple without this branch
    return _flat(values)


def _flat(values: ak.Array, *, keep: bool = False) -> Values:
    """The values of all candidates one after the other, missing ones as NaN; ``keep`` keeps integers."""
    return _plain(ak.flatten(values, axis=1), keep=keep)


def _plain(flat: ak.Array, *, keep: bool = False) -> Values:
    if is_typetracer(flat):
        ak.typetracer.touch_data(flat)
        return np.zeros(0)
    if keep:
        return np.asarray(flat)
    return np.asarray(ak.fill_none(flat, np.nan), dtype=np.float64)
