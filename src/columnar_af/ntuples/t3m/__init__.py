"""T3M: the flat ntuples of the CMS τ→3μ search and of its D_s → φπ normalization channel."""

from __future__ import annotations

from columnar_af.ntuples.t3m.availability import fall_back, missing_branches, version_of, why_missing
from columnar_af.ntuples.t3m.schema import T3MSchema
from columnar_af.ntuples.t3m.tree import KNOWN_TREES
from columnar_af.ntuples.t3m.triggers import trigger_fired
from columnar_af.ntuples.t3m.versions import NtupleVersion, recognise

__all__ = [
    "KNOWN_TREES",
    "NtupleVersion",
    "T3MSchema",
    "fall_back",
    "missing_branches",
    "recognise",
    "trigger_fired",
    "version_of",
    "why_missing",
]
