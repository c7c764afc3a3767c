"""``columnar-af plan``: what a run will cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

from columnar_af import run
from columnar_af.cli import cli
from columnar_af.errors import ReadError
from columnar_af.processing.estimate import MEMORY_PER_WORKER, Calibration, Estimate, estimate

SCRIPT = """
from __future__ import annotations

import awkward as ak
from coffea.processor import ProcessorABC


class Columnar(ProcessorABC):
    def process(self, events):
        return {events.metadata["dataset"]: {"sum": ak.sum(events.x), "n": ak.sum(ak.num(events.y))}}

    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "columnar.py").write_text(SCRIPT)
    for name, entries in (("a", 3000), ("b", 1000)):
        with uproot.recreate(folder / f"{name}.root") as file:
            types = {"x": "float64", "y": "var * float32", "unused": "float64"}
            counts = np.arange(entries) % 4
            columns = {"x": np.arange(float(entries)), "y": ak.unflatten(np.ones(counts.sum(), "f4"), counts)}
            file.mktree("Events", types).extend({**columns, "unused": np.zeros(entries)})
    (folder / "fileset.yaml").write_text("a: {files: {a.root: Events}}\nb: {files: {b.root: Events}}\n")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Estimate:
    return estimate(f"{folder / 'columnar.py'}:Columnar", folder / "fileset.yaml", chunksize=500)


def test_columns_and_their_bytes_are_those_of_the_trees(folder, found):
    cost = found.datasets["a"]
    assert cost.how == "traced"
    assert "x" in cost.columns
    assert "unused" not in cost.columns
    with uproot.open(folder / "a.root") as file:
        branches = [file["Events"][name] for name in cost.columns]
        assert cost.uncompressed == sum(branch.uncompressed_bytes for branch in branches)
        assert cost.compressed == sum(branch.compressed_bytes for branch in branches)


def test_counts(found):
    assert (found.entries, found.chunks, found.calibration.entries) == (4000, 8, 500)
    assert found.memory_per_chunk > 500 * 8
    assert found.cpu_s > 0
    assert found.suggested_chunksize >= 1


def test_what_is_suggested_fits_into_memory_and_keeps_workers_busy(found):
    calibration = Calibration("", 1000, fixed_s=0.0, per_entry_s=1e-3, peak_bytes=10_000_000, columns=())
    large = replace(found, calibration=calibration, entries=10**9, workers=10)
    assert large.suggested_chunksize * 1.5 * large.memory_per_entry <= MEMORY_PER_WORKER
    assert large.suggested_chunksize > 0.9 * MEMORY_PER_WORKER / 1.5 / large.memory_per_entry
    libraries = replace(large, calibration=replace(calibration, libraries_bytes=MEMORY_PER_WORKER // 2))
    assert libraries.suggested_chunksize == pytest.approx(large.suggested_chunksize / 2, rel=0.05)
    small = replace(large, entries=4000)
    assert small.suggested_chunksize == 100
    slow_to_start = replace(small, calibration=replace(calibration, fixed_s=1.0))
    assert slow_to_start.suggested_chunksize == 20_000


def test_why_the_chunks_are_as_long_as_they_are(folder, found):
    place, fileset = f"{folder / 'columnar.py'}:Columnar", str(folder / "fileset.yaml")
    assert found.reasons["a"] == "500 entries were asked for"
    chosen = CliRunner().invoke(cli, ["plan", place, fileset, "--memory-per-worker", "1.2GB"])
    assert chosen.exit_code == 0, chosen.output
    assert "4,000 entries in 2 chunks of at most 3,000" in chosen.output
    assert "chunks of a: at most 100,000 entries: 0.0" in chosen.output
    assert "850 MB per worker" in chosen.output
    wrong = CliRunner().invoke(cli, ["plan", place, fileset, "--memory-per-worker", "much"])
    assert "is not a size, for example 1.5GB" in wrong.output
    little = CliRunner().invoke(cli, ["plan", place, fileset, "--memory-per-worker", "100MB"])
    assert "the libraries alone take" in str(little.exception)


def test_no_file_can_be_read(folder, tmp_path):
    with pytest.raises(ReadError, match="none of the 1 files"):
        estimate(f"{folder / 'columnar.py'}:Columnar", tmp_path / "nothing.root")


def test_on_the_command_line_beside_the_truth(folder, tmp_path):
    place, fileset = f"{folder / 'columnar.py'}:Columnar", str(folder / "fileset.yaml")
    result = run(place, fileset, chunksize=500, output=tmp_path / "out")
    done = CliRunner().invoke(cli, ["plan", place, fileset, "--compare", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "calibrated on 500 entries" in done.output
    assert "suggested: --chunksize" in done.output
    rows = {
        row[0]: row
        for row in json.loads(
            CliRunner()
            .invoke(cli, ["plan", place, fileset, "--json", "--compare", str(tmp_path / "out")])
            .output
        )["compared"]
    }
    assert rows["chunks"] == ["chunks", "8", "8", "1.00"]
    assert rows["columns of a"][1] == rows["columns of a"][2]
    assert result.ledger.complete
