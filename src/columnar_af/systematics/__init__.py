"""Systematic variations: what they are, and how one pass over the events computes all of them."""

from __future__ import annotations

from columnar_af.systematics.declaration import Nuisance, Systematics
from columnar_af.systematics.quantities import Quantities, Source, partial_quantity, quantity
from columnar_af.systematics.variation import NOMINAL, Variation

__all__ = [
    "NOMINAL",
    "Nuisance",
    "Quantities",
    "Source",
    "Systematics",
    "Variation",
    "partial_quantity",
    "quantity",
]
