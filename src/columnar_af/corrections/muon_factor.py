"""Scale factors of muons (identification, trigger legs) from a correctionlib table in |η| and pt, by rule.

The public tables have traps, each of which is met by a rule here; how many muons a rule touched stands in the result:

- they raise, or silently give 1, below their lowest pt (3 GeV in the 2017 tables), while the selections begin at 2 GeV;
- they are binned in |η|, and code that compares them with signed η gives muons of negative η a factor of 1;
- bins without a measurement hold 0, or a number such as 11.95 ± 9.4e7.

A muon without measurement gets the factor 1, with an uncertainty that covers the nearest measured bin of its |η|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.corrections.event_weight import Factor
from columnar_af.corrections.table import Table, Values, bin_centres, nearest_usable
from columnar_af.errors import ConfigError
from columnar_af.kernels.jagged import flat_numbers

Indices = NDArray[np.int64]

ETA_NAMES = ("abseta", "eta")
SHIFTS = {
    "up": ("systup", "up"),
    "nominal": ("nominal", "sf"),
    "down": ("systdown", "down"),
}
"""Shift -> the keys by which tables call it (muon tables of CMS since 2021, and those of our converters)."""


@dataclass(frozen=True)
class MuonRules:
    """When a bin counts as measured.

    The numbers are a choice of this framework, not of a publication: a factor that is not known to 20 % corrects nothing.
    Of the public tables they leave out the zeros, 11.95 ± 9.4e7 (2018) and 1.84 ± 0.48 (2017, at 3 GeV).

    Attributes:
        lowest, highest: Range of a believable factor, ends included.
        largest_uncertainty: Of a believable factor, absolute.
    """

    lowest: float = 0.5
    highest: float = 2.0
    largest_uncertainty: float = 0.2


@dataclass(frozen=True)
class MuonFactor:
    """The product of the scale factors of some muons of each event.

    Attributes:
        name: Name of the correction.
        table: Table in |η| (or η), pt, and a string input that chooses nominal, up, down.
        muons: Events -> the muons that enter, ``n_events * var``, with ``pt`` and ``eta``; for example those of the
            selected candidate. An event without any has the factor 1.
        rules: When a bin counts as measured.
    """

    name: str
    table: Table
    muons: Callable[[ak.Array], ak.Array]
    rules: MuonRules = MuonRules()

    def inputs(self, events: ak.Array) -> tuple[ak.Array, ...]:
        """pt and η of the muons."""
        muons = self.muons(events)
        return muons.pt, muons.eta

    def factor(self, *inputs: ak.Array) -> Factor:
        """Factors from pt [GeV] and η of the muons, ``n_events * var`` each; a missing muon has the factor 1."""
        flat_pt, offsets = flat_numbers(inputs[0], np.nan)
        flat_eta, _ = flat_numbers(inputs[1], np.nan)
        per_muon, touched = muon_factors(
            self.table, self.rules, flat_pt.astype(float), flat_eta.astype(float)
        )
        nominal, up, down = (_per_event(values, offsets) for values in per_muon)
        return Factor(nominal, up, down, touched)


def _per_event(values: Values, offsets: Indices) -> Values:
    product = np.ones(len(offsets) - 1)
    np.multiply.at(product, np.repeat(np.arange(len(product)), np.diff(offsets)), values)
    return product


@dataclass(frozen=True)
class _Grid:
    """The table, bin by bin: ``(n_eta, n_pt)`` arrays."""

    eta_name: str
    shift_name: str
    keys: dict[str, str]
    eta_edges: Values
    pt_edges: Values
    usable: NDArray[np.bool_]
    unmeasured: Values
    """Uncertainty of the factor 1 of a muon whose place in the table is this bin."""

    @property
    def takes_absolute_eta(self) -> bool:
        return self.eta_name == "abseta" or self.eta_edges[0] >= 0


@lru_cache(maxsize=16)
def _grid(table: Table, rules: MuonRules) -> _Grid:
    inputs = table.inputs
    eta_name = next((name for name in ETA_NAMES if name in inputs), "")
    shift_name = next((name for name, kind in inputs.items() if kind == "string"), "")
    if not eta_name or "pt" not in inputs or not shift_name or len(inputs) != 3:
        msg = f"correction {table.correction!r} of {table.origin} takes {', '.join(inputs)}"
        raise ConfigError(
            msg, advice="a table of muon factors takes abseta (or eta), pt, and the name of a shift"
        )
    keys = {shift: _key(table, shift_name, names) for shift, names in SHIFTS.items()}
    eta_edges, pt_edges = table.edges(eta_name), table.edges("pt")
    eta, pt = (
        axis.ravel() for axis in np.meshgrid(bin_centres(eta_edges), bin_centres(pt_edges), indexing="ij")
    )
    shape = (len(eta_edges) - 1, len(pt_edges) - 1)
    values = {
        shift: table.evaluate({eta_name: eta, "pt": pt, shift_name: key}).reshape(shape)
        for shift, key in keys.items()
    }
    nominal = values["nominal"]
    error = np.maximum(np.abs(values["up"] - nominal), np.abs(values["down"] - nominal))
    usable = (nominal >= rules.lowest) & (nominal <= rules.highest) & (error <= rules.largest_uncertainty)
    if not usable.any(axis=1).all():
        row = int(np.flatnonzero(~usable.any(axis=1))[0])
        msg = (
            f"correction {table.correction!r} of {table.origin} has no measured bin for {eta_name} "
            f"{eta_edges[row]:g} to {eta_edges[row + 1]:g}"
        )
        raise ConfigError(msg, advice="give a table with a measurement in each |η| range")
    nearest = np.stack([nearest_usable(row) for row in usable])
    reach = np.maximum(np.abs(nominal - 1), error)
    return _Grid(
        eta_name, shift_name, keys, eta_edges, pt_edges, usable, np.take_along_axis(reach, nearest, axis=1)
    )


def _key(table: Table, shift_name: str, names: tuple[str, ...]) -> str:
    known = table.keys(shift_name)
    for name in names:
        if name in known:
            return name
    msg = f"correction {table.correction!r} of {table.origin} knows the shifts {', '.join(known)}, none of {', '.join(names)}"
    raise ConfigError(msg, advice="make the table with columnar-af corrections convert")


def muon_factors(
    table: Table, rules: MuonRules, pt: Values, eta: Values
) -> tuple[tuple[Values, Values, Values], dict[str, int]]:
    """Nominal, up and down factor of each muon, and what the rules touched.

    Args:
        table: Of muon factors.
        rules: When a bin counts as measured.
        pt, eta: ``(n_muons,)``, GeV; NaN for a missing muon.

    Returns:
        Three arrays ``(n_muons,)``, and rule -> number of muons.
    """
    grid = _grid(table, rules)
    missing = np.isnan(pt) | np.isnan(eta)
    used_eta = np.abs(eta) if grid.takes_absolute_eta else eta
    below, above = pt < grid.pt_edges[0], pt >= grid.pt_edges[-1]
    outside = (used_eta < grid.eta_edges[0]) | (used_eta >= grid.eta_edges[-1])
    row, column = _bin(used_eta, grid.eta_edges), _bin(pt, grid.pt_edges)
    inside = ~(below | above | outside | missing)
    unmeasured = inside & ~grid.usable[row, column]
    measured = inside & ~unmeasured
    factors = {shift: np.ones(len(pt)) for shift in grid.keys}
    reach = np.where(missing, 0.0, grid.unmeasured[row, column])
    factors["up"] += reach
    factors["down"] -= reach
    for shift, key in grid.keys.items():
        if measured.any():
            values = {grid.eta_name: used_eta[measured], "pt": pt[measured], grid.shift_name: key}
            factors[shift][measured] = table.evaluate(values)
    counts = {
        "muons": np.ones(len(pt), dtype=bool),
        "negative_eta_taken_absolute": (eta < 0) & grid.takes_absolute_eta,
        "below_lowest_pt": below & ~outside,
        "above_highest_pt": above & ~outside,
        "outside_eta": outside,
        "bin_without_measurement": unmeasured,
        "missing_muon": missing,
    }
    touched = {rule: int(np.count_nonzero(mask)) for rule, mask in counts.items()}
    return (factors["nominal"], factors["up"], factors["down"]), touched


def _bin(values: Values, edges: Values) -> Indices:
    """Bin of each value, the first or last one outside of the edges; 0 for NaN."""
    known = np.where(np.isnan(values), edges[0], values)
    return np.clip(np.searchsorted(edges, known, side="right") - 1, 0, len(edges) - 2)
