"""Files of the simulated stop search, read back with uproot: invariants of both layouts, and their truth."""

from __future__ import annotations

import json
import math

import awkward as ak
import numpy as np
import pytest
import uproot
import yaml

from columnar_af.datasets.fileset import Fileset
from columnar_af.errors import ConfigError, OutputError
from columnar_af.kernels.boost import boost
from columnar_af.kernels.dilepton_mass import dilepton_mass
from columnar_af.ntuples.simulation import stop_simulation
from columnar_af.ntuples.simulation.stop_options import StopOptions, campaign_events, plan_files
from columnar_af.ntuples.simulation.stop_samples import (
    BACKGROUNDS,
    CAMPAIGNS,
    TOTAL_LUMINOSITY,
    resolve_campaigns,
    resolve_samples,
)
from columnar_af.ntuples.simulation.stop_simulation import simulate_stop
from columnar_af.ntuples.simulation.stop_variations import (
    KINEMATIC,
    NOMINAL_COLUMNS,
    WEIGHT_BRANCHES,
    replaced_columns,
)
from columnar_af.ntuples.simulation.stop_weights import FACTORS

FEW = "EG_SCALE_ALL__1up,JET_GroupedNP_1__1up,JET_GroupedNP_1__1down,MET_SoftTrk_ResoPara,MUON_ID__1down"
SAMPLES = ("Wt", "data", "stop4body_500_40")


@pytest.fixture(scope="module")
def loopsusy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loopsusy")
    simulate_stop(StopOptions("loopsusy", events=240, seed=3, samples=SAMPLES), folder)
    return folder


@pytest.fixture(scope="module")
def histfitter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histfitter")
    simulate_stop(StopOptions("histfitter", events=1200, seed=3, samples=("Wt", "data")), folder)
    return folder


def truth_of(folder):
    return json.loads((folder / "truth.json").read_text())


# ---------------------------------------------------------------- loopsusy
def test_loopsusy_suffixes_follow_the_fall_back_table(loopsusy):
    with uproot.open(loopsusy / "stop_loopsusy_Wt_mc16a.root") as file:
        names = set(file["myTree"].keys())
    suffixed = {f"{name}_Nominal" for name in NOMINAL_COLUMNS}
    for variation in KINEMATIC:
        expected = {f"{name}_{variation}" for name in replaced_columns(variation)}
        found = {
            name
            for name in names
            if name.endswith(f"_{variation}") and name.removesuffix(f"_{variation}") in NOMINAL_COLUMNS
        }
        assert found == expected, variation
        suffixed |= expected
    triggers = {name for name in names if name.startswith("HLT_")}
    assert all(name.endswith("_Nominal") for name in triggers)
    rest = names - suffixed - triggers - set(WEIGHT_BRANCHES)
    assert rest == {
        "RunNumber", "EventNumber", "ChannelNumber", "NumPrimaryVertices", "AverageInteractionsPerCrossing",
        "cleaningVeto", "xsec", "GenFiltMET", "GenFiltHT", "WeightEvents",
    }  # fmt: skip
    assert set(WEIGHT_BRANCHES) <= names


def test_loopsusy_types(loopsusy):
    with uproot.open(loopsusy / "stop_loopsusy_Wt_mc16a.root") as file:
        tree = file["myTree"]
        types = {name: tree[name].typename for name in tree.keys()}  # noqa: SIM118
    assert types["ptleptons_Nominal"] == "std::vector<float>"
    assert types["flavlep_Nominal"] == "std::vector<int32_t>"
    assert types["passORjet_JET_GroupedNP_1__1up"] == "std::vector<bool>"
    assert types["EtMiss_tst_MET_SoftTrk_ScaleUp"] == "float"
    assert types["RunNumber"] == "uint32_t"
    assert types["HLT_xe70_mht_Nominal"] == "int32_t"


