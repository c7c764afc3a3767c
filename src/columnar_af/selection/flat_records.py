"""Records of objects as flat columns: what a cut on candidates looks at when only few candidates are left.

A jagged awkward array carries offsets, missing values and all its fields through every step. Cuts need none of that: a few
columns, each a plain array with one value per candidate that is still there. A :class:`FlatRecord` gives these under the same names as
the awkward record, so that one function states a cut for both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.jagged import SENTINELS

Values = NDArray[Any]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]

COORDINATES = ("pt", "eta", "phi", "mass")
"""Fields of a Lorentz vector."""


class FlatColumn:
    """Values one behind the other.

    Args:
        values: Shape (objects,).
        present: Which of them are there, shape (objects,); None where all are.
        sentinels: Values that stand for a missing one, where this is how missing values are told; ``present`` is about others.
    """

    def __init__(
        self, values: Values, present: Mask | None = None, sentinels: tuple[float, ...] = ()
    ) -> None:
        self.values = values
        self._told = None if present is None or present.all() else present
        self._sentinels = sentinels

    @classmethod
    def of(cls, array: ak.Array) -> FlatColumn:
        """From a flat awkward array of numbers or bools, with or without missing values."""
        layout = ak.to_layout(array)
        if isinstance(layout, ak.contents.NumpyArray):
            return cls(ak.to_numpy(layout))
        if isinstance(layout, ak.contents.ByteMaskedArray):
            if SENTINELS in layout.parameters:
                return cls(ak.to_numpy(layout.content), sentinels=tuple(layout.parameters[SENTINELS]))
            whole = layout.materialize()
            return cls(ak.to_numpy(whole.content), np.asarray(whole.mask.data) == layout.valid_when)
        filled = ak.to_numpy(ak.fill_none(array, False if _holds_bools(array) else np.nan))
        return cls(filled, ~np.asarray(ak.is_none(array)))

    @cached_property
    def present(self) -> Mask | None:
        """Which values are there, shape (objects,); None where all are."""
        masks = [self.values != sentinel for sentinel in self._sentinels]
        masks += [] if self._told is None else [self._told]
        present = np.logical_and.reduce(masks) if masks else None
        return None if present is None or present.all() else present

    def at(self, places: Index) -> FlatColumn:
        """The values at some places; a negative place is a missing value."""
        values = self.values.take(places, mode="clip") if len(self.values) else _nothing(self.values, places)
        present = None if self._told is None else self._told.take(places, mode="clip")
        outside = places < 0
        if outside.any():
            present = ~outside if present is None else present & ~outside
        return FlatColumn(values, present, self._sentinels)

    def numbers(self) -> NDArray[np.float64]:
        """The values as numbers, NaN where they are missing."""
        numbers = self.values.astype(np.float64, copy=self.present is not None)
        if self.present is not None:
            numbers[~self.present] = np.nan
        return numbers


def _holds_bools(array: ak.Array) -> bool:
    kind = ak.type(array).content
    return bool(getattr(kind, "content", kind).primitive == "bool")


def _nothing(values: Values, places: Index) -> Values:
    return np.zeros(len(places), dtype=values.dtype)


class FlatRecord:
    """Some objects of a collection: an attribute is a field of all of them, as a plain array, or a record again.

    Args:
        array: The same objects as an awkward record; only its fields and its name are used.
        column: Gives the values of a field by its path, such as ``mu1.pt``.
        path: Where this record is in its collection; empty for the collection itself.
    """

    def __init__(self, array: ak.Array, column: Callable[[str], Values], path: str = "") -> None:
        self._array, self._column, self._path = array, column, path

    @property
    def fields(self) -> list[str]:
        """Names of the fields."""
        return list(ak.fields(self._array))

    def __getitem__(self, name: str) -> Any:
        """A field by name."""
        path = f"{self._path}.{name}" if self._path else name
        field = self._array[name]
        return FlatRecord(field, self._column, path) if ak.fields(field) else self._column(path)

    def __getattr__(self, name: str) -> Any:
        """A field by name, or what the vector computes."""
        if name in self.fields:
            return self[name]
        if name.startswith("__") or not set(COORDINATES) <= set(self.fields):
            raise AttributeError(name)
        return getattr(self.vector, name)

    @property
    def vector(self) -> ak.Array:
        """The coordinates as an awkward Lorentz vector, ``(objects,)``."""
        names = [name for name in (*COORDINATES, "charge") if name in self.fields]
        contents = [ak.contents.NumpyArray(self[name]) for name in names]
        parameters = {"__record__": ak.to_layout(self._array).purelist_parameter("__record__")}
        layout = ak.contents.RecordArray(contents, names, parameters=parameters)
        return ak.Array(layout, behavior=self._array.behavior)

    def delta_r(self, other: FlatRecord) -> Values:
        """Distance in pseudorapidity and azimuth."""
        return ak.to_numpy(self.vector.delta_r(other.vector))

    def __add__(self, other: FlatRecord) -> ak.Array:
        """The sum of two vectors."""
        return self.vector + other.vector
