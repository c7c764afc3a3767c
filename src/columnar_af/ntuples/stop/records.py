"""Sources whose objects are records of coffea's schemas: leptons are the electrons, then the muons of an event."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import MissingBranchError, WorkAddress
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.chunk_columns import address_of, as_column
from columnar_af.ntuples.stop.variations import NOMINAL

ELECTRON, MUON = 11, 13

Flags = NDArray[np.bool_]


class RecordSource(ABC):
    """Columns of events that have no variations; see :func:`columnar_af.ntuples.stop.stop_source`.

    Args:
        events: Of coffea's schema, a whole chunk or a selection.
    """

    layout: ClassVar[str]
    absent: ClassVar[Mapping[str, str]]
    """Columns that the layout has not, and why."""
    notes: ClassVar[tuple[str, ...]]
    """Where columns are not the ATLAS search's own."""

    variation = NOMINAL
    shifted: frozenset[str] = frozenset()
    fallbacks: tuple[str, ...] = ()

    def __init__(self, events: ak.Array) -> None:
        self._events = events

    def read(self, name: str) -> Any:
        """A column by the names of :data:`columnar_af.ntuples.stop.columns.LOOPSUSY`.

        Raises:
            MissingBranchError: The layout has no such column, or the file lacks a field that it is made of.
        """
        if name in self.absent:
            msg = f"there is no column {name}: {self.absent[name]}"
            raise MissingBranchError(msg, address=address_of(self._events))
        if name not in self.columns:
            msg = f"there is no column {name}; columns are {', '.join(sorted(self.columns))}"
            raise MissingBranchError(msg, address=address_of(self._events))
        try:
            return self.columns[name]()
        except AttributeError as error:  # so awkward says that a record has no such field
            msg = f"the column {name} cannot be made: {error}"
            where = WorkAddress(branch=name).filled_from(address_of(self._events))
            raise MissingBranchError(msg, address=where) from error

    def why_missing(self, name: str) -> str | None:
        """Why there is no such column; None where there is one."""
        if name in self.absent or name in self.columns:
            return self.absent.get(name)
        return f"the layout {self.layout} has no column {name}"

    @cached_property
    @abstractmethod
    def columns(self) -> Mapping[str, Callable[[], Any]]:
        """How each column is made."""

    def leptons(self, electrons: ak.Array, muons: ak.Array) -> Column:
        """One column of all leptons: of each event the electrons, then the muons."""
        return together(as_column(electrons, "electrons"), as_column(muons, "muons"))

    def flavours(self, electrons: ak.Array, muons: ak.Array) -> Column:
        """PDG number with the sign of the charge, from the charges."""
        return self.leptons(ELECTRON * electrons, MUON * muons)


def together(first: Column, second: Column) -> Column:
    """Two lists per event, one behind the other."""
    if first.offsets is None or second.offsets is None:
        msg = "expected a list per event"
        raise TypeError(msg)
    offsets = first.offsets + second.offsets
    content = np.empty(offsets[-1], np.result_type(first.content, second.content))
    before_first, before_second = (
        second.offsets[:-1],
        first.offsets[1:],
    )  # how many of the other one come before
    content[_places(first.offsets, before_first)] = first.content
    content[_places(second.offsets, before_second)] = second.content
    return Column(content, offsets)


def _places(offsets: NDArray[np.int64], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the values of lists go when others come before those of each event."""
    return np.arange(offsets[-1]) + np.repeat(before, np.diff(offsets))


def inverted(column: Column) -> Column:
    """The opposite of flags."""
    return Column(np.logical_not(column.content), column.offsets)
