"""Systematic variations: what they are, and how one pass over the events computes all of them."""

from __future__ import annotations

from columnar_af.systematics.declaration import Nuisance, Systematics
from columnar_af.systematics.filling import fill_weighted
from columnar_af.systematics.muon_momentum import MuonMomentum
from columnar_af.systematics.quantities import Quantities, Source, partial_quantity, quantity
from columnar_af.systematics.report import SystematicsReport, report_of
from columnar_af.systematics.shifts import Shift, vary, with_fields
from columnar_af.systematics.symmetrization import mirrored
from columnar_af.systematics.variation import NOMINAL, Variation, nuisance_and_direction
from columnar_af.systematics.weights import EventWeights, WeightPolicy

__all__ = [
    "NOMINAL",
    "EventWeights",
    "MuonMomentum",
    "Nuisance",
    "Quantities",
    "Shift",
    "Source",
    "Systematics",
    "SystematicsReport",
    "Variation",
    "WeightPolicy",
    "fill_weighted",
    "mirrored",
    "nuisance_and_direction",
    "partial_quantity",
    "quantity",
    "report_of",
    "vary",
    "with_fields",
]
