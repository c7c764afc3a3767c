"""Reading columns of plain numbers of a :class:`FlatTree`, all baskets in one call of a kernel.

What the kernel does not read as expected (another compression, damaged bytes, a remote file) goes to :class:`ColumnReader`,
which gives the same numbers, or the error that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from columnar_af.ntuples.fast_reader.columns import ColumnReader
from columnar_af.ntuples.fast_reader.flat_decode import (
    ENTRIES,
    ITEM,
    POSITION,
    SIZE,
    SKIP,
    TAKE,
    TARGET,
    read_flat,
)
from columnar_af.ntuples.fast_reader.flat_tree import FlatBranch, FlatTree
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.fast_reader.native_calls import NativeCalls, native_calls
from columnar_af.ntuples.fast_reader.sources import ByteSource, LocalFile, open_source

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

ALIGNMENT = 8
"""Columns begin at multiples of the largest number."""

OFFSET_BYTES = 4
"""Bytes of an entry offset, of which a basket may have a list behind its numbers; nobody looks at it here."""

SPARE_BYTES = 64
"""What such a list has beside its offsets, generously."""


class FlatColumnReader:
    """Reads columns of one tree of plain numbers; has what is asked of a :class:`ColumnReader` there.

    Args:
        tree: The tree; its file stays open as long as it is read from.
    """

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self._slow = ColumnReader(tree)
        self._calls = native_calls() if isinstance(tree, FlatTree) else None

    def knows(self, name: str) -> bool:
        """Whether this reader can read a branch; all others are uproot's."""
        if self._calls is not None and _is_flat(self._tree[name]):
            return True
        return self._slow.knows(name)

    def read_many(self, names: Sequence[str], start: int, stop: int) -> dict[str, Column]:
        """Entries ``[start, stop)`` of several branches.

        Raises:
            ReadError, KeyError: As in :meth:`ColumnReader.read_many`.
        """
        columns = self._read(names, start, stop)
        rest = [name for name in names if name not in columns]
        return columns | (self._slow.read_many(rest, start, stop) if rest else {})

    def read_some(self, names: Sequence[str], entries: Integers) -> dict[str, Column]:
        """Some entries of several branches of one number per entry; baskets without any of them are not read.

        Args:
            names: The branches; one that the kernel does not read is left out.
            entries: Entries of the tree, in increasing order.
        """
        if not len(entries):
            return {}
        start, stop = int(entries[0]), int(entries[-1]) + 1
        columns = self._read(names, start, stop, entries)
        return {name: Column(column.content[entries - start]) for name, column in columns.items()}

    def _read(
        self, names: Sequence[str], start: int, stop: int, entries: Integers | None = None
    ) -> dict[str, Column]:
        """What the kernel reads: all that is asked for, or nothing. Of other entries than some, numbers may be anything."""
        branches = [
            branch for branch in map(self._tree.__getitem__, dict.fromkeys(names)) if _is_flat(branch)
        ]
        if self._calls is None or start >= stop or not branches or not isinstance(self._source, LocalFile):
            return {}
        n_bytes = [(stop - start) * branch.dtype.itemsize for branch in branches]
        places = np.cumsum([0, *(-(-size // ALIGNMENT) * ALIGNMENT for size in n_bytes)]).tolist()
        tables = [_table(*each, start, stop, entries) for each in zip(branches, places, strict=False)]
        output = np.empty(places[-1], np.uint8)
        if not self._run(self._calls, self._source.descriptor, np.concatenate(tables), output):
            return {}
        return {
            branch.name: Column(output[place : place + size].view(branch.dtype))
            for branch, place, size in zip(branches, places, n_bytes, strict=False)
        }

    def _run(self, calls: NativeCalls, descriptor: int, table: Integers, output: Bytes) -> bool:
        """Read the baskets of a table; whether that went as expected."""
        rooms = table[:, ENTRIES] * (table[:, ITEM] + OFFSET_BYTES) + SPARE_BYTES
        packed, plain = (np.empty(max(int(sizes.max()), 0), np.uint8) for sizes in (table[:, SIZE], rooms))
        with calls.decompressor() as decompressor:
            done = read_flat(
                table, descriptor, calls.read, calls.inflate, decompressor, packed, plain, output
            )
        if done < len(table):
            return False
        self._tree.file.source._num_requested_bytes += int(table[:, SIZE].sum())  # coffea's metrics ask there
        return True

    @cached_property
    def _source(self) -> ByteSource:
        return open_source(self._tree.file)


def _is_flat(branch: Any) -> bool:
    return isinstance(branch, FlatBranch)


def _table(branch: FlatBranch, place: int, start: int, stop: int, entries: Integers | None) -> Integers:
    """The baskets of a branch that hold entries of a range, for the kernel; the first entry goes to ``place``."""
    firsts, item = branch.entry_offsets, branch.dtype.itemsize
    which = slice(
        int(np.searchsorted(firsts, start, side="right")) - 1, int(np.searchsorted(firsts, stop, side="left"))
    )
    begins, ends = firsts[:-1][which], firsts[1:][which]
    table = np.empty((len(begins), 7), np.int64)
    table[:, POSITION], table[:, SIZE] = branch.positions[which], branch.sizes[which]
    table[:, ENTRIES], table[:, ITEM] = ends - begins, item
    table[:, SKIP] = np.maximum(start - begins, 0)
    table[:, TAKE] = np.minimum(ends, stop) - np.maximum(begins, start)
    table[:, TARGET] = place + (np.maximum(begins, start) - start) * item
    if entries is None:
        return table
    return table[np.searchsorted(entries, begins) < np.searchsorted(entries, ends)]
