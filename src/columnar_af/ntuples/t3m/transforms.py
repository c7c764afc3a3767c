"""What happens to a branch between the file and the events: lengths are compared and repaired, sentinels are masked.

coffea evaluates the form key of a column when the column is read: a little program of branch names and of functions that
it looks up by name in ``coffea.nanoevents.transforms`` and calls with a stack. That lookup is its only hook between file
and array in all three modes (virtual, eager, dask), so our functions are registered there when this module is imported,
under names that begin with ``t3m_``. The schema imports this module, so a worker that unpickles the schema has them.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import awkward as ak
import numpy as np
import numpy.typing as npt
from coffea.nanoevents import transforms as coffea_transforms

from columnar_af.errors import SchemaError, WorkAddress
from columnar_af.ntuples.t3m.columns import Repair

Stack = list[Any]
Offsets = npt.NDArray[np.int64]

DOUBLED = -999.0
"""The value that a muon without inner track gets twice."""


def t3m_matched(stack: Stack) -> None:
    """Give the branch with the lengths of its counter, or raise.

    Signature: branch array, counter array, branch name, counter name, repair, place, ``!t3m_matched``.

    Raises:
        SchemaError: A length differs and the repair, if one is declared, does not mend it.
    """
    place, repair, counter_name, branch_name = (stack.pop() for _ in range(4))
    counter, branch = _list(stack.pop()), _list(stack.pop())
    if not np.array_equal(branch.offsets.data, counter.offsets.data):
        branch = _repaired(branch, counter, Repair(repair))
        _compare(branch, counter, branch_name, counter_name, place)
    stack.append(ak.Array(branch))


def t3m_present(stack: Stack) -> None:
    """Mark (1) the values that are there, against (0) sentinels and garbage.

    Signature: array, sentinels joined by ``|``, largest value, ``!t3m_present``.
    """
    largest, sentinels = float(stack.pop()), stack.pop()
    values = flat_content(stack.pop())
    present = values <= largest if np.isfinite(largest) else np.ones(len(values), dtype=np.bool_)
    for sentinel in sentinels.split("|") if sentinels else ():
        present &= values != float(sentinel)
    stack.append(present.astype(np.int8))


def t3m_content(stack: Stack) -> None:
    """The values of all lists, one after the other. Signature: array, ``!t3m_content``."""
    stack.append(flat_content(stack.pop()))


def t3m_flag(stack: Stack) -> None:
    """True where the value is neither 0 nor negative, as a sentinel is. Signature: array, ``!t3m_flag``."""
    stack.append(flat_content(stack.pop()) > 0)


def t3m_constant(stack: Stack) -> None:
    """The same number for every object. Signature: counter array, value, ``!t3m_constant``."""
    value = float(stack.pop())
    stack.append(np.full(len(flat_content(stack.pop())), value))


def t3m_absent(stack: Stack) -> None:
    """Raise: the branch that every version has is not in this file.

    Signature: branch names joined by ``|``, field, version, place, ``!t3m_absent``.

    Raises:
        SchemaError: Always.
    """
    place, version, field, branches = (stack.pop() for _ in range(4))
    names = branches.split("|")
    msg = f"the field {field} is read from branch {' or '.join(names)}, which this ntuple ({version} layout) lacks"
    advice = "make the ntuple with this branch, or do not use the field"
    raise SchemaError(msg, advice=advice, address=_address(place, names[0])[0])


def _list(array: Any) -> ak.contents.ListOffsetArray:
    """The layout, as lists that begin at 0."""
    layout = array if isinstance(array, ak.contents.Content) else ak.to_layout(array)
    return layout.to_ListOffsetArray64(True)


def flat_content(array: Any) -> npt.NDArray[Any]:
    """The flat values of a list per event, or of one value per event."""
    layout = array if isinstance(array, ak.contents.Content) else ak.to_layout(array)
    if isinstance(layout, ak.contents.NumpyArray):
        return ak.to_numpy(layout)
    lists = layout.to_ListOffsetArray64(True)
    return ak.to_numpy(lists.content)[: lists.offsets[-1]]


def _repaired(
    branch: ak.contents.ListOffsetArray, counter: ak.contents.ListOffsetArray, repair: Repair
) -> ak.contents.ListOffsetArray:
    if repair is Repair.NONE or branch.length != counter.length:
        return branch
    values = flat_content(branch)
    lengths, wanted = np.diff(branch.offsets.data), np.diff(counter.offsets.data)
    too_long = np.repeat(lengths > wanted, lengths)
    keep = ~(too_long & _superfluous(values, branch.offsets.data, repair))
    kept = np.concatenate([[0], np.cumsum(keep)])[branch.offsets.data]
    return ak.contents.ListOffsetArray(ak.index.Index64(kept), ak.contents.NumpyArray(values[keep]))


def _superfluous(values: npt.NDArray[Any], offsets: Offsets, repair: Repair) -> npt.NDArray[np.bool_]:
    """Which values the tree maker filled once too often."""
    if repair is Repair.BELOW_TWO:
        return values < 2
    doubled = values == DOUBLED
    index = np.arange(len(values))
    run_begins = doubled & ~np.concatenate([[False], doubled[:-1]])
    run_begins[np.intersect1d(offsets[:-1], np.flatnonzero(doubled))] = True  # a run ends with its event
    begin = np.maximum.accumulate(np.where(run_begins, index, 0)) if len(values) else index
    return doubled & ((index - begin) % 2 == 1)


def _compare(
    branch: ak.contents.ListOffsetArray,
    counter: ak.contents.ListOffsetArray,
    branch_name: str,
    counter_name: str,
    place: str,
) -> None:
    """Raise a SchemaError that names the first entry whose lengths differ."""
    lengths, wanted = np.diff(branch.offsets.data), np.diff(counter.offsets.data)
    if len(lengths) == len(wanted) and not np.any(lengths != wanted):
        return
    both = min(len(lengths), len(wanted))
    different = np.flatnonzero(lengths[:both] != wanted[:both])
    first = int(different[0]) if len(different) else both
    here, there = (int(n[first]) if first < len(n) else None for n in (lengths, wanted))
    address, start = _address(place, branch_name)
    entry = f"entry {first}" if start is None else f"entry {start + first}"
    scope = "of the entries that were read" if start is None else "of the tree"
    msg = (
        f"branch {branch_name} holds {here} values in {entry} {scope}, where branch {counter_name} holds {there}: "
        f"expected equal lengths in every entry (they differ in {len(different)} of {both})"
    )
    advice = "the values cannot be brought together; make the ntuple again, or leave out this file"
    raise SchemaError(msg, advice=advice, address=address)


def place_of(metadata: dict[str, Any]) -> str:
    """The part of a form key that says where the events come from, as far as coffea's metadata tells.

    Args:
        metadata: ``events.metadata``; its ``filename`` and ``entrystart`` are used.
    """
    start = metadata.get("entrystart")
    return f"{quote(str(metadata.get('filename', '')), safe='')}@{'' if start is None else int(start)}"


def _address(place: str, branch: str) -> tuple[WorkAddress, int | None]:
    file, _, start = place.rpartition("@")
    return WorkAddress(file=unquote(file) or None, branch=branch), int(start) if start else None


for _transform in (t3m_matched, t3m_present, t3m_content, t3m_flag, t3m_constant, t3m_absent):
    setattr(coffea_transforms, _transform.__name__, _transform)
