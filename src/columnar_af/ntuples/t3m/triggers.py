"""Trigger decisions of T3M events, by the shortest way that there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import awkward as ak

from columnar_af.kernels.trigger_names import any_fired
from columnar_af.ntuples.fast_reader import fired
from columnar_af.ntuples.fast_reader.mapping import reader_of_events
from columnar_af.ntuples.t3m.objects import TRIGGER

Level = Literal["hlt", "l1"]


def trigger_fired(
    events: ak.Array, level: Level, patterns: Sequence[str], *, exact: bool = False
) -> ak.Array:
    """Whether any trigger of a level whose name contains any of the patterns accepted the event.

    Where the fast reader reads the events, the names are not decoded: they are searched once per list of names. Elsewhere,
    and on a selection of events, this is :func:`columnar_af.kernels.trigger_names.any_fired`; both agree.

    Args:
        events: Events of T3MSchema, as the processor got them.
        level: ``hlt``, or ``l1`` (the final decision where the ntuple has no initial one).
        patterns: What to look for. Keep the ``_v`` of a path's name: other paths begin the same.
        exact: The name has to be the pattern, not only contain it; for level-1 seeds, which have no version.

    Returns:
        Booleans, ``(n_events,)``.

    Raises:
        SchemaError: An event has more or fewer decisions than names.
    """
    source = reader_of_events(events)
    if source is None:
        trigger = events.trigger
        return any_fired(trigger[f"{level}_name"], trigger[f"{level}_decision"], patterns, exact=exact)
    names, decisions = (_branch(f"{level}_{part}", source.branches) for part in ("name", "decision"))
    source.note_access(names, decisions)
    return ak.Array(fired(source.reader, names, decisions, patterns, source.start, source.stop, exact=exact))


def _branch(field: str, branches: frozenset[str]) -> str:
    """The branch that the schema reads a field of ``events.trigger`` from."""
    column = next(column for column in TRIGGER if column.name == field)
    return next(branch for branch in (column.branch, *column.stand_ins) if branch in branches)
