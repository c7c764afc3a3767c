"""StopSearch: what it refuses, what it keeps out, what it records, and that every executor gives the same."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from coffea.nanoevents import NanoEventsFactory
from coffea.processor import IterativeExecutor, Runner

from columnar_af import run
from columnar_af.cli import cli
from columnar_af.errors import ConfigError, IncompleteRunError, WorkAddress
from columnar_af.ntuples.stop import StopSchema
from columnar_af.results import RunResult
from columnar_af.statistics.yields import YieldTable
from columnar_af.stop.views import View
from processors.stop_search import StopSearch
from tests.conftest import PROJECT
from tests.ntuples.stop.stop_files import loopsusy_branches, write_tree

DATASETS = PROJECT / "datasets"
SIGNAL = "stop4body_450_40_mc16e"
FEW = {"only": "preselection,SRA,SRB,CRtop,SR2body_110_inf", "systematics": "none"}
"""What makes a run fast."""


def described(layout: str, dataset: str) -> dict:
    """A dataset of the shipped filesets, with absolute paths."""
    found = yaml.safe_load((DATASETS / f"stop_{layout}.yaml").read_text())[dataset]
    return {**found, "files": {str(DATASETS / path): tree for path, tree in found["files"].items()}}


def fileset(folder: Path, **datasets: dict) -> Path:
    path = folder / "fileset.yaml"
    path.write_text(yaml.safe_dump(datasets))
    return path


def events_of(layout: str, dataset: str, **metadata: object) -> ak.Array:
    """All events of a shipped file, with other metadata where given."""
    found = described(layout, dataset)
    (path,) = found["files"]
    about = {"dataset": dataset, "filename": path, **found["metadata"], **metadata}
    return NanoEventsFactory.from_root(
        found["files"], mode="virtual", schemaclass=StopSchema, metadata=about
    ).events()


def same_histograms(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name].view(flow=True), other[name].view(flow=True)) for name in one
    )


# --- blinding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["loopsusy", "histfitter"])
def test_data_in_a_blinded_region_leave_no_trace(layout):
    """The result is the same with and without them, but for the number of entries, which the ntuple tells anyhow."""
    events = events_of(layout, SIGNAL, is_data=True)
    found = StopSearch().process(events)[SIGNAL]
    opened = StopSearch(blinded=False).process(events)[SIGNAL]
    inside = sum(opened["hists"]["raw_events"][region, "nominal"] for region in ("SRA", "SRB"))
    assert inside >= 4
    kept = np.flatnonzero(~in_signal_regions(events))
    assert len(kept) == len(events) - inside
    without = StopSearch().process(events[kept])[SIGNAL]
    assert same_histograms(found["hists"], without["hists"])
    assert found["region_cutflows"] == without["region_cutflows"]
    assert found["cutflow"] == without["cutflow"]
    assert not {"SRA", "SRB", "SR4body_36fb", "SRW_SF"} & set(found["hists"]["yields"].axes["region"])
    assert not [name for name in found["hists"] if name.startswith("SR") and "/fake_" not in name]
    assert not {"SRA", "SRB"} & set(found["region_cutflows"])
    assert found["blinded"]["SRA"] == {"blinded"}
    assert found["unblinded"] == set()
    assert {name for name in found if found[name] != without[name] and name != "hists"} == {"entries", "sumw"}


def in_signal_regions(events: ak.Array) -> np.ndarray:
    method = StopSearch(only="SRA,SRB", blinded=False).method
    view = View.of(method, events, is_data=True, weight_variations=(), address=WorkAddress())
    return np.logical_or.reduce(list(view.evaluations["139fb"].masks.values()))


def test_cutflows_of_blinded_data_do_not_tell_how_many_were_left_out():
    found = StopSearch().process(events_of("loopsusy", "data_mc16e"))["data_mc16e"]
    assert [row.cut for row in found["cutflow"]] == ["met_plateau"]
    assert [row.cut for row in found["region_cutflows"]["CRtop"]] == ["lep2_pt", "n_b_jets", "r_2l"]
    assert (
        found["hists"]["raw_events"]["CRtop", "nominal"] == found["region_cutflows"]["CRtop"]["r_2l"].events
    )


def test_opening_is_recorded(tmp_path):
    data = fileset(tmp_path, data=described("loopsusy", "data_mc16e"))
    result = run(StopSearch, data, parameters={**FEW, "unblind": "SRA,SRB"}, output=tmp_path / "result")
    part = RunResult.load(tmp_path / "result").output["data"]
    assert part["unblinded"] == {"SRA", "SRB"}
    assert part["blinded"] == {}
    assert result.provenance.parameters["processor"]["unblind"] == "SRA,SRB"
    assert part["cutflow"].cuts[0] == "all"
    with pytest.raises(ConfigError, match="cannot be opened alone: it may share events with SRB"):
        StopSearch(**FEW, unblind="SR2body_110_inf")


def test_simulation_is_never_blinded():
    found = StopSearch(**FEW).process(events_of("loopsusy", SIGNAL))[SIGNAL]
    assert found["blinded"] == {}
    assert found["hists"]["raw_events"]["SRA", "nominal"] == 2


# --- what is recorded -------------------------------------------------------------------------------------------------


def test_unverified_thresholds_are_told_wherever_the_region_is():
    found = StopSearch(**FEW).process(events_of("loopsusy", SIGNAL))[SIGNAL]
    assert {"r_2l", "met"} <= found["unverified"]["SRA"]
    assert "SR2body_110_inf" not in found["unverified"]
    assert "r_2l > 25 is not verified (memory)" in found["region_cutflows"]["SRA"]["r_2l"].note


def test_sums_of_weights_of_a_file_count_once(tmp_path):
    wt = fileset(tmp_path, Wt=described("loopsusy", "Wt_mc16e"))
    part = run(StopSearch(**FEW), wt, chunksize=40).output["Wt"]
    ((file, name, value),) = part["sums_of_weights"]
    assert (Path(file).name, name, value) == ("stop_loopsusy_Wt_mc16e.root", "NumberEvents", 1503.0)
    assert part["channels"] == {410648, 411193, 411194, 411195}
    assert part["entries"] == 100


def test_variations_are_those_that_the_dataset_has():
    few = {"only": "CRtop"}
    both = StopSearch(**few).process(events_of("loopsusy", "Wt_mc16e"))["Wt_mc16e"]
    names = list(both["hists"]["yields"].axes["variation"])
    assert names[0] == "nominal"
    assert len(names) == 57
    assert not [name for name in names if "LHE3" in name]
    one = StopSearch(**few, systematics="MET_SoftTrk_ResoPara,PRW_DATASF__1up")
    found = one.process(events_of("loopsusy", "Wt_mc16e"))["Wt_mc16e"]["hists"]["yields"]
    assert list(found.axes["variation"]) == ["nominal", "PRW_DATASF__1up", "MET_SoftTrk_ResoPara"]
    for name in found.axes["variation"]:
        assert found["CRtop", name] == both["hists"]["yields"]["CRtop", name]
    with pytest.raises(ConfigError, match="no variation 'MET_SoftTrk'"):
        StopSearch(systematics="MET_SoftTrk")


@pytest.mark.parametrize("layout", ["loopsusy", "histfitter"])
def test_a_missing_variation_is_an_error_or_falls_back(layout, tmp_path):
    dataset = described(layout, "Wt_mc16e")
    dataset["metadata"]["variations"] = ["MUON_MS__1up"]
    path = fileset(tmp_path, Wt=dataset)
    few = {"only": "CRtop", "systematics": "MUON_MS__1up"}
    with pytest.raises(IncompleteRunError) as caught:
        run(StopSearch(**few), path)
    (entry,) = caught.value.result.ledger
    assert "MUON_MS__1up" in entry.error.message
    assert "--missing-variation nominal" in entry.error.advice
    command = [
        "run",
        "stop_search",
        str(path),
        "-o",
        str(tmp_path / "result"),
        "--missing-variation",
        "nominal",
    ]
    done = CliRunner().invoke(cli, [*command, "-p", "only=CRtop", "-p", "systematics=MUON_MS__1up"])
    assert done.exit_code == 0, done.output
    assert "Wt: MUON_MS__1up fell back to nominal, for want of" in done.output
    part = RunResult.load(tmp_path / "result").output["Wt"]
    assert any("MUON_MS__1up" in name for name in part["fallbacks"]["MUON_MS__1up"])
    yields = part["hists"]["yields"]
    assert yields["CRtop", "MUON_MS__1up"] == yields["CRtop", "nominal"]
    assert any("MUON_MS__1up changes nothing in any region" in line for line in part["systematics"])
    assert any("MUON_MS__1up fell back to nominal" in line for line in part["systematics"])


def test_theory_weights_replace_the_generators(tmp_path):
    """Columns that the shipped ntuples lack: declared for the dataset, they are looked for, and missed by name."""
    dataset = described("loopsusy", "Wt_mc16e")
    dataset["metadata"]["theory_variations"] = ["LHE3Weight_muR05muF05"]
    with pytest.raises(IncompleteRunError) as caught:
        run(StopSearch(only="CRtop"), fileset(tmp_path, Wt=dataset))
    (entry,) = caught.value.result.ledger
    assert "LHE3Weight_muR05muF05 has no column LHE3Weight_muR05muF05" in entry.error.message


def test_samples_that_hold_the_same_events_are_refused():
    part = {"channels": {410646, 410648}, "hists": {}, "fallbacks": {}}
    with pytest.raises(ConfigError, match="hold the same events of Wt"):
        StopSearch(**FEW).postprocess({"Wt": part})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"only": "SRC"}, "there is no region 'SRC'"),
        ({"objects": "14fb"}, "no set of objects '14fb'"),
        ({"only": "SRA", "objects": "36fb"}, "no region is left"),
        ({"fake_factors": "no.json"}, "no.json cannot be read"),
        ({"regions": "no.yaml"}, "cannot read no.yaml"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(ConfigError, match=message):
        StopSearch(**arguments)


def test_shapes_are_filled_for_all_variations():
    few = {"only": "CRtop", "systematics": "JET_GroupedNP_1__1up,PRW_DATASF__1down,MET_SoftTrk_ResoPara"}
    found = StopSearch(**few, shapes="met").process(events_of("loopsusy", "ttbar_mc16e"))["ttbar_mc16e"][
        "hists"
    ]
    shape, yields = found["CRtop/met"], found["yields"]
    assert list(shape.axes["variation"]) == list(yields.axes["variation"])
    for name in shape.axes["variation"]:
        total = shape[{"variation": name}].sum(flow=True)
        assert total.value == pytest.approx(yields["CRtop", name].value)
        assert total.variance == pytest.approx(yields["CRtop", name].variance)
    assert list(found["CRtop/m_ll"].axes["variation"]) == ["nominal"]
    n_minus_1 = found["CRtop/n_minus_1_r_2l"].sum(flow=True).value
    assert n_minus_1 >= yields["CRtop", "nominal"].value


def test_nanoaod_says_what_it_lacks(shared_data):
    events = NanoEventsFactory.from_root(
        {str(shared_data / "cms_nanoaod_dy.root"): "Events"},
        mode="virtual",
        schemaclass=StopSchema,
        metadata={"dataset": "DY", "filename": str(shared_data / "cms_nanoaod_dy.root"), "is_data": False},
    ).events()
    part = StopSearch(**FEW, trigger=False).process(events)["DY"]
    assert part["entries"] == 40
    assert part["sums_of_weights"] == set()
    assert set(part["unavailable"]) | set(part["hists"]["yields"].axes["region"])
    assert all(reasons for reasons in part["unavailable"].values())


# --- executors --------------------------------------------------------------------------------------------------------


SOME = StopSearch(
    only="preselection,SRA,SRB,CRtop,SR2body_110_inf",
    systematics="EG_SCALE_ALL__1up,JET_GroupedNP_1__1down,MET_SoftTrk_ResoPara,PRW_DATASF__1up",
)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One dataset of each layout, and what the iterative executor makes of them."""
    path = fileset(
        tmp_path_factory.mktemp("both"),
        loopsusy=described("loopsusy", SIGNAL),
        histfitter=described("histfitter", SIGNAL),
    )
    return path, run(SOME, path, chunksize=60)


