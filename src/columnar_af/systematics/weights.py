"""The weight of an event, and all its variations: a product of named factors, each of which a variation may move.

Two meanings of a column exist, and a variation states which one is its: ``weight-replaces`` is absolute, the column stands in
place of the factor (LoopSUSYFrame's ntuples); ``weight-multiplies`` is relative, the column comes on top of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError, MissingBranchError, ReadError, WorkAddress
from columnar_af.systematics.variation import NOMINAL, Variation

Weights = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]
Missing = Literal["error", "nominal"]
Invalid = Literal["error", "zero"]

SHOWN = 5
"""Entries that an error names."""


@dataclass(frozen=True)
class WeightPolicy:
    """What to do with bad weights.

    Attributes:
        missing: A variation whose column the ntuple lacks: an ``error``, or the ``nominal`` factor, recorded.
        invalid: A weight that is NaN or infinite: an ``error``, or ``zero``, counted.
        unused: Factors that the event weight of this analysis does not have on purpose; variations may name them.
    """

    missing: Missing = "error"
    invalid: Invalid = "error"
    unused: Collection[str] = ()

    def __post_init__(self) -> None:
        for name, value, known in (
            ("missing", self.missing, get_args(Missing)),
            ("invalid", self.invalid, get_args(Invalid)),
        ):
            if value not in known:
                msg = f"the policy for {name} weights is {value!r}, expected one of {', '.join(known)}"
                raise ConfigError(msg)


class EventWeights:
    """The weights of the events of a chunk, nominal and of every weight variation.

    Only what is asked for is computed: factors are read when made, columns of variations with the first matrix.

    Args:
        factors: Factor -> its nominal value, ``(n_events,)``; the weight is their product, in this order.
        variations: Those of kind ``weight-replaces`` or ``weight-multiplies``.
        read: Gives a column by its name, ``(n_events,)``.
        columns: The columns that there are.
        policy: What to do with bad weights.
        address: Dataset, file, tree and first entry of the chunk, for errors.

    Raises:
        ConfigError: A variation moves no weight, or names an unknown factor.
        MissingBranchError: The column of a variation is not there, and that is an error.
        ReadError: A nominal weight is NaN or infinite, and that is an error.
    """

    def __init__(
        self,
        factors: Mapping[str, Any],
        variations: Iterable[Variation] = (),
        read: Callable[[str], Any] | None = None,
        columns: Collection[str] = (),
        *,
        policy: WeightPolicy | None = None,
        address: WorkAddress | None = None,
    ) -> None:
        self.policy = policy or WeightPolicy()
        self.address = address or WorkAddress()
        self.variations = tuple(variations)
        self.invalid: dict[str, int] = {}
        """Factor or column -> how many weights were NaN or infinite and count as zero."""
        self.fallbacks: dict[str, tuple[str, ...]] = {}
        """Variation -> columns that are not there, so that the nominal factor was taken."""
        self._read = read
        self._columns = columns
        self._values: dict[str, Numbers] = {}
        self._factors = {name: self._valid(name, values) for name, values in factors.items()}
        self._moves = {one.name: self._columns_of(one) for one in self.variations}
        if len(self._moves) < len(self.variations):
            twice = [name for name in self._moves if self.names.count(name) > 1]
            msg = f"the weight variations {', '.join(twice)} are given twice"
            raise ConfigError(msg, advice="declare variations with Systematics, which tells the places")
        if not self._factors:
            msg = "an event weight without any factor"
            raise ConfigError(msg, advice="give at least the generator's weight, or ones for data")

    @cached_property
    def nominal(self) -> Weights:
        """The nominal weight of each event, ``(n_events,)``."""
        return _product(self._factors.values())

    @property
    def names(self) -> tuple[str, ...]:
        """``nominal``, and the variations in order: the columns of :meth:`matrix`."""
        return (NOMINAL, *(variation.name for variation in self.variations))

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Variations of which no factor is left, for want of columns or because the weight has none of their factors."""
        return tuple(name for name, columns in self._moves.items() if not columns)

    @property
    def factors(self) -> Mapping[str, NDArray[Any]]:
        """Factor -> its nominal value, ``(n_events,)``."""
        return self._factors

    def of(self, variation: str) -> Weights:
        """The weight of each event in a variation, ``(n_events,)``."""
        return self.matrix(names=(variation,))[:, 0]

    def matrix(
        self, where: NDArray[np.bool_] | NDArray[np.intp] | None = None, names: Iterable[str] | None = None
    ) -> Weights:
        """The weights of some events in all variations.

        Args:
            where: Which events, a mask ``(n_events,)`` or indices; all where None.
            names: Which variations; :attr:`names` where None.

        Returns:
            ``(n_chosen, n_variations)``.
        """
        chosen = self.names if names is None else tuple(names)
        kinds = {one.name: one.kind for one in self.variations}
        taken: Any = slice(None) if where is None else where
        if getattr(taken, "dtype", None) == np.bool_:
            taken = np.flatnonzero(taken)  # looked for once, not in each column
        factors = {name: values[taken].astype(np.float64) for name, values in self._factors.items()}
        nominal = _product(factors.values())
        rows = np.empty((len(chosen), len(nominal)))
        for number, name in enumerate(chosen):
            columns = {} if name == NOMINAL else self._moves[name]
            moved = {factor: self._column(column)[taken] for factor, column in columns.items()}
            if moved and kinds[name] == "weight-replaces":
                _multiply({**factors, **moved}.values(), rows[number])
            else:
                _multiply([nominal, *moved.values()], rows[number])
        return np.ascontiguousarray(rows.T)

    def _columns_of(self, variation: Variation) -> dict[str, str]:
        """Factor -> column, for the factors that this variation moves here."""
        if not variation.is_weight:
            msg = f"the variation {variation.name} is of kind {variation.kind}, which moves no weight"
            raise ConfigError(msg)
        unknown = [f for f in variation.factors if f not in self._factors and f not in self.policy.unused]
        if unknown:
            msg = f"the variation {variation.name} moves the factor {unknown[0]!r}, which the event weight does not have"
            raise ConfigError(msg, advice=f"its factors are {', '.join(self._factors)}")
        wanted = {f: column for f, column in variation.factors.items() if f in self._factors}
        absent = tuple(column for column in wanted.values() if column not in self._columns)
        if absent and self.policy.missing == "error":
            msg = f"the weight variation {variation.name} has no column {', '.join(absent)}"
            advice = (
                "leave the variation out, or let it fall back to nominal with --missing-variation nominal"
            )
            raise MissingBranchError(msg, advice=advice, address=self.address)
        if absent:
            self.fallbacks[variation.name] = absent
        return {f: column for f, column in wanted.items() if column not in absent}

    def _column(self, name: str) -> Numbers:
        if name not in self._values:
            if self._read is None:
                msg = f"no way to read the column {name} was given"
                raise ConfigError(msg)
            self._values[name] = self._valid(name, self._read(name))
        return self._values[name]

    def _valid(self, name: str, values: Any) -> Numbers:
        """The weights as numbers; what is NaN, infinite or missing is told, or made zero and counted."""
        if type(values) is np.ndarray and values.dtype.kind == "f" and np.isfinite(values).all():
            return values
        numbers = ak.to_numpy(values) if isinstance(values, ak.Array) else values
        weights = np.ma.filled(np.ma.asarray(numbers, dtype=np.float64), np.nan)
        bad = np.flatnonzero(~np.isfinite(weights))
        if not len(bad):
            return np.asarray(weights)
        if self.policy.invalid == "error":
            raise _invalid(name, weights, bad, self.address)
        self.invalid[name] = len(bad)
        return np.where(np.isfinite(weights), weights, 0.0)


def _product(factors: Collection[Numbers]) -> Weights:
    """The product of factors, in their order."""
    product = np.empty(len(next(iter(factors))))
    _multiply(factors, product)
    return product


def _multiply(factors: Iterable[Numbers], product: Weights) -> None:
    """Fill in the product of factors, in their order and in double precision."""
    first, *others = factors
    product[:] = first
    for factor in others:
        np.multiply(product, factor, out=product)


def _invalid(name: str, weights: Weights, bad: NDArray[np.intp], address: WorkAddress) -> ReadError:
    first = address.start or 0
    entries = ", ".join(f"{first + entry} ({weights[entry]:g})" for entry in bad[:SHOWN].tolist())
    more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    msg = f"{len(bad)} of {len(weights)} weights {name} are no numbers: entries {entries}{more}"
    advice = "make the ntuple again, or leave the file out of the fileset"
    return ReadError(msg, advice=advice, address=address)
