"""The columns of one event under a variation, also where the variation is a tree with other events in another order."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from columnar_af.ntuples.fast_reader.columns import ColumnReader
from columnar_af.ntuples.fast_reader.flat_tree import open_flat
from columnar_af.ntuples.stop.chunk_columns import TreeBranches, tree_of
from columnar_af.ntuples.stop.histfitter import HistFitterSource
from columnar_af.ntuples.stop.layouts import Layout
from columnar_af.ntuples.stop.loopsusy import MissingVariation
from columnar_af.ntuples.stop.read_ahead import Wanted
from columnar_af.ntuples.stop.sources import StopSource, _directory, layout_of, stop_source
from columnar_af.ntuples.stop.trees import tree_of_variation

NUMBERS = ("RunNumber", "EventNumber")
"""What tells events apart in the layout ``histfitter``."""


def same_event_source(
    events: ak.Array, variation: str, missing: MissingVariation = "error"
) -> StopSource | None:
    """The columns of the first event under a variation; None where its tree has not this event.

    Args:
        events: One event of nominal, as a processor gets it.
        variation: Name of a kinematic variation.
        missing: As for :func:`~columnar_af.ntuples.stop.stop_source`.

    Raises:
        MissingBranchError: The variation is not in the file, and ``missing`` is ``error``.
    """
    source = stop_source(events, variation, missing)
    if layout_of(events) is not Layout.HISTFITTER or source.shifted is not None:
        return source
    nominal = tree_of(events)
    tree = open_flat(_directory(nominal), tree_of_variation(nominal.name, variation))
    reader = ColumnReader(tree)
    columns = TreeBranches(tree, 0, tree.num_entries, reader).read(NUMBERS)
    same = np.ones(tree.num_entries, np.bool_)
    for name in NUMBERS:
        same &= columns[name].content == _first(events, name)
    entries = np.flatnonzero(same)
    if not len(entries):
        return None
    branches = TreeBranches(tree, int(entries[0]), int(entries[0]) + 1, reader)
    return HistFitterSource(branches, variation, None, (), Wanted())


def _first(events: ak.Array, name: str) -> Any:
    return stop_source(events).read(name)[0]