@pytest.mark.parametrize(
    "executor", ["futures", pytest.param("dask-awkward", marks=pytest.mark.dask_awkward)]
)
def test_every_executor_gives_the_same(both, executor):
    if executor == "dask-awkward":
        pytest.importorskip("dask_awkward")
    path, iterative = both
    result = run(SOME, path, chunksize=60, executor=executor)
    assert len(result.ledger) == 4
    assert result.same_as(iterative), result.differences(iterative)


def test_coffeas_runner_gives_the_same(both):
    path, iterative = both
    runner = Runner(IterativeExecutor(status=False), schema=StopSchema, chunksize=60)
    found = runner(yaml.safe_load(path.read_text()), SOME)
    for dataset, part in iterative.output.items():
        assert same_histograms(found[dataset]["hists"], part["hists"])
        assert found[dataset]["region_cutflows"] == part["region_cutflows"]
        assert found[dataset]["systematics"] == part["systematics"]


@pytest.mark.parametrize("layout", ["loopsusy", "histfitter"])
def test_the_command_line_runs_and_its_result_reads_back(layout, tmp_path):
    command = ["run", "stop_search", str(DATASETS / f"stop_{layout}.yaml"), "-o", str(tmp_path / "result")]
    command += ["--dataset", "data_mc16e", "-p", "only=preselection,SRA,CRtop"]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    part = RunResult.load(tmp_path / "result").output["data_mc16e"]
    assert part["hists"]["raw_events"]["CRtop", "nominal"] > 100
    assert part["blinded"] == {"SRA": {"blinded"}}
    shown = CliRunner().invoke(
        cli, ["cutflow", str(tmp_path / "result"), "--region", "CRtop"], catch_exceptions=False
    )
    assert "r_2l < 8 is not verified (chosen)" in shown.output
    with pytest.raises(ConfigError, match="no cutflow of a region 'SRA'"):
        CliRunner().invoke(
            cli, ["cutflow", str(tmp_path / "result"), "--region", "SRA"], catch_exceptions=False
        )


