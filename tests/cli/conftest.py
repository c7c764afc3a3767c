"""A saved result for the verbs that read one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hist import Hist

from columnar_af.results import DatasetSummary, Ledger, LedgerEntry, RunResult
from columnar_af.selection import Cutflow, CutflowRow


@pytest.fixture
def result_directory(tmp_path: Path) -> Path:
    """The folder of a result with two datasets."""
    rows = (
        CutflowRow("all", 3, 4, 3.0, 3.0),
        CutflowRow("flight_significance", 3, 4, 3.0, 3.0, False, ("branch is not there",)),
    )
    mass = Hist.new.Reg(2, 0, 2, name="mass", label="m [GeV]").Weight().fill([0.5, 1.5, 1.5])
    part = {"cutflow": Cutflow(rows), "hists": {"mass": mass}}
    ledger = Ledger(
        tuple(LedgerEntry(n, d, f"{d}.root", "t", 0, 3, "u", "done", 3) for n, d in enumerate("AB"))
    )
    datasets = {name: DatasetSummary.of(name, {"era": "2017"}, ledger) for name in "AB"}
    return RunResult({"A": part, "B": dict(part)}, datasets, ledger).save(tmp_path / "out")
