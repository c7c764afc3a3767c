"""Selections: cuts on candidates, what each leaves (cutflow), and what it would look like without one (N-1)."""

from __future__ import annotations

from columnar_af.selection.candidates import (
    CandidateSelection,
    Values,
    filled_with_false,
    recorded_selections,
)
from columnar_af.selection.cutflow import Cutflow, CutflowRow
from columnar_af.selection.filling import fill

__all__ = [
    "CandidateSelection",
    "Cutflow",
    "CutflowRow",
    "Values",
    "fill",
    "filled_with_false",
    "recorded_selections",
]