def test_chains_of_the_trigger_that_are_missing_are_told(tmp_path):
    """Run 355000 needs two chains, of which one ntuple has one."""
    chain = "HLT_xe120_pufit_L1XE50"
    branches = loopsusy_branches()
    fewer = {name: values for name, values in branches.items() if name != f"{chain}_Nominal"}
    about = {"era": "mc16e", "luminosity": 58.45, "cross_section": 0.1, "is_data": False}
    datasets = {}
    for name, chosen in (("whole", branches), ("Wt", fewer)):
        path = write_tree(tmp_path / f"{name}.root", {"myTree": chosen}, {"NumberEvents": [3.0] * 3})
        datasets[name] = {"files": {str(path): "myTree"}, "metadata": {**about, "sample": name}}
    both, folder = fileset(tmp_path, **datasets), tmp_path / "result"
    run(StopSearch(**FEW), both, output=folder, chunksize=2)
    text = f"the ntuple lacks {chain}, a trigger of runs 348197 to 355273: it counts as if it never fired"
    loaded = RunResult.load(folder)
    assert loaded.output["Wt"]["remarks"] == {text}
    assert loaded.output["whole"]["remarks"] == set()
    assert any(f"Wt: {text}" in note for note in YieldTable.of(loaded).notes)
    shown = CliRunner().invoke(cli, ["show", str(folder)], env={"COLUMNS": "200"})
    assert f"remark: Wt: {text}" in shown.output
    assert f"remark: Wt: {text}" in loaded._repr_html_()
    assert run(StopSearch(**FEW, trigger=False), both).output["Wt"]["remarks"] == set()


def test_a_variation_that_nobody_declared_is_told(tmp_path):
    dataset = described("loopsusy", "Wt_mc16e")
    dataset["metadata"] |= {
        "variations": ["MET_SoftTrk_ResoPara", "MUON_MSS__1up"],
        "weight_variations": False,
    }
    part = run(StopSearch(only="CRtop"), fileset(tmp_path, Wt=dataset)).output["Wt"]
    assert part["remarks"] == {"MUON_MSS__1up is not declared, and left out"}
    assert list(part["hists"]["yields"].axes["variation"]) == ["nominal", "MET_SoftTrk_ResoPara"]
