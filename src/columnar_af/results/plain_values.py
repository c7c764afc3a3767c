"""Plain JSON values of a result, and back: no pickles, no bare NaN, floats exact to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import PurePath
from typing import Any

import hist
import numpy as np
from coffea.processor import column_accumulator, value_accumulator

from columnar_af.errors import OutputError
from columnar_af.selection.cutflow import Cutflow

TAG = "$type"
"""Key that marks a JSON object as the image of something that JSON has no word for."""

SCALARS = (str, bool, int, float, np.bool_, np.integer, np.floating, np.str_)
"""Leaves of an output that JSON has words for."""

ARRAY_KINDS = "biufU"
"""Kinds of NumPy types that are saved: booleans, integers, floats and texts."""

KeyPath = tuple[str, ...]


def plain(value: Any, path: KeyPath = ()) -> Any:
    """``value`` in JSON's own words: numpy scalars as numbers, tuples as lists, dataclasses as objects.

    NaN and infinities become the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, which :func:`float` reads back.

    Raises:
        OutputError: Naming the key path of a value that is none of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _non_finite(value)
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, (*path, str(key))) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biu" or (value.dtype.kind == "f" and np.isfinite(value).all()):
            return value.tolist()
        value = value.tolist()
    if isinstance(value, Sequence | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [plain(item, (*path, str(index))) for index, item in enumerate(items)]
    raise _unknown(value, path)


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _unknown(value: Any, path: KeyPath) -> OutputError:
    return OutputError(
        f"cannot save {'/'.join(path) or 'the output'}: it is a {type(value).__module__}.{type(value).__qualname__}",
        advice="return histograms, cutflows, numbers, texts, NumPy arrays, and lists and dicts of these",
    )


class OutputEncoder:
    """Writes the output of a processor as a JSON tree; histograms and shared parts become references.

    Args:
        add_histogram: Takes a key path and a histogram, keeps it, and gives back the key to find it under.
        references: ``id`` of an object -> the tagged reference to write in its place (a cutflow or yields that the
            summary already holds per dataset).
    """

    def __init__(
        self,
        add_histogram: Callable[[KeyPath, hist.BaseHist], str],
        references: Mapping[int, dict[str, Any]],
    ) -> None:
        self._add_histogram = add_histogram
        self._references = references

    def encode(self, value: Any, path: KeyPath = ()) -> Any:
        """The JSON tree of ``value``."""
        if id(value) in self._references:
            return self._references[id(value)]
        if isinstance(value, value_accumulator | column_accumulator):
            value = value.value
        if isinstance(value, Mapping):
            return self._encode_mapping(value, path)
        if isinstance(value, list | tuple | set | frozenset):
            return self._encode_items(value, path)
        return self._encode_leaf(value, path)

    def _encode_leaf(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, hist.BaseHist):
            return {TAG: "histogram", "key": self._add_histogram(path, value)}
        if isinstance(value, Cutflow):
            return {TAG: "cutflow", "rows": plain(value.to_json(), path)}
        if isinstance(value, np.ndarray):
            return _encode_array(value, path)
        if value is None or isinstance(value, SCALARS):
            scalar = plain(value, path)
            # A text in the place of a number would come back as a text.
            return (
                {TAG: "float", "value": scalar}
                if isinstance(scalar, str) and not isinstance(value, str)
                else scalar
            )
        raise _unknown(value, path)

    def _encode_mapping(self, value: Mapping[Any, Any], path: KeyPath) -> dict[str, Any]:
        if TAG not in value and all(isinstance(key, str) for key in value):
            return {key: self.encode(item, (*path, key)) for key, item in value.items()}
        items = [
            [self.encode(key, path), self.encode(item, (*path, str(key)))] for key, item in value.items()
        ]
        return {TAG: "mapping", "items": items}

    def _encode_items(self, value: Sequence[Any] | set[Any] | frozenset[Any], path: KeyPath) -> Any:
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        encoded = [self.encode(item, (*path, str(index))) for index, item in enumerate(items)]
        if isinstance(value, list):
            return encoded
        return {TAG: "tuple" if isinstance(value, tuple) else "set", "items": encoded}


def _encode_array(array: np.ndarray[Any, Any], path: KeyPath) -> dict[str, Any]:
    if array.dtype.kind not in ARRAY_KINDS:
        msg = f"cannot save {'/'.join(path)}: it is an array of {array.dtype}"
        raise OutputError(msg, advice="return arrays of numbers, booleans or texts")
    return {
        TAG: "array",
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "values": plain(array.ravel().tolist(), path),
    }


def _decode_array(tree: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    dtype = np.dtype(tree["dtype"])
    if dtype.kind not in ARRAY_KINDS:
        msg = f"an array of {dtype}"
        raise ValueError(msg)
    # Texts take the width they need: a damaged width must not make us allocate what it claims.
    return np.asarray(tree["values"], dtype=str if dtype.kind == "U" else dtype).reshape(tree["shape"])


class OutputDecoder:
    """Reads what :class:`OutputEncoder` wrote.

    Args:
        histograms: Key -> histogram.
        cutflows, yields: Dataset -> what the summary holds for it, for references.
    """

    def __init__(
        self,
        histograms: Mapping[str, hist.BaseHist],
        cutflows: Mapping[str, Cutflow],
        yields: Mapping[str, Any],
    ) -> None:
        self._tables = {"histogram": histograms, "cutflow": cutflows, "yields": yields}

    def decode(self, tree: Any, path: KeyPath = ("output",)) -> Any:
        """The value of a JSON tree.

        Raises:
            OutputError: Naming the key path of what cannot be read.
        """
        if isinstance(tree, list):
            return [self.decode(item, (*path, str(index))) for index, item in enumerate(tree)]
        if not isinstance(tree, dict):
            return tree
        if TAG not in tree:
            return {key: self.decode(item, (*path, key)) for key, item in tree.items()}
        try:
            return self._decode_tagged(tree, path)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{'.'.join(path)} is no {tree[TAG]!r} that can be read: {type(error).__name__}: {error}"
            raise OutputError(msg) from error

    def _decode_tagged(self, tree: dict[str, Any], path: KeyPath) -> Any:
        kind = tree[TAG]
        if kind == "histogram":
            return self._tables[kind][tree["key"]]
        if kind in ("cutflow", "yields") and "dataset" in tree:
            return self._tables[kind][tree["dataset"]]
        if kind == "cutflow":
            return cutflow_from_json(tree["rows"])
        if kind == "float":
            return float(tree["value"])
        if kind == "array":
            return _decode_array(tree)
        items = [self.decode(item, (*path, str(index))) for index, item in enumerate(tree["items"])]
        makers: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "mapping": dict}
        return makers[kind](items)


def cutflow_from_json(rows: Sequence[Mapping[str, Any]]) -> Cutflow:
    """A cutflow from its plain rows, with the sums as floats again where they were not finite."""
    return Cutflow.from_json(
        {**row, "sumw": _number(row["sumw"]), "sumw2": _number(row["sumw2"])} for row in rows
    )


def yields_from_json(yields: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Yields from their plain values."""
    return {name: {key: _number(value) for key, value in entry.items()} for name, entry in yields.items()}


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value
