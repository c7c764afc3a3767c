"""Branches of a chunk of events as flat arrays: read at once by the fast reader, or taken from the events.

Events as a processor gets them come from an open file, and then whatever branch is asked for is read from it directly: no
array of one branch is built on the way, and other trees of the same file are at hand. Events that were cut, changed or
made up (a tracer) are asked for their fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import awkward as ak
import numpy as np
from coffea.nanoevents.mapping.base import Accessed
from coffea.nanoevents.util import key_to_tuple
from numpy.typing import NDArray

from columnar_af.errors import MissingBranchError, SchemaError, WorkAddress
from columnar_af.ntuples.fast_reader.columns import ColumnReader
from columnar_af.ntuples.fast_reader.flat_columns import FlatColumnReader
from columnar_af.ntuples.fast_reader.flat_tree import FlatTree
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.fast_reader.mapping import FastSourceMapping, SparseSourceMapping

Events = NDArray[np.intp]


class Branches(Protocol):
    """Where branches come from."""

    @property
    def names(self) -> frozenset[str]:
        """All branches that there are."""
        ...

    @property
    def address(self) -> WorkAddress:
        """What is read, for messages."""
        ...

    def __len__(self) -> int:
        """Number of entries."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether reading branches one by one is as fast as reading them together."""
        ...

    def read(self, names: Sequence[str]) -> dict[str, Column]:
        """The entries of some branches."""
        ...


class TreeBranches:
    """Entries of an uproot tree.

    Args:
        tree: uproot's TTree, or a FlatTree; its file stays open.
        start, stop: Entry range.
        reader: Reads what it knows of it; the rest goes to uproot.
        log: Gets the names of what is read, as coffea's access log.
    """

    def __init__(
        self,
        tree: Any,
        start: int,
        stop: int,
        reader: ColumnReader | FlatColumnReader,
        log: list[Any] | None = None,
    ) -> None:
        self._tree = tree
        self._range = (start, stop)
        self._reader = reader
        self._log = log
        self._names: frozenset[str] | None = None

    @property
    def names(self) -> frozenset[str]:
        """See :class:`Branches`."""
        if self._names is None:
            flat = getattr(self._tree, "names", None)
            self._names = flat or frozenset(branch.name for branch in self._tree.branches)
        return self._names

    @property
    def address(self) -> WorkAddress:
        """See :class:`Branches`."""
        start, stop = self._range
        return WorkAddress(
            file=str(self._tree.file.file_path), tree=self._tree.object_path, start=start, stop=stop
        )

    def __len__(self) -> int:
        """Number of entries."""
        return self._range[1] - self._range[0]

    @cached_property
    def is_local(self) -> bool:
        """See :class:`Branches`."""
        return "://" not in str(self._tree.file.file_path)

    def read(self, names: Sequence[str]) -> dict[str, Column]:
        """See :class:`Branches`."""
        if self._log is not None:
            self._log.extend(Accessed(branch=name, buffer_key="") for name in names)
        known = [name for name in names if self._reader.knows(name)]
        columns = self._reader.read_many(known, *self._range)
        for name in names:
            if name in columns and columns[name].string_offsets is not None:
                raise _not_numbers(name, "strings")
            if name not in columns:
                start, stop = self._range
                columns[name] = as_column(self._tree[name].array(entry_start=start, entry_stop=stop), name)
        return columns

    def read_some(self, names: Sequence[str], events: Events) -> dict[str, Column]:
        """Some entries of branches of one number per entry; baskets that hold none of them are not read.

        Args:
            names: The branches.
            events: Places of the entries in the range, in increasing order.
        """
        if isinstance(self._reader, FlatColumnReader):
            flat = self._reader.read_some(names, self._range[0] + events)
            rest = [name for name in names if name not in flat]
        else:
            flat, rest = {}, list(names)
        return flat | {name: taken(column, events) for name, column in self.read(rest).items()}


class EventBranches:
    """Fields of events.

    Args:
        events: Events with the branches under their own names.
    """

    is_local = True

    def __init__(self, events: ak.Array) -> None:
        self._events = events
        self.names = frozenset(ak.fields(events))

    @property
    def address(self) -> WorkAddress:
        """See :class:`Branches`."""
        return address_of(self._events)

    def __len__(self) -> int:
        """Number of events."""
        return len(self._events)

    def read(self, names: Sequence[str]) -> dict[str, Column]:
        """See :class:`Branches`."""
        return {name: as_column(self._events[name], name) for name in names}


class ChosenBranches:
    """Some entries of other branches.

    Args:
        branches: All entries.
        events: Places of those that are wanted, in increasing order.
    """

    def __init__(self, branches: Branches, events: Events) -> None:
        self._branches = branches
        self._events = events
        self.names, self.address, self.is_local = branches.names, branches.address, branches.is_local

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._events)

    def read(self, names: Sequence[str]) -> dict[str, Column]:
        """See :class:`Branches`."""
        if isinstance(self._branches, TreeBranches):
            return self._branches.read_some(names, self._events)
        return {name: taken(column, self._events) for name, column in self._branches.read(names).items()}


