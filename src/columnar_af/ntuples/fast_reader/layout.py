"""A column in memory: flat content, and offsets where it is jagged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """Values of an entry range of one branch.

    Attributes:
        content: All values one after the other in native byte order; the letters, for strings.
        offsets: Where each entry's values (or strings) begin, then their number, shape ``(entries + 1,)``; starts at 0. None
            for one number per entry.
        string_offsets: Where each string's letters begin, then their number, shape ``(strings + 1,)``. None for numbers.
    """

    content: npt.NDArray[Any]
    offsets: Integers | None = None
    string_offsets: Integers | None = None

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.content) if self.offsets is None else len(self.offsets) - 1

    def entries(self, start: int, stop: int) -> Column:
        """Entries ``[start, stop)`` of this column; content is shared where most of it is used, else copied."""
        if self.offsets is None:
            return Column(_share(self.content, start, stop))
        offsets, first, last = _rebase(self.offsets, start, stop)
        if self.string_offsets is None:
            return Column(_share(self.content, first, last), offsets)
        string_offsets, first, last = _rebase(self.string_offsets, first, last)
        return Column(_share(self.content, first, last), offsets, string_offsets)

    def to_layout(self) -> ak.contents.Content:
        """The awkward layout, of the same form as uproot's."""
        if self.offsets is None:
            return ak.contents.NumpyArray(self.content)
        offsets = ak.index.Index64(self.offsets)
        if self.string_offsets is None:
            return ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(self.content))
        letters = ak.contents.NumpyArray(self.content, parameters={"__array__": "char"})
        strings = ak.contents.ListOffsetArray(
            ak.index.Index64(self.string_offsets), letters, parameters={"__array__": "string"}
        )
        return ak.contents.ListOffsetArray(offsets, strings)

    def to_awkward(self) -> ak.Array:
        """An awkward array of the entries."""
        return ak.Array(self.to_layout())


def _rebase(offsets: Integers, start: int, stop: int) -> tuple[Integers, int, int]:
    """Offsets of a range counted from its own first value, and the range of values."""
    first, last = int(offsets[start]), int(offsets[stop])
    part = offsets[start : stop + 1]
    return (part - first if first or len(part) < len(offsets) else part), first, last


def _share(content: npt.NDArray[Any], start: int, stop: int) -> npt.NDArray[Any]:
    part = content[start:stop]
    return part if 2 * len(part) >= len(content) else part.copy()
