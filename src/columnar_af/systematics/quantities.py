"""What an analysis computes of the events of one variation: each quantity once, and shared with nominal where it may be.

A quantity is shared when it read no column that the variation shifts. This is exact, also for a quantity that reads some
columns only on a condition: a quantity is a function of what it read, so if all of that is the same, the condition comes out
the same, the same columns are read, and the value is the same. Hence it is enough to know what was read where the quantity
was computed first, in nominal or in the variation. It holds for quantities that depend on nothing but columns, other
quantities, the name of the variation (:attr:`Quantities.variation`, which counts as shifted) and attributes of the object
that never change; a quantity must not draw random numbers of its own, nor keep a state.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Protocol, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError

T = TypeVar("T")

THE_VARIATION = "(name of the variation)"
"""Stands among the columns of a quantity that asked which variation this is."""


class Source(Protocol):
    """Where the columns of one variation come from."""

    @property
    def variation(self) -> str:
        """Name of the variation."""

    @property
    def shifted(self) -> frozenset[str] | None:
        """The columns that differ from nominal; None where all do, as in another tree with other events."""

    def read(self, name: str) -> Any:
        """The array of a column: numpy, or awkward with virtual contents or a typetracer."""


@dataclass(frozen=True, slots=True)
class _Known(Generic[T]):
    """A value, and the columns that were read for it, in all."""

    value: T
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """Values of the events for which they were computed so far."""

    done: NDArray[np.bool_]
    values: NDArray[Any]

    @classmethod
    def nothing(cls, events: int) -> _Part:
        return cls(np.zeros(events, dtype=np.bool_), np.full(events, np.nan))

    def with_values(self, where: NDArray[np.bool_], found: Any, name: str) -> _Part:
        """These and the ``found`` ones, which are new objects: whoever holds the old ones keeps them."""
        events = np.flatnonzero(where)
        found = np.asarray(found)
        if found.ndim not in (1, 2) or found.shape[-1] != len(events):
            msg = f"the quantity {name} was asked for {len(events)} events and gave the shape {found.shape}"
            raise ConfigError(msg, advice="return one value for each event where the mask is true")
        shape = (*found.shape[:-1], len(where))
        values = self.values.copy() if self.values.shape == shape else np.full(shape, np.nan)
        values[..., events] = found
        values.flags.writeable = False  # it is handed out
        return _Part(self.done | where, values)


class quantity(Generic[T]):  # noqa: N801  # reads as a decorator, like property
    """Makes a method of :class:`Quantities` a quantity: computed when first asked for, and at most once."""

    def __init__(self, method: Callable[[Any], T]) -> None:
        self.method = method
        self.name = method.__name__
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Quantities, owner: type) -> T: ...
    def __get__(self, instance: Quantities | None, owner: type) -> Self | T:
        if instance is None:
            return self
        known = instance._known.get(self)
        if known is None:
            known = instance._found_or_computed(self)
        if instance._reading:
            instance._reading[-1][1].update(known.columns)
        return known.value

    def __set__(self, instance: Quantities, value: T) -> None:
        msg = f"the quantity {self.name} is computed, it cannot be set"
        raise AttributeError(msg)


class partial_quantity:  # noqa: N801  # reads as a decorator, like quantity
    """Makes ``method(self, where)`` a quantity that is computed only for the events that are asked for.

    The method gets a mask ``(n_events,)`` and returns the values of these events, floating-point: ``(mask.sum(),)``, or
    ``(k, mask.sum())`` where several values are found together. Called as ``quantities.name(mask)`` it gives all events, NaN
    for those that nobody asked for, in an array that is not to be written to. An event is computed once, whoever asks, and nominal and variations share it as they
    share any quantity; see :meth:`Quantities.changed_events`, too.
    """

    def __init__(self, method: Callable[[Any, NDArray[np.bool_]], Any]) -> None:
        self.method = method
        self.name = method.__name__
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Quantities, owner: type) -> Callable[[NDArray[np.bool_]], NDArray[Any]]: ...
    def __get__(
        self, instance: Quantities | None, owner: type
    ) -> Self | Callable[[NDArray[np.bool_]], NDArray[Any]]:
        if instance is None:
            return self
        return lambda where: instance._part(self, np.asarray(where, dtype=np.bool_))


class Quantities:
    """Base of what an analysis computes of its events; a subclass has one method with ``@quantity`` for each quantity.

    ```python
    class StopVariables(Quantities):
        @quantity
        def r_2l(self):
            return self.column("met") / (self.lep1_pt + self.lep2_pt)

    nominal = StopVariables(source)
    up = nominal.varied(shifted_source)     # up.r_2l is nominal.r_2l, if neither met nor leptons are shifted
    ```

    Args:
        source: Where the columns come from.
    """

    def __init__(self, source: Source) -> None:
        self._begin(source, None)

    def _begin(self, source: Source, nominal: Self | None) -> None:
        self._source = source
        self._nominal = nominal
        shifted = source.shifted
        self._shifted = None if nominal is None or shifted is None else frozenset(shifted) | {THE_VARIATION}
        self._columns: dict[str, Any] = {}
        self._known: dict[Any, _Known[Any]] = {}
        self._reading: list[tuple[quantity[Any] | partial_quantity, set[str]]] = []

    def varied(self, source: Source) -> Self:
        """The quantities of a variation, which share with nominal what does not depend on its shifted columns.

        Other attributes of this object are the same in the variation.

        Args:
            source: Columns of the variation; ``source.shifted`` compares with nominal, also when this object is itself varied.
        """
        nominal = self if self._nominal is None else self._nominal
        other = copy.copy(nominal)
        other._begin(source, nominal)
        return other

    @classmethod
    @cache  # asked once per chunk and variation, and it looks at every attribute of the class
    def names(cls) -> tuple[str, ...]:
        """The names of all quantities, in alphabetical order."""
        return tuple(
            name for name in sorted(dir(cls)) if isinstance(getattr(cls, name), (quantity, partial_quantity))
        )

    @property
    def variation(self) -> str:
        """Name of the variation. A quantity that asks for it is never shared."""
        self._note(THE_VARIATION)
        return self._source.variation

    def column(self, name: str) -> Any:
        """A column: read once, and from nominal unless the variation shifts it."""
        self._note(name)
        if name in self._columns:
            return self._columns[name]
        if self._nominal is not None and self._shifted is not None and name not in self._shifted:
            return self._nominal.column(name)
        array = self._source.read(name)
        self._columns[name] = array
        return array

    def columns_of(self, name: str) -> frozenset[str]:
        """The columns that a quantity reads, in all; it is computed if it was not (a partial one must have been asked for)."""
        getattr(self, name)
        known = self._known_of(getattr(type(self), name))
        if known is None:
            msg = f"the partial quantity {name} was asked for no event yet, so that its columns are not known"
            raise ConfigError(msg, advice=f"call {name}(mask) first")
        return known.columns

    def shares(self, name: str) -> bool:
        """Whether a quantity of this variation is nominal's; it is computed if it was not."""
        return self._may_share(self.columns_of(name))

    def _note(self, column: str) -> None:
        if self._reading:
            self._reading[-1][1].add(column)

    def _may_share(self, columns: frozenset[str]) -> bool:
        return self._nominal is not None and self._shifted is not None and self._shifted.isdisjoint(columns)

    def _found_or_computed(self, wanted: quantity[Any]) -> _Known[Any]:
        """Nominal's value where it may be shared, else a new one, which becomes nominal's where it may."""
        nominal = self._nominal
        known = None if nominal is None else nominal._known.get(wanted)
        if known is None or not self._may_share(known.columns):
            value, columns = self._computed(wanted)
            known = _Known(value, columns)
            if nominal is not None and self._may_share(columns):
                nominal._known.setdefault(wanted, known)
        self._known[wanted] = known
        return known

    def _computed(self, wanted: quantity[Any] | partial_quantity, *where: Any) -> tuple[Any, frozenset[str]]:
        """The value, and the columns that were read for it; what a quantity inside reads counts for the one outside, too."""
        if not where and any(frame[0] is wanted for frame in self._reading):
            path = " -> ".join([*(frame[0].name for frame in self._reading), wanted.name])
            msg = f"the quantity {wanted.name} needs itself: {path}"
            raise ConfigError(msg, advice=f"correct the class {type(self).__name__}")
        columns: set[str] = set()
        self._reading.append((wanted, columns))
        try:
            value = wanted.method(self, *where)
        except Exception as error:
            error.add_note(f"while computing the quantity {wanted.name} of {self._source.variation}")
            raise
        finally:
            self._reading.pop()
        return value, frozenset(columns)

    def changed_events(self, columns: frozenset[str]) -> NDArray[np.bool_] | None:
        """Events in which some shifted columns have other values than in nominal; None where that is not worth a look.

        A subclass whose partial quantities depend, event by event, on nothing but the columns of that event may tell: then a
        variation takes over their nominal values in all other events.
        """
        del columns
        return None

    def _part(self, wanted: partial_quantity, where: NDArray[np.bool_]) -> NDArray[Any]:
        """Values where asked, NaN elsewhere; what is missing is computed, and kept in nominal where it may be shared."""
        known = self._known_of(wanted) or self._unchanged(wanted)
        is_new = known is None  # then it is asked even for no event, to know how many values an event has
        known = known or _Known(_Part.nothing(len(where)), frozenset())
        missing = where & ~known.value.done
        if is_new or missing.any():
            found, columns = self._computed(wanted, missing)
            known = _Known(known.value.with_values(missing, found, wanted.name), known.columns | columns)
            shared = self._nominal if self._may_share(known.columns) else None
            (shared or self)._known[wanted] = known
        if self._reading:
            self._reading[-1][1].update(known.columns)
        return known.value.values

    def _unchanged(self, wanted: partial_quantity) -> _Known[Any] | None:
        """Nominal's values of the events that the variation does not change."""
        known = None if self._nominal is None else self._nominal._known.get(wanted)
        if known is None or self._shifted is None:
            return None
        changed = self.changed_events(known.columns & self._shifted)
        if changed is None:
            return None
        part = _Known(_Part(known.value.done & ~changed, known.value.values), known.columns)
        self._known[wanted] = part
        return part

    def _known_of(self, wanted: Any) -> _Known[Any] | None:
        if wanted in self._known or self._nominal is None:
            return self._known.get(wanted)
        known = self._nominal._known.get(wanted)
        return known if known is not None and self._may_share(known.columns) else None
