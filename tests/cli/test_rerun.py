"""``columnar-af rerun``: one chunk of a result alone."""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import uproot
from click.testing import CliRunner

from columnar_af import run
from columnar_af.cli import cli
from columnar_af.errors import ConfigError, IncompleteRunError, OutputError, ReadError
from columnar_af.processing.rerun import rerun, saved_chunk

SCRIPT = """
from __future__ import annotations

import numpy as np
from coffea.processor import ProcessorABC


class Counts(ProcessorABC):
    def __init__(self, factor=1, unlucky=None):
        self.factor, self.unlucky = factor, unlucky

    def process(self, events):
        x = np.asarray(events.x)
        if self.unlucky in x:
            raise RuntimeError("no luck")
        return {events.metadata["dataset"]: {"sum": float(x.sum()) * self.factor, "era": events.metadata.get("era", "none")}}

    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "counts.py").write_text(SCRIPT)
    with uproot.recreate(tmp_path / "events.root") as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.arange(10.0)})
    (tmp_path / "fileset.yaml").write_text("d: {files: {events.root: Events}, metadata: {era: 2017B}}")
    return tmp_path


def saved(folder, **parameters):
    with contextlib.suppress(IncompleteRunError):
        run(
            f"{folder / 'counts.py'}:Counts",
            folder / "fileset.yaml",
            parameters=parameters,
            chunksize=5,
            output=folder / "out",
        )
    return folder / "out"


def test_one_chunk_with_the_parameters_and_metadata_of_the_result(folder):
    chunk = saved_chunk(saved(folder, factor=100), 1)
    assert (chunk.chunk.start, chunk.chunk.stop, chunk.status) == (5, 10, "done")
    assert rerun(chunk).output == {"d": {"sum": 3500.0, "era": "2017B"}}


def test_a_failing_chunk_fails_again_and_debug_shows_its_traceback(folder):
    directory = saved(folder, unlucky=7.0)
    assert saved_chunk(directory, 1).status == "failed"
    done = CliRunner().invoke(cli, ["rerun", str(directory), "1"])
    assert done.exit_code == 1
    assert "no luck" in done.output
    debugged = CliRunner().invoke(cli, ["rerun", str(directory), "1", "--debug"])
    assert debugged.exit_code == 1
    assert re.search(r"counts.py\", line \d+, in process", debugged.output)
    assert CliRunner().invoke(cli, ["rerun", str(directory), "0", "--debug"]).exit_code == 0


def test_a_run_that_was_ended_has_its_chunks_in_the_journal(folder):
    directory = saved(folder)
    (directory / "summary.json").unlink()
    assert rerun(saved_chunk(directory, 0)).output["d"]["sum"] == 10.0


def test_another_file_in_the_same_place_is_an_error(folder):
    directory = saved(folder)
    with uproot.recreate(folder / "events.root") as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.arange(10.0)})
    with pytest.raises((ReadError, ConfigError), match="has changed"):
        rerun(saved_chunk(directory, 0))


def test_a_file_that_was_moved(folder):
    directory = saved(folder)
    shutil.move(folder / "events.root", folder / "moved.root")
    done = CliRunner().invoke(cli, ["rerun", str(directory), "0", "--file", str(folder / "moved.root")])
    assert done.exit_code == 0, done.output


def test_what_cannot_be_rerun_says_why(folder):
    directory = saved(folder)
    with pytest.raises(ConfigError, match="no chunk 7"):
        saved_chunk(directory, 7)
    with pytest.raises(OutputError, match="missing"):
        saved_chunk(folder / "nothing", 0)


def test_provenance_is_printed(folder):
    done = CliRunner().invoke(cli, ["show", "--provenance", str(saved(folder, factor=3))])
    assert done.exit_code == 0
    assert re.search(r"UUID [0-9a-f-]{36}", done.output)
    assert "worked on   1 x Linux" in done.output
    assert "numpy" in done.output
    assert "{'factor': '3'}" in done.output