def test_data_have_neither_variations_nor_truth(loopsusy):
    with uproot.open(loopsusy / "stop_loopsusy_data_mc16d.root") as file:
        assert "NumberEvents" not in file
        tree = file["myTree"]
        names = tree.keys()
        assert not any(name.startswith(("Origin", "Type", "IFF")) for name in names)
        assert all(name.endswith("_Nominal") or "_" not in name for name in names)
        for name in ("WeightEvents", *(f"{factor}_Nominal" for factor in FACTORS)):
            assert (tree[name].array(library="np") == 1).all()


def test_loopsusy_lists_of_one_kind_have_one_length_per_variation(loopsusy):
    with uproot.open(loopsusy / "stop_loopsusy_Wt_mc16d.root") as file:
        tree = file["myTree"]
        for variation in ("EG_SCALE_ALL__1up", "JET_GroupedNP_1__1up"):
            replaced = replaced_columns(variation)

            def counts(name, variation=variation, replaced=replaced):
                return ak.num(tree[f"{name}_{variation if name in replaced else 'Nominal'}"].array())

            for name in ("etaleptons", "flavlep", "passORlep", "LepIsoGradient", "Originlep"):
                assert ak.all(counts(name) == counts("ptleptons"))
            for name in ("etajets", "isBjets", "passORjet", "JVTjets"):
                assert ak.all(counts(name) == counts("ptjets"))
        nominal = ak.num(tree["ptjets_Nominal"].array())
        scales = [name for name in KINEMATIC if name.startswith("JET_")]
        assert any(ak.any(ak.num(tree[f"ptjets_{name}"].array()) != nominal) for name in scales)


@pytest.mark.parametrize("variation", ["Nominal", "EG_SCALE_ALL__1up", "JET_GroupedNP_1__1down", "MET_SoftTrk_ResoPara"])  # fmt: skip
def test_loopsusy_met_balance_in_the_file(loopsusy, variation):
    replaced = NOMINAL_COLUMNS if variation == "Nominal" else replaced_columns(variation)
    with uproot.open(loopsusy / "stop_loopsusy_stop4body_500_40_mc16e.root") as file:
        tree = file["myTree"]

        def column(name):
            values = tree[f"{name}_{variation if name in replaced else 'Nominal'}"].array()
            return ak.values_astype(values, np.float64)

        x = column("EtMiss_tst") * np.cos(column("EtMiss_tstPhi"))
        y = column("EtMiss_tst") * np.sin(column("EtMiss_tstPhi"))
        for pt, phi, used in (
            ("ptleptons", "phileptons", None),
            ("ptjets", "phijets", "passORjet"),
        ):
            momentum = column(pt) * (1 if used is None else column(used))
            x = x + ak.sum(momentum * np.cos(column(phi)), axis=1)
            y = y + ak.sum(momentum * np.sin(column(phi)), axis=1)
        soft = ak.to_numpy(column("Etmiss_PVSoftTrk"))
    assert np.hypot(x, y) == pytest.approx(soft, abs=1.0)  # MeV; float32 in the file
    assert 0 < soft.mean() < 40e3


def test_loopsusy_sums_of_weights(loopsusy):
    sample = truth_of(loopsusy)["samples"]["Wt"]
    total = 0.0
    for campaign in CAMPAIGNS:
        with uproot.open(loopsusy / f"stop_loopsusy_Wt_{campaign.name}.root") as file:
            generated, sum_of_weights, _ = file["NumberEvents"].values()
            tree = file["myTree"]
            weight = tree["WeightEvents"].array(library="np").astype(float)
            for factor in FACTORS:
                weight = weight * tree[f"{factor}_Nominal"].array(library="np")
        record = sample["campaigns"][campaign.name]
        assert sum_of_weights == record["sum_of_weights"]
        assert generated == record["generated"] > len(weight) == record["entries"]["myTree"]
        scale = sample["cross_section_pb"] * 1000 * campaign.luminosity / sum_of_weights
        total += scale * weight.sum()
    assert total == pytest.approx(sample["yields"]["all"], rel=1e-6)


