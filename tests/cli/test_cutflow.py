"""``columnar-af cutflow``."""

from __future__ import annotations

import pytest

from columnar_af.cli import main
from columnar_af.results import DatasetSummary, RunResult


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code, capsys.readouterr()


@pytest.mark.parametrize(
    ("kind", "mark"),
    [("text", "---"), ("markdown", "| --- | ---: |"), ("latex", "\\toprule"), ("csv", "dataset,cut,events")],
)
def test_formats(result_directory, capsys, kind, mark):
    code, printed = run(capsys, "cutflow", result_directory, "--format", kind)
    assert code == 0
    assert mark in printed.out
    assert printed.out.count("not applied: branch is not there") == 2


def test_one_dataset(result_directory, capsys):
    code, printed = run(capsys, "cutflow", result_directory, "--dataset", "B", "--format", "csv")
    assert code == 0
    assert {line[0] for line in printed.out.splitlines()[1:]} == {"B"}


def test_an_unknown_dataset_lists_the_known_ones(result_directory, capsys):
    code, printed = run(capsys, "cutflow", result_directory, "--dataset", "C")
    assert code == 1
    assert "'C'" in printed.err
    assert "there is: A, B" in printed.err


def test_a_result_without_cutflow_says_so(tmp_path, capsys):
    RunResult({"A": {}}, {"A": DatasetSummary("A")}).save(tmp_path / "out")
    code, printed = run(capsys, "cutflow", tmp_path / "out")
    assert code == 1
    assert "has no cutflow" in printed.err
