"""``columnar-af datasets inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from columnar_af.cli import cli, main

DS_FILE = "t3m_2017_ds_phi_pi_mc.root"


@pytest.fixture
def fileset(shared_data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "fileset.yaml"
    path.write_text(
        f"2017:\n  files: [{shared_data / DS_FILE}]\n  metadata: {{era: 2017}}\n"
        f"empty: [{shared_data / 't3m_empty_tree.root'}]\n"
    )
    return path


def test_good_files_are_told_in_plain_text(fileset: Path) -> None:
    result = CliRunner().invoke(cli, ["datasets", "inspect", str(fileset)])
    assert result.exit_code == 0
    assert "\x1b" not in result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert ["2017", DS_FILE, "Tree3Mu/ntuple", "111", "AOD", "2017", "37", "1.8", "MB", "good"] in lines
    assert ["empty", "1", "0", "0", "43.0", "kB"] in lines
    assert "Missing in 1 file of version AOD 2017: BS_x" in result.output


def test_json_has_all_that_was_found(fileset: Path, shared_data: Path) -> None:
    result = CliRunner().invoke(cli, ["datasets", "inspect", str(fileset), "--json"])
    values = json.loads(result.output)
    assert [file["entries"] for file in values["files"]] == [111, 0]
    assert values["files"][0]["path"] == str(shared_data / DS_FILE)
    assert [dataset["name"] for dataset in values["datasets"]] == ["2017", "empty"]


def test_bad_files_make_the_exit_code_one(shared_data: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.root"
    half.write_bytes((shared_data / DS_FILE).read_bytes()[:1000])
    arguments = ["datasets", "inspect", str(half), str(shared_data / DS_FILE), str(tmp_path / "nope.root")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    assert "truncated: its header promises 1846827 bytes, and there are 1000" in result.output
    assert "there is no such file" in result.output
    assert "111" in result.output
    as_json = CliRunner().invoke(cli, [*arguments, "--json"])
    assert as_json.exit_code == 1
    assert [file["error"] is None for file in json.loads(as_json.output)["files"]] == [False, True, False]


def test_globs_and_trees_are_understood(shared_data: Path) -> None:
    result = CliRunner().invoke(cli, ["datasets", "inspect", f"{shared_data}/t3m_2017*.root:Tree3Mu/ntuple"])
    assert result.exit_code == 0


def test_a_fileset_that_is_wrong_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fileset.yaml").write_text("d: {filez: [a.root]}")
    with pytest.raises(SystemExit) as caught:
        main(["datasets", "inspect", str(tmp_path / "fileset.yaml")])
    assert caught.value.code == 1
    captured = capsys.readouterr()
    assert "unknown key 'filez'" in captured.err
    assert "Traceback" not in captured.err


def test_tables_on_a_terminal(fileset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from columnar_af.datasets.fileset import Fileset
    from columnar_af.datasets.inspection import inspect
    from columnar_af.datasets.tables import rich_tables

    console = Console(width=160, record=True, force_terminal=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        for table in rich_tables(inspect(Fileset.load(fileset))):
            console.print(table)
    text = console.export_text()
    assert DS_FILE in text
    assert "AOD 2017" in text
