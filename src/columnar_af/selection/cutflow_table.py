"""A cutflow as a table: its columns, once, for the terminal, the notebook and plain text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from columnar_af.selection.cutflow import NOTE_SEPARATOR, Cutflow, CutflowRow

COLUMNS = ("cut", "events", "candidates", "sum of weights", "rel. eff.", "abs. eff.", "note")
"""Headings. Efficiencies are ratios of sums of weights, to the row before and to the first row."""

RELATIVE = COLUMNS.index("rel. eff.")

NUMERIC = frozenset(COLUMNS[1:6])

NOT_APPLIED = "not applied"

UNCERTAINTY_DIGITS = 2
"""Significant digits of an uncertainty; its value is given to the same decimal."""

NONE = "–"
"""Where there is nothing to say: the efficiency of the first cut, or of nothing."""


@dataclass(frozen=True)
class TableRow:
    """A row of a cutflow with what follows from its neighbours.

    Attributes:
        row: The row.
        relative: Sum of weights over that of the row before; None where there is none or it is zero.
        absolute: Sum of weights over that of the first row; None where it is zero.
        remark: The note, led by "not applied" where the cut was not applied.
    """

    row: CutflowRow
    relative: float | None
    absolute: float | None
    remark: str

    def cells(self) -> tuple[str, ...]:
        """Texts in the order of :data:`COLUMNS`."""
        value, error = value_and_error(self.row)
        return (
            self.row.cut, f"{self.row.events:,}", f"{self.row.candidates:,}", f"{value} ± {error}",
            percent(self.relative), percent(self.absolute), self.remark,
        )  # fmt: skip


def table_rows(cutflow: Cutflow) -> list[TableRow]:
    """The rows of a cutflow with efficiencies and remarks."""
    rows = list(cutflow)
    before = [None, *rows][: len(rows)]  # none before none, in a cutflow without cuts
    return [
        TableRow(
            row,
            None if last is None or not row.applied else ratio(row.sumw, last.sumw),
            ratio(row.sumw, rows[0].sumw),
            _remark(row, last),
        )
        for row, last in zip(rows, before, strict=True)
    ]


def _remark(row: CutflowRow, last: CutflowRow | None) -> str:
    if row.applied:
        return row.note
    nowhere = last is None or (row.events, row.candidates) == (last.events, last.candidates)
    where = NOT_APPLIED if nowhere else f"{NOT_APPLIED} in part of the input"
    # Some notes lead with the same words, because they stand alone in summary.json.
    reason = NOTE_SEPARATOR.join(note.removeprefix(f"{NOT_APPLIED}: ") for note in row.notes)
    return f"{where}: {reason}" if reason else where


def ratio(part: float, whole: float) -> float | None:
    """``part / whole``, or None where there is no whole."""
    return part / whole if whole else None


def percent(share: float | None) -> str:
    """A share in per cent with two decimals."""
    return NONE if share is None else f"{100 * share:.2f} %"


def value_and_error(row: CutflowRow) -> tuple[str, str]:
    """Sum of weights and its uncertainty √(sum of squares), to the same decimal."""
    error = math.sqrt(row.sumw2) if row.sumw2 >= 0 else math.nan
    if not (math.isfinite(error) and math.isfinite(row.sumw)) or error == 0:
        return f"{row.sumw:g}", f"{error:g}"
    # Rounding first, because 0.0996 has the first digit of 0.10 once it is rounded.
    exponent = math.floor(math.log10(float(f"{error:.{UNCERTAINTY_DIGITS - 1}e}")))
    decimals = max(0, UNCERTAINTY_DIGITS - 1 - exponent)
    return f"{row.sumw:.{decimals}f}", f"{error:.{decimals}f}"


def as_text(cutflow: Cutflow) -> str:
    """A plain-text table with aligned columns, without a trailing newline."""
    lines = [COLUMNS, *(row.cells() for row in table_rows(cutflow))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    texts = [
        "  ".join(
            cell.rjust(width) if name in NUMERIC else cell.ljust(width)
            for name, cell, width in zip(COLUMNS, line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([texts[0], "-" * max(map(len, texts)), *texts[1:]])


def as_rich(cutflow: Cutflow, title: str = "") -> Group:
    """A table for the terminal, with the notes below it, so that it fits into 80 columns.

    Cuts that were not applied say so in the place of their efficiency and stand out.
    """
    table = Table(
        title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold",
        pad_edge=False, collapse_padding=True, show_edge=False,
    )  # fmt: skip
    for name in COLUMNS[:-1]:
        table.add_column(name, justify="right" if name in NUMERIC else "left", no_wrap=name in NUMERIC)
    notes = []
    for row in table_rows(cutflow):
        style = "" if row.row.applied else "yellow"
        cells = list(row.cells()[:-1])
        if not row.row.applied:
            cells[RELATIVE] = NOT_APPLIED
        # Text, because a name or note may hold what rich would take for markup.
        table.add_row(*map(Text, cells), style=style)
        if row.remark:
            notes.append(Text(f" {row.row.cut}: {row.remark}", style=style))
    return Group(table, *notes, Text())


def as_html(cutflow: Cutflow) -> str:
    """An HTML table; everything from outside is escaped."""
    head = "".join(f"<th style='text-align:{_side(name)}'>{name}</th>" for name in COLUMNS)
    body = "".join(_html_row(row) for row in table_rows(cutflow))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _html_row(row: TableRow) -> str:
    cells = "".join(
        f"<td style='text-align:{_side(name)}'>{escape(cell)}</td>"
        for name, cell in zip(COLUMNS, row.cells(), strict=True)
    )
    # A see-through colour reads on light and dark pages.
    return f"<tr>{cells}</tr>" if row.row.applied else f"<tr style='background:#e6a70040'>{cells}</tr>"


def _side(name: str) -> str:
    return "right" if name in NUMERIC else "left"
