"""Cutflows of a result as text, Markdown, LaTeX or CSV: for logs, issues, papers and spreadsheets."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Mapping

from columnar_af.selection.cutflow import Cutflow
from columnar_af.selection.cutflow_table import (
    COLUMNS,
    NONE,
    NUMERIC,
    TableRow,
    as_text,
    percent,
    table_rows,
    value_and_error,
)

NOTE_COLUMN = "p{0.3\\textwidth}"
"""LaTeX column of the notes, which are too long for one line."""

CSV_COLUMNS = (
    "dataset", "cut", "events", "candidates", "sumw", "sumw2",
    "efficiency_relative", "efficiency_absolute", "applied", "note",
)  # fmt: skip


def cutflow_text(cutflows: Mapping[str, Cutflow]) -> str:
    """Aligned plain text, one table per dataset."""
    return "\n".join(f"{dataset}\n{as_text(cutflow)}\n" for dataset, cutflow in cutflows.items())


def cutflow_markdown(cutflows: Mapping[str, Cutflow]) -> str:
    """GitHub's Markdown, one heading and table per dataset."""
    return "\n".join(
        f"### {_markdown_escape(dataset)}\n\n{_markdown_table(cutflow)}"
        for dataset, cutflow in cutflows.items()
    )


def _markdown_table(cutflow: Cutflow) -> str:
    rule = ["---:" if name in NUMERIC else "---" for name in COLUMNS]
    lines = [list(COLUMNS), rule]
    lines += [[_markdown_escape(cell) for cell in row.cells()] for row in table_rows(cutflow)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _markdown_escape(text: str) -> str:
    text = " ".join(text.split())  # a line break would end the row
    return "".join(f"\\{letter}" if letter in "\\|*_`[]<>#" else letter for letter in text)


def cutflow_latex(cutflows: Mapping[str, Cutflow]) -> str:
    r"""LaTeX tables with booktabs rules, one ``table`` per dataset; needs ``\usepackage{booktabs}``."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(
        _latex_table(dataset, cutflow) for dataset, cutflow in cutflows.items()
    )


def _latex_table(dataset: str, cutflow: Cutflow) -> str:
    head = " & ".join(COLUMNS)
    body = [f"    {_latex_row(row)} \\\\" for row in table_rows(cutflow)]
    alignment = "".join("r" if name in NUMERIC else "l" for name in COLUMNS[:-1]) + NOTE_COLUMN
    return "\n".join(
        [
            "\\begin{table}",
            "  \\centering",
            f"  \\caption{{Cutflow of {latex_escape(dataset)}. Efficiencies are ratios of sums of weights.}}",
            f"  \\begin{{tabular}}{{{alignment}}}",
            "    \\toprule",
            f"    {head} \\\\",
            "    \\midrule",
            *body,
            "    \\bottomrule",
            "  \\end{tabular}",
            "\\end{table}",
            "",
        ]
    )


def _latex_row(row: TableRow) -> str:
    value, error = value_and_error(row.row)
    cells = [
        latex_escape(row.row.cut),
        f"{row.row.events:,}".replace(",", "\\,"),
        f"{row.row.candidates:,}".replace(",", "\\,"),
        f"${value} \\pm {error}$",
        *(
            percent(share).replace(" %", "\\,\\%").replace(NONE, "--")
            for share in (row.relative, row.absolute)
        ),
        latex_escape(row.remark),
    ]
    return " & ".join(cells)


LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "–": "--", "—": "---", "±": "$\\pm$", "·": "$\\cdot$", "×": "$\\times$", "→": "$\\to$", "≤": "$\\leq$",
    "≥": "$\\geq$", "≠": "$\\neq$", "√": "$\\surd$", "∞": "$\\infty$", "²": "$^2$", "³": "$^3$", "⁻": "$^-$", "¹": "$^1$",
    "₁": "$_1$", "₂": "$_2$", "₃": "$_3$", "Δ": "$\\Delta$", "α": "$\\alpha$", "β": "$\\beta$", "γ": "$\\gamma$",
    "δ": "$\\delta$", "η": "$\\eta$", "θ": "$\\theta$", "μ": "$\\mu$", "µ": "$\\mu$", "ν": "$\\nu$", "π": "$\\pi$",
    "σ": "$\\sigma$", "τ": "$\\tau$", "φ": "$\\phi$", "χ": "$\\chi$", "ψ": "$\\psi$",
}  # fmt: skip
"""What LaTeX would take for a command, or does not know, and how to write it.

Brackets and stars are hidden in braces: at the start of a row they would be options of the line break before it.
"""


def latex_escape(text: str) -> str:
    """Text that LaTeX prints as it is, with its default fonts; an unknown letter becomes its Unicode name."""
    return "".join(LATEX.get(letter) or _latex_letter(letter) for letter in " ".join(text.split()))


def _latex_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isascii() else f"{{[}}{unicodedata.name(letter, 'unnamed letter').lower()}{{]}}"


def cutflow_csv(cutflows: Mapping[str, Cutflow]) -> str:
    """Comma-separated values with a header, numbers exact; efficiencies empty where they have no meaning."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for dataset, cutflow in cutflows.items():
        writer.writerows(_csv_row(dataset, row) for row in table_rows(cutflow))
    return text.getvalue()


def _csv_row(dataset: str, row: TableRow) -> tuple[object, ...]:
    values = row.row
    return (
        dataset, values.cut, values.events, values.candidates, values.sumw, values.sumw2,
        row.relative, row.absolute, str(values.applied).lower(), row.remark,
    )  # fmt: skip


FORMATS: dict[str, Callable[[Mapping[str, Cutflow]], str]] = {
    "text": cutflow_text,
    "markdown": cutflow_markdown,
    "latex": cutflow_latex,
    "csv": cutflow_csv,
}
"""Name of a format -> what writes the cutflows of some datasets in it."""
