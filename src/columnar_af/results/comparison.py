"""Comparison of two results: bit for bit, or within tolerances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hist
import numpy as np
from coffea.processor import column_accumulator, value_accumulator

from columnar_af.errors import ConfigError
from columnar_af.results.ledger import Ledger, LedgerEntry
from columnar_af.selection.cutflow import Cutflow, CutflowRow

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tolerance:
    """How far numbers may be apart and count as the same; the defaults are bit for bit.

    Two numbers are the same where ``|a - b| <= absolute + relative * max(|a|, |b|)``. NaN is the same as NaN.

    Raises:
        ConfigError: A tolerance is negative or no number.
    """

    relative: float = 0.0
    absolute: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("rtol", self.relative), ("atol", self.absolute)):
            if not 0 <= value < float("inf"):
                msg = f"{name} is {value}, expected a number that is not negative"
                raise ConfigError(msg)

    def differing(self, left: Array, right: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mask of the elements that are not the same, of two arrays of one shape."""
        bits = _differing_bits(left, right)
        if (
            not (self.relative or self.absolute)
            or left.dtype.kind not in "iuf"
            or right.dtype.kind not in "iuf"
        ):
            return bits
        one, other = left.astype(np.float64), right.astype(np.float64)
        with np.errstate(invalid="ignore"):  # inf - inf; those that are equal are the same bit for bit
            allowed = self.absolute + self.relative * np.maximum(abs(one), abs(other))
            return bits & ~(np.isfinite(allowed) & (abs(one - other) <= allowed))


EXACT = Tolerance()


@dataclass(frozen=True)
class Cell:
    """One pair of numbers or values that differ.

    Attributes:
        label: Which one of its difference, for example the bin; empty where there is only one.
        left, right: The two values.
    """

    label: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Difference:
    """A place where two results differ.

    Attributes:
        place: Key path, for example ``output/2017C/cutflow/mass/events``.
        what: What differs, as a sentence that follows the place.
        cells: The values that differ, one by one; empty where something is missing or of another kind.
    """

    place: str
    what: str
    cells: tuple[Cell, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def differences(left: RunResult, right: RunResult) -> list[str]:
    """Where two results differ bit for bit, one sentence each; metrics and provenance are not compared."""
    return [str(difference) for difference in compare(left, right)]


def compare(
    left: RunResult, right: RunResult, tolerance: Tolerance = EXACT, *, chunks: bool = True
) -> list[Difference]:
    """Where two results differ.

    Args:
        left, right: The results; metrics and provenance are not compared.
        tolerance: How far the numbers of the output may be apart. Entries of datasets are compared exactly.
        chunks: Whether to compare what became of each chunk, too.
    """
    found = [*_of_datasets(left, right), *_Walk(tolerance).values(left.output, right.output, "output")]
    return [*found, *_of_ledgers(left.ledger, right.ledger)] if chunks else found


def _of_datasets(left: RunResult, right: RunResult) -> Iterator[Difference]:
    yield from _of_keys(left.datasets, right.datasets, "datasets")
    for name in (name for name in left.datasets if name in right.datasets):
        for key in ("entries", "processed", "failed"):
            one, other = getattr(left.datasets[name], key), getattr(right.datasets[name], key)
            if one != other:
                yield _pair(f"datasets/{name}/{key}", one, other)


def _of_keys(left: Mapping[Any, Any], right: Mapping[Any, Any], path: str) -> Iterator[Difference]:
    for key in (key for key in left if key not in right):
        yield Difference(f"{path}/{key}", "only in the first")
    for key in (key for key in right if key not in left):
        yield Difference(f"{path}/{key}", "only in the second")


def _pair(place: str, left: Any, right: Any) -> Difference:
    return Difference(place, f"{left!r} and {right!r}", (Cell("", left, right),))


@dataclass(frozen=True)
class _Walk:
    """Walks two outputs together."""

    tolerance: Tolerance

    def values(self, left: Any, right: Any, path: str) -> Iterator[Difference]:
        left, right = _bare(left), _bare(right)
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            yield from _of_keys(left, right, path)
            for key in left:
                if key in right:
                    yield from self.values(left[key], right[key], f"{path}/{key}")
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
            for index, (one, other) in enumerate(zip(left, right, strict=True)):
                yield from self.values(one, other, f"{path}/{index}")
        else:
            yield from self.leaves(left, right, path)

    def leaves(self, left: Any, right: Any, path: str) -> Iterator[Difference]:
        if isinstance(left, hist.BaseHist) and isinstance(right, hist.BaseHist):
            yield from self.histograms(left, right, path)
        elif isinstance(left, Cutflow) and isinstance(right, Cutflow):
            yield from self.cutflows(left, right, path)
        elif isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
            yield from self.arrays(left, right, path)
        elif not self.same(left, right):
            yield _pair(path, left, right)

    def same(self, left: Any, right: Any) -> bool:
        if _is_number(left) and _is_number(right):
            return _same_number(left, right, self.tolerance)
        return type(left) is type(right) and bool(left == right)

    def histograms(self, left: hist.BaseHist, right: hist.BaseHist, path: str) -> Iterator[Difference]:
        if left.axes != right.axes:
            yield Difference(path, f"axes {list(left.axes)} and {list(right.axes)}")
            return
        if left.storage_type is not right.storage_type:
            yield Difference(path, f"storages {left.storage_type.__name__} and {right.storage_type.__name__}")
            return
        one, other = left.view(flow=True), right.view(flow=True)
        for name in one.dtype.names or (None,):
            label = path if name is None else f"{path} ({name})"
            columns = (one, other) if name is None else (one[name], other[name])
            yield from self.arrays(np.asarray(columns[0]), np.asarray(columns[1]), label, tuple(left.axes))

    def arrays(
        self, left: Array, right: Array, path: str, axes: tuple[Any, ...] = ()
    ) -> Iterator[Difference]:
        texts = left.dtype.kind == right.dtype.kind == "U"  # whose width is no part of their value
        if left.shape != right.shape or (left.dtype != right.dtype and not texts):
            yield Difference(
                path, f"{left.dtype} of shape {left.shape} and {right.dtype} of shape {right.shape}"
            )
            return
        places = [tuple(map(int, place)) for place in np.argwhere(self.tolerance.differing(left, right))]
        if places:
            first = places[0]
            what = f"{len(places)} of {left.size} values differ, first at {list(first)}: {left[first]!r} and {right[first]!r}"
            cells = tuple(
                Cell(_bin_label(place, axes), left[place].item(), right[place].item()) for place in places
            )
            yield Difference(path, what, cells)

    def cutflows(self, left: Cutflow, right: Cutflow, path: str) -> Iterator[Difference]:
        if left.cuts != right.cuts:
            yield Difference(path, f"cuts {', '.join(left.cuts)} and {', '.join(right.cuts)}")
            return
        for one, other in zip(left, right, strict=True):
            yield from self.rows(one, other, f"{path}/{one.cut}")

    def rows(self, left: CutflowRow, right: CutflowRow, path: str) -> Iterator[Difference]:
        for key in ("events", "candidates", "sumw", "sumw2", "applied", "note"):
            one, other = getattr(left, key), getattr(right, key)
            if not self.same(one, other):
                yield _pair(f"{path}/{key}", one, other)


def _bare(value: Any) -> Any:
    """The value in coffea's wrappers."""
    return value.value if isinstance(value, value_accumulator | column_accumulator) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.bool_)


