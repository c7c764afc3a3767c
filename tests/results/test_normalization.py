"""Normalization uses what was processed, and refuses what is not complete."""

from __future__ import annotations

from dataclasses import replace

import pytest

from columnar_af.errors import IncompleteRunError
from columnar_af.results import DatasetSummary, Ledger, LedgerEntry, RunResult
from columnar_af.results.normalization import processed

METADATA = {"luminosity": 10.0, "cross_section": 2.0}


def result(*statuses: str, overlap: bool = False) -> RunResult:
    """A run of one dataset with a chunk of ten entries for each status, each entry with the weight 0.5."""
    step = 0 if overlap else 10
    entries = tuple(
        LedgerEntry(
            n, "mc", "f.root", "t", n * step, n * step + 10, "u",
            status, 10 if status == "done" else 0,  # type: ignore[arg-type]
        )
        for n, status in enumerate(statuses)
    )  # fmt: skip
    ledger = Ledger(entries)
    output = {"mc": {"sumw": 0.5 * ledger.done}}
    return RunResult(output, {"mc": DatasetSummary.of("mc", METADATA, ledger)}, ledger)


def test_a_complete_run() -> None:
    normalization = processed(result("done", "done"), "mc")
    assert (normalization.entries, normalization.planned, normalization.fraction) == (20, 20, 1.0)
    assert normalization.sumw == 10.0
    assert normalization.luminosity == 10.0
    # 2 pb x 10 fb^-1 = 20,000 events expected, from a sum of weights of 10
    assert normalization.scale(10.0) == 2000.0


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_run_with_something_missing_needs_a_word(status: str) -> None:
    incomplete = result("done", status)
    with pytest.raises(
        IncompleteRunError, match=r"1 of 2 chunks failed or were skipped, 10 of 20 (.|\n)*--resume"
    ):
        processed(incomplete, "mc")
    normalization = processed(incomplete, "mc", allow_incomplete=True)
    assert (normalization.entries, normalization.fraction) == (10, 0.5)
    assert normalization.sumw == 5.0
    assert normalization.luminosity == 5.0


def test_books_that_do_not_close_are_never_normalized() -> None:
    with pytest.raises(IncompleteRunError, match="overlap"):
        processed(result("done", "done", overlap=True), "mc", allow_incomplete=True)


def test_what_is_not_known_cannot_be_scaled() -> None:
    complete = result("done")
    summary = replace(complete.datasets["mc"], metadata={})
    normalization = processed(replace(complete, datasets={"mc": summary}, output={"h": 1}), "mc")
    assert normalization.sumw is None
    assert normalization.luminosity is None
    with pytest.raises(IncompleteRunError, match="cross-section is None pb and its sum of weights None"):
        normalization.scale(1.0)


def test_a_run_of_a_part_has_a_part_of_the_luminosity() -> None:
    """``--max-chunks`` plans fewer entries; all of these being done does not make the dataset complete."""
    part = result("done")
    summary = replace(part.datasets["mc"], available=40)
    part = replace(part, datasets={"mc": summary})
    with pytest.raises(IncompleteRunError, match="only a part of dataset mc was run: 10 of 40 entries"):
        processed(part, "mc")
    assert processed(part, "mc", allow_incomplete=True).luminosity == 2.5


def test_a_file_of_unknown_length_leaves_no_luminosity() -> None:
    """A file that could not be opened counts no entries, and yet its luminosity is missing."""
    incomplete = result("done")
    incomplete = replace(incomplete, datasets={"mc": replace(incomplete.datasets["mc"], unknown_files=1)})
    assert processed(incomplete, "mc", allow_incomplete=True).luminosity is None
