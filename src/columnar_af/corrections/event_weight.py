"""The weight of an event as a product of corrections, with named variations and a count of every rule that was used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.selection.candidates import is_typetracer

Values = NDArray[np.float64]
EventWeight = Callable[[ak.Array], ak.Array]
"""Events -> weight of each event, ``(n_events,)``."""


@dataclass(frozen=True)
class Factor:
    """What one correction says.

    Attributes:
        nominal: Factor of each event, ``(n_events,)``.
        up, down: The same, shifted by one standard deviation; None where the correction has no uncertainty.
        touched: Rule -> how many muons or events it touched; ``muons`` or ``events`` is the number looked at.
    """

    nominal: Values
    up: Values | None = None
    down: Values | None = None
    touched: Mapping[str, int] = field(default_factory=dict)


class Correction(Protocol):
    """One correction of simulated events. It is picklable and keeps no state."""

    @property
    def name(self) -> str:
        """Name; its variations are called ``<name>_up`` and ``<name>_down``."""

    def inputs(self, events: ak.Array) -> tuple[ak.Array, ...]:
        """The columns that it needs, in any mode of the events."""

    def factor(self, *inputs: ak.Array) -> Factor:
        """The factors, from the columns."""


@dataclass(frozen=True)
class CorrectedWeight:
    """The weights of the events of a chunk.

    Attributes:
        nominal: ``(n_events,)``.
        variations: Name -> weight with that variation, ``(n_events,)``.
        touched: Correction -> rule -> how many muons or events it touched.
    """

    nominal: ak.Array
    variations: Mapping[str, ak.Array]
    touched: dict[str, dict[str, int]]


class Corrections:
    """The product of corrections, as a function events -> weights for ``event_weight`` of a processor.

    Args:
        parts: The corrections; each name once.
    """

    def __init__(self, *parts: Correction) -> None:
        names = [part.name for part in parts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"corrections {', '.join(twice)} are given twice; the weight would hold them twice"
            raise ConfigError(msg, advice="give each correction once, under its own name")
        self.parts = parts

    def __call__(self, events: ak.Array) -> ak.Array:
        """The nominal weight of each event, ``(n_events,)``."""
        return self.evaluate(events).nominal

    def variations(self, events: ak.Array) -> Mapping[str, ak.Array]:
        """Name -> weight of each event with that variation, ``(n_events,)``."""
        return self.evaluate(events).variations

    def evaluate(self, events: ak.Array) -> CorrectedWeight:
        """Nominal weights, variations and counts, with one evaluation of each table."""
        inputs = {part.name: part.inputs(events) for part in self.parts}
        flat = ak.ones_like(events.event, dtype=np.float64)
        if is_typetracer(flat):
            for columns in inputs.values():
                for column in columns:
                    ak.typetracer.touch_data(column)
            return CorrectedWeight(flat, {}, {})
        factors = {part.name: part.factor(*inputs[part.name]) for part in self.parts}
        nominal = _product(factors, len(flat))
        variations = {}
        for name, factor in factors.items():
            for direction, shifted in (("up", factor.up), ("down", factor.down)):
                if shifted is not None:
                    one = {**factors, name: Factor(shifted)}
                    variations[f"{name}_{direction}"] = ak.Array(_product(one, len(flat)))
        touched = {name: dict(factor.touched) for name, factor in factors.items()}
        return CorrectedWeight(ak.Array(nominal), variations, touched)


def _product(factors: Mapping[str, Factor], n_events: int) -> Values:
    product = np.ones(n_events)
    for factor in factors.values():
        product = product * factor.nominal
    return product


def corrected_weights(event_weight: EventWeight, events: ak.Array) -> CorrectedWeight:
    """Weights of the events; with variations and counts for :class:`Corrections`, without for any other function."""
    if isinstance(event_weight, Corrections):
        return event_weight.evaluate(events)
    return CorrectedWeight(event_weight(events), {}, {})


def weights_and_counts(
    event_weight: EventWeight, events: ak.Array
) -> tuple[ak.Array, dict[str, dict[str, int]]]:
    """Weights of the events, and for :class:`Corrections` what their rules touched; nothing for any other function."""
    corrected = corrected_weights(event_weight, events)
    return corrected.nominal, corrected.touched
