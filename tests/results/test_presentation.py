"""What a result looks like, kept as golden text.

To make the golden files anew after a change on purpose, look at the difference, then run
``COLUMNAR_AF_GOLDEN=write pytest tests/results/test_presentation.py``.
"""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from columnar_af.errors import ErrorRecord
from columnar_af.results import DatasetSummary, Ledger, LedgerEntry, RunResult
from columnar_af.results.tables import FORMATS, latex_escape
from columnar_af.selection import Cutflow, CutflowRow
from columnar_af.selection.cutflow_table import table_rows

GOLDEN = Path(__file__).parent / "golden"

NASTY = "<script>alert(1)</script> [bold]a_b[/bold] & 50% | x \\ y"


def same_as_golden(name, text):
    path = GOLDEN / name
    if os.environ.get("COLUMNAR_AF_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def on_terminal(renderable, width=100):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    return "".join(line.rstrip() + "\n" for line in console.file.getvalue().splitlines())


@pytest.fixture
def nasty():
    rows = (CutflowRow("all", 1, 1, 1.0, 1.0), CutflowRow(NASTY, 1, 1, 1.0, 1.0, False, (NASTY,)))
    error = ErrorRecord("ReadError", NASTY)
    ledger = Ledger((LedgerEntry(0, NASTY, NASTY, NASTY, 0, 1, "", "failed", 0, 1, error),))
    yields = {NASTY: {"value": 1.0, "sumw2": 1.0, "raw": 1}}
    datasets = {NASTY: DatasetSummary(NASTY, {"era": NASTY}, 1, 0, 1)}
    return RunResult({NASTY: {"cutflow": Cutflow(rows), "yields": yields}}, datasets, ledger)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("text", "cutflow.txt"), ("markdown", "cutflow.md"), ("latex", "cutflow.tex"), ("csv", "cutflow.csv")],
)
def test_cutflow_tables(result, kind, name):
    same_as_golden(name, FORMATS[kind](result.cutflows))


def test_terminal(result):
    same_as_golden("terminal.txt", on_terminal(result))


def test_notebook(result):
    same_as_golden("notebook.html", result._repr_html_() + "\n")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_cut_that_was_not_applied_is_visible_with_its_reason(result, kind):
    text = FORMATS[kind](result.cutflows).replace("\\_", "_")
    assert text.count("not applied: branch FlightDistBS_SV_Significance is not in this ntuple") == 2


def test_a_cut_that_was_not_applied_is_visible_on_screen(result):
    reason = "flight_significance: not applied: branch FlightDistBS_SV_Significance is not in this ntuple"
    assert reason in on_terminal(result, 120)
    assert reason in on_terminal(result.cutflow("2017C"), 120)
    assert "not applied: branch FlightDistBS_SV_Significance" in result.cutflow("2017C")._repr_html_()


def test_a_cut_that_was_applied_to_part_of_the_input_says_so():
    rows = (
        CutflowRow("all", 9, 9, 9.0, 9.0),
        CutflowRow("id", 7, 7, 7.0, 7.0, False, ("no branch in one file",)),
    )
    assert "not applied in part of the input: no branch in one file" in str(Cutflow(rows))


def test_a_note_that_leads_with_the_same_words_does_not_repeat_them():
    rows = (CutflowRow("all", 9, 9), CutflowRow("id", 9, 9, 0.0, 0.0, False, ("not applied: no branch",)))
    assert str(Cutflow(rows)).splitlines()[-1].endswith("  not applied: no branch")


def test_the_table_fits_80_columns(result):
    lines = on_terminal(result.cutflow("2017C"), 80).splitlines()
    assert any(
        re.match(r"flight_significance +80 +115 +8\.00 ± 0\.89 +not applied +72\.07 %$", line)
        for line in lines
    )


