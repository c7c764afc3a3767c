"""Partial results as plain bytes, exact to the last bit and to the type: JSON and NumPy arrays in a zip, no pickles.

``numpy.load`` reads the file: ``partial.json`` is the tree of the partial result, and the arrays 0, 1, ... are the numbers
it refers to. Types count, because a sum of 32-bit floats is another one than that of the same numbers in 64 bits. What
cannot be given back exactly is refused, and its chunk is run again.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import hist
import numpy as np
from coffea.processor import (
    column_accumulator,
    defaultdict_accumulator,
    dict_accumulator,
    list_accumulator,
    set_accumulator,
    value_accumulator,
)
from hist.serialization import from_uhi, to_uhi

from columnar_af.errors import OutputError
from columnar_af.selection.cutflow import Cutflow, CutflowRow

TAG = "$type"
TREE = "partial.json"
ARRAY_KINDS = "biufcU"
"""Kinds of NumPy types that are stored: booleans, numbers and texts."""

MAX_REMEMBERED = 1000
"""Kinds of histograms that are remembered to come back exactly; growing axes make new kinds all the time."""

SEQUENCES: Mapping[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "list_accumulator": list_accumulator,
    "set_accumulator": set_accumulator,
}
MAPPINGS: Mapping[str, Callable[[Any], Any]] = {
    "dict": dict,
    "OrderedDict": OrderedDict,
    "Counter": Counter,
    "dict_accumulator": dict_accumulator,
}
DEFAULTS: Mapping[str, Callable[..., Any]] = {
    "defaultdict": defaultdict,
    "defaultdict_accumulator": defaultdict_accumulator,
}
FACTORIES: Mapping[str, type] = {"int": int, "float": float, "list": list, "set": set, "dict": dict}
"""What makes the missing values of a default dictionary."""

_NAMES = {kind: name for table in (SEQUENCES, MAPPINGS, DEFAULTS) for name, kind in table.items()}


class NotStorableError(OutputError):
    """A partial result that has no plain form; its chunk cannot be resumed, only run again."""


def encode(partial: Any) -> bytes:
    """The bytes of a partial result.

    Raises:
        NotStorableError: Naming the key path of what has no plain form.
    """
    encoder = _Encoder()
    try:
        tree = json.dumps(encoder.encode(partial, ()), allow_nan=False).encode()
    except RecursionError as error:
        msg = "it is nested too deeply, or holds itself"
        raise NotStorableError(msg) from error
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(TREE), tree, compress_type=zipfile.ZIP_DEFLATED)
        for index, array in enumerate(encoder.arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{index}.npy"), member.getvalue(), compress_type=zipfile.ZIP_DEFLATED
            )
    return file.getvalue()


def decode(data: bytes) -> Any:
    """The inverse of :func:`encode`; to be called on bytes whose hash was checked.

    Raises:
        OutputError: The bytes are no partial result.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = [archive[str(index)] for index in range(len(archive.files) - 1)]
            return _Decoder(arrays).decode(json.loads(archive[TREE]))
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, OSError, RecursionError, MemoryError,
        zipfile.BadZipFile, zlib.error, NotImplementedError, OverflowError,
    ) as error:  # fmt: skip
        msg = f"this is no partial result: {type(error).__name__}: {error}"
        raise OutputError(msg) from error