def test_stitched_slices_follow_the_generator(loopsusy):
    with uproot.open(loopsusy / "stop_loopsusy_Wt_mc16d.root") as file:
        columns = file["myTree"].arrays(["ChannelNumber", "GenFiltMET"], library="np")
    edges = {410648: (0, 200e3), 411193: (200e3, 300e3), 411194: (300e3, 400e3), 411195: (400e3, np.inf)}
    for channel, met in zip(columns["ChannelNumber"], columns["GenFiltMET"], strict=True):
        low, high = edges[channel]
        assert low < met <= high


# ---------------------------------------------------------------- histfitter
def test_histfitter_trees(histfitter):
    with uproot.open(histfitter / "stop_histfitter_Wt_mc16d.root") as file:
        trees = {key.split(";")[0] for key, kind in file.classnames().items() if kind == "TTree"}
        assert trees == {"Wt_WEIGHTS", *(f"Wt_{name}" for name in KINEMATIC)}
        assert set(WEIGHT_BRANCHES) <= set(file["Wt_WEIGHTS"].keys())
        nominal = set(file["Wt_WEIGHTS"].keys()) - set(WEIGHT_BRANCHES)
        assert all(set(file[f"Wt_{name}"].keys()) == nominal for name in KINEMATIC)
    with uproot.open(histfitter / "stop_histfitter_data_mc16d.root") as file:
        assert file.keys(cycle=False) == ["data_NONE"]
        assert set(file["data_NONE"].keys()) == nominal


def test_histfitter_trees_hold_different_events(histfitter):
    truth = truth_of(histfitter)["samples"]["Wt"]["campaigns"]
    entries = {
        tree: sum(record["entries"][tree] for record in truth.values()) for tree in truth["mc16a"]["entries"]
    }
    assert entries["Wt_WEIGHTS"] == 1200
    assert len(set(entries.values())) > 10
    assert entries["Wt_JET_GroupedNP_1__1up"] > 1200 > entries["Wt_JET_GroupedNP_1__1down"]
    with uproot.open(histfitter / "stop_histfitter_Wt_mc16d.root") as file:
        numbers = {
            name: set(file[f"Wt_{name}"]["EventNumber"].array(library="np"))
            for name in ("WEIGHTS", "JET_JER_EffectiveNP_1__1up")
        }
        assert file["Wt_WEIGHTS"].num_entries == truth["mc16d"]["entries"]["Wt_WEIGHTS"]
    assert numbers["WEIGHTS"] - numbers["JET_JER_EffectiveNP_1__1up"]
    assert numbers["JET_JER_EffectiveNP_1__1up"] - numbers["WEIGHTS"]


