"""``columnar-af simulate t3m-ds-phi-pi`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from columnar_af.cli import cli, main
from columnar_af.cli.simulate_t3m import DEFAULT_ERAS, ERA_NAMES, LAYOUTS, PARENTS, TAU_ERA_NAMES
from columnar_af.datasets.fileset import Fileset
from columnar_af.ntuples.simulation.t3m_measurement import MeasurementOptions
from columnar_af.ntuples.simulation.t3m_options import ERAS, Layout
from columnar_af.ntuples.simulation.t3m_tau_options import TAU_ERAS, Parent


def test_it_writes_what_it_says(tmp_path: Path) -> None:
    words = "simulate t3m-ds-phi-pi --events 6 --files 2 --seed 3 --layout mini-2021 --data --ds-yield 2 --workers 1"
    result = CliRunner().invoke(cli, [*words.split(), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    assert "2 files, 6 events (2 with a D_s, 0 with a D+)" in result.output
    assert len(list((tmp_path / "out").glob("*.root"))) == 2
    assert (tmp_path / "out" / "truth.json").is_file()


def test_three_muons(tmp_path: Path) -> None:
    words = "simulate t3m-tau3mu --events 6 --files 2 --data --signal-yield 2 --era 2022preEE --workers 1"
    result = CliRunner().invoke(cli, [*words.split(), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert "2 files, 6 events (2 with a tau to 3mu, of " in result.output
    assert len(list((tmp_path / "out").glob("*.root"))) == 2


def test_a_measurement_and_its_filesets(tmp_path: Path) -> None:
    words = "simulate t3m-measurement --events 20 --era 2017C --era 2018A --simulated-events 10 --signal-events 5 --search-events 6"
    for more in ([], ["--overwrite"]):  # an earlier one of ours may be replaced
        arguments = [*words.split(), *more, "-o", str(tmp_path / "out")]
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert "2018A: 3 D_s of" in result.output
    control = Fileset.load(tmp_path / "out/control.yaml").datasets
    assert list(control) == ["2017C", "2018A", "ds_phi_pi_mc_2018", "ds_phi_pi_mc_2017"]
    truth = json.loads((tmp_path / "out/truth.json").read_text())
    generated = truth["2017C"]["generated"]["ds"]
    # as many D_s as the cross-section, the branching fraction and the injected ratio of data to simulation say
    assert control["2017C"].metadata.luminosity * 6e9 * 1.2825e-5 * 0.9 == pytest.approx(generated, rel=1e-3)
    signal = Fileset.load(tmp_path / "out/signal.yaml").datasets
    assert [each.metadata.extra["parent"] for each in signal.values()] == ["Ds", "B0", "Bp"] * 2
    search = Fileset.load(tmp_path / "out/search.yaml").datasets
    assert [each.metadata.is_data for each in search.values()] == [True, True]


def test_the_choices_are_those_of_the_options() -> None:
    assert tuple(ERAS) == ERA_NAMES
    assert tuple(TAU_ERAS) == TAU_ERA_NAMES
    assert tuple(parent.value for parent in Parent) == PARENTS
    assert MeasurementOptions().eras == DEFAULT_ERAS
    assert tuple(layout.value for layout in Layout) == LAYOUTS


def test_an_unknown_layout_is_told_the_known_ones() -> None:
    result = CliRunner().invoke(cli, ["simulate", "t3m-ds-phi-mu"])
    assert result.exit_code == 2
    assert (
        "the layouts are t3m-ds-phi-pi, t3m-tau3mu, t3m-measurement, stop-loopsusy, stop-histfitter"
        in result.output
    )


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
