"""``columnar-af fit ds-mass``."""

from __future__ import annotations

import json

import pytest

from columnar_af.cli import main
from tests.fits.results import DATA, data_hists, run_result, two_eras


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return two_eras().save(tmp_path_factory.mktemp("fit") / "result")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["fit", "ds-mass", *arguments])
    return int(ended.value.code or 0)


def test_table_files_and_figures(folder, capsys):
    assert run(str(folder)) == 0
    out = capsys.readouterr().out
    assert "2017B" in out
    assert "Fraction of D_s from B decays" in out
    assert f"figures and JSON in {folder}/fits" in out
    names = {path.name for path in (folder / "fits").iterdir()}
    assert names == {
        "2017B.json", "2017B.png", "2017C.json", "2017C.png", "simultaneous.json", "simultaneous_2017B.png",
        "simultaneous_2017C.png", "stability.png", "decay_length.png", "yields.json",
    }  # fmt: skip
    fit = json.loads((folder / "fits" / "2017B.json").read_text())
    assert fit["succeeded"]
    assert fit["windows"][0]["component"] == "ds"


def test_options_reach_the_fit(folder, tmp_path, capsys):
    code = run(
        str(folder), "--peak", "gaussian", "--background", "polynomial", "--range", "1.72", "2.01",
        "--era", "2017C", "-o", str(tmp_path), "--json",
    )  # fmt: skip
    assert code == 0
    document = json.loads(capsys.readouterr().out)
    assert [era["era"] for era in document["eras"]] == ["2017C"]
    fit = json.loads((tmp_path / "2017C.json").read_text())
    assert fit["mass_range"] == [1.72, 2.01]
    assert fit["model"] == {"ds": "gaussian", "dplus": "gaussian", "background": "polynomial"}


def test_a_failed_fit_is_said_drawn_and_exits_with_1(tmp_path, capsys):
    result = run_result({"few": (DATA, data_hists(1, 7, 2, 10))})
    assert run(str(result.save(tmp_path / "result"))) == 1
    out = capsys.readouterr().out
    assert "fit failed" in out
    assert "2017B: FIT FAILED, no yield: only 19 events" in out
    assert (tmp_path / "result" / "fits" / "2017B.png").exists()


def test_a_wrong_range_is_one_line_of_advice(folder, capsys):
    assert run(str(folder), "--range", "1.7", "1.9") == 1
    assert "does not hold the D_s" in capsys.readouterr().err
