"""Pile-up weights from a correctionlib table in the true number of interactions, with the clipping that they need.

The public tables of 2017 hold 1e111 to 1e299 in five bins of the tail, where the simulation has no event to divide by, and
0 in others; those of Run 3 reach 49. One simulated event in such a bin would outweigh the whole sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.corrections.event_weight import Factor
from columnar_af.corrections.table import Table, Values, bin_centres, nearest_usable
from columnar_af.errors import ConfigError

LARGEST_WEIGHT = 50.0
"""A larger weight is no ratio of two measured distributions: the largest in the public Run 3 tables is 49."""


@dataclass(frozen=True)
class PileUp:
    """The weight of an event by its true number of interactions.

    A bin that holds no weight (0, not finite, above ``largest``) is read as the nearest bin that does; so is a number of
    interactions outside of the table. An event without the number (data-like files) has weight 1.

    Attributes:
        table: Table with one real input and, if it has variations, a string input with ``nominal``, ``up``, ``down``.
        name: Name of the correction.
        largest: Largest weight that is believed.
    """

    table: Table
    name: str = "pile_up"
    largest: float = LARGEST_WEIGHT

    def inputs(self, events: ak.Array) -> tuple[ak.Array, ...]:
        """The true number of interactions."""
        return (events.n_pileup,)

    def factor(self, *inputs: ak.Array) -> Factor:
        """Weights from the number of interactions, ``(n_events,)``."""
        number = np.asarray(ak.fill_none(inputs[0], np.nan), dtype=np.float64)
        grid = _grid(self.table, self.largest)
        missing = np.isnan(number)
        below, above = number < grid.edges[0], number >= grid.edges[-1]
        known = np.where(missing, grid.edges[0], number)
        place = np.clip(np.searchsorted(grid.edges, known, side="right") - 1, 0, len(grid.edges) - 2)
        unusable = ~(missing | below | above) & ~grid.usable[place]
        weights = {
            shift: np.where(missing, 1.0, values[grid.nearest[place]])
            for shift, values in grid.values.items()
        }
        touched = {
            "events": len(number),
            "below_table": int(np.count_nonzero(below)),
            "above_table": int(np.count_nonzero(above)),
            "clipped_bin": int(np.count_nonzero(unusable)),
            "number_missing": int(np.count_nonzero(missing)),
        }
        return Factor(weights["nominal"], weights.get("up"), weights.get("down"), touched)


@dataclass(frozen=True)
class _Grid:
    edges: Values
    values: dict[str, Values]
    usable: NDArray[np.bool_]
    nearest: NDArray[np.int64]


@lru_cache(maxsize=16)
def _grid(table: Table, largest: float) -> _Grid:
    numbers = [name for name, kind in table.inputs.items() if kind != "string"]
    texts = [name for name, kind in table.inputs.items() if kind == "string"]
    if len(numbers) != 1 or len(texts) > 1:
        msg = f"correction {table.correction!r} of {table.origin} takes {', '.join(table.inputs)}"
        raise ConfigError(
            msg, advice="a pile-up table takes the number of interactions, and may take a shift"
        )
    edges = table.edges(numbers[0])
    centres = bin_centres(edges)
    shifts = table.keys(texts[0]) if texts else ("nominal",)
    values = {
        shift: table.evaluate({numbers[0]: centres, **({texts[0]: shift} if texts else {})})
        for shift in shifts
    }
    if "nominal" not in values:
        msg = f"correction {table.correction!r} of {table.origin} knows the shifts {', '.join(shifts)}, not 'nominal'"
        raise ConfigError(msg, advice="make the table with columnar-af corrections convert")
    usable = np.all([np.isfinite(v) & (v > 0) & (v <= largest) for v in values.values()], axis=0)
    if not usable.any():
        msg = f"correction {table.correction!r} of {table.origin} has no weight between 0 and {largest:g} in any bin"
        raise ConfigError(msg, advice="give another table, or raise the largest weight")
    return _Grid(edges, values, usable, nearest_usable(usable))