def _same_number(left: Any, right: Any, tolerance: Tolerance) -> bool:
    one, other = np.asarray(left), np.asarray(right)
    if one.dtype.kind == other.dtype.kind == "f":
        one, other = one.astype(np.float64), other.astype(np.float64)
    return not tolerance.differing(one, other).any()


def _differing_bits(left: Array, right: Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if left.dtype.kind != "f" or left.dtype != right.dtype:
        return np.asarray(left != right)
    same = (left == right) & (np.signbit(left) == np.signbit(right)) | (np.isnan(left) & np.isnan(right))
    return np.asarray(~same)


def _bin_label(place: Sequence[int], axes: Sequence[Any]) -> str:
    """Which bin, in the words of its axes; which element, where there are none."""
    if not axes:
        return ", ".join(map(str, place))
    return ", ".join(_axis_label(axis, index) for axis, index in zip(axes, place, strict=True))


def _axis_label(axis: Any, index: int) -> str:
    name = axis.name or axis.label or "axis"
    index -= bool(axis.traits.underflow)
    if index < 0:
        return f"{name} underflow"
    if index >= len(axis):
        return f"{name} overflow"
    edges = axis.bin(index)
    return f"{name} [{edges[0]:.6g}, {edges[1]:.6g})" if isinstance(edges, tuple) else f"{name} {edges}"


def _of_ledgers(left: Ledger, right: Ledger) -> Iterator[Difference]:
    if len(left) != len(right):
        yield Difference("ledger", f"{len(left)} and {len(right)} chunks")
        return
    for one, other in zip(left, right, strict=True):
        if _fate(one) != _fate(other):
            yield Difference(f"ledger/chunk {one.number}", f"{_fate(one)} and {_fate(other)}")


def _fate(entry: LedgerEntry) -> Sequence[Any]:
    # Attempts and error texts tell how it went, not what came of it.
    return (
        entry.number, entry.dataset, entry.file, entry.tree, entry.start, entry.stop, entry.uuid,
        entry.status, entry.entries,
    )  # fmt: skip
