"""Bit-for-bit comparison of columns."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

from columnar_af.ntuples.fast_reader import ColumnReader


def difference(first: ak.Array, second: ak.Array) -> str:
    """What is different in form or bytes, content that no offset refers to left out; empty if nothing."""
    one, other = (_as_list(array).layout for array in (first, second))
    if one.form != other.form:
        return f"form {one.form} and {other.form}"
    while one.is_list:
        offsets, others = (np.asarray(layout.offsets.data) for layout in (one, other))
        if (offsets - offsets[0]).tobytes() != (others - others[0]).tobytes():
            return "offsets"
        one, other = one.content[offsets[0] : offsets[-1]], other.content[others[0] : others[-1]]
    return "" if ak.to_numpy(one).tobytes() == ak.to_numpy(other).tobytes() else "content"


def assert_as_uproot(reader: ColumnReader, branch: Any, start: int, stop: int) -> None:
    """The reader gives a branch as uproot does."""
    expected = branch.array(entry_start=start, entry_stop=stop)
    got = reader.read(branch, start, stop).to_awkward()
    found = difference(expected, got)
    assert not found, f"{branch.object_path} [{start}, {stop}): {found}"


def _as_list(array: ak.Array) -> ak.Array:
    """uproot gives lists of several kinds; coffea turns all into this one."""
    layout = array.layout
    return ak.Array(layout.to_ListOffsetArray64(True)) if layout.is_list else array
