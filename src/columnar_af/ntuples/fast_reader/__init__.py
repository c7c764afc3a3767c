"""A fast reader of TTree columns, which plugs into coffea's NanoEvents.

uproot reads the metadata; baskets are inflated with the fastest library at hand and decoded in one walk that checks every
count against the bytes. What the reader does not know goes to uproot, and all results equal uproot's bit for bit::

    events = fast_events("a.root", "Tree3Mu/ntuple", schema=T3MSchema)

    with fast_reading():                       # coffea's Runner and NanoEventsFactory.from_root, unchanged
        runner(fileset, processor)
"""

from __future__ import annotations

from columnar_af.ntuples.fast_reader.column_cache import ColumnCache
from columnar_af.ntuples.fast_reader.columns import ColumnReader
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.fast_reader.mapping import (
    FastSourceMapping,
    events_where,
    fast_events,
    fast_reading,
    statistics_of,
    use_fast_reading,
)
from columnar_af.ntuples.fast_reader.memory import keep_freed_memory
from columnar_af.ntuples.fast_reader.triggers import fired

__all__ = [
    "Column",
    "ColumnCache",
    "ColumnReader",
    "FastSourceMapping",
    "events_where",
    "fast_events",
    "fast_reading",
    "fired",
    "keep_freed_memory",
    "statistics_of",
    "use_fast_reading",
]
