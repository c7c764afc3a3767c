"""Systematic variations: what they are, and how one pass over the events computes all of them."""

from __future__ import annotations

from columnar_af.systematics.quantities import Quantities, Source, partial_quantity, quantity

__all__ = ["Quantities", "Source", "partial_quantity", "quantity"]
