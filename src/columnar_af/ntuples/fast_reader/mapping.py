"""The fast reader as a source of coffea's NanoEvents.

coffea's events read each column through a *mapping* when the column is touched. :class:`FastSourceMapping` is coffea's own
mapping for ROOT files with one method replaced: what the reader knows is read by it, once per entry range; the rest goes to
uproot as before. Forms, schemas, virtual arrays and access log stay coffea's.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import uproot
from coffea.nanoevents import BaseSchema, NanoEventsFactory, factory
from coffea.nanoevents.mapping import TrivialUprootOpener, UprootSourceMapping
from coffea.nanoevents.mapping.base import Accessed
from uproot.source.futures import TrivialExecutor

from columnar_af.ntuples.fast_reader.column_cache import ColumnCache
from columnar_af.ntuples.fast_reader.columns import ColumnReader, Pool
from columnar_af.ntuples.fast_reader.entry_selection import entries_at
from columnar_af.ntuples.fast_reader.open_trees import open_trees
from columnar_af.ntuples.fast_reader.statistics import ReadStatistics

Bools = npt.NDArray[np.bool_]


class FastSourceMapping(UprootSourceMapping):
    """coffea's mapping for ROOT files, reading with :class:`ColumnReader` what it knows.

    Takes the arguments of coffea's mapping. Threads come from ``decompression_executor``, as uproot's do.
    """

    column_cache: ColumnCache | None = None
    """Where columns are kept between runs; None for nowhere. Set on an instance."""

    default_pool: Pool | None = None
    """Threads to use where the caller names none."""

    def setup(self) -> None:
        """Called by coffea when its own attributes are set."""
        super().setup()
        self._readers: dict[int, ColumnReader] = {}
        self._columns: dict[Any, ak.Array] = {}
        self._reading = threading.RLock()

    def reader_of(self, tree: Any) -> ColumnReader:
        """The reader of a tree that this mapping reads from."""
        with self._reading:
            if id(tree) not in self._readers:
                idle = isinstance(self.decompression_executor, TrivialExecutor)
                pool = self.default_pool if idle else self.decompression_executor
                self._readers[id(tree)] = ColumnReader(tree, pool=pool, cache=self.column_cache)
            return self._readers[id(tree)]

    @property
    def readers(self) -> list[ColumnReader]:
        """The readers that were made until now."""
        with self._reading:
            return list(self._readers.values())

    def read_now(self, tree: Any, branches: Collection[str]) -> None:
        """Read branches that the reader knows, together, before they are touched; leaves the others."""
        reader = self.reader_of(tree)
        handles = [tree[name] for name in branches]
        known = [handle for handle in handles if reader.knows(handle)]
        columns = reader.read_many(known, self._start, self._stop)
        for handle, column in zip(known, columns.values(), strict=True):
            self._columns[handle.cache_key, self._start, self._stop] = column.to_awkward()

    def extract_column(
        self, columnhandle: Any, start: int, stop: int, allow_missing: bool, use_ak_forth: bool = True
    ) -> Any:
        """A branch's entries ``[start, stop)`` as coffea's mapping gives them; the same array when asked again."""
        if columnhandle is None or allow_missing or self._is_preloaded(columnhandle):
            return super().extract_column(columnhandle, start, stop, allow_missing, use_ak_forth)
        if isinstance(columnhandle, uproot.behaviors.RNTuple.HasFields):
            return super().extract_column(columnhandle, start, stop, allow_missing, use_ak_forth)
        key = (columnhandle.cache_key, start, stop)
        with self._reading:
            if key not in self._columns:
                reader = self.reader_of(columnhandle.tree)
                if not reader.knows(columnhandle):
                    return super().extract_column(columnhandle, start, stop, allow_missing, use_ak_forth)
                self._columns[key] = reader.read(columnhandle, start, stop).to_awkward()
            return self._columns[key]

    def has_read(self, branch: Any) -> bool:
        """Whether a branch is in memory."""
        return (branch.cache_key, self._start, self._stop) in self._columns

    def _is_preloaded(self, branch: Any) -> bool:
        return self.preloaded_arrays is not None and branch.name in self.preloaded_arrays


class SparseSourceMapping(FastSourceMapping):
    """A mapping for some entries of the range of another one.

    Baskets that hold none of these entries are not read. Made by :func:`events_where`, also from a sparse mapping.
    """

    @classmethod
    def of(cls, parent: FastSourceMapping, mask: Bools) -> SparseSourceMapping:
        """The entries of ``parent`` where ``mask`` is true."""
        kept = np.flatnonzero(mask)
        mapping = cls(
            parent._fileopener,
            0,
            len(kept),
            cache=parent._cache,
            access_log=parent._access_log,
            file_handle=parent._file_handle,
            use_ak_forth=parent._use_ak_forth,
            virtual=parent._virtual,
            decompression_executor=parent.decompression_executor,
            interpretation_executor=parent.interpretation_executor,
            preloaded_arrays=parent.preloaded_arrays,
        )
        mapping._parent = parent
        mapping._kept = kept
        return mapping

    _parent: FastSourceMapping
    _kept: npt.NDArray[np.int64]

    @property
    def _root(self) -> FastSourceMapping:
        """The mapping of the whole range."""
        return self._parent._root if isinstance(self._parent, SparseSourceMapping) else self._parent

    @property
    def _kept_of_root(self) -> npt.NDArray[np.int64]:
        """Places in the whole range."""
        is_sparse = isinstance(self._parent, SparseSourceMapping)
        return self._parent._kept_of_root[self._kept] if is_sparse else self._kept

    def reader_of(self, tree: Any) -> ColumnReader:
        """The parent's reader."""
        return self._parent.reader_of(tree)

    def extract_column(
        self, columnhandle: Any, start: int, stop: int, allow_missing: bool, use_ak_forth: bool = True
    ) -> Any:
        """The kept entries of a branch; from memory where the parent has read it already."""
        first, last = self._parent._start, self._parent._stop
        if columnhandle is None or not self._can_skip(columnhandle, allow_missing):
            whole = self._parent.extract_column(columnhandle, first, last, allow_missing, use_ak_forth)
            return entries_at(ak.Array(whole), self._kept)
        key = (columnhandle.cache_key, start, stop)
        with self._reading:
            if key not in self._columns:
                reader, kept = self.reader_of(columnhandle.tree), self._kept_of_root
                column, places = reader.read_entries(columnhandle, kept + self._root._start)
                self._columns[key] = entries_at(column.to_awkward(), places)
            return self._columns[key]

    def _can_skip(self, branch: Any, allow_missing: bool) -> bool:
        """Whether baskets can be left out: the reader knows the branch, and no parent has read it."""
        if (
            allow_missing
            or isinstance(branch, uproot.behaviors.RNTuple.HasFields)
            or self._is_preloaded(branch)
        ):
            return False
        if self._root.column_cache is not None:
            # It keeps whole columns: a part of one would be read from the file again in each pass.
            return False
        return not self._parent.has_read(branch) and self.reader_of(branch.tree).knows(branch)

    def has_read(self, branch: Any) -> bool:
        """Whether a branch is in memory, here or in the parent."""
        return super().has_read(branch) or self._parent.has_read(branch)


