"""Trees of plain numbers, read without uproot's models: a file with one tree per variation has tens of them.

uproot builds a model of every branch and leaf of a tree, 20 ms for 130 branches; of a tree per variation, most of that is for
branches that nobody reads. Here the record of the tree is walked from branch to branch by their byte counts, and only the
branches that are asked for are looked into. What is not plainly a TTree of ROOT 6 (version 20) whose branches hold one number
per entry, and lie in baskets of this file, is left to uproot.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import uproot

from columnar_af.ntuples.fast_reader.flat_record import NotFlatError, Record

TREE_VERSION, BRANCH_VERSION = 20, 13
"""Class versions that ROOT 6 (since 6.14) and uproot write."""

TREE_NUMBERS = struct.Struct(">qqqqqdiiiiIqqqqqq")
"""fEntries is the first, fNClusterRange the eleventh."""
BRANCH_NUMBERS = struct.Struct(">iiiiq")
"""fCompress, fBasketSize, fEntryOffsetLen, fWriteBasket, fEntryNumber."""
BRANCH_COUNTS = struct.Struct(">iIiqqqq")
"""fOffset, fMaxBaskets, fSplitLevel, fEntries, fFirstEntry, fTotBytes, fZipBytes."""
LEAF_NUMBERS = struct.Struct(">iii??I")
"""fLen, fLenType, fOffset, fIsRange, fIsUnsigned, fLeafCount (0: none)."""

LEAVES = {
    name: (np.dtype(signed), np.dtype(unsigned))
    for name, signed, unsigned in (
        ("TLeafO", "?", "?"),
        ("TLeafB", "i1", "u1"),
        ("TLeafS", ">i2", ">u2"),
        ("TLeafI", ">i4", ">u4"),
        ("TLeafL", ">i8", ">u8"),
        ("TLeafF", ">f4", ">f4"),
        ("TLeafD", ">f8", ">f8"),
    )
}
"""Class of a leaf -> stored type, signed and unsigned."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FlatBranch:
    """A branch of one number per entry; has what the fast reader and coffea ask of uproot's TBranch.

    Attributes:
        name, title: Its name and title.
        parent: Its tree.
        stored: Type of its numbers in the file.
        entry_offsets: First entry of each basket, then the number of entries.
        positions, sizes: First byte in the file and compressed bytes of each basket.
        uncompressed_bytes: Of all baskets, with their headers.
    """

    name: str
    title: str
    parent: FlatTree
    stored: np.dtype[Any]
    entry_offsets: Integers
    positions: Integers
    sizes: Integers
    uncompressed_bytes: int

    embedded_baskets = ()
    count_branch = None

    @property
    def tree(self) -> FlatTree:
        """Its tree."""
        return self.parent

    @property
    def num_entries(self) -> int:
        """Number of entries."""
        return int(self.entry_offsets[-1])

    @property
    def interpretation(self) -> Any:
        """uproot's, of its numbers."""
        return uproot.AsDtype(self.stored)

    @property
    def typename(self) -> str:
        """C++ type of its numbers, as uproot names it."""
        return str(self.interpretation.typename)

    @property
    def cache_key(self) -> str:
        """What tells it from all other branches."""
        return f"{self.parent.file.uuid}:{self.parent.object_path}:{self.name}"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its numbers in memory."""
        return self.stored.newbyteorder("=")

    def member(self, name: str) -> Integers:
        """``fBasketSeek`` or ``fBasketBytes``."""
        return {"fBasketSeek": self.positions, "fBasketBytes": self.sizes}[name]


NOT_FLAT = (NotFlatError, struct.error, IndexError, UnicodeDecodeError, ValueError)
"""What the walk over a record raises that is not as expected."""


def open_flat(directory: Any, name: str) -> Any:
    """A tree: a :class:`FlatTree`, or uproot's TTree where it is not plain.

    Args:
        directory: uproot's directory that the tree is in.
        name: Its name in there.
    """
    try:
        return FlatTree(directory, name)
    except NOT_FLAT:
        return directory[name]


def open_all_flat(directory: Any, name: str) -> Any:
    """A tree: a :class:`FlatTree` that has plain branches only, or uproot's TTree; kept as long as uproot keeps its own objects.

    Args:
        directory: uproot's directory that the tree is in.
        name: Its path in there.
    """
    kept: Any = directory.file.object_cache
    key = f"{directory.key(name).cache_key} as columns"
    known = None if kept is None else kept.get(key)
    if known is not None and known.file is directory.file:
        return known
    tree = open_flat(directory, name)
    if not isinstance(tree, FlatTree) or not all(isinstance(each, FlatBranch) for each in tree.branches):
        tree = directory[name]
    if kept is not None:
        kept[key] = tree
    return tree


class FlatTree:
    """A tree of plain numbers; has what the fast reader and coffea ask of uproot's TTree. Made by :func:`open_flat`.

    Args:
        directory: uproot's directory that the tree is in.
        name: Its name in there.

    Raises:
        NotFlatError: It has to be read by uproot.
    """

    def __init__(self, directory: Any, name: str) -> None:
        key = directory.key(name)
        if key.fClassName != "TTree":
            raise NotFlatError(key.fClassName)
        self.file = directory.file
        self.name = name
        self.object_path = key.object_path
        chunk, cursor = key.get_uncompressed_chunk_cursor()
        self._record = Record(bytes(chunk.raw_data), int(cursor.origin))
        self._directory = directory
        self._branches: dict[str, Any] = {}
        self.title, self.num_entries, self._places = self._walk()

    @property
    def branches(self) -> list[Any]:
        """All branches, in the order of the file; see :meth:`__getitem__`."""
        return [self[name] for name in self._places]

    def keys(self, *, recursive: bool = True) -> list[str]:
        """Names of all branches, in the order of the file; no branch has others below it."""
        del recursive
        return list(self._places)

    def iteritems(self, *, recursive: bool = True) -> Iterator[tuple[str, Any]]:
        """Names and branches."""
        del recursive
        return ((name, self[name]) for name in self._places)

    def typenames(self) -> dict[str, str]:
        """Name of each branch -> C++ type of its numbers."""
        return {name: branch.typename for name, branch in self.iteritems()}

    @property
    def names(self) -> frozenset[str]:
        """Names of all branches."""
        return frozenset(self._places)

    def __getitem__(self, name: str) -> Any:
        """A branch: a :class:`FlatBranch`, or uproot's TBranch where it is not plain numbers.

        Raises:
            KeyError: There is none of this name.
        """
        if name not in self._branches:
            place = self._places[name]
            try:
                self._branches[name] = self._branch(name, place)
            except NOT_FLAT:
                self._branches[name] = self._directory[self.name][name]
        return self._branches[name]

    def _walk(self) -> tuple[str, int, dict[str, int]]:
        """Title, number of entries, and where the body of each branch begins."""
        record = self._record
        place = record.enter(0, TREE_VERSION)
        title = record.named_at(place)[1]
        for _ in range(4):  # TNamed, TAttLine, TAttFill, TAttMarker
            place = record.after(place)
        numbers = TREE_NUMBERS.unpack_from(record.data, place)
        entries, clusters = numbers[0], numbers[10]
        place = record.after(
            place + TREE_NUMBERS.size + 2 * (1 + 8 * clusters)
        )  # ends of clusters, then TIOFeatures
        place, count = record.enter_array(place)
        places: dict[str, int] = {}
        for _ in range(count):
            body, following, class_name = record.object_at(place)
            if class_name != "TBranch":
                raise NotFlatError(class_name)
            name = record.named_at(record.enter(body, BRANCH_VERSION))[0]
            if name in places:
                raise NotFlatError(name)
            places[name] = body
            place = following
        return title, int(entries), places

    def _branch(self, name: str, body: int) -> FlatBranch:
        record = self._record
        place = record.enter(body, BRANCH_VERSION)
        title = record.named_at(place)[1]
        place = record.after(record.after(place))  # TNamed, TAttFill
        _, _, _, n_baskets, _ = BRANCH_NUMBERS.unpack_from(record.data, place)
        place = record.after(place + BRANCH_NUMBERS.size)  # TIOFeatures
        _, slots, _, entries, first, n_bytes, _ = BRANCH_COUNTS.unpack_from(record.data, place)
        place = record.after_empty_array(place + BRANCH_COUNTS.size)  # branches below this one
        stored = self._type_of_leaf(place)
        place = record.after_nulls(record.after(place))  # leaves, then baskets in memory
        sizes, place = record.numbers(place, slots, ">i4")
        starts, place = record.numbers(place, slots, ">i8")
        positions, place = record.numbers(place, slots, ">i8")
        if record.data[place] != 0:  # name of another file
            raise NotFlatError(name)
        if (
            first != 0
            or not 0 <= n_baskets < slots
            or starts[n_baskets] != entries
            or entries != self.num_entries
        ):
            raise NotFlatError(name)
        offsets = starts[: n_baskets + 1]
        if (positions[:n_baskets] <= 0).any() or offsets[0] != 0:
            raise NotFlatError(name)
        return FlatBranch(
            name, title, self, stored, offsets, positions[:n_baskets], sizes[:n_baskets], int(n_bytes)
        )

    def _type_of_leaf(self, place: int) -> np.dtype[Any]:
        record = self._record
        place, count = record.enter_array(place)
        body, _, class_name = record.object_at(place)
        if count != 1 or class_name not in LEAVES:
            raise NotFlatError(class_name)
        place = record.enter(record.enter(body, None), None)  # the leaf, then its base class TLeaf
        place = record.after(place)  # TNamed
        length, _, _, _, unsigned, counter = LEAF_NUMBERS.unpack_from(record.data, place)
        if length != 1 or counter != 0:
            raise NotFlatError(class_name)
        return LEAVES[class_name][unsigned]
