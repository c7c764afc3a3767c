"""Two ways to look at the candidates of a chunk: whole lists per event, or flat columns of those that are left.

A cut is a function of a view. On :class:`ListView` it runs on awkward arrays of all candidates: the reference, which also traces
columns and explains events. On :class:`FlatView` the same function runs on plain arrays of the candidates that can still matter.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import awkward as ak
import numpy as np

from columnar_af.kernels.leg_matching import match_flat_legs, match_legs
from columnar_af.selection.flat_records import FlatColumn, FlatRecord, Index, Mask, Values
from columnar_af.selection.masks import element

MOMENTUM = ("pt", "eta", "phi")


class CandidateView(Protocol):
    """What a cut on candidates can ask for; records and columns have one entry per candidate."""

    @property
    def candidates(self) -> Any:
        """The candidates: a record."""

    def partner(self, leg: str, collection: str) -> Any:
        """The object of a collection that a leg of the candidate is, by equal momentum: a record, missing where there is none."""


class ListView:
    """The candidates as lists per event.

    Args:
        events: The events.
        candidates: Their candidates, ``n_events * var`` records.
    """

    def __init__(self, events: ak.Array, candidates: ak.Array) -> None:
        self.events, self.candidates = events, candidates
        self._partners: dict[tuple[str, str], ak.Array] = {}

    def partner(self, leg: str, collection: str) -> ak.Array:
        """The object of a collection that a leg is: ``n_events * var`` records or None."""
        if (leg, collection) not in self._partners:
            objects = self.events[collection]
            place = match_legs(self.candidates[leg], objects)
            self._partners[leg, collection] = element(objects, place)
        return self._partners[leg, collection]


class FlatCollection:
    """A collection of a chunk as flat columns, each read when it is first used.

    Args:
        lists: ``n_events * var`` records.
    """

    def __init__(self, lists: ak.Array) -> None:
        counts = ak.to_numpy(ak.num(lists, axis=1))
        self.offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.records = ak.flatten(lists, axis=1)
        self._columns: dict[str, FlatColumn] = {}

    def column(self, path: str) -> FlatColumn:
        """A column of all objects of the chunk."""
        if path not in self._columns:
            self._columns[path] = FlatColumn.of(self.records[tuple(path.split("."))])
        return self._columns[path]

    @cached_property
    def event(self) -> Index:
        """The event of each object."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class FlatView:
    """Candidates as flat columns; :meth:`narrow` leaves out those that no longer matter.

    Args:
        events: The events.
        name: Field of the candidates.
    """

    def __init__(self, events: ak.Array, name: str) -> None:
        self.events, self.name = events, name
        self._collections = {name: FlatCollection(events[name])}
        self._places: Index | None = None
        self._partners: dict[tuple[str, str], Index] = {}
        self._columns: dict[tuple[str, str, str], FlatColumn] = {}
        self._looked_at: dict[tuple[str, str, str], FlatColumn] = {}

    def __len__(self) -> int:
        """Number of candidates that are left."""
        return len(self._all.records) if self._places is None else len(self._places)

    @property
    def _all(self) -> FlatCollection:
        return self._collections[self.name]

    @property
    def places(self) -> Index:
        """Where the candidates that are left are among those of the chunk, in order."""
        return np.arange(len(self)) if self._places is None else self._places

    @property
    def event(self) -> Index:
        """The event of each candidate that is left."""
        return self._all.event if self._places is None else self._all.event[self._places]

    @property
    def offsets(self) -> Index:
        """Where the candidates that are left begin in each event, and where they end."""
        if self._places is None:
            return self._all.offsets
        return np.searchsorted(self._places, self._all.offsets)

    def narrow(self, mask: Mask) -> None:
        """Leave out the candidates for which the mask is false, shape (candidates that are left,)."""
        kept = np.flatnonzero(mask)
        self._places = kept if self._places is None else self._places[kept]
        self._partners = {leg: places[kept] for leg, places in self._partners.items()}
        self._columns.clear()

    @property
    def candidates(self) -> FlatRecord:
        """The candidates that are left."""
        return FlatRecord(self._all.records, lambda path: self._values("", self.name, path))

    def partner(self, leg: str, collection: str) -> FlatRecord:
        """The object of a collection that a leg is."""
        objects = self._collection(collection)
        return FlatRecord(objects.records, lambda path: self._values(leg, collection, path))

    def look(self) -> None:
        """From here on, :attr:`present` is about the columns that are used."""
        self._looked_at.clear()

    @property
    def present(self) -> Mask | None:
        """Which candidates lack none of the values that were used since :meth:`look`; None where all have all."""
        masks = [column.present for column in self._looked_at.values() if column.present is not None]
        return np.logical_and.reduce(masks) if masks else None

    def as_lists(self, events: ak.Array, counts: Index) -> ListView:
        """The candidates that are left, as lists per event; to be used before more are left out.

        Args:
            events: The events, or among them all that have a candidate.
            counts: Number of candidates of each.
        """
        return _ListsOfFlat(self, events, counts)

    def all_at_places(self) -> ak.Array:
        """The candidates that are left, as awkward records."""
        return self._all.records if self._places is None else self._all.records[self._places]

    def partners_at_places(self, leg: str, collection: str) -> ak.Array:
        """The object of a collection that each leg is, as awkward records or None."""
        records = self._collection(collection).records
        places = ak.index.Index64(self._partner_places(leg, collection))
        layout = ak.contents.IndexedOptionArray.simplified(places, ak.to_layout(records))
        return ak.Array(layout, behavior=records.behavior, attrs=records.attrs)

    def _collection(self, name: str) -> FlatCollection:
        if name not in self._collections:
            self._collections[name] = FlatCollection(self.events[name])
        return self._collections[name]

    def _values(self, leg: str, collection: str, path: str) -> Values:
        self._looked_at[leg, collection, path] = column = self._column(leg, collection, path)
        return column.values

    def _column(self, leg: str, collection: str, path: str) -> FlatColumn:
        key = (leg, collection, path)
        if key not in self._columns:
            whole = self._collection(collection).column(path)
            places = self._partner_places(leg, collection) if leg else self._places
            self._columns[key] = whole if places is None else whole.at(places)
        return self._columns[key]

    def _partner_places(self, leg: str, collection: str) -> Index:
        if (leg, collection) not in self._partners:
            objects = self._collection(collection)
            legs = [self._column("", self.name, f"{leg}.{name}").numbers() for name in MOMENTUM]
            others = [objects.column(name).numbers() for name in MOMENTUM]
            self._partners[leg, collection] = match_flat_legs(*legs, self.event, *others, objects.offsets)
        return self._partners[leg, collection]


class _ListsOfFlat(ListView):
    """Lists of the candidates that a flat view has, whose partners it knows."""

    def __init__(self, flat: FlatView, events: ak.Array, counts: Index) -> None:
        super().__init__(events, ak.unflatten(flat.all_at_places(), counts))
        self._flat, self._counts = flat, counts

    def partner(self, leg: str, collection: str) -> ak.Array:
        """As of :class:`ListView`."""
        return ak.unflatten(self._flat.partners_at_places(leg, collection), self._counts)
