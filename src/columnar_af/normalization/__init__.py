"""From the D_s yield in data to the expected number of τ → 3μ, with uncertainties, datacards and an expected limit."""

from __future__ import annotations