def fast_events(
    source: str | Path | Any,
    tree_path: str | None = None,
    start: int = 0,
    stop: int | None = None,
    *,
    schema: type[BaseSchema] = BaseSchema,
    metadata: Mapping[str, Any] | None = None,
    pool: Pool | None = None,
    cache: ColumnCache | None = None,
    preload: tuple[str, ...] = (),
    access_log: list[Any] | None = None,
) -> ak.Array:
    """NanoEvents that the fast reader reads, as ``NanoEventsFactory.from_root(...).events()`` makes them in virtual mode.

    Args:
        source: Path or URL of a file, or uproot's TTree.
        tree_path: Path of the tree in the file; not needed for a TTree.
        start, stop: Entry range, cut to the tree.
        schema: Schema of the events.
        metadata: Becomes ``events.metadata``.
        pool: Threads for inflating and decoding, such as a ThreadPoolExecutor. None: the calling thread.
        cache: Columns are looked up there first and left there.
        preload: Branches to read now, together: one request for a remote file, and all threads at work.
        access_log: Gets the branches that are touched, as coffea's does.

    Raises:
        ReadError: The file cannot be read, has no such tree, or is damaged (the last when a column is touched).
        SchemaError: The tree is not what the schema promises.
    """
    tree = open_trees.get(source, tree_path) if isinstance(source, str | Path) else source
    stop = tree.num_entries if stop is None else min(stop, tree.num_entries)
    start = min(max(start, 0), stop)
    partition = (str(tree.file.uuid), tree.object_path, f"{start}-{stop}")
    mapping = FastSourceMapping(
        TrivialUprootOpener({partition[0]: tree.file.file_path}, {}),
        start,
        stop,
        cache={},
        access_log=access_log,
        file_handle=tree.file,
        use_ak_forth=True,
        virtual=True,
        decompression_executor=pool,
    )
    mapping.column_cache = cache
    mapping.preload_column_source(partition[0], partition[1], tree)
    mapping.read_now(tree, preload)
    form = mapping._extract_base_form(tree)
    form["typenames"] = tree.typenames()
    built = NanoEventsFactory._from_mapping(
        mapping, partition, form, schema, None if metadata is None else dict(metadata), mode="virtual"
    )
    return built.events()


