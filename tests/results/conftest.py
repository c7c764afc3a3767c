"""A small result with everything that can go wrong on the way to disk and screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hist import Hist

from columnar_af.errors import ErrorRecord, WorkAddress
from columnar_af.results import (
    DatasetSummary,
    InputRecord,
    Ledger,
    LedgerEntry,
    Metrics,
    Provenance,
    RunResult,
)
from columnar_af.results.provenance import GitState
from columnar_af.selection import Cutflow, CutflowRow

NO_BRANCH = "branch FlightDistBS_SV_Significance is not in this ntuple (AOD 2017 layout)"


def cutflow(scale: int = 1) -> Cutflow:
    """A cutflow with a cut that was not applied, a fall-back, and weights that are no binary fractions."""
    return Cutflow(
        (
            CutflowRow("all", 111 * scale, 150 * scale, 11.1 * scale, 1.11),
            CutflowRow("hlt", 80 * scale, 115 * scale, 8.0 * scale, 0.8),
            CutflowRow("flight_significance", 80 * scale, 115 * scale, 8.0 * scale, 0.8, False, (NO_BRANCH,)),
            CutflowRow("trigger_match", 62 * scale, 76 * scale, 0.1 + 0.2, 1 / 3, True, ("mu1 | mu2 by dR",)),
        )
    )


def mass(values: list[float], weight: float = 1.0) -> Hist:
    """A mass histogram."""
    axis = Hist.new.Reg(4, 1.65, 2.05, name="mass", label=r"$m(\mu\mu\pi)$ [GeV]")
    return axis.Weight().fill(mass=values, weight=weight)


def part(values: list[float], scale: int, weight: float) -> dict[str, object]:
    """The output for one dataset."""
    plane = Hist.new.Reg(2, 0, 2, name="x", label="x [cm]").Reg(3, 0, 3, name="y", label="y [cm]").Double()
    return {
        "entries": 111 * scale,
        "sumw": 11.1 * scale,
        "cutflow": cutflow(scale),
        "hists": {
            "mass": mass(values, weight),
            "plane": plane.fill([0.5, 1.5], [1.5, 2.5]),
            "n_minus_1": {"mass": mass(values)},
        },
        "yields": {"signal": {"value": 0.1 + 0.2, "sumw2": 1 / 3, "raw": 62 * scale}},
    }


def ledger() -> Ledger:
    """Three chunks: one done per dataset, one skipped."""
    where = WorkAddress("2018A", "b.root", "Tree3Mu/ntuple", 222, 322)
    error = ErrorRecord(
        "ReadError", "b.root is truncated", "copy it again", where, "columnar-af run x", "", True
    )
    return Ledger(
        (
            LedgerEntry(0, "2017C", "a.root", "Tree3Mu/ntuple", 0, 111, "u-a", "done", 111),
            LedgerEntry(1, "2018A", "b.root", "Tree3Mu/ntuple", 0, 222, "u-b", "done", 222, attempts=2),
            LedgerEntry(2, "2018A", "b.root", "Tree3Mu/ntuple", 222, 322, "u-b", "skipped", 0, error=error),
        )
    )


def provenance() -> Provenance:
    """A provenance that is the same on every machine."""
    return Provenance(
        processor="ds_phi_pi",
        processor_hash="sha256:0123",
        parameters={"chunksize": 1000, "eras": ["2017", "2018"]},
        files=(InputRecord("2017C", "a.root", "Tree3Mu/ntuple", "u-a", 111),),
        versions={"python": "3.11.7", "columnar-af": "0.1.0"},
        git=GitState("abcdef0123456789", dirty=True),
        host={"system": "Linux", "machine": "x86_64", "cpus": 2},
        started="2026-11-20T13:00:00+00:00",
        finished="2026-11-20T13:00:02+00:00",
        command=("columnar-af", "run", "ds_phi_pi"),
    )


def make_result() -> RunResult:
    """The result, made anew."""
    book = ledger()
    datasets = {
        "2017C": DatasetSummary.of("2017C", {"era": "2017", "luminosity": 9.6, "is_data": True}, book),
        "2018A": DatasetSummary.of("2018A", {"era": 2018, "is_data": True}, book),
    }
    output = {
        "2017C": part([1.7, 1.97, 1.97, 2.5], 1, 0.1),
        "2018A": part([1.8, np.inf], 2, 0.3),
    }
    metrics = Metrics(2.5, 2.0, 3.5, 123_456_789, 166.5, 3, 2, "futures")
    return RunResult(output, datasets, book, metrics, provenance())


@pytest.fixture
def result() -> RunResult:
    """The result."""
    return make_result()


@pytest.fixture(name="make_result")
def make_result_fixture() -> Callable[[], RunResult]:
    """What makes equal results that share nothing."""
    return make_result
