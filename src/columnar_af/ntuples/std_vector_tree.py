"""A writer of TTrees whose branches are true ``std::vector``s, as ROOT itself writes them.

uproot can only write arrays with a counter branch; the T3M ntuples hold ``vector<double>``, ``vector<float>``,
``vector<int>`` and ``vector<string>`` in TBranchElements. Plain number branches go beside them.

Example::

    with StdVectorTreeWriter(
        Path("a.root"), "Tree3Mu/ntuple", {"evt": "unsigned int", "MuonPt": "vector<float>"},
        compression=uproot.ZLIB(1), identity="seed 1",
    ) as tree:
        tree.extend({"evt": event_numbers, "MuonPt": Ragged(pt, offsets)})
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import uproot

from columnar_af.ntuples.root_file import Key, RootFile
from columnar_af.ntuples.root_serialization import (
    MAP_OFFSET,
    TOBJARRAY_HEAD,
    object_any,
    tnamed,
    tobjarray,
    tstring,
    versioned,
)
from columnar_af.ntuples.root_streamers import tree_streamers
from columnar_af.ntuples.tree_entries import (
    Column,
    EntryBytes,
    Ragged,
    RaggedStrings,
    as_column,
    scalar_entries,
    string_entries,
    vector_entries,
)

BASKET_BYTES = 32_000
"""ROOT's default basket size, which the real T3M ntuples have."""

BASKET_TAIL = 19
"""Bytes of a TBasket header behind its key: version, buffer size, offsets, entries, end of data, flag."""

ENTRY_OFFSETS = 1000
"""fEntryOffsetLen of a branch whose entries differ in length; more than 8 tells readers that offsets follow."""

AUTO_FLUSH_BYTES = -30_000_000
"""ROOT's default fAutoFlush: no fixed number of entries in a cluster."""

IO_FEATURES = struct.pack(">IHIB", 7 | 0x40000000, 0, 0x1AA12F10, 0)
"""A ROOT::TIOFeatures without any feature: byte count, version 0, class checksum, bits."""

FILL_ATTRIBUTES = versioned(struct.pack(">hh", 0, 1001), 2)
LINE_ATTRIBUTES = versioned(struct.pack(">hhh", 602, 1, 1), 2)
MARKER_ATTRIBUTES = versioned(struct.pack(">hhf", 1, 1, 1.0), 2)


@dataclass(frozen=True)
class BranchType:
    """What one branch holds.

    Attributes:
        class_name: C++ name as ROOT spells it; a vector's is the class name in its TBranchElement.
        dtype: numpy type of an item; None for strings.
        checksum: TClass checksum of a vector class (ROOT 6.40); 0 for numbers.
        leaf: Class of the leaf, for numbers.
        code: Letter behind the slash in the branch's title, for numbers.
    """

    class_name: str
    dtype: np.dtype[Any] | None
    checksum: int = 0
    leaf: str = "TLeafElement"
    code: str = ""

    @property
    def is_vector(self) -> bool:
        """True for a std::vector."""
        return self.leaf == "TLeafElement"


BRANCH_TYPES = {
    kind.class_name: kind
    for kind in (
        BranchType("vector<double>", np.dtype("f8"), 269370212),
        BranchType("vector<float>", np.dtype("f4"), 89790107),
        BranchType("vector<int>", np.dtype("i4"), 9976712),
        BranchType("vector<unsigned int>", np.dtype("u4"), 3106279697),
        BranchType("vector<Long64_t>", np.dtype("i8"), 2424165566),
        BranchType("vector<bool>", np.dtype("?"), 29929751),
        BranchType("vector<string>", None, 269382332),
        BranchType("double", np.dtype("f8"), leaf="TLeafD", code="D"),
        BranchType("float", np.dtype("f4"), leaf="TLeafF", code="F"),
        BranchType("int", np.dtype("i4"), leaf="TLeafI", code="I"),
        BranchType("unsigned int", np.dtype("u4"), leaf="TLeafI", code="i"),
        BranchType("long long", np.dtype("i8"), leaf="TLeafL", code="L"),
        BranchType("unsigned long long", np.dtype("u8"), leaf="TLeafL", code="l"),
        BranchType("bool", np.dtype("?"), leaf="TLeafO", code="O"),
    )
}
"""C++ name -> branch type: all that can be written."""


@dataclass
class _Branch:
    """A branch and the baskets that it has written."""

    name: str
    kind: BranchType
    sizes: list[int] = field(default_factory=list)
    first_entries: list[int] = field(default_factory=lambda: [0])
    positions: list[int] = field(default_factory=list)
    uncompressed: int = 0

    def serialize(self, values: Column) -> EntryBytes:
        """The entries of a block as bytes."""
        if isinstance(values, RaggedStrings) and self.kind.class_name == "vector<string>":
            return string_entries(values)
        if self.kind.dtype is not None:
            if isinstance(values, Ragged) and self.kind.is_vector:
                return vector_entries(values, self.kind.dtype)
            if isinstance(values, np.ndarray) and not self.kind.is_vector:
                return scalar_entries(values, self.kind.dtype)
        msg = (
            f"branch {self.name} is {self.kind.class_name}; it cannot be filled from {type(values).__name__}"
        )
        raise TypeError(msg)


