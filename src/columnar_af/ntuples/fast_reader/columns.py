"""Reading columns: an entry range of one or more branches, from the file or the column cache."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from columnar_af.errors import WorkAddress, work_address
from columnar_af.ntuples.fast_reader.baskets import (
    Basket,
    BasketIndex,
    EmbeddedBasket,
    locate_baskets,
    stored_basket,
)
from columnar_af.ntuples.fast_reader.column_cache import ColumnCache, ColumnKey
from columnar_af.ntuples.fast_reader.column_types import ColumnType, Kind, column_type
from columnar_af.ntuples.fast_reader.jobs import Pool, addressed, run_jobs
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.fast_reader.plans import Plan, make_plan
from columnar_af.ntuples.fast_reader.sources import ByteSource, LocalFile, open_source
from columnar_af.ntuples.fast_reader.statistics import ReadStatistics

__all__ = ["ColumnReader", "KnownBranch", "Pool"]

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

BATCH_BYTES = 32 * 1024 * 1024
"""Compressed bytes read at once: enough to fill a wide-area link for a round trip, little beside a worker's memory."""


@dataclass(frozen=True)
class KnownBranch:
    """A branch that the reader can read.

    Attributes:
        branch: uproot's TBranch.
        path: Its path in the tree.
        type: What it holds.
        place: Where it is, for error messages.
    """

    branch: Any
    path: str
    type: ColumnType
    place: WorkAddress

    @cached_property
    def index(self) -> BasketIndex:
        """Its baskets; looked up when the first one is read, which those of a cached column never are."""
        with work_address(self.place):
            return locate_baskets(self.branch)