@pytest.mark.parametrize("tree", ["WEIGHTS", "JET_GroupedNP_1__1up", "MUON_SCALE__1down"])
def test_histfitter_variables_recomputed_from_their_objects(histfitter, tree):
    with uproot.open(histfitter / "stop_histfitter_Wt_mc16a.root") as file:
        a = {key: value.astype(float) for key, value in file[f"Wt_{tree}"].arrays(library="np").items()}
    lepton = [[a[f"lep{n}{what}"] for what in ("pT", "eta", "phi", "mass")] for n in (1, 2)]
    assert dilepton_mass(*lepton[0], *lepton[1]) == pytest.approx(a["mll"], rel=1e-4)
    p_boost, dphi = boost(a["MET"], a["METphi"], lepton[0][0], lepton[0][2], lepton[1][0], lepton[1][2])
    assert p_boost == pytest.approx(a["pbll"], rel=1e-5)
    assert dphi == pytest.approx(a["DPhib"], abs=1e-5)
    assert a["MET"] / (a["lep1pT"] + a["lep2pT"]) == pytest.approx(a["METoverHTLep"], rel=1e-5)
    jets = sum(np.maximum(a[f"jet{n}pT"], 0) for n in range(1, 5))
    ratio = a["MET"] / (a["MET"] + a["lep1pT"] + a["lep2pT"] + jets)
    assert ratio == pytest.approx(a["R2l4j"], rel=1e-5)
    few = a["njet"] <= 4
    assert jets[few] == pytest.approx(a["HT"][few], rel=1e-5)
    tagged = sum((a[f"jet{n}bTagBin"] > 2) & (np.abs(a[f"jet{n}eta"]) < 2.5) for n in range(1, 5))
    assert (tagged[few] == a["nbjet"][few]).all()
    closest = np.full(len(jets), np.inf)
    for n in range(1, 5):
        turn = np.abs(a[f"jet{n}phi"] - a["lep2phi"])
        distance = np.hypot(a[f"jet{n}eta"] - a["lep2eta"], np.minimum(turn, 2 * math.pi - turn))
        closest = np.where(a[f"jet{n}pT"] > 0, np.minimum(closest, distance), closest)
    assert closest[few] == pytest.approx(a["minDRlep2jets"][few], abs=1e-5)
    assert ((a["lepflav1"] * a["lepflav2"] < 0) == a["isOS"]).all()


def test_histfitter_preselection_and_ordering(histfitter):
    with uproot.open(histfitter / "stop_histfitter_Wt_mc16e.root") as file:
        for tree in ("WEIGHTS", "JET_GroupedNP_1__1down", "MET_SoftTrk_ScaleUp"):
            a = file[f"Wt_{tree}"].arrays(library="np")
            assert (a["MET"] > 250).all()
            assert (a["nlep"] >= 2).all()
            assert (a["lep1pT"] >= a["lep2pT"]).all()
            assert (a["lep2pT"] >= a["lep3pT"]).all()
            assert (a["lep2pT"] < 50).all()
            assert (a["jet1pT"] >= a["jet2pT"]).all()
            assert (a["jet2pT"] >= a["jet3pT"]).all()
            assert ((a["jet1pT"] > 20) & (a["njet"] >= 1)).all()
            assert ((a["nlep"] > 2) == (a["lep3pT"] > 0)).all()


def test_histfitter_weights_normalize_to_the_truth(histfitter):
    sample = truth_of(histfitter)["samples"]["Wt"]
    total = 0.0
    for campaign in CAMPAIGNS:
        with uproot.open(histfitter / f"stop_histfitter_Wt_{campaign.name}.root") as file:
            a = file["Wt_WEIGHTS"].arrays(library="np")
            sum_of_weights = file["NumberEvents"].values()[1]
        expected = campaign.luminosity / TOTAL_LUMINOSITY / sum_of_weights
        assert a["WeightLumi"] == pytest.approx(expected, rel=1e-12)
        weight = a["xsec"] * a["WeightLumi"] * a["WeightEvents"]
        for factor in FACTORS:
            weight = weight * a[factor]
        total += weight.sum() * 1000 * TOTAL_LUMINOSITY
    assert total == pytest.approx(sample["yields"]["all"], rel=1e-6)


def test_histfitter_weight_variations_replace_their_factor(histfitter):
    with uproot.open(histfitter / "stop_histfitter_Wt_mc16a.root") as file:
        a = file["Wt_WEIGHTS"].arrays(library="np")
    for branch in ("WeightEventsPU_PRW_DATASF__1up", "WeightEventsbTag_FT_EFF_B_systematics__1down"):
        ratio = a[branch] / a[branch.split("_")[0]]
        assert (ratio != 1).any()
        assert 0.7 < ratio.min() <= ratio.max() < 1.3


