"""Where the baskets of a branch lie in the file, what their headers say, and their uncompressed bytes.

A TTree keeps, per branch, the position, size and first entry of each basket; uproot reads these lists. A basket that was
not full when the file was closed may sit in the tree's own record instead ("embedded"). Baskets of different branches hold
different numbers of entries, so nothing here pairs baskets by number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader.damage import damaged
from columnar_af.ntuples.fast_reader.inflate import Block, inflate, split_blocks

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

KEY = struct.Struct(">ihiIhh")
"""TKey: bytes in file, version, bytes of the object, date, bytes of the key, cycle."""

TAIL = struct.Struct(">Hiiii")
"""TBasket behind its key: version, buffer size, size of the offset list, entries, end of the data."""

TAIL_BYTES = TAIL.size + 1
"""The tail is followed by one flag, and ends the key."""

BIG_ENDIAN_INT = np.dtype(">i4")


@dataclass(frozen=True)
class BasketIndex:
    """Where the baskets of one branch are.

    Attributes:
        positions: First byte in the file of each basket that has a record of its own, shape ``(n,)``.
        sizes: Compressed bytes of each, with its key, shape ``(n,)``.
        first_entries: First entry of each basket, embedded ones last, then the number of entries, shape ``(n_all + 1,)``.
        embedded: uproot's models of the baskets in the tree's record.
    """

    positions: Integers
    sizes: Integers
    first_entries: Integers
    embedded: tuple[Any, ...]

    def touching(self, start: int, stop: int) -> range:
        """Numbers of the baskets that hold entries of ``[start, stop)``."""
        if start >= stop:
            return range(0)
        first = int(np.searchsorted(self.first_entries, start, side="right")) - 1
        last = int(np.searchsorted(self.first_entries, stop, side="left"))
        return range(first, last)


def locate_baskets(branch: Any) -> BasketIndex:
    """The baskets of an uproot branch, checked for order.

    Args:
        branch: uproot's TBranch.

    Raises:
        ReadError: The lists in the file contradict each other.
    """
    try:
        first_entries = np.asarray(branch.entry_offsets, dtype=np.int64)
    except ValueError as error:
        msg = f"the list of baskets is damaged: {error}"
        raise ReadError(msg, advice="make the file again, or leave it out") from error
    embedded = tuple(branch.embedded_baskets)
    count = len(first_entries) - 1 - len(embedded)
    index = BasketIndex(
        positions=np.asarray(branch.member("fBasketSeek")[:count], dtype=np.int64),
        sizes=np.asarray(branch.member("fBasketBytes")[:count], dtype=np.int64),
        first_entries=first_entries,
        embedded=embedded,
    )
    if np.any(np.diff(first_entries) < 0) or np.any(index.positions <= 0) or np.any(index.sizes < KEY.size):
        msg = (
            "the list of baskets is damaged: positions, sizes and first entries must be positive and in order"
        )
        raise ReadError(msg, advice="make the file again, or leave it out")
    return index


class Basket(Protocol):
    """A basket whose header has been read."""

    @property
    def entries(self) -> int:
        """Number of entries in it."""
        ...

    @property
    def data_bytes(self) -> int:
        """Uncompressed bytes of the values, without the list of entry offsets behind them."""
        ...

    @property
    def has_starts(self) -> bool:
        """Whether such a list is there."""
        ...

    def contents(self, *, starts: bool = True) -> tuple[Bytes, Integers | None]:
        """Uncompressed values, and the byte where each entry begins and the last one ends, if the basket says.

        Args:
            starts: Whether they are wanted: values that say themselves where they end, such as vectors, do without.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredBasket:
    """A basket with a record of its own in the file; its bytes are still compressed."""

    payload: Bytes
    blocks: tuple[Block, ...]
    key_bytes: int
    object_bytes: int
    entries: int
    data_bytes: int

    @property
    def has_starts(self) -> bool:
        """Whether entry offsets follow the values."""
        return self.data_bytes != self.object_bytes

    def contents(self, *, starts: bool = True) -> tuple[Bytes, Integers | None]:
        """Inflate; see :class:`Basket`."""
        raw = inflate(self.payload, self.blocks, self.object_bytes)
        listed = _entry_starts(raw[self.data_bytes :], self) if starts and self.has_starts else None
        return raw[: self.data_bytes], listed


@dataclass(frozen=True, slots=True)
class EmbeddedBasket:
    """A basket in the tree's own record, which uproot has read already."""

    model: Any

    @property
    def entries(self) -> int:
        """Number of entries."""
        return int(self.model.num_entries)

    @property
    def data_bytes(self) -> int:
        """Bytes of the values."""
        return len(self.model.data)

    @property
    def has_starts(self) -> bool:
        """Whether it has entry offsets."""
        return self.model.byte_offsets is not None

    def contents(self, *, starts: bool = True) -> tuple[Bytes, Integers | None]:
        """See :class:`Basket`."""
        listed = self.model.byte_offsets if starts else None
        return self.model.data, None if listed is None else np.asarray(listed, dtype=np.int64)


def stored_basket(raw: Bytes, entries: int) -> StoredBasket:
    """Read the header of a basket.

    Args:
        raw: The record of the basket, with its key.
        entries: Number of entries that the branch promises.

    Raises:
        ReadError: The header contradicts the branch or its own sizes.
    """
    in_file, _, object_bytes, _, key_bytes, _ = KEY.unpack_from(raw.data)
    if in_file != len(raw) or not KEY.size + TAIL_BYTES <= key_bytes < len(raw):
        msg = f"a basket's record of {len(raw)} bytes says that it has {in_file}, {key_bytes} of them its header"
        raise damaged(msg)
    _, _, _, counted, data_end = TAIL.unpack_from(raw.data, key_bytes - TAIL_BYTES)
    data_bytes = data_end - key_bytes
    if counted != entries or not 0 <= data_bytes <= object_bytes:
        msg = f"a basket of {entries} entries says that it has {counted}, in {data_bytes} of {object_bytes} bytes"
        raise damaged(msg)
    payload = raw[key_bytes:]
    blocks = split_blocks(payload, object_bytes)
    return StoredBasket(payload, blocks, key_bytes, object_bytes, entries, data_bytes)


def _entry_starts(tail: Bytes, basket: StoredBasket) -> Integers:
    """The list behind the values: its length, then a position per entry counted from the key, then one to ignore."""
    if len(tail) < 4 * (basket.entries + 1):
        msg = f"a basket of {basket.entries} entries lists only {len(tail) // 4 - 1} entry offsets"
        raise damaged(msg)
    starts = np.empty(basket.entries + 1, dtype=np.int64)
    listed = tail[4 : 4 * (basket.entries + 1)].view(BIG_ENDIAN_INT)
    np.subtract(listed, basket.key_bytes, out=starts[:-1], casting="unsafe")
    starts[-1] = basket.data_bytes
    return starts
