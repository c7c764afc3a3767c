"""Some entries of a column, as a column of its own."""

from __future__ import annotations

import awkward as ak
import numba as nb
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


def entries_at(array: ak.Array, places: Integers) -> ak.Array:
    """The entries of a column at some places, without the others' memory.

    Args:
        array: One value or one list per entry.
        places: Entries to take, shape (taken,).
    """
    layout = ak.to_layout(array)
    if isinstance(layout, ak.contents.NumpyArray):
        return ak.Array(ak.contents.NumpyArray(ak.to_numpy(layout)[places], parameters=layout.parameters))
    if isinstance(layout, ak.contents.ListOffsetArray) and isinstance(layout.content, ak.contents.NumpyArray):
        return ak.Array(_lists_at(layout, places))
    taken = array[places].layout
    if isinstance(taken, ak.contents.ListArray | ak.contents.ListOffsetArray):
        taken = taken.to_ListOffsetArray64(True)
    return ak.to_packed(ak.Array(taken))


def _lists_at(layout: ak.contents.ListOffsetArray, places: Integers) -> ak.contents.ListOffsetArray:
    """Lists of numbers or of characters; awkward itself would copy twice, and compare types on the way."""
    whole = layout.materialize()
    offsets, values = np.asarray(whole.offsets.data), ak.to_numpy(whole.content)
    starts, counts = offsets[:-1][places], np.diff(offsets)[places]
    kept = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
    content = np.empty(kept[-1], dtype=values.dtype)
    # As bytes, so that one compiled kernel serves all kinds of numbers.
    width = values.dtype.itemsize
    _copy_lists(
        np.ascontiguousarray(values).view(np.uint8),
        content.view(np.uint8),
        starts.astype(np.int64) * width,
        kept * width,
    )
    inner = ak.contents.NumpyArray(content, parameters=whole.content.parameters)
    return ak.contents.ListOffsetArray(ak.index.Index64(kept), inner, parameters=whole.parameters)


@nb.njit(nogil=True, cache=True)
def _copy_lists(
    source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], starts: Integers, offsets: Integers
) -> None:
    """Copy the bytes of each list.

    Args:
        source: All bytes.
        target: Filled in place.
        starts: Where each list begins in ``source``, shape (lists,).
        offsets: Where each list begins in ``target``, and the end, shape (lists + 1,).
    """
    for number in range(len(starts)):
        begin, end = offsets[number], offsets[number + 1]
        target[begin:end] = source[starts[number] : starts[number] + end - begin]