def test_fake_weights_are_for_anti_identified_events_only(histfitter):
    with uproot.open(histfitter / "stop_histfitter_data_mc16e.root") as file:
        a = file["data_NONE"].arrays(library="np")
    identified = np.ones(len(a["nlep"]), bool)
    for n in (1, 2, 3):
        isolated = np.where(np.abs(a[f"lepflav{n}"]) == 11, a[f"LepIsoGradient{n}"], a[f"LepIsoFCLoose{n}"])
        identified &= (a[f"lepflav{n}"] == 0) | (a[f"isSignalLep{n}"] & isolated)
    assert (a["FNP_WEIGHTS"][identified] == 0).all()
    assert (a["FNP_WEIGHTS"][~identified] != 0).mean() > 0.5


# ---------------------------------------------------------------- both
@pytest.mark.parametrize("layout", ["loopsusy", "histfitter"])
def test_files_do_not_depend_on_the_number_of_processes(tmp_path, layout):
    options = StopOptions(
        layout, events=40, files=2, samples=("VV", "data"), campaigns=("mc16a",), variations="2"
    )
    simulate_stop(options, tmp_path / "one", processes=1)
    simulate_stop(options, tmp_path / "two", processes=2)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert len(names) == 5
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_files_differ_from_seed_to_seed_and_file_to_file(tmp_path):
    values = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        simulate_stop(
            StopOptions("loopsusy", 20, 2, seed, ("VV",), ("mc16a",), "none", weights=False), folder
        )
        for number in (0, 1):
            with uproot.open(folder / f"stop_loopsusy_VV_mc16a_{number}.root") as file:
                values.append(tuple(file["myTree"]["EtMiss_tst_Nominal"].array(library="np")))
    assert len(set(values)) == 4


def test_event_numbers_are_unique(tmp_path):
    simulate_stop(StopOptions("histfitter", 60, 2, 1, ("VV",), ("mc16a",), "none"), tmp_path)
    numbers = []
    for number in (0, 1):
        with uproot.open(tmp_path / f"stop_histfitter_VV_mc16a_{number}.root") as file:
            numbers += list(file["VV_WEIGHTS"]["EventNumber"].array(library="np"))
    assert len(set(numbers)) == len(numbers) == 60


def test_blocks_do_not_change_the_layout_of_a_file(tmp_path, monkeypatch):
    """A file of several blocks and several writes holds what it promises."""
    monkeypatch.setattr(stop_simulation, "WRITTEN_EVENTS", 7)
    monkeypatch.setattr("columnar_af.ntuples.simulation.stop_blocks.BLOCK_EVENTS", 20)
    truth = simulate_stop(StopOptions("loopsusy", 50, 1, 1, ("Wt",), ("mc16a",), FEW), tmp_path)
    with uproot.open(tmp_path / "stop_loopsusy_Wt_mc16a.root") as file:
        tree = file["myTree"]
        assert tree.num_entries == 50
        assert len(set(tree["EventNumber"].array(library="np"))) == 50
        assert (
            file["NumberEvents"].values()[1] == truth["sum_of_weights_by_file"]["stop_loopsusy_Wt_mc16a.root"]
        )
        assert len(tree.arrays()) == 50


def test_the_fileset_can_be_loaded(loopsusy, histfitter):
    for folder, layout, tree, datasets in (
        (loopsusy, "loopsusy", "myTree", 9),
        (histfitter, "histfitter", "Wt_WEIGHTS", 6),
    ):
        fileset = Fileset.load(folder / f"stop_{layout}.yaml")
        assert len(fileset) == datasets
        dataset = fileset["Wt_mc16d"]
        assert dataset.files[0].tree == tree
        assert dataset.metadata.luminosity == 44.3
        assert dataset.metadata.is_data is False
        assert dataset.metadata.extra["sum_of_weights"] > 0
        assert fileset["data_mc16a"].metadata.is_data
    signal = Fileset.load(loopsusy / "stop_loopsusy.yaml")["stop4body_500_40_mc16a"]
    assert signal.metadata.extra["stop_mass"] == 500


