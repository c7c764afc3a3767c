"""Provenance in words, for the terminal and for a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from columnar_af.results.provenance import GitState, Provenance


def as_text(provenance: Provenance) -> str:
    """One fact per line, in sections."""
    return "\n".join(_lines(provenance))


def _lines(provenance: Provenance) -> Iterator[str]:
    yield f"processor   {provenance.processor}, source {provenance.processor_hash[:16] or 'unknown'}"
    yield f"git         {_git(provenance.git)}"
    yield f"command     {' '.join(provenance.command)}"
    yield f"time        {provenance.started} to {provenance.finished}"
    yield f"driven on   {', '.join(f'{key} {value}' for key, value in provenance.host.items())}"
    for kind, count in (provenance.parameters.get("hosts") or {}).items():
        yield f"worked on   {count} x {kind}"
    yield "parameters"
    yield from _table(_told(provenance.parameters))
    yield "versions"
    yield from _table(provenance.versions)
    yield f"files       {len(provenance.files)}"
    for file in provenance.files:
        yield f"  {file.dataset}  {file.file}:{file.tree}  {file.entries} entries  UUID {file.uuid or 'unknown'}"


def _git(state: GitState | None) -> str:
    if state is None:
        return "none"
    if not state.dirty:
        return state.commit
    return f"{state.commit} with changes{f', diff {state.diff_hash[:16]}' if state.diff_hash else ' that are not tracked'}"


def _told(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for; what was found is told elsewhere, and columns by their number."""
    told = {
        key: value for key, value in parameters.items() if key not in ("hosts", "notes", "columns", "rerun")
    }
    columns = parameters.get("columns")
    if isinstance(columns, Mapping):
        told["columns"] = ", ".join(f"{dataset} {len(names)}" for dataset, names in columns.items())
    return told


def _table(values: Mapping[str, Any]) -> Iterator[str]:
    width = max(map(len, values), default=0)
    for name, value in values.items():
        yield f"  {name.ljust(width)}  {value}"
