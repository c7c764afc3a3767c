"""``columnar-af simulate t3m-ds-phi-pi`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from columnar_af.cli import cli, main
from columnar_af.cli.simulate_t3m import ERA_NAMES, LAYOUTS
from columnar_af.ntuples.simulation.t3m_options import ERAS, Layout


def test_it_writes_what_it_says(tmp_path: Path) -> None:
    words = "simulate t3m-ds-phi-pi --events 6 --files 2 --seed 3 --layout mini-2021 --data --ds-yield 2 --workers 1"
    result = CliRunner().invoke(cli, [*words.split(), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    assert "2 files, 6 events (2 with a D_s, 0 with a D+)" in result.output
    assert len(list((tmp_path / "out").glob("*.root"))) == 2
    assert (tmp_path / "out" / "truth.json").is_file()


def test_the_choices_are_those_of_the_options() -> None:
    assert tuple(ERAS) == ERA_NAMES
    assert tuple(layout.value for layout in Layout) == LAYOUTS


def test_an_unknown_layout_is_told_the_known_ones() -> None:
    result = CliRunner().invoke(cli, ["simulate", "t3m-ds-phi-mu"])
    assert result.exit_code == 2
    assert "the layouts are t3m-ds-phi-pi, stop-loopsusy, stop-histfitter" in result.output


def test_zero_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "t3m-ds-phi-pi", "--events", "0", "-o", str(tmp_path / "out")])
    assert stopped.value.code == 1
    assert "--events is 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_list_of_layouts_is_quick_to_show() -> None:
    result = CliRunner().invoke(cli, ["simulate", "--help"])
    assert "t3m-ds-phi-pi" in result.output
    assert "stop-histfitter" in result.output
