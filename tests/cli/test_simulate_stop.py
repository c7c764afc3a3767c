"""``columnar-af simulate stop-loopsusy`` and ``stop-histfitter``."""

from __future__ import annotations

import pytest
import uproot
from click.testing import CliRunner

from columnar_af.cli import cli
from columnar_af.errors import ConfigError


def run(*arguments):
    return CliRunner().invoke(cli, ["simulate", *arguments], catch_exceptions=True)


def test_loopsusy(tmp_path):
    result = run(
        "stop-loopsusy", "--events", "6", "--samples", "VV,Wt", "--campaigns", "mc16a", "--variations", "2",
        "-o", str(tmp_path / "out"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "wrote 2 files and a fileset" in result.output
    assert "VV: 6 entries" in result.output
    with uproot.open(tmp_path / "out" / "stop_loopsusy_VV_mc16a.root") as file:
        assert "ptleptons_EG_RESOLUTION_ALL__1down" in file["myTree"].keys()  # noqa: SIM118


def test_trees_of_the_notebook(tmp_path):
    result = run(
        "stop-histfitter", "--events", "5", "--samples", "Wt", "--campaigns", "mc16d", "--trees-of-the-notebook",
        "-o", str(tmp_path / "out"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with uproot.open(tmp_path / "out" / "stop_histfitter_Wt_mc16d.root") as file:
        assert len(file.keys(filter_classname="TTree")) == 41


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--events", "0"), "--events is 0"),
        (("--events", "5", "--processes", "0"), "--processes is 0"),
        (("--events", "5", "--samples", "wrong"), "unknown sample 'wrong'"),
    ],
)
def test_errors(tmp_path, arguments, message):
    result = run("stop-loopsusy", *arguments, "-o", str(tmp_path / "out"))
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()
