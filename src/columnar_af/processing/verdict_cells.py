"""The cells of a table of verdicts."""

from __future__ import annotations

from typing import Any

from columnar_af.selection.explanation import Verdict

LISTED = 6
"""Items of a list that are shown, for example fired triggers; ``--json`` has all of them."""

STYLES = {"pass": "green", "FAIL": "bold red", "not applied": "yellow"}


def cells(verdict: Verdict) -> tuple[str, ...]:
    """Cut, verdict, value, threshold and note."""
    return verdict.cut, verdict.word, values(verdict), verdict.threshold, verdict.note


def values(verdict: Verdict) -> str:
    """The values of a cut with their names."""
    return ", ".join(f"{name} = {_short(value)}" for name, value in verdict.values.items())


def _short(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:.6g}"
    if not isinstance(value, list):
        return str(value)
    more = f" and {len(value) - LISTED} more" if len(value) > LISTED else ""
    return f"[{', '.join(map(_short, value[:LISTED]))}{more}]"
