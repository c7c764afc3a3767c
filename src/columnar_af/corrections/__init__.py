"""Corrections of simulated events: weights from correctionlib tables, by rules that count what they touch."""

from __future__ import annotations

from columnar_af.corrections.event_weight import Corrections, corrected_weights, weights_and_counts
from columnar_af.corrections.muon_factor import MuonFactor, MuonRules
from columnar_af.corrections.pile_up import PileUp
from columnar_af.corrections.prescaled_seeds import DOUBLE_MU_4_ONLY_2018, PrescaledSeeds
from columnar_af.corrections.table import Table

__all__ = [
    "DOUBLE_MU_4_ONLY_2018",
    "Corrections",
    "MuonFactor",
    "MuonRules",
    "PileUp",
    "PrescaledSeeds",
    "Table",
    "corrected_weights",
    "weights_and_counts",
]