def events_where(events: ak.Array, mask: Any) -> ak.Array:
    """``events[mask]`` whose columns are read only where the mask is true: baskets without such an event are skipped.

    To be called once, after the cheapest cut that rejects most events (the trigger), when few columns have been touched.
    Where the events do not come from the fast reader, or are a selection already, this is ``events[mask]``.

    Args:
        events: As the processor got them.
        mask: One bool per event.
    """
    mapping = source_of(events)
    if mapping is None:
        return events[mask]
    flags = np.asarray(mask, dtype=np.bool_)
    if flags.shape != (len(events),):
        msg = f"mask: expected one bool for each of the {len(events)} events, got shape {flags.shape}"
        raise ValueError(msg)
    if flags.all():
        return events
    sparse = SparseSourceMapping.of(mapping, flags)
    made = events.attrs["@events_factory"]
    uuid, tree, _ = factory.key_to_tuple(made._partition_key)
    partition = factory.tuple_to_key((uuid, tree, f"0-{len(sparse)}"))
    return NanoEventsFactory(made._schema, sparse, partition, mode="virtual").events()


def source_of(events: ak.Array) -> FastSourceMapping | None:
    """The mapping that reads these events; None if they were selected, or are read by something else."""
    made = events.attrs.get("@events_factory")
    mapping = getattr(made, "_mapping", None)
    if isinstance(mapping, FastSourceMapping) and made._events() is events:
        return mapping
    return None


@dataclass(frozen=True)
class EventsSource:
    """Where events come from, for functions that know a shorter way than decoding columns.

    Attributes:
        reader: Of their tree.
        branches: Names of the tree's branches.
        start, stop: Their entry range.
        access_log: Branches that were read, as coffea logs them; None where nobody asked.
    """

    reader: ColumnReader
    branches: frozenset[str]
    start: int
    stop: int
    access_log: list[Any] | None

    def note_access(self, *branches: str) -> None:
        """Log branches that are read in another way than by coffea."""
        if self.access_log is not None:
            self.access_log.extend(Accessed(branch=name, buffer_key=name) for name in branches)


def reader_of_events(events: ak.Array) -> EventsSource | None:
    """The source of events that are a whole entry range and read by the fast reader; None for all others."""
    mapping = source_of(events) if isinstance(events, ak.Array) else None
    if mapping is None or isinstance(mapping, SparseSourceMapping):
        return None
    uuid, tree_path, _ = factory.key_to_tuple(events.attrs["@events_factory"]._partition_key)
    tree = mapping._column_source(uuid, tree_path)
    reader, branches = mapping.reader_of(tree), frozenset(tree.keys(recursive=False))
    return EventsSource(reader, branches, mapping._start, mapping._stop, mapping._access_log)


def statistics_of(events: ak.Array) -> list[ReadStatistics]:
    """What reading these events has cost until now, one per tree that was read; none where something else reads them."""
    mapping = getattr(events.attrs.get("@events_factory"), "_mapping", None)
    if not isinstance(mapping, FastSourceMapping):
        return []
    return [reader.statistics for reader in mapping.readers]


@contextmanager
def fast_reading(*, pool: Pool | None = None, cache: ColumnCache | None = None) -> Iterator[None]:
    """Within the block, everything that goes through ``NanoEventsFactory.from_root`` is read by the fast reader.

    That is how coffea's Runner gains without change: with its iterative executor, and with its futures executor where
    workers are forked. In workers that are started otherwise, call :func:`use_fast_reading` in the worker.

    Args:
        pool: Threads for inflating and decoding, where the caller gives ``from_root`` no executor.
        cache: Column cache.
    """
    before = factory.UprootSourceMapping
    use_fast_reading(pool=pool, cache=cache)
    try:
        yield
    finally:
        factory.UprootSourceMapping = before


def use_fast_reading(*, pool: Pool | None = None, cache: ColumnCache | None = None) -> None:
    """Let ``NanoEventsFactory.from_root`` use the fast reader in this process from now on; see :func:`fast_reading`."""

    class Configured(FastSourceMapping):
        default_pool = pool
        column_cache = cache

    factory.UprootSourceMapping = Configured
