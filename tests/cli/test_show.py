"""``columnar-af show``."""

from __future__ import annotations

import json

import pytest

from columnar_af.cli import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code, capsys.readouterr()


def test_prints_cutflows_ledger_and_metrics(result_directory, capsys):
    code, printed = run(capsys, "show", result_directory)
    assert code == 0
    for text in (
        "A (era 2017)",
        "flight_significance: not applied: branch is not there",
        "all 6 entries in 2 chunks",
    ):
        assert text in printed.out


def test_json_is_the_summary_and_nothing_else(result_directory, capsys):
    code, printed = run(capsys, "show", result_directory, "--json")
    assert code == 0
    assert printed.out == (result_directory / "summary.json").read_text(encoding="utf-8")
    assert json.loads(printed.out)["datasets"]["A"]["processed"] == 3


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_damaged_result_is_an_error(result_directory, capsys, options):
    (result_directory / "summary.json").write_text("{")
    code, printed = run(capsys, "show", result_directory, *options)
    assert code == 1
    assert printed.out == ""
    assert "summary.json: it is not JSON" in printed.err
    assert "what to do" in printed.err
