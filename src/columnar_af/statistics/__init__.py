"""From the histograms of a run to yields, workspaces and datacards, fits and limits."""

from __future__ import annotations
