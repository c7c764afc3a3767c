"""A correctionlib table as a value: it travels with a processor, and tells its bin edges."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import correctionlib
import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """One correction of a correctionlib file (schema 2).

    Attributes:
        content: The file's JSON text.
        correction: Name of the correction in it.
        origin: Where it was read from, for messages.
    """

    content: str = field(repr=False)
    correction: str
    origin: str = ""

    @classmethod
    def load(cls, path: str | Path, correction: str | None = None) -> Table:
        """Read a table.

        Args:
            path: A ``.json`` or ``.json.gz`` file.
            correction: Name in the file; may be left out where the file has one.

        Raises:
            ConfigError: The file is missing or no correctionlib file, or has no such correction.
        """
        path = Path(path)
        try:
            raw = path.read_bytes()
            content = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
            names = list(correctionlib.CorrectionSet.from_string(content))
        except (OSError, RuntimeError, ValueError) as error:
            msg = f"{path} cannot be read as a correctionlib file: {error}"
            raise ConfigError(msg, advice="give a JSON file of correctionlib's schema 2") from error
        if correction is None and len(names) == 1:
            correction = names[0]
        if correction not in names:
            msg = f"{path} has no correction {correction!r}; it has {', '.join(names)}"
            raise ConfigError(msg, advice="name one of them")
        return cls(content, correction, str(path))

    @property
    def inputs(self) -> dict[str, str]:
        """Name -> type (``real``, ``int``, ``string``) of the inputs, in order."""
        return {variable.name: variable.type for variable in _correction(self).inputs}

    def evaluate(self, values: Mapping[str, Values | str]) -> Values:
        """The correction at each of the values, ``(n,)``; inputs by name."""
        return np.asarray(_correction(self).evaluate(*[values[name] for name in self.inputs]))

    def edges(self, name: str) -> Values:
        """Bin edges of an input, ascending; the union where parts of the table are binned differently.

        Raises:
            ConfigError: The table is not binned in this input.
        """
        found = {edge for edges in _edges(_data(self), name) for edge in edges}
        if not found:
            msg = f"correction {self.correction!r} of {self.origin} is not binned in {name!r}"
            raise ConfigError(msg, advice=f"its inputs are {', '.join(self.inputs)}")
        return np.array(sorted(found))

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of a string input, sorted."""
        return tuple(sorted(set(_keys(_data(self), name))))


@lru_cache(maxsize=16)
def _correction(table: Table) -> correctionlib.highlevel.Correction:
    return correctionlib.CorrectionSet.from_string(table.content)[table.correction]


@lru_cache(maxsize=16)
def _data(table: Table) -> dict[str, Any]:
    corrections = json.loads(table.content)["corrections"]
    return next(item["data"] for item in corrections if item["name"] == table.correction)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(node, dict):
        return
    yield node
    content = node.get("content", [])
    for child in content if isinstance(content, list) else [content]:
        yield from _nodes(child.get("value") if isinstance(child, dict) and "key" in child else child)


def _edges(data: dict[str, Any], name: str) -> Iterator[list[float]]:
    for node in _nodes(data):
        if node.get("nodetype") == "binning" and node["input"] == name:
            yield _numbers(node["edges"])
        if node.get("nodetype") == "multibinning" and name in node["inputs"]:
            yield _numbers(node["edges"][node["inputs"].index(name)])


def _numbers(edges: Any) -> list[float]:
    if isinstance(edges, dict):
        return [float(edge) for edge in np.linspace(edges["low"], edges["high"], edges["n"] + 1)]
    return [float(edge) for edge in edges]  # "inf" is written as a text


def _keys(data: dict[str, Any], name: str) -> Iterator[str]:
    for node in _nodes(data):
        if node.get("nodetype") == "category" and node["input"] == name:
            yield from (str(item["key"]) for item in node["content"])


def bin_centres(edges: Values) -> Values:
    """A point inside each bin; one unit above the last finite edge where the last bin is open."""
    upper = np.where(np.isfinite(edges[1:]), edges[1:], edges[:-1] + 2)
    return (edges[:-1] + upper) / 2


def nearest_usable(usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each bin the index of the nearest usable one, itself if it is usable; the higher one of two equally near.

    Args:
        usable: ``(n_bins,)``; at least one is.
    """
    candidates = np.flatnonzero(usable)[::-1]
    distance = np.abs(np.arange(len(usable))[:, None] - candidates[None, :])
    return candidates[np.argmin(distance, axis=1)]
