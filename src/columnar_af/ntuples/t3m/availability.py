"""What the events of one ntuple version lack, and what stands in for it.

The schema stores both with the events, so the answers are the same for a slice, in every mode, and on a worker.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

import awkward as ak

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m.objects import SCALARS, TRIGGER
from columnar_af.ntuples.t3m.schema import RECORD_KEY, groups_of
from columnar_af.ntuples.t3m.versions import NtupleVersion, recognise


def why_missing(events: ak.Array, field: str) -> str | None:
    """Why a field is not there.

    Args:
        events: Events of T3MSchema, or a slice of them, in any mode.
        field: Path of the field, such as ``triplet.flight_distance_bs_significance``.

    Returns:
        None where the field is there, else the reason, for people.

    Raises:
        SchemaError: The events are not of T3MSchema, or no ntuple version has such a field.
    """
    record = _record(events)
    missing = record["missing"]
    parts = field.split(".")
    for depth in range(1, len(parts) + 1):
        reason = missing.get(".".join(parts[:depth]))
        if reason is not None:
            return str(reason)
    if not _has(events, parts):
        raise _unknown(field, record)
    return None


def fall_back(events: ak.Array, field: str) -> str | None:
    """Which declared fall-back is in use for a field.

    Args:
        events: Events of T3MSchema, or a slice of them, in any mode.
        field: Path of a field or of a record, such as ``triplet.mu1.trigger_match_dr`` or ``triplet.mu1_refitted``.

    Returns:
        None where the field is read from its own branch or is missing, else a sentence for people.

    Raises:
        SchemaError: The events are not of T3MSchema, or no ntuple version has such a field.
    """
    if why_missing(events, field) is not None:
        return None
    notes = _record(events)["fall_backs"]
    found = [note for name, note in notes.items() if name == field or name.startswith(f"{field}.")]
    return str(found[0]) if found else None


def version_of(events: ak.Array) -> NtupleVersion:
    """The ntuple version that events of T3MSchema were read from."""
    return NtupleVersion[_record(events)["version"]]


def missing_branches(branch_names: Collection[str]) -> tuple[str, ...]:
    """The branches that T3MSchema knows and a tree lacks, stand-ins not counted, in alphabetical order.

    Args:
        branch_names: Names of all branches of the tree.

    Raises:
        SchemaError: The tree is not a T3M ntuple.
    """
    version = recognise(branch_names)
    columns = [column for group in groups_of(version) for column in group.columns]
    columns += [*TRIGGER, *SCALARS]
    return tuple(sorted({column.branch for column in columns}.difference(branch_names)))


def _record(events: ak.Array) -> dict[str, Any]:
    array = getattr(events, "_meta", events)  # a dask collection keeps its form in a typetracer
    record = ak.to_layout(array).purelist_parameter(RECORD_KEY) if isinstance(array, ak.Array) else None
    if record is None:
        msg = "the events were not read with T3MSchema: their layout tells no T3M ntuple version"
        raise SchemaError(msg, advice="pass schema=T3MSchema, and the events or a slice of them")
    return record


def _has(events: ak.Array, parts: list[str]) -> bool:
    form = ak.to_layout(getattr(events, "_meta", events)).form
    for part in parts:
        while form.is_list or form.is_option or form.is_indexed:
            form = form.content
        if not form.is_record or part not in form.fields:
            return False
        form = form.content(part)
    return True


def _unknown(field: str, record: dict[str, Any]) -> SchemaError:
    version = NtupleVersion[record["version"]]
    known = [f"{group.name}.{column.name}" for group in groups_of(version) for column in group.columns]
    known += [f"trigger.{column.name}" for column in TRIGGER] + [column.name for column in SCALARS]
    close = get_close_matches(field, known, n=3)
    advice = f"close to it: {', '.join(close)}" if close else "see the tables of columnar_af.ntuples.t3m"
    return SchemaError(f"no version of the T3M ntuple has the field {field}", advice=advice)
