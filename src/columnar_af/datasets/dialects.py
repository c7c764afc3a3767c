"""Reading and writing filesets in the dialects that are in use."""

from __future__ import annotations
