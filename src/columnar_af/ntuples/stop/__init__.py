"""Ntuples of the soft-lepton stop search: schemas, columns of variations, weights."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from columnar_af.ntuples.stop.layouts import Layout, recognise
    from columnar_af.ntuples.stop.loopsusy import MissingVariation
    from columnar_af.ntuples.stop.schema import HistFitterSchema, LoopSusySchema, StopSchema
    from columnar_af.ntuples.stop.sources import StopSource, fallbacks_of, layout_of, stop_source
    from columnar_af.ntuples.stop.weights import EVENT_WEIGHTS, sums_of_weights, weight_factors

__all__ = [
    "EVENT_WEIGHTS",
    "HistFitterSchema",
    "Layout",
    "LoopSusySchema",
    "MissingVariation",
    "StopSchema",
    "StopSource",
    "fallbacks_of",
    "layout_of",
    "recognise",
    "stop_source",
    "sums_of_weights",
    "weight_factors",
]

_HOMES = {
    "layouts": ("Layout", "recognise"),
    "loopsusy": ("MissingVariation",),
    "schema": ("HistFitterSchema", "LoopSusySchema", "StopSchema"),
    "sources": ("StopSource", "fallbacks_of", "layout_of", "stop_source"),
    "weights": ("EVENT_WEIGHTS", "sums_of_weights", "weight_factors"),
}
"""Module -> public names. They are imported when they are used: the simulation needs no coffea."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