class Balance(HTMLParser):
    """Raises on tags that do not close."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_well_formed_and_escaped(nasty):
    parser = Balance()
    html = nasty._repr_html_()
    parser.feed(html)
    assert parser.open == []
    assert parser.seen == {"div", "h4", "table", "thead", "tbody", "tr", "th", "td", "p", "b", "ul", "li"}
    assert html.count("&lt;script&gt;") >= 8


def test_markup_of_rich_is_shown_as_it_is(nasty):
    assert on_terminal(nasty, 400).count(NASTY) >= 8


def test_latex_is_escaped(nasty):
    text = FORMATS["latex"](nasty.cutflows)
    row = next(line for line in text.splitlines() if "script" in line and "caption" not in line)
    assert len(re.findall(r"(?<!\\)&", row)) == 6
    assert not re.search(r"(?<!\\)[_%#](?!.*needs)", text.split("\n", 1)[1])
    assert latex_escape("χ² < 5 %, a_b → c\\d {x} ~^$ é ж") == (
        "$\\chi$$^2$ \\textless{} 5 \\%, a\\_b $\\to$ c\\textbackslash{}d \\{x\\} "
        "\\textasciitilde{}\\textasciicircum{}\\$ e {[}cyrillic small letter zhe{]}"
    )


def test_latex_takes_no_cell_for_an_option_of_the_line_break():
    text = FORMATS["latex"]({"d": Cutflow((CutflowRow("[1cm]"), CutflowRow("*")))})
    assert not re.search(r"\\\\\s*[\[*]", text)
    assert "{[}1cm{]} & 0" in text


def test_latex_has_balanced_braces_and_environments(nasty):
    text = re.sub(r"\\[{}\\]", "", FORMATS["latex"](nasty.cutflows))
    assert text.count("{") == text.count("}")
    assert (
        re.findall(r"\\begin{(\w+)}", text) == re.findall(r"\\end{(\w+)}", text)[::-1] == ["table", "tabular"]
    )
    assert text.isascii()


def test_markdown_rows_keep_their_columns(nasty):
    rows = [line for line in FORMATS["markdown"](nasty.cutflows).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}


def test_csv_is_exact(result, nasty):
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](result.cutflows))))
    assert [float(row["sumw"]) for row in rows[:4]] == [row.sumw for row in result.cutflow("2017C")]
    assert [row["applied"] for row in rows[:4]] == ["true", "true", "false", "true"]
    assert next(csv.DictReader(io.StringIO(FORMATS["csv"](nasty.cutflows))))["dataset"] == NASTY


@pytest.mark.parametrize(
    ("sumw", "sumw2", "text"),
    [
        (62.0, 62.0, "62.0 ± 7.9"),
        (12345678.0, 12345678.0, "12345678 ± 3514"),
        (0.3, 1 / 3, "0.30 ± 0.58"),
        (1.0, 0.0996**2, "1.00 ± 0.10"),
        (0.0, 0.0, "0 ± 0"),
        (float("nan"), 1.0, "nan ± 1"),
        (5.0, float("inf"), "5 ± inf"),
        (-3.25, 0.25, "-3.25 ± 0.50"),
    ],
)
def test_two_digits_of_the_uncertainty(sumw, sumw2, text):
    assert text in str(Cutflow((CutflowRow("all", 1, 1, sumw, sumw2),)))


def test_efficiency_of_nothing_is_no_number():
    rows = (CutflowRow("all"), CutflowRow("hlt"))
    text = str(Cutflow(rows))
    assert "nan" not in text
    assert text.splitlines()[-1].count("–") == 2


def test_verdicts(result):
    assert (
        "not complete: 1 chunk (100 known entries) skipped; 333 of 433 known entries are done"
        in on_terminal(result, 200)
    )
    complete = replace(result, ledger=Ledger(result.ledger.entries[:2]))
    assert "all 333 entries in 2 chunks are done" in on_terminal(complete, 200)
    unreadable = LedgerEntry(3, "2018A", "c.root", "", 0, 0, "", "failed", 0)
    incomplete = replace(result, ledger=Ledger((*result.ledger.entries, unreadable)))
    assert "1 chunk (0 known entries) failed, 1 chunk (100 known entries) skipped" in on_terminal(
        incomplete, 200
    )
    broken = replace(result, ledger=Ledger((replace(result.ledger.entries[0], entries=1),)))
    assert "The ledger does not close: chunk 0" in on_terminal(broken, 200)


def test_a_long_list_of_failures_is_cut(result):
    last = result.ledger.entries[2]
    failed = tuple(replace(last, number=n, error=ErrorRecord("ReadError", f"no {n}.root")) for n in range(25))
    text = on_terminal(replace(result, ledger=Ledger(failed)), 200)
    assert text.count("ReadError") == 20
    assert "and 5 more reasons" in text


def test_chunks_that_failed_for_the_same_reason_are_told_together(result):
    failed = tuple(replace(result.ledger.entries[2], number=n) for n in (2, 4, 5, 6, 9))
    text = on_terminal(replace(result, ledger=Ledger(failed)), 200)
    assert text.count("ReadError") == 1
    assert "and for the same reason 4 more chunks: 4 to 6, 9" in text


def test_an_empty_result_is_shown():
    assert "all 0 entries in 0 chunks" in on_terminal(RunResult(None))
    assert RunResult(None)._repr_html_().startswith("<div>")


def test_a_cutflow_without_cuts_has_no_rows():
    """Found by fuzzing."""
    assert table_rows(Cutflow()) == []