class PreloadedBranches:
    """Entries of a tree of which some branches were read with the events: these are taken from there.

    Args:
        tree: All branches.
        events: The events.
        preloaded: Names of what was read with them.
    """

    def __init__(self, tree: TreeBranches, events: EventBranches, preloaded: frozenset[str]) -> None:
        self._tree = tree
        self._events = events
        self._preloaded = preloaded
        self.names, self.address, self.is_local = tree.names, tree.address, tree.is_local

    def __len__(self) -> int:
        """Number of events."""
        return len(self._tree)

    def read(self, names: Sequence[str]) -> dict[str, Column]:
        """See :class:`Branches`."""
        columns = self._events.read([name for name in names if name in self._preloaded])
        return columns | self._tree.read([name for name in names if name not in columns])


def branches_of(events: ak.Array) -> Branches:
    """The branches of the tree that the events come from.

    Args:
        events: Events of one of the stop schemas, or a selection of them.
    """
    mapping = mapping_of(events)
    if mapping is None:
        return EventBranches(events)
    tree = TreeBranches(
        tree_of(events), mapping._start, mapping._stop, reader_of(events), mapping._access_log
    )
    preloaded = frozenset(mapping.preloaded_arrays or ())
    return PreloadedBranches(tree, EventBranches(events), preloaded) if preloaded else tree


def mapping_of(events: ak.Array) -> Any:
    """coffea's mapping that reads these events; None if they were selected, changed, or are not read from a ROOT file."""
    made: Any = events.attrs.get("@events_factory")
    mapping = getattr(made, "_mapping", None)
    if mapping is None or not hasattr(mapping, "preloaded_arrays") or made._events() is not events:
        return None
    if isinstance(
        mapping, SparseSourceMapping
    ):  # its range counts the chosen events, not entries of the tree
        return None
    return mapping


def is_tracer(events: ak.Array) -> bool:
    """Whether the events are made up, to find out which columns a processor reads: without data, or of no or one entry."""
    return ak.backend(events) == "typetracer" or events.attrs.get("@original_array") is events


def tree_of(events: ak.Array) -> Any:
    """uproot's tree that events with a mapping are read from."""
    uuid, path, _ = key_to_tuple(events.attrs["@events_factory"]._partition_key)
    return mapping_of(events)._column_source(uuid, path)


def reader_of(events: ak.Array) -> ColumnReader | FlatColumnReader:
    """The fast reader of events with a mapping: of plain numbers all at once, or that of the mapping, where it has one."""
    mapping, tree = mapping_of(events), tree_of(events)
    if isinstance(tree, FlatTree) and getattr(mapping, "column_cache", None) is None:
        return FlatColumnReader(tree)
    return mapping.reader_of(tree) if isinstance(mapping, FastSourceMapping) else ColumnReader(tree)


def address_of(events: ak.Array) -> WorkAddress:
    """Dataset, file, tree and entries, as far as the metadata of the events tell."""
    parameters = ak.to_layout(events).purelist_parameter("metadata") or {}
    return WorkAddress(
        dataset=parameters.get("dataset"),
        file=parameters.get("filename"),
        tree=parameters.get("treename"),
        start=parameters.get("entrystart"),
        stop=parameters.get("entrystop"),
    )


def as_column(array: Any, name: str) -> Column:
    """An awkward array of numbers, or of lists of numbers, as flat arrays.

    Raises:
        SchemaError: It is neither.
    """
    if ak.backend(array) == "typetracer":
        return _traced(array)
    layout = ak.to_layout(ak.to_packed(ak.materialize(array)))
    try:
        if layout.is_list:
            lists = layout.to_ListOffsetArray64(True)
            offsets = np.asarray(lists.offsets.data)
            return Column(_numbers(lists.content)[: offsets[-1]], offsets)
        return Column(_numbers(layout))
    except (ValueError, TypeError) as error:
        raise _not_numbers(name, str(array.type)) from error


def _not_numbers(name: str, found: str) -> SchemaError:
    msg = f"branch {name} holds {found}, expected numbers or lists of numbers"
    return SchemaError(
        msg, advice="make the ntuple again with numbers in this branch", address=WorkAddress(branch=name)
    )


def _traced(array: ak.Array) -> Column:
    """Mark the column as read, and give one of no entries."""
    ak.typetracer.touch_data(array)
    nothing = ak.to_layout(array).form.length_zero_array(highlevel=False)
    return Column(
        ak.to_numpy(ak.flatten(nothing, axis=None)), np.zeros(1, np.int64) if nothing.is_list else None
    )


def _numbers(layout: Any) -> NDArray[Any]:
    numbers = ak.to_numpy(layout, allow_missing=False)
    if numbers.ndim != 1 or numbers.dtype.kind not in "biuf":
        raise ValueError(numbers.dtype)
    return numbers


def taken(column: Column, events: Events) -> Column:
    """Some entries of a column of one number per entry; a column of lists as it is, for who refuses it."""
    return Column(column.content[events]) if column.offsets is None else column


def require(
    names: Sequence[str], there: frozenset[str], what: str, address: WorkAddress, advice: str
) -> None:
    """Raise unless all branches are there.

    Args:
        names: Branches that are needed.
        there: Branches that there are.
        what: What they are needed for.
        address: Where.
        advice: What to do.

    Raises:
        MissingBranchError: Names the first that is missing.
    """
    absent = [name for name in names if name not in there]
    if absent:
        msg = f"{what} needs branch {absent[0]}, which is not in the tree"
        raise MissingBranchError(msg, advice=advice, address=_with_branch(address, absent[0]))


def _with_branch(address: WorkAddress, branch: str) -> WorkAddress:
    return WorkAddress(branch=branch).filled_from(address)
