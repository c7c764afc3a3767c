"""Comparison of two results, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import hist
import numpy as np
from coffea.processor import column_accumulator, value_accumulator

from columnar_af.results.ledger import Ledger, LedgerEntry
from columnar_af.selection.cutflow import Cutflow, CutflowRow

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult


def differences(left: RunResult, right: RunResult) -> list[str]:
    """Where two results differ, one sentence each; metrics and provenance are not compared."""
    return [
        *_of_datasets(left, right),
        *_of_values(left.output, right.output, "output"),
        *_of_ledgers(left.ledger, right.ledger),
    ]


def _of_datasets(left: RunResult, right: RunResult) -> Iterator[str]:
    yield from _of_keys(left.datasets, right.datasets, "datasets")
    for name in (name for name in left.datasets if name in right.datasets):
        for key in ("entries", "processed", "failed"):
            one, other = getattr(left.datasets[name], key), getattr(right.datasets[name], key)
            if one != other:
                yield f"datasets/{name}/{key}: {one} and {other}"


def _of_keys(left: Mapping[Any, Any], right: Mapping[Any, Any], path: str) -> Iterator[str]:
    for key in (key for key in left if key not in right):
        yield f"{path}/{key}: only in the first"
    for key in (key for key in right if key not in left):
        yield f"{path}/{key}: only in the second"


def _of_values(left: Any, right: Any, path: str) -> Iterator[str]:
    """Differences of two outputs, walked together."""
    left, right = _bare(left), _bare(right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        yield from _of_keys(left, right, path)
        for key in left:
            if key in right:
                yield from _of_values(left[key], right[key], f"{path}/{key}")
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _of_values(one, other, f"{path}/{index}")
    else:
        yield from _of_leaves(left, right, path)


def _bare(value: Any) -> Any:
    """The value in coffea's wrappers."""
    return value.value if isinstance(value, value_accumulator | column_accumulator) else value


def _of_leaves(left: Any, right: Any, path: str) -> Iterator[str]:
    if isinstance(left, hist.BaseHist) and isinstance(right, hist.BaseHist):
        yield from _of_histograms(left, right, path)
    elif isinstance(left, Cutflow) and isinstance(right, Cutflow):
        yield from _of_cutflows(left, right, path)
    elif isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        yield from _of_arrays(left, right, path)
    elif not _same_leaf(left, right):
        yield f"{path}: {left!r} and {right!r}"


def _same_leaf(left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        return same_number(left, right)
    return type(left) is type(right) and bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.bool_)


def same_number(left: Any, right: Any) -> bool:
    """Whether two numbers are the same to the last bit; any NaN is the same as any other, 0.0 is not -0.0."""
    one, other = np.asarray(left), np.asarray(right)
    if one.dtype.kind == other.dtype.kind == "f":
        return not _differing(one.astype(np.float64), other.astype(np.float64)).any()
    return bool(one == other)


def _differing(
    left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mask of the elements that are not the same bit for bit, of two arrays of one shape."""
    if left.dtype.kind != "f" or left.dtype != right.dtype:
        return np.asarray(left != right)
    same = (left == right) & (np.signbit(left) == np.signbit(right)) | (np.isnan(left) & np.isnan(right))
    return ~same


def _of_histograms(left: hist.BaseHist, right: hist.BaseHist, path: str) -> Iterator[str]:
    if left.axes != right.axes:
        yield f"{path}: axes {list(left.axes)} and {list(right.axes)}"
        return
    if left.storage_type is not right.storage_type:
        yield f"{path}: storages {left.storage_type.__name__} and {right.storage_type.__name__}"
        return
    one, other = left.view(flow=True), right.view(flow=True)
    for name in one.dtype.names or (None,):
        label = path if name is None else f"{path} ({name})"
        columns = (one, other) if name is None else (one[name], other[name])
        yield from _of_arrays(np.asarray(columns[0]), np.asarray(columns[1]), label)


def _of_arrays(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any], path: str) -> Iterator[str]:
    texts = left.dtype.kind == right.dtype.kind == "U"  # whose width is no part of their value
    if left.shape != right.shape or (left.dtype != right.dtype and not texts):
        yield f"{path}: {left.dtype} of shape {left.shape} and {right.dtype} of shape {right.shape}"
        return
    places = np.argwhere(_differing(left, right))
    if len(places):
        first = tuple(places[0])
        yield (
            f"{path}: {len(places)} of {left.size} values differ, first at {[int(i) for i in first]}: "
            f"{left[first]!r} and {right[first]!r}"
        )


def _of_cutflows(left: Cutflow, right: Cutflow, path: str) -> Iterator[str]:
    if left.cuts != right.cuts:
        yield f"{path}: cuts {', '.join(left.cuts)} and {', '.join(right.cuts)}"
        return
    for one, other in zip(left, right, strict=True):
        yield from _of_rows(one, other, f"{path}/{one.cut}")


def _of_rows(left: CutflowRow, right: CutflowRow, path: str) -> Iterator[str]:
    for key in ("events", "candidates", "sumw", "sumw2", "applied", "note"):
        one, other = getattr(left, key), getattr(right, key)
        if not _same_leaf(one, other):
            yield f"{path}/{key}: {one!r} and {other!r}"


def _of_ledgers(left: Ledger, right: Ledger) -> Iterator[str]:
    if len(left) != len(right):
        yield f"ledger: {len(left)} and {len(right)} chunks"
        return
    for one, other in zip(left, right, strict=True):
        if _fate(one) != _fate(other):
            yield f"ledger/chunk {one.number}: {_fate(one)} and {_fate(other)}"


def _fate(entry: LedgerEntry) -> Sequence[Any]:
    # Attempts and error texts tell how it went, not what came of it.
    return (
        entry.number, entry.dataset, entry.file, entry.tree, entry.start, entry.stop, entry.uuid,
        entry.status, entry.entries,
    )  # fmt: skip