class _Encoder:
    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []

    def encode(self, value: Any, path: tuple[str, ...]) -> Any:
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {TAG: "float", "value": repr(value)}
        if kind is list:
            return [self.encode(item, (*path, str(index))) for index, item in enumerate(value)]
        if kind is dict and TAG not in value and all(type(key) is str for key in value):
            return {key: self.encode(item, (*path, key)) for key, item in value.items()}
        if kind in _NAMES:
            return self._container(value, _NAMES[kind], path)
        return self._leaf(value, path)

    def _container(self, value: Any, name: str, path: tuple[str, ...]) -> dict[str, Any]:
        if name in SEQUENCES:
            items = sorted(value, key=repr) if "set" in name else value
            return {TAG: name, "items": [self.encode(item, path) for item in items]}
        tree: dict[str, Any] = {
            TAG: name,
            "items": [
                [self.encode(key, path), self.encode(item, (*path, str(key)))] for key, item in value.items()
            ],
        }
        if name in DEFAULTS:
            tree["factory"] = self._factory(value.default_factory, path)
        return tree

    def _factory(self, factory: Any, path: tuple[str, ...]) -> str:
        for name, known in FACTORIES.items():
            if factory is known:
                return name
        raise _refusal(factory, path, "a default of its own")

    def _leaf(self, value: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if isinstance(value, np.generic):
            return {TAG: "scalar", "array": self._array(np.asarray(value), path)}
        if type(value) is np.ndarray:
            return {TAG: "array", "array": self._array(value, path)}
        if type(value) is hist.Hist:
            return {TAG: "histogram", "record": self._histogram(value, path)}
        if type(value) is Cutflow:
            rows = [[self.encode(getattr(row, field.name), path) for field in fields(row)] for row in value]
            return {TAG: "cutflow", "rows": rows}
        if type(value) is value_accumulator:
            factory = self._factory(value.default_factory, path)
            return {TAG: "value_accumulator", "factory": factory, "value": self.encode(value.value, path)}
        if type(value) is column_accumulator:
            return {TAG: "column_accumulator", "value": self.encode(value.value, path)}
        raise _refusal(value, path, "a")

    def _array(self, array: np.ndarray[Any, Any], path: tuple[str, ...]) -> int:
        if array.dtype.kind not in ARRAY_KINDS:
            msg = f"{'/'.join(path) or 'it'} is an array of {array.dtype}"
            raise NotStorableError(msg)
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _histogram(self, histogram: hist.Hist, path: tuple[str, ...]) -> Any:
        where = "/".join(path) or "it"
        try:
            axes = _without_numbers(to_uhi(histogram))
            exact = _comes_back(histogram, axes)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            msg = f"{where} is a histogram that cannot be written: {error}"
            raise NotStorableError(msg) from error
        if not exact:
            msg = f"{where} is a histogram that does not come back as it is"
            raise NotStorableError(msg)
        return {
            "axes": self.encode(axes, (*path, "axes")),
            "numbers": self._array(_numbers(histogram), path),
            "variance_known": _variance_known(histogram),
        }


_came_back: set[str] = set()
"""Axes and storages that were seen to come back; the next chunk has the same."""


def _comes_back(histogram: hist.Hist, axes: dict[str, Any]) -> bool:
    """Whether a histogram is the same after it was written and read, its axes being ``axes`` in UHI's form."""
    kind = f"{histogram.axes} {histogram.storage_type}"
    if kind not in _came_back:
        again = _with_numbers(from_uhi(axes), _numbers(histogram), _variance_known(histogram))
        if not _same(histogram, again):
            return False
        if len(_came_back) < MAX_REMEMBERED:
            _came_back.add(kind)
    return True


def _without_numbers(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "storage": {"type": record["storage"]["type"]}}


def _numbers(histogram: hist.Hist) -> np.ndarray[Any, Any]:
    """All that the storage holds, with flow, as one array of plain numbers; a first axis over the sums of a bin."""
    return np.stack(_sums(histogram))


def _sums(histogram: hist.Hist) -> list[np.ndarray[Any, Any]]:
    """Views of the numbers in the storage, one for each sum that a bin has."""
    view = np.asarray(histogram.view(flow=True))
    return [view] if view.dtype.names is None else [view[name] for name in view.dtype.names]


def _variance_known(histogram: hist.Hist) -> bool:
    # A weighted fill of a Double() storage takes its variances away, and the axes do not tell.
    return bool(histogram.__dict__.get("_variance_known", True))


def _with_numbers(histogram: hist.Hist, numbers: np.ndarray[Any, Any], variance_known: bool) -> hist.Hist:
    sums = _sums(histogram)
    expected = (len(sums), *sums[0].shape)
    if numbers.shape != expected or numbers.dtype != sums[0].dtype:
        msg = f"the axes need numbers of shape {expected}, there are {numbers.shape}"
        raise ValueError(msg)
    for mine, stored in zip(sums, numbers, strict=True):
        mine[...] = stored
    if not variance_known:
        histogram.__dict__["_variance_known"] = False
    return histogram


def _same(one: hist.Hist, other: hist.Hist) -> bool:
    return (
        one.axes == other.axes
        and one.storage_type is other.storage_type
        and one.view(flow=True).tobytes() == other.view(flow=True).tobytes()
    )


def _refusal(value: Any, path: tuple[str, ...], what: str) -> NotStorableError:
    kind = value if isinstance(value, type) else type(value)
    msg = f"{'/'.join(path) or 'it'} is {what} {kind.__module__}.{kind.__qualname__}"
    return NotStorableError(
        msg, advice="return histograms, cutflows, numbers, texts, NumPy arrays, and lists and dicts of these"
    )


class _Decoder:
    def __init__(self, arrays: list[np.ndarray[Any, Any]]) -> None:
        self.arrays = arrays

    def decode(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.decode(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if TAG not in tree:
            return {key: self.decode(item) for key, item in tree.items()}
        return self._tagged(tree, tree[TAG])

    def _tagged(self, tree: Mapping[str, Any], kind: str) -> Any:
        if kind in SEQUENCES:
            return SEQUENCES[kind](self.decode(item) for item in tree["items"])
        if kind in MAPPINGS or kind in DEFAULTS:
            items = {self.decode(key): self.decode(item) for key, item in tree["items"]}
            return MAPPINGS[kind](items) if kind in MAPPINGS else DEFAULTS[kind](_factory(tree), items)
        return self._leaf(tree, kind)

    def _leaf(self, tree: Mapping[str, Any], kind: str) -> Any:
        if kind in ("scalar", "array"):
            array = self.arrays[tree["array"]]
            return array[()] if kind == "scalar" else array
        makers: dict[str, Callable[[], Any]] = {
            "float": lambda: float(tree["value"]),
            "histogram": lambda: self._histogram(tree["record"]),
            "cutflow": lambda: Cutflow(tuple(CutflowRow(*map(self.decode, row)) for row in tree["rows"])),
            "value_accumulator": lambda: value_accumulator(_factory(tree), self.decode(tree["value"])),
            "column_accumulator": lambda: column_accumulator(self.decode(tree["value"])),
        }
        return makers[kind]()

    def _histogram(self, record: Mapping[str, Any]) -> hist.Hist:
        empty = from_uhi(self.decode(record["axes"]))
        return _with_numbers(empty, self.arrays[record["numbers"]], record["variance_known"])


def _factory(tree: Mapping[str, Any]) -> type:
    return FACTORIES[tree["factory"]]
