"""``columnar-af run``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import uproot
from click.testing import CliRunner

from columnar_af import RunResult
from columnar_af.cli import cli
from columnar_af.errors import ConfigError

SCRIPT = """
from __future__ import annotations

import time

import numpy as np
from coffea.processor import ProcessorABC

from columnar_af.selection.cutflow import Cutflow, CutflowRow


class Counts(ProcessorABC):
    def __init__(self, shift=0.0):
        self.shift = shift

    def process(self, events):
        x = np.asarray(events.x) + self.shift
        rows = (CutflowRow("all", len(x), len(x)), CutflowRow("positive", int((x > 0).sum()), int((x > 0).sum())))
        return {events.metadata["dataset"]: {"entries": len(x), "cutflow": Cutflow(rows)}}

    def postprocess(self, accumulator):
        return accumulator


class Raises(Counts):
    def process(self, events):
        if events.metadata["entrystart"] == 0:
            raise RuntimeError("no luck")
        return super().process(events)


class Sleeps(Counts):
    def process(self, events):
        print("asleep", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a script and a ROOT file of 10 events."""
    (tmp_path / "counts.py").write_text(SCRIPT)
    with uproot.recreate(tmp_path / "events.root") as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.arange(-4.0, 6.0)})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_is_saved_and_shown(folder: Path) -> None:
    answer = CliRunner().invoke(cli, ["run", "counts.py:Counts", "events.root", "-o", "out"])
    assert answer.exit_code == 0, answer.output
    assert "positive" in answer.stdout
    assert "\x1b" not in answer.stdout  # no colours in a file
    assert answer.stderr == ""
    result = RunResult.load(folder / "out")
    assert result.cutflow("events")["positive"].events == 5


@pytest.mark.parametrize("options", [[], ["-o", "out"]])
def test_json_is_the_summary(folder: Path, options: list[str]) -> None:
    answer = CliRunner().invoke(
        cli, ["run", "counts.py:Counts", "events.root", "--json", "--chunksize", "3", *options]
    )
    assert answer.exit_code == 0, answer.output
    summary = json.loads(answer.stdout)
    assert summary["datasets"]["events"]["processed"] == 10
    assert summary["metrics"]["chunks"] == 3
    assert (folder / "out").exists() == bool(options)


def test_parameters_reach_the_processor_and_the_record(folder: Path) -> None:
    words = ["counts.py:Counts", "events.root", "--parameter", "shift=1000.0", "-o", "shifted"]
    assert CliRunner().invoke(cli, ["run", *words]).exit_code == 0
    shifted = RunResult.load("shifted")
    (name,) = shifted.datasets
    assert shifted.cutflow(name)["positive"].events == shifted.cutflow(name)["all"].events
    assert shifted.provenance.parameters["processor"] == {"shift": "1000.0"}


def test_an_unknown_parameter_says_which_there_are(folder: Path) -> None:
    with pytest.raises(ConfigError, match="parameters offset") as caught:
        cli.main(["run", "counts.py:Counts", "events.root", "-p", "offset=1"], standalone_mode=False)
    assert caught.value.advice.startswith("it takes shift: give")


def test_most_chunks(folder: Path) -> None:
    answer = CliRunner().invoke(
        cli, ["run", "counts.py:Counts", "events.root", "--json", "--chunksize", "3", "--max-chunks", "2"]
    )
    assert json.loads(answer.stdout)["datasets"]["events"]["entries"] == 8


def test_a_failure_is_told_once_saved_and_exits_with_1(folder: Path) -> None:
    answer = CliRunner().invoke(
        cli, ["run", "counts.py:Raises", "events.root", "-o", "out", "--chunksize", "5"]
    )
    assert answer.exit_code == 1
    assert answer.stderr.count("no luck") == 1
    assert "error: ProcessorError: the processor raised RuntimeError: no luck" in answer.stderr
    assert "what to do:" in answer.stderr
    assert "reproduce: columnar-af run counts.py:Raises events.root --dataset events --file" in answer.stderr
    assert "Traceback" not in answer.stderr
    result = RunResult.load(folder / "out")
    assert (result.ledger.done, result.ledger.failed) == (5, 5)


def test_bad_files_are_skipped_on_request(folder: Path) -> None:
    words = ["run", "counts.py:Counts", "events.root", "gone.root", "-o", "out"]
    assert CliRunner().invoke(cli, words).exit_code == 1
    answer = CliRunner().invoke(cli, [*words, "--bad-files", "skip"])
    assert answer.exit_code == 0
    assert "skipped: ReadError: there is no such file" in answer.stderr
    statuses = [entry.status for entry in RunResult.load(folder / "out").ledger]
    assert statuses == ["done", "skipped"]


def test_a_folder_that_is_no_result_is_refused_before_the_work(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.tex").touch()
    answer = CliRunner().invoke(cli, ["run", "counts.py:Raises", "events.root", "-o", "mine"])
    assert answer.exit_code == 1
    assert "holds something that is no result" in str(answer.exception)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--entries", "5"], "'5' is not START:STOP"),
        (["--executor", "magic"], "'magic' is not one of"),
        (["--workers", "0"], "0 is not in the range"),
    ],
)
def test_wrong_options(folder: Path, words: list[str], message: str) -> None:
    answer = CliRunner().invoke(cli, ["run", "counts.py:Counts", "events.root", *words])
    assert answer.exit_code == 2
    assert message in answer.stderr


@pytest.mark.parametrize("executor", ["iterative", "futures"])
def test_ctrl_c_leaves_only_the_journal(folder: Path, executor: str) -> None:
    # What is started in the background ignores SIGINT and hands that on; this command is to be interrupted anyway.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{listen}; from columnar_af.cli import main; main()"
    words = ["run", "counts.py:Sleeps", "events.root", "-o", "out", "--executor", executor]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asleep\n"
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to all processes of the command
    _, stderr = process.communicate(timeout=200)  # a busy machine needs long to end its workers
    assert process.returncode == 130
    assert "interrupted: no result was written; what was done is kept, --resume goes on from there" in stderr
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith("__")) == [
        "counts.py",
        "events.root",
        "out",
    ]
    assert [path.name for path in (folder / "out").iterdir()] == ["journal"]
