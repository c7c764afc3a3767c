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
from columnar_af.ntuples.simulation.t3m_measurement import MeasurementOptions, simulate_measurement
from columnar_af.results.plain_values import plain
from columnar_af.results.run_result import RunResult
from processors.ds_phi_pi import DsPhiPi
from processors.tau_to_3mu import TauTo3Mu
from tests.conftest import PROJECT

EFFICIENCIES = PROJECT / "datasets/tau_to_3mu_efficiencies.yaml"
ERAS = ("2017C", "2018D")
SIMULATED = MeasurementOptions(
    events=1000, eras=ERAS, simulated_events=600, signal_events=300, search_events=400, seed=4
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a simulated measurement, the results of its runs (``control``, ``search``, ``signal``), and the fits."""
    folder = tmp_path_factory.mktemp("chain")
    simulate_measurement(SIMULATED, folder)
    runs = {"control": DsPhiPi(systematics="muon"), "search": TauTo3Mu(), "signal": TauTo3Mu()}
    for name, processor in runs.items():
        result = run(processor, Fileset.load(folder / f"{name}.yaml"))
        result.save(folder / name)
    done = study(RunResult.load(folder / "control"), StudyOptions())
    (folder / "control/fits").mkdir()
    (folder / "control/fits/yields.json").write_text(json.dumps(plain(done.to_json())))
    return folder


@pytest.fixture(scope="module")
def fitted(world):
    """The folder of the control channel."""
    return world / "control"


def normalized(*arguments):
    done = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.slow
@pytest.mark.parametrize("shapes", [[], ["--shared-shapes"]], ids=["each era", "shared shapes"])
def test_the_injected_number_of_ds_comes_back_in_every_era(world, fitted, tmp_path, shapes):
    """From ntuples to the number of D_s that were generated, and the ratio of data to simulation that was chosen."""
    truth = json.loads((world / "truth.json").read_text())
    output = normalized(fitted, fitted, "-o", tmp_path, *shapes)
    assert "true produced" in output
    eras = json.loads((tmp_path / "normalization.json").read_text())["eras"]
    assert [era["era"] for era in eras] == list(ERAS)
    for era in eras:
        produced, generated = era["produced"], truth[era["era"]]["generated"]["ds"]
        assert era["truth"]["generated"] == generated
        assert produced["error"] < 0.2 * generated
        assert abs(produced["value"] - generated) < 2 * produced["error"]
        ratio = era["data_over_simulation"]
        assert abs(ratio["value"] - truth["world"]["data_over_simulation"]) < 2 * ratio["error"]


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
def test_from_runs_to_datacards_and_a_limit(world, fitted, tmp_path):
    pytest.importorskip("pyhf")
    signal, search_data = ("--signal", world / "signal"), ("--search", world / "search")
    output = normalized(fitted, fitted, "--era", "2017C", *signal, *search_data, "-o", tmp_path)
    assert "Upper limit on B(τ → 3μ) at 90 % CL: expected" in output
    assert "observed blinded" in output
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"normalization.tex", "datacard.txt", "datacard_A_2017.txt", "pyhf_model.json"}
    document = json.loads((tmp_path / "normalization.json").read_text())
    rows = document["expected"]
    assert [(row["year"], row["category"]) for row in rows] == [("2017", category) for category in "ABC"]
    total = document["total"]
    assert total["value"] == pytest.approx(sum(row["total"] for row in rows))
    assert (
        0.1 < total["uncertainty"] / total["value"] < 0.3
    )  # 14 % trigger of 2017, 8 % branching fraction, ...
    assert total["by_parameter"]["simulation_muon_scale"] > 0
    for name in ("datacard.txt", "normalization_lines.txt"):
        lines = (tmp_path / name).read_text().splitlines()
        rates = next(line.split()[1:] for line in lines if line.startswith("rate"))
        assert [float(rate) for rate in rates[:3]] == pytest.approx(
            [rows[0]["Ds"], rows[0]["B0"], rows[0]["Bp"]], rel=1e-5
        )


@pytest.mark.slow
def test_both_ways_to_the_signal_agree(world, fitted, tmp_path):
    """By the ratio to the control channel and by cross-sections: the world is made so that they must."""
    found = normalized(fitted, fitted, "--signal", world / "signal", "--b-fraction", "0.26", "-o", tmp_path)
    assert "all, by cross-section" in found
    document = json.loads((tmp_path / "normalization.json").read_text())
    assert {row["year"] for row in document["expected"]} == {"2017", "2018"}
    for parent, value in document["by_cross_section"].items():
        assert value == pytest.approx(sum(row[parent] for row in document["expected"]), rel=1e-4)


def test_declared_efficiencies_take_the_place_of_simulation(fitted, tmp_path):
    normalized(fitted, fitted, "--efficiencies", EFFICIENCIES, "-o", tmp_path)
    document = json.loads((tmp_path / "normalization.json").read_text())
    assert document["by_cross_section"] == {}
    assert document["limit"] is None
    assert not (tmp_path / "datacard.txt").exists()
    assert (tmp_path / "normalization_lines.txt").exists()


def test_wrong_requests_are_clear(fitted, tmp_path):
    with pytest.raises(ConfigError, match="no mass fit for era 2018A"):
        normalized(fitted, fitted, "--era", "2018A", "-o", tmp_path)
    with pytest.raises(ConfigError, match="expected ERA=DATASET"):
        normalized(fitted, fitted, "--simulation", "mc", "-o", tmp_path)
    with pytest.raises(ConfigError, match="both give the efficiencies"):
        normalized(fitted, fitted, "--efficiencies", EFFICIENCIES, "--signal", fitted, "-o", tmp_path)
    with pytest.raises(ConfigError, match="was not made by tau_to_3mu"):
        normalized(fitted, fitted, "--efficiencies", EFFICIENCIES, "--search", fitted, "-o", tmp_path)