class StdVectorTreeWriter:
    """Writes one TTree to a new file, a block of entries at a time.

    Several trees of one file can be filled in turn: give each writer the same open :class:`RootFile` in place of a path,
    call :meth:`finish` on each, and close the file; its compression and identity then hold.

    Args:
        path: File to write, or an open file to which the tree is added.
        tree_path: Directory and name of the tree in the file, such as ``Tree3Mu/ntuple``.
        branches: Name -> C++ type, one of :data:`BRANCH_TYPES`, in the order of the tree.
        compression: ``uproot.ZLIB(1)`` and its kin, or None.
        basket_bytes: A basket is written when one more entry would exceed this, and at the end of each block.
        title: Of the tree.
        name: Name that the file calls itself; default the name of ``path``.
        identity: What makes this file different from all others; its UUIDs are derived from it.
    """

    def __init__(
        self,
        path: Path | RootFile,
        tree_path: str,
        branches: Mapping[str, str],
        *,
        compression: Any = None,
        basket_bytes: int = BASKET_BYTES,
        title: str = "",
        name: str | None = None,
        identity: str = "",
    ) -> None:
        unknown = {kind for kind in branches.values() if kind not in BRANCH_TYPES}
        if unknown:
            msg = f"cannot write branches of type {sorted(unknown)}; the types are {sorted(BRANCH_TYPES)}"
            raise ValueError(msg)
        if isinstance(path, RootFile):
            self.file = path
        else:
            inner = name or path.name
            self.file = RootFile(path, name=inner, identity=f"{identity}\n{inner}", compression=compression)
        folder, _, self._name = tree_path.rpartition("/")
        self._directory = self.file.directory(folder)
        self._title = title
        self._basket_bytes = basket_bytes
        self._branches = {key: _Branch(key, BRANCH_TYPES[kind]) for key, kind in branches.items()}
        self.entries = 0

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the tree and finish the file; when the body failed, only close it."""
        if kind is None:
            self.finish()
        self.file.__exit__(kind, error, trace)

    def extend(self, columns: Mapping[str, Any]) -> None:
        """Append a block of entries.

        Args:
            columns: Branch -> values: a numpy array for a number, a :class:`Ragged`, :class:`RaggedStrings` or awkward
                array for a vector. All branches, all of the same length.

        Raises:
            ValueError: Branches are missing or too many, or their lengths differ.
            TypeError: A column does not fit the type of its branch.
        """
        if columns.keys() != self._branches.keys():
            odd = sorted(columns.keys() ^ self._branches.keys())
            msg = f"the columns are not the branches of the tree: {', '.join(odd)} stand only on one side"
            raise ValueError(msg)
        serialized = {
            name: branch.serialize(as_column(columns[name])) for name, branch in self._branches.items()
        }
        lengths = {len(entries) for entries in serialized.values()}
        if len(lengths) != 1:
            msg = f"columns of different lengths in one block: {sorted(lengths)} entries"
            raise ValueError(msg)
        for name, entries in serialized.items():
            self._write_baskets(self._branches[name], entries)
        self.entries += lengths.pop()

    def _write_baskets(self, branch: _Branch, entries: EntryBytes) -> None:
        for start, stop in _cut(entries.starts, self._basket_bytes):
            data = entries.data[entries.starts[start] : entries.starts[stop]].tobytes()
            self._write_basket(branch, data, entries.starts[start : stop + 1] - entries.starts[start])

    def _write_basket(self, branch: _Branch, data: bytes, starts: np.ndarray[Any, Any]) -> None:
        """Write one basket: key, TBasket header, entries, and for vectors the table of where each entry starts."""
        count = len(starts) - 1
        key = Key("TBasket", branch.name, self._name, 0, self.file.end, self._directory.position)
        head = key.head + BASKET_TAIL
        last = head + len(data)
        per_entry = len(data) // count
        if branch.kind.is_vector:
            table = (starts + head).astype(">i4")
            table[-1] = 0  # as ROOT writes it
            data += struct.pack(">i", count + 1) + table.tobytes()
            per_entry = max(ENTRY_OFFSETS, count + 1)
        stored = uproot.compression.compress(data, self.file.compression)
        key = Key("TBasket", branch.name, self._name, 0, key.position, key.directory, len(stored), len(data))
        tail = struct.pack(">HIIIIB", 3, self._basket_bytes, per_entry, count, last, 0)
        branch.positions.append(self.file.append(b"".join((key.to_bytes(head), tail, stored))))
        branch.sizes.append(head + len(stored))
        branch.first_entries.append(branch.first_entries[-1] + count)
        branch.uncompressed += head + len(data)

    def finish(self) -> None:
        """Write the TTree object with all branches, after its last entry. Leaving the context does this, too."""
        head = self._tree_head()
        key_bytes = Key("TTree", self._name, self._title).head
        position = key_bytes + 6 + len(head) + TOBJARRAY_HEAD
        branches, leaves = [], []
        for branch in self._branches.values():
            data, leaf = self._branch_bytes(branch, position)
            branches.append(data)
            leaves.append(leaf + MAP_OFFSET)
            position += len(data)
        body = head + tobjarray(b"".join(branches), len(branches))
        body += tobjarray(np.array(leaves, ">u4").tobytes(), len(leaves))
        body += bytes(
            28
        )  # no aliases, two empty index arrays, no tree index, friends, user info, branch references
        self.file.streamers.update(tree_streamers())
        self.file.add_object(self._directory, "TTree", self._name, self._title, versioned(body, 20))

    def _tree_head(self) -> bytes:
        uncompressed = sum(branch.uncompressed for branch in self._branches.values())
        stored = sum(sum(branch.sizes) for branch in self._branches.values())
        counts = struct.pack(">qqqqq", self.entries, uncompressed, stored, 0, 0)
        # weight, timer, scan field, update, default offsets, cluster ranges, then the limits of a TTree by default
        settings = struct.pack(">diiiii", 1.0, 0, 25, 0, ENTRY_OFFSETS, 0)
        limits = struct.pack(">qqqqqq", 10**12, 10**12, 0, -300_000_000, AUTO_FLUSH_BYTES, 1_000_000)
        attributes = LINE_ATTRIBUTES + FILL_ATTRIBUTES + MARKER_ATTRIBUTES
        named = tnamed(self._name, self._title, 0x8)  # kMustCleanup
        return named + attributes + counts + settings + limits + b"\x00\x00" + IO_FEATURES

    def _branch_bytes(self, branch: _Branch, position: int) -> tuple[bytes, int]:
        """A branch and the position of its leaf, given the position where the branch starts."""
        kind = branch.kind
        class_name = "TBranchElement" if kind.is_vector else "TBranch"
        front = self._branch_front(branch)
        base = front + tobjarray(_leaf_bytes(branch), 1) + tobjarray(b"", 0) + _basket_lists(branch)
        body = versioned(base, 13)
        if kind.is_vector:
            names = tstring(kind.class_name) + tstring("") + tstring("")
            numbers = struct.pack(">IhiiiiII", kind.checksum, 6, -1, 0, -1, 0, 0, 0)
            body = versioned(body + names + numbers, 10)
        versions = 12 if kind.is_vector else 6
        leaf = position + 4 + 4 + len(class_name) + 1 + versions + len(front) + TOBJARRAY_HEAD
        return object_any(class_name, body), leaf

    def _branch_front(self, branch: _Branch) -> bytes:
        """A TBranch up to its list of leaves."""
        kind = branch.kind
        title = branch.name if kind.is_vector else f"{branch.name}/{kind.code}"
        compression = 0 if self.file.compression is None else self.file.compression.code
        offsets = ENTRY_OFFSETS if kind.is_vector else 0
        filled = len(branch.sizes)
        numbers = struct.pack(">iiiiq", compression, self._basket_bytes, offsets, filled, self.entries)
        totals = struct.pack(
            ">iIiqqqq",
            0,
            _slots(branch),
            99 if kind.is_vector else 0,
            self.entries,
            0,
            branch.uncompressed,
            sum(branch.sizes),
        )
        named = tnamed(branch.name, title, 0x400000)  # kDoNotUseBufferMap
        return named + FILL_ATTRIBUTES + numbers + IO_FEATURES + totals + tobjarray(b"", 0)


def _cut(starts: np.ndarray[Any, Any], limit: int) -> Iterator[tuple[int, int]]:
    """Entry ranges of baskets: as many entries as fit into ``limit`` bytes, at least one."""
    start = 0
    while start < len(starts) - 1:
        stop = int(np.searchsorted(starts, starts[start] + limit, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, stop
        start = stop


def _slots(branch: _Branch) -> int:
    """fMaxBaskets: length of the basket lists, with room for one more as ROOT leaves it."""
    return max(10, len(branch.sizes) + 1)


def _basket_lists(branch: _Branch) -> bytes:
    """Sizes, first entries and positions of the baskets, and the (empty) name of another file that holds them."""
    lists = b""
    for values, dtype in (
        (branch.sizes, ">i4"),
        (branch.first_entries, ">i8"),
        (branch.positions, ">i8"),
    ):
        slots = np.zeros(_slots(branch), dtype)
        slots[: len(values)] = values
        lists += b"\x01" + slots.tobytes()
    return lists + tstring("")


def _leaf_bytes(branch: _Branch) -> bytes:
    """The one leaf of a branch, as an object behind a pointer."""
    kind = branch.kind
    size = 0 if kind.dtype is None or kind.is_vector else kind.dtype.itemsize
    is_unsigned = kind.dtype is not None and kind.dtype.kind == "u" and not kind.is_vector
    named = tnamed(branch.name, branch.name)
    leaf = versioned(named + struct.pack(">iii??I", 1, size, 0, False, is_unsigned, 0), 2)
    if kind.is_vector or kind.dtype is None:
        rest = struct.pack(">ii", -1, -1)
    else:
        rest = bytes(2 * kind.dtype.itemsize)  # fMinimum, fMaximum
    return object_any(kind.leaf, versioned(leaf + rest, 1))