def test_data_hold_what_the_truth_says(loopsusy):
    record = truth_of(loopsusy)["samples"]["data"]
    for name, campaign in record["campaigns"].items():
        with uproot.open(loopsusy / f"stop_loopsusy_data_{name}.root") as file:
            entries = file["myTree"].num_entries
        assert entries == sum(campaign["processes"].values()) == campaign["entries"]["myTree"]
        assert set(campaign["processes"]) == {sample.name for sample in BACKGROUNDS}


def test_an_injected_signal_is_in_the_truth(tmp_path):
    options = StopOptions(
        "loopsusy", 3, samples=("data",), campaigns=("mc16a",), signal="stop4body_400_20", signal_strength=2.0
    )
    truth = simulate_stop(options, tmp_path)
    assert truth["injected_signal"] == {"sample": "stop4body_400_20", "strength": 2.0}
    assert truth["samples"]["data"]["campaigns"]["mc16a"]["processes"]["stop4body_400_20"] > 0


def test_events_are_shared_like_the_notebook_s():
    assert campaign_events(164_188, CAMPAIGNS) == (48_531, 62_586, 53_071)
    assert sum(campaign_events(7, CAMPAIGNS)) == 7
    tasks = plan_files(StopOptions("histfitter", 100, files=3, samples=("Wt",)))
    assert len(tasks) == 9
    assert sum(task.events for task in tasks) == 100


def test_all_samples():
    names = [sample.name for sample in resolve_samples(["all"])]
    assert names[:8] == ["Wt", "ttbar", "VV", "Zjets", "ttZ", "other", "fakes", "data"]
    assert len(names) == 20
    assert [sample.name for sample in resolve_samples(["Wt", "Wt"])] == ["Wt"]


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": 0}, "--events is 0"),
        ({"events": -5}, "--events is -5"),
        ({"files": 0}, "--files is 0"),
        ({"events": 2}, "cannot fill"),
        ({"seed": -1}, "--seed is -1"),
        ({"samples": ("Wt", "nonsense")}, "unknown sample 'nonsense'"),
        ({"samples": ()}, "no sample"),
        ({"samples": ("stop4body_5000_40",)}, "stop mass 5000"),
        ({"samples": ("stop4body_500_2",)}, "mass difference 2"),
        ({"campaigns": ("mc20a",)}, "unknown campaign 'mc20a'"),
        ({"variations": "JET_Nothing"}, "not a kinematic variation"),
        ({"compression": "zip"}, "unknown compression 'zip'"),
        ({"signal": "Wt"}, "not a signal"),
        ({"signal_strength": -1.0}, "--signal-strength is -1"),
        ({"layout": "histfitter", "theory": True}, "no theory weights in the layout histfitter"),
    ],
)
def test_impossible_options(change, message):
    with pytest.raises(ConfigError, match=message):
        StopOptions(**{"layout": "loopsusy", "events": 10, **change})


def test_no_campaign():
    with pytest.raises(ConfigError, match="no campaign"):
        resolve_campaigns(())


def test_a_folder_that_is_not_empty_is_refused_and_overwritten_on_demand(tmp_path):
    options = StopOptions("loopsusy", 3, samples=("VV",), campaigns=("mc16a",), variations="none")
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(OutputError, match="not empty"):
        simulate_stop(options, tmp_path)
    simulate_stop(options, tmp_path, overwrite=True)
    simulate_stop(options, tmp_path, overwrite=True)
    assert (tmp_path / "mine.txt").read_text() == "keep me"
    assert len(yaml.safe_load((tmp_path / "stop_loopsusy.yaml").read_text())) == 1


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stop_simulation, "_weights_histogram", no_space)
    options = StopOptions("loopsusy", 3, samples=("VV",), campaigns=("mc16a",), variations="none")
    with pytest.raises(OutputError, match="no space left"):
        simulate_stop(options, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
