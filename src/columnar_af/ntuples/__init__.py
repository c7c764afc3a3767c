"""Ntuples: the schemas that turn branches into events, their writers, and the simulation of both layouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from columnar_af.ntuples.t3m import T3MSchema

__all__ = ["T3MSchema"]


def __getattr__(name: str) -> Any:
    """Import a schema when it is asked for: it takes coffea, which the writers and ``--help`` do not need."""
    if name == "T3MSchema":
        from columnar_af.ntuples.t3m import T3MSchema  # noqa: PLC0415

        return T3MSchema
    msg = f"module {__name__} has no attribute {name}"
    raise AttributeError(msg)
