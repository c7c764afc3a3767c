"""Inspections as tables: for a terminal, and as plain text for pipes and logs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from columnar_af.datasets.inspection import FileReport, Inspection
from columnar_af.datasets.paths import is_remote
from columnar_af.redaction import redact

RIGHT = frozenset({"files", "bad files", "entries", "size", "missing"})
"""Columns of numbers, which stand at the right."""


@dataclass(frozen=True)
class _Grid:
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def rich_tables(inspection: Inspection) -> Iterator[Table | str]:
    """What to print on a terminal: files, totals, missing branches, errors."""
    for grid in _grids(inspection):
        table = Table(title=grid.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for name in grid.header:
            right = name in RIGHT
            table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
        for row in grid.rows:
            table.add_row(*map(escape, row), style="red" if row[-1] == "bad" else None)
        yield table
    for text in (*_missing(inspection), *_errors(inspection)):
        yield escape(text)


def plain_text(inspection: Inspection) -> str:
    """The same with blanks between columns."""
    blocks = [f"{grid.title}\n{_aligned(grid)}" for grid in _grids(inspection)]
    return "\n\n".join([*blocks, *_missing(inspection), *_errors(inspection)])


def _grids(inspection: Inspection) -> tuple[_Grid, _Grid]:
    header = ("dataset", "file", "tree", "entries", "version", "missing", "size", "state")
    folder = _common_folder([file.path for file in inspection.files])
    totals = tuple(
        (total.name, str(total.files), str(total.bad_files), str(total.entries), _size(total.size_bytes))
        for total in inspection.totals
    )
    return (
        _Grid(
            f"Files in {folder}" if folder else "Files",
            header,
            tuple(_row(file, folder) for file in inspection.files),
        ),
        _Grid("Datasets", ("dataset", "files", "bad files", "entries", "size"), totals),
    )


def _common_folder(paths: Sequence[str]) -> str:
    """The folder that all paths share, which need not be said for each; empty where there is none."""
    if any(map(is_remote, paths)):
        return ""
    folder = Path(os.path.commonpath([str(Path(path).parent) for path in paths]))
    return "" if folder == folder.parent else str(folder)


def _row(file: FileReport, folder: str) -> tuple[str, ...]:
    good = file.error is None
    return (
        file.dataset,
        os.path.relpath(file.path, folder) if folder else redact(file.path),
        file.tree or "-",
        str(file.entries) if good else "-",
        file.ntuple_version or "-",
        str(len(file.missing_branches)) if file.ntuple_version else "-",
        _size(file.size_bytes),
        "good" if good else "bad",
    )


def _size(size: int | None) -> str:
    """Decimal units, as disks and networks count."""
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _aligned(grid: _Grid) -> str:
    widths = [max(map(len, column)) for column in zip(grid.header, *grid.rows, strict=True)]
    return "\n".join(_line(grid.header, row, widths) for row in (grid.header, *grid.rows))


def _line(header: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if name in RIGHT else cell.ljust(width)
        for name, cell, width in zip(header, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def _missing(inspection: Inspection) -> Iterator[str]:
    """Files that lack the same branches share one line."""
    groups: dict[tuple[str, tuple[str, ...]], int] = {}
    for file in inspection.files:
        if file.ntuple_version and file.missing_branches:
            key = (file.ntuple_version, file.missing_branches)
            groups[key] = groups.get(key, 0) + 1
    for (version, branches), count in groups.items():
        files = "1 file" if count == 1 else f"{count} files"
        yield f"Missing in {files} of version {version}: {', '.join(branches)}"


def _errors(inspection: Inspection) -> Iterator[str]:
    for file in inspection.bad:
        yield str(file.error)
