"""Pictures of results."""

from __future__ import annotations
