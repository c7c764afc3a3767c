"""``columnar-af yields``, ``export`` and ``limit``."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from columnar_af.cli import cli
from columnar_af.errors import ConfigError
from columnar_af.results.ledger import Ledger
from tests.statistics.stop_results import stop_result

SIGNAL = "stop4body_450_40"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("results") / "stop"
    stop_result().save(directory)
    return directory


def invoke(*arguments, code=0):
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def error(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments]).exception


def test_yields(folder, tmp_path):
    text = invoke(
        "yields", folder, "--shape", "SRB=met", "--figures", "--region", "SRB", "--signal", SIGNAL,
        "--uncertainty", "xsec:other=0.2,Wt=0.1", "-o", tmp_path,
    )  # fmt: skip
    assert "SRB*" in text
    assert "SRA" not in text.splitlines()[0]
    assert "not verified" in text
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert names == {
        "yields.csv", "yields.txt", "yields.tex", "variations.txt", "variations.tex",
        "figures/SRB_met.png", "figures/impact_SRB.png",
    }  # fmt: skip
    assert "% note: thresholds of SRB are" in (tmp_path / "yields.tex").read_text()
    assert "xsec__1up" in (tmp_path / "variations.txt").read_text()


def test_yields_as_csv(folder, tmp_path):
    rows = list(csv.DictReader(io.StringIO(invoke("yields", folder, "--format", "csv", "-o", tmp_path))))
    found = {(row["region"], row["sample"], row["variation"]): row["value"] for row in rows}
    assert float(found["SRA", "Wt", "Nominal"]) == pytest.approx(1.5)
    assert float(found["SRA", "data", ""]) == 13


def test_export_writes_all_formats(folder, tmp_path):
    invoke("export", folder, "--signal", SIGNAL, "-o", tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert names == {
        "histfitter.root", "pyhf/background_only.json", f"pyhf/{SIGNAL}.json", "combine/background_only.txt",
        "combine/background_only.root", f"combine/{SIGNAL}.txt", f"combine/{SIGNAL}.root",
    }  # fmt: skip
    only = tmp_path / "only"
    assert invoke("export", folder, "--format", "histfitter", "-o", only).strip() == str(
        only / "histfitter.root"
    )


def test_limit_of_a_run(folder, tmp_path):
    text = invoke("limit", folder, "--signal", SIGNAL, "-o", tmp_path)
    for title in (
        "Data and background",
        "Parameters of the background-only fit",
        "Limits on signal",
        "Discovery",
    ):
        assert title in text
    content = json.loads((tmp_path / "limits.json").read_text())
    assert 0.5 < content["exclusion"][SIGNAL]["observed"] < 2
    assert len(content["exclusion"][SIGNAL]["band"]) == 5
    assert content["discovery"]["SRA"]["p0"] > 0.1
    names = {path.name for path in tmp_path.rglob("*.*")}
    assert names >= {
        "regions.png",
        "pulls.png",
        "exclusion.png",
        "impact_SRA.png",
        "report.txt",
        "exclusion.tex",
    }


def test_a_fit_that_fails_is_the_exit_code(tmp_path):
    result = stop_result()
    # data of NaN events: no fit can have a result
    for era in ("mc16a", "mc16e"):
        view = result.output[f"data_{era}"]["hists"]["yields"].view()
        view["value"][0, 0] = float("nan")
    result.save(tmp_path / "result")
    text = invoke("limit", tmp_path / "result", "--signal", SIGNAL, code=1)
    assert "FAILED: background-only fit" in text
    content = json.loads((tmp_path / "result" / "limits" / "limits.json").read_text())
    assert content["exclusion"][SIGNAL]["observed"] is None
    assert content["exclusion"][SIGNAL]["band"] == []


def test_limit_of_published_counts(tmp_path):
    text = invoke(
        "limit", "--counts", "SRA 10 12.8 3.2", "--counts", "19 19.3 2.7", "--luminosity", 139, "-o", tmp_path
    )
    assert "10 on 12.8 ± 3.2" in text
    found = json.loads((tmp_path / "limits.json").read_text())["published"]
    assert found[0]["s95"]["observed"] == pytest.approx(8.2, rel=0.15)
    assert found[1]["s95"]["observed"] == pytest.approx(11.1, rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["limit"], "give either the DIRECTORY of a run or --counts"),
        (["limit", "--counts", "10 12.8"], "expected events observed"),
        (["yields", "RUN", "--shape", "SRB"], "--shape SRB: expected something like SRB=met"),
        (["yields", "RUN", "--uncertainty", "x:Wt=much"], "the size 'much' of Wt is no number"),
        (["yields", "RUN", "--combine-variations", "PDF=rms:*PDF*"], "no variation is named like"),
        (["limit", "RUN", "--signal-region", "SRX"], "no region has the role of a signal region"),
        (["export", "RUN", "--normalize", "ttbar", "--control", "CRx"], "ttbar is to be normalized"),
    ],
)
def test_wrong_options_are_errors(folder, arguments, message):
    found = error(*[folder if argument == "RUN" else argument for argument in arguments])
    assert isinstance(found, ConfigError)
    assert message in str(found)


def test_yields_of_a_run_in_which_nothing_was_done(folder, tmp_path):
    result = stop_result()
    entries = tuple(replace(entry, status="failed", entries=0) for entry in result.ledger)
    replace(result, output={}, ledger=Ledger(entries)).save(tmp_path / "failed")
    assert "nothing of this run was done" in str(error("yields", tmp_path / "failed"))