class ColumnReader:
    """Reads columns of one tree.

    Args:
        tree: uproot's TTree. Its file stays open as long as it is read from.
        pool: Threads for inflating and decoding; both release the GIL. None: in the calling thread.
        cache: Columns are looked up there first and left there, if given.
    """

    def __init__(self, tree: Any, *, pool: Pool | None = None, cache: ColumnCache | None = None) -> None:
        self._tree = tree
        self._pool = pool
        self._cache = cache
        self._known: dict[str, KnownBranch | None] = {}
        self._opened: ByteSource | None = None
        self._counts: dict[tuple[str, int, int], Integers] = {}
        self.statistics = ReadStatistics()

    @property
    def num_entries(self) -> int:
        """Entries of the tree."""
        return int(self._tree.num_entries)

    def knows(self, branch: str | Any) -> bool:
        """Whether this reader can read a branch (a name, or uproot's TBranch); all others are uproot's."""
        return self._find(branch) is not None

    def read(self, branch: str | Any, start: int = 0, stop: int | None = None) -> Column:
        """Entries ``[start, stop)`` of a branch that the reader knows.

        Args:
            branch: Name, or uproot's TBranch.
            start, stop: Entry range; cut to the tree as in a Python slice without negative numbers.

        Raises:
            ReadError: The file is damaged, truncated or cannot be read; names file, tree, branch and entry.
            KeyError: The tree has no such branch.
        """
        known = self._require(branch)
        return self.read_many([known.branch], start, stop)[known.path]

    def read_many(
        self, branches: Sequence[str | Any], start: int = 0, stop: int | None = None
    ) -> dict[str, Column]:
        """Entries ``[start, stop)`` of several branches by their path, requested and decoded together.

        Raises:
            ReadError, KeyError: As in :meth:`read`.
        """
        start, stop = self._cut_range(start, stop)
        wanted = {known.path: known for known in map(self._require, branches)}
        columns = dict(self._from_cache(wanted.values(), start, stop))
        missing = [known for path, known in wanted.items() if path not in columns]
        for batch in _batches(missing, start, stop):
            for known, column in zip(batch, self._read_range(batch, start, stop), strict=True):
                if self._cache is not None:
                    self._cache.put(self._key(known, start, stop), column)
                columns[known.path] = column
        return {path: columns[path] for path in wanted}

    def arrays(
        self, names: Collection[str], start: int = 0, stop: int | None = None
    ) -> Mapping[str, ak.Array]:
        """Branches as awkward arrays, equal to ``tree.arrays(names, how=dict)``; what the reader does not know, uproot reads."""
        start, stop = self._cut_range(start, stop)
        known = [name for name in names if self.knows(name)]
        columns = self.read_many(known, start, stop)
        arrays = {name: columns[self._require(name).path].to_awkward() for name in known}
        rest = [name for name in names if name not in arrays]
        others = {name: self._tree[name].array(entry_start=start, entry_stop=stop) for name in rest}
        return {name: arrays[name] if name in arrays else others[name] for name in names}

    def read_entries(self, branch: str | Any, entries: Integers) -> tuple[Column, Integers]:
        """The baskets that hold any of some entries.

        Args:
            branch: Name, or uproot's TBranch; the reader must know it.
            entries: Entries of the tree in increasing order.

        Returns:
            A column of all entries of these baskets, and the places of the wanted ones in it.

        Raises:
            ReadError, KeyError: As in :meth:`read`.
        """
        known = self._require(branch)
        homes = np.searchsorted(known.index.first_entries, entries, side="right") - 1
        numbers, members = np.unique(homes, return_inverse=True)
        (column,) = self._read_batch([known], [numbers.tolist()])
        sizes = np.diff(known.index.first_entries)[numbers]
        before = np.cumsum([0, *sizes[:-1]]) if len(numbers) else np.zeros(0, np.int64)
        return column, before[members] + entries - known.index.first_entries[homes]

    def raw_baskets(self, branch: str | Any, start: int, stop: int) -> tuple[list[Basket], Integers]:
        """The baskets that hold entries of a range, still compressed, and the first entry of each, then the end.

        Raises:
            ReadError, KeyError: As in :meth:`read`.
        """
        known = self._require(branch)
        numbers = known.index.touching(start, stop)
        with work_address(self._address(known)):
            (baskets,) = self._baskets([known], [numbers])
        return baskets, known.index.first_entries[numbers.start : numbers.stop + 1]

    def cached(self, name: str, start: int, stop: int) -> Column | None:
        """What was kept with :meth:`keep` under this name for these entries; None where it is not there."""
        if self._cache is None:
            return None
        return self._cache.get(ColumnKey(*self._tree_key, name, start, stop))

    def keep(self, name: str, start: int, stop: int, column: Column) -> None:
        """Put what was computed from columns of the tree into the column cache, if there is one.

        Args:
            name: Says what it is; no branch may have this name.
            start, stop: Its entries.
            column: What was computed.
        """
        if self._cache is not None:
            self._cache.put(ColumnKey(*self._tree_key, name, start, stop), column)

    def type_of(self, branch: str | Any) -> ColumnType | None:
        """What a branch holds; None where only uproot can read it."""
        known = self._find(branch)
        return None if known is None else known.type

    def index_of(self, branch: str | Any) -> BasketIndex:
        """Where the baskets of a branch are."""
        return self._require(branch).index

    def _read_range(self, batch: Sequence[KnownBranch], start: int, stop: int) -> list[Column]:
        numbers = [known.index.touching(start, stop) for known in batch]
        columns = self._read_batch(batch, numbers)
        firsts = [
            int(known.index.first_entries[which.start]) if which else start
            for known, which in zip(batch, numbers, strict=True)
        ]
        return [
            column.entries(start - first, stop - first) for column, first in zip(columns, firsts, strict=True)
        ]

    def _read_batch(self, batch: Sequence[KnownBranch], numbers: Sequence[Sequence[int]]) -> list[Column]:
        """All entries of some baskets of each branch."""
        plans = []
        with work_address(self._address(*batch)):
            all_baskets = self._baskets(batch, numbers)
        for known, baskets, which in zip(batch, all_baskets, numbers, strict=True):
            with work_address(self._address(known)):
                plans.append(self._plan(known, baskets, which))
        self._run(batch, plans)
        return [plan.column() for plan in plans]

    def _plan(self, known: KnownBranch, baskets: Sequence[Basket], which: Sequence[int]) -> Plan:
        firsts = known.index.first_entries
        counts = None
        needs_counts = known.type.kind is Kind.COUNTED and any(not basket.has_starts for basket in baskets)
        if needs_counts and known.type.counter is not None:
            start, stop = int(firsts[which[0]]), int(firsts[which[-1] + 1])
            whole = self._counts_of(known.type.counter, start, stop)
            counts = np.concatenate([whole[firsts[n] - start : firsts[n + 1] - start] for n in which])
        return make_plan(known.type, baskets, firsts[list(which)], counts, self.statistics)

    def _counts_of(self, counter: Any, start: int, stop: int) -> Integers:
        """Values of a counter branch; kept, because the branches that it counts are read one after the other."""
        known = self._require(counter)
        key = (known.path, start, stop)
        if key not in self._counts:
            if len(self._counts) >= MAX_KEPT_COUNTS:
                self._counts.clear()
            self._counts[key] = self.read(counter, start, stop).content.astype(np.int64)
        return self._counts[key]

    def _run(self, batch: Sequence[KnownBranch], plans: Sequence[Plan]) -> None:
        jobs = [
            addressed(job, self._address(known))
            for known, plan in zip(batch, plans, strict=True)
            for job in plan.jobs()
        ]
        run_jobs(jobs, self._pool)

    def _baskets(self, batch: Sequence[KnownBranch], numbers: Sequence[Sequence[int]]) -> list[list[Basket]]:
        """Read the baskets of several branches in one request, and their headers."""
        started, cpu = time.perf_counter(), time.thread_time()
        ranges = [
            place
            for known, which in zip(batch, numbers, strict=True)
            for place in _stored_ranges(known.index, which)
        ]
        raw = iter(self._source().read(ranges) if ranges else [])
        n_bytes = sum(stop - start for start, stop in ranges)
        if isinstance(
            self._opened, LocalFile
        ):  # coffea's metrics take the bytes read from uproot's own counter
            self._tree.file.source._num_requested_bytes += n_bytes
        names = [known.path for known in batch]
        waited, worked = time.perf_counter() - started, time.thread_time() - cpu
        self.statistics.add_read(names, len(ranges), n_bytes, waited, worked)
        return [
            [_basket(known.index, number, raw) for number in which]
            for known, which in zip(batch, numbers, strict=True)
        ]

    def _source(self) -> ByteSource:
        if self._opened is None:
            self._opened = open_source(self._tree.file)
        return self._opened

    def _find(self, branch: str | Any) -> KnownBranch | None:
        found = self._tree[branch] if isinstance(branch, str) else branch
        path = str(found.name) if found.parent is self._tree else str(found.object_path)
        if path not in self._known:
            kind = column_type(found)
            place = WorkAddress(file=self._tree.file.file_path, branch=path)
            self._known[path] = KnownBranch(found, path, kind, place) if kind else None
        return self._known[path]

    def _require(self, branch: str | Any) -> KnownBranch:
        known = self._find(branch)
        if known is None:
            name = branch if isinstance(branch, str) else branch.name
            msg = f"branch {name} is of a type that only uproot reads; ask knows() first"
            raise TypeError(msg)
        return known

    def _cut_range(self, start: int, stop: int | None) -> tuple[int, int]:
        stop = self.num_entries if stop is None else min(stop, self.num_entries)
        return min(max(start, 0), stop), stop

    def _from_cache(
        self, wanted: Collection[KnownBranch], start: int, stop: int
    ) -> Iterator[tuple[str, Column]]:
        if self._cache is None:
            return
        for known in wanted:
            column = self._cache.get(self._key(known, start, stop))
            if column is not None:
                yield known.path, column

    def _key(self, known: KnownBranch, start: int, stop: int) -> ColumnKey:
        return ColumnKey(*self._tree_key, known.path, start, stop)

    @property
    def _tree_key(self) -> tuple[str, str]:
        """UUID of the file and path of the tree, by which the cache knows them."""
        return str(self._tree.file.uuid), self._tree.object_path

    def _address(self, *known: KnownBranch) -> WorkAddress:
        branch = known[0].path if len(known) == 1 else None
        return WorkAddress(file=self._tree.file.file_path, tree=self._tree.object_path, branch=branch)


MAX_KEPT_COUNTS = 32
"""Counter columns kept by a reader; NanoAOD has some 25 collections."""


def _stored_ranges(index: BasketIndex, numbers: Sequence[int]) -> list[tuple[int, int]]:
    return [
        (int(index.positions[number]), int(index.positions[number] + index.sizes[number]))
        for number in numbers
        if number < len(index.positions)
    ]


def _basket(index: BasketIndex, number: int, raw: Iterator[Bytes]) -> Basket:
    if number >= len(index.positions):
        return EmbeddedBasket(index.embedded[number - len(index.positions)])
    entries = int(index.first_entries[number + 1] - index.first_entries[number])
    return stored_basket(next(raw), entries)


def _batches(branches: Sequence[KnownBranch], start: int, stop: int) -> Iterator[list[KnownBranch]]:
    """Branches together that have at most :data:`BATCH_BYTES` compressed; at least one."""
    batch: list[KnownBranch] = []
    filled = 0
    for known in branches:
        size = sum(
            last - first for first, last in _stored_ranges(known.index, known.index.touching(start, stop))
        )
        if batch and filled + size > BATCH_BYTES:
            yield batch
            batch, filled = [], 0
        batch.append(known)
        filled += size
    if batch:
        yield batch
