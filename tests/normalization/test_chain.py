"""The whole chain: simulate, run, fit, normalize; and the search on the real file, to datacards and a limit."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from columnar_af import Fileset, run
from columnar_af.cli.normalize import normalize as command
from columnar_af.errors import ConfigError
from columnar_af.fits.ds_study import StudyOptions, study
from columnar_af.normalization import search
from columnar_af.ntuples.simulation.t3m import simulate
from columnar_af.ntuples.simulation.t3m_options import Layout, T3MOptions
from columnar_af.results.plain_values import plain
from columnar_af.results.run_result import RunResult
from processors.ds_phi_pi import DsPhiPi
from processors.tau_to_3mu import TauTo3Mu
from tests.conftest import PROJECT

EFFICIENCIES = PROJECT / "datasets/tau_to_3mu_efficiencies.yaml"
INJECTED = {"2017C": 700, "2017D": 450}
LUMINOSITY = {"2017C": 9.63, "2017D": 4.24}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with the result of a run over two eras of simulated data and simulation, and the fits."""
    folder = tmp_path_factory.mktemp("chain")
    document = {}
    for seed, (era, number) in enumerate(INJECTED.items(), 41):
        options = T3MOptions(
            4 * number,
            seed=seed,
            layout=Layout.MINI_2021,
            is_data=True,
            era=era,
            ds_yield=number,
            dplus_yield=number // 3,
        )
        simulate(options, folder / era, workers=1)
        metadata = {"era": era, "luminosity": LUMINOSITY[era], "is_data": True}
        document[era] = {"files": [str(folder / era / options.file_name(0))], "metadata": metadata}
    options = T3MOptions(1500, seed=43, layout=Layout.MINI_2021, era="2017C")
    simulate(options, folder / "mc", workers=1)
    metadata = {"era": "2017", "is_data": False}
    document["mc"] = {"files": [str(folder / "mc" / options.file_name(0))], "metadata": metadata}
    (folder / "fileset.json").write_text(json.dumps(document))
    result = run(DsPhiPi(), Fileset.load(folder / "fileset.json"))
    result.save(folder / "run")
    done = study(result, StudyOptions())
    (folder / "run/fits").mkdir()
    (folder / "run/fits/yields.json").write_text(json.dumps(plain(done.to_json())))
    return folder / "run"


def normalized(*arguments):
    done = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.slow
@pytest.mark.parametrize("shapes", [[], ["--shared-shapes"]], ids=["each era", "shared shapes"])
def test_the_injected_number_of_ds_comes_back_in_every_era(fitted, tmp_path, shapes):
    normalized(fitted, fitted, "-o", tmp_path, *shapes)
    eras = json.loads((tmp_path / "normalization.json").read_text())["eras"]
    assert {era["era"] for era in eras} == set(INJECTED)
    for era in eras:
        produced, injected = era["produced"], INJECTED[era["era"]]
        assert produced["error"] < 0.15 * injected
        assert abs(produced["value"] - injected) < 1.5 * produced["error"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory, shared_data):
    """A folder with the result of tau_to_3mu on the real file, as data of 2017 with the thresholds of that year."""
    folder = tmp_path_factory.mktemp("search")
    metadata = {"era": "2017C", "is_data": True}
    path = f"{shared_data}/t3m_run3_tau3mu_data.root"
    (folder / "fileset.json").write_text(json.dumps({"data": {"files": [path], "metadata": metadata}}))
    run(TauTo3Mu(), Fileset.load(folder / "fileset.json")).save(folder / "run")
    return folder / "run"


def test_the_search_gives_a_background_and_no_observation_while_blinded(searched):
    result = RunResult.load(searched)
    found = search.backgrounds(result)
    assert sorted(found) == [("A", "2017"), ("B", "2017"), ("C", "2017")]
    sidebands = sum(result.yields["data"][f"{category}_sidebands"]["raw"] for category in "ABC")
    # bins that a window's end cuts belong to no sideband
    assert sum(background.sidebands for background in found.values()) <= sidebands
    assert search.observed(result) == {}
    with pytest.raises(KeyError):
        _ = result.yields["data"]["A_signal_window"]


@pytest.mark.slow
def test_from_runs_to_datacards_and_a_limit(fitted, searched, tmp_path):
    pytest.importorskip("pyhf")
    output = normalized(
        fitted,
        fitted,
        "--efficiencies",
        EFFICIENCIES,
        "--search",
        searched,
        "--b-fraction",
        "0.25",
        "-o",
        tmp_path,
    )
    assert "Upper limit on B(τ → 3μ) at 90 % CL: expected" in output
    assert "observed blinded" in output
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"normalization.tex", "datacard.txt", "datacard_A_2017.txt", "pyhf_model.json"}
    document = json.loads((tmp_path / "normalization.json").read_text())
    assert [row["category"] for row in document["expected"]] == ["A", "B", "C"]
    total = document["total"]
    assert total["value"] == pytest.approx(sum(row["total"] for row in document["expected"]))
    assert (
        0.14 < total["uncertainty"] / total["value"] < 0.3
    )  # 14 % trigger of 2017, 8 % branching fraction, ...
    card = (tmp_path / "datacard.txt").read_text().splitlines()
    rates = next(line.split()[1:] for line in card if line.startswith("rate"))
    row = document["expected"][0]
    assert [float(rate) for rate in rates[:3]] == pytest.approx([row["Ds"], row["B0"], row["Bp"]], rel=1e-5)


def test_wrong_requests_are_clear(fitted, tmp_path):
    with pytest.raises(ConfigError, match="no mass fit for era 2018A"):
        normalized(fitted, fitted, "--era", "2018A", "-o", tmp_path)
    with pytest.raises(ConfigError, match="expected ERA=DATASET"):
        normalized(fitted, fitted, "--simulation", "mc", "-o", tmp_path)
    with pytest.raises(ConfigError, match="both give the efficiencies"):
        normalized(fitted, fitted, "--efficiencies", EFFICIENCIES, "--signal", fitted, "-o", tmp_path)
    with pytest.raises(ConfigError, match="was not made by tau_to_3mu"):
        normalized(fitted, fitted, "--efficiencies", EFFICIENCIES, "--search", fitted, "-o", tmp_path)
