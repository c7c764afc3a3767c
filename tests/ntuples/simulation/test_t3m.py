"""The T3M simulation: layouts, odd values, truth, reproducibility, and what it refuses."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from columnar_af.errors import ConfigError, OutputError
from columnar_af.ntuples.simulation import output, t3m_files
from columnar_af.ntuples.simulation.t3m import simulate
from columnar_af.ntuples.simulation.t3m_event import event_classes
from columnar_af.ntuples.simulation.t3m_files import truth_file
from columnar_af.ntuples.simulation.t3m_layouts import TREE, branch_types, written_branches
from columnar_af.ntuples.simulation.t3m_options import Branches, Layout, T3MOptions
from columnar_af.ntuples.t3m import NtupleVersion, T3MSchema, missing_branches, recognise
from processors.ds_phi_pi import DsPhiPi

SAMPLES = {
    "mini-data": T3MOptions(events=2400, files=2, seed=5, layout=Layout.MINI_2021, is_data=True),
    "mini-mc": T3MOptions(events=300, seed=6, layout=Layout.MINI_2021, branches=Branches.FULL),
    "aod-data": T3MOptions(events=300, seed=7, is_data=True, branches=Branches.FULL),
    "aod-mc": T3MOptions(events=600, seed=8),
}


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folder of each of SAMPLES."""
    folder = tmp_path_factory.mktemp("t3m")
    for name, options in SAMPLES.items():
        simulate(options, folder / name, workers=1)
    return {name: folder / name for name in SAMPLES}


def arrays(folder: Path, *names: str) -> ak.Array:
    return uproot.concatenate([f"{path}:{TREE}" for path in sorted(folder.glob("*.root"))], list(names))


def file_of(folder: Path) -> Path:
    return min(folder.glob("*.root"))


@pytest.mark.parametrize("name", SAMPLES)
def test_branches_and_their_types_are_those_of_the_layout(samples: dict[str, Path], name: str) -> None:
    expected = written_branches(SAMPLES[name])
    with uproot.open(file_of(samples[name])) as source:
        tree = source[TREE]
        assert tree.keys() == list(expected)
        for branch in tree.branches:
            kind = expected[branch.name]
            if kind.startswith("vector"):
                assert str(branch.member("fClassName")) == kind
            else:
                assert branch.interpretation.numpy_dtype == {"int": "i4", "unsigned int": "u4"}[kind]


def test_the_full_layouts_have_the_branches_of_the_real_ntuples(shared_data: Path) -> None:
    assert len(branch_types(Layout.MINI_2021)) == 295
    with uproot.open(shared_data / "t3m_2017_ds_phi_pi_mc.root") as source:
        real = {
            branch.name: str(branch.member("fClassName")) if branch.has_member("fClassName") else ""
            for branch in source[TREE].branches
        }
    ours = branch_types(Layout.AOD_2017)
    assert list(ours) == list(real)
    assert {name: kind for name, kind in ours.items() if kind.startswith("vector")} == {
        name: kind for name, kind in real.items() if kind
    }


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("branches", Branches)
def test_the_schema_recognises_what_was_written(layout: Layout, branches: Branches) -> None:
    names = list(written_branches(T3MOptions(events=1, layout=layout, branches=branches)))
    version = NtupleVersion.AOD_2017 if layout is Layout.AOD_2017 else NtupleVersion.MINI_2021
    assert recognise(names) is version
    needed = {
        "Triplet2_Mass",
        "Mu01_Pt",
        "Muon_isGlobal",
        "Muon_isPF",
        "Track_dxy",
        "Track_dz",
        "RefittedPV2_NTracks",
    }
    if layout is Layout.MINI_2021:
        needed |= {
            "FlightDistBS_SV_Significance",
            "RefTrack1_Pt",
            "Mu1_dRtriggerMatch_2017",
            "MuonPt_HLT2017",
        }
    assert not needed.intersection(missing_branches(names))


@pytest.mark.parametrize("name", SAMPLES)
def test_legs_are_found_in_the_collections_bit_by_bit(samples: dict[str, Path], name: str) -> None:
    legs = ("Mu01", "Mu02", "Tr")
    values = arrays(
        samples[name], "MuonPt", "MuonEta", "MuonPhi", "Track_pt", "Track_eta", "Track_phi",
        *(f"{leg}_{quantity}" for leg in legs for quantity in ("Pt", "Eta", "Phi")),
    )  # fmt: skip
    for leg in legs:
        names = ("Track_pt", "Track_eta", "Track_phi") if leg == "Tr" else ("MuonPt", "MuonEta", "MuonPhi")
        equal = True
        for quantity, collection in zip(("Pt", "Eta", "Phi"), names, strict=True):
            pairs = ak.cartesian([values[f"{leg}_{quantity}"], values[collection]], nested=True)
            equal = (pairs["0"] == pairs["1"]) & equal
        found = ak.sum(equal, axis=-1)
        assert ak.all((found == 1) | (values[f"{leg}_Pt"] == -99))


def test_the_aod_layout_has_the_multiplicities_of_the_real_file(samples: dict[str, Path]) -> None:
    values = arrays(
        samples["aod-mc"], "Triplet2_Mass", "MuonPt", "Track_pt", "Trigger_l1name", "Trigger_hltname"
    )
    triplets = ak.num(values.Triplet2_Mass).to_numpy()
    assert 50 < triplets.mean() < 76  # 63.4 in the real file, 111 events with a spread of 67
    assert 30 < np.median(triplets) < 50  # 40
    assert 2.7 < ak.mean(ak.num(values.MuonPt)) < 3.0  # 2.84
    assert 28 < ak.mean(ak.num(values.Track_pt)) < 34  # 31.1
    assert set(ak.num(values.Trigger_l1name).to_list()) == {69}
    assert set(ak.num(values.Trigger_hltname).to_list()) == {23}


def test_the_mass_width_is_that_of_the_real_file(samples: dict[str, Path]) -> None:
    values = arrays(samples["aod-mc"], "Triplet2_Mass")
    truth = np.load(truth_file(file_of(samples["aod-mc"])))
    stored = truth["true_triplet"] >= 0
    masses = values.Triplet2_Mass[stored][np.arange(stored.sum()), truth["true_triplet"][stored]].to_numpy()
    low, middle, high = np.quantile(masses, [0.16, 0.5, 0.84])
    assert abs(middle - 1.9684) < 0.003
    assert 0.013 < (high - low) / 2 < 0.019  # 15.8 MeV


def test_d_mesons_from_b_fly_farther(samples: dict[str, Path]) -> None:
    values = arrays(samples["mini-mc"], "FlightDistBS_SV")
    truth = np.load(truth_file(file_of(samples["mini-mc"])))
    stored = truth["true_triplet"] >= 0
    distance = values.FlightDistBS_SV[stored][
        np.arange(stored.sum()), truth["true_triplet"][stored]
    ].to_numpy()
    prompt = truth["prompt"][stored]
    assert np.median(distance[~prompt]) > 1.5 * np.median(distance[prompt]) > 0


def test_odd_values_of_the_real_files_occur(samples: dict[str, Path]) -> None:
    values = arrays(
        samples["mini-data"], "Triplet2_Mass", "RefittedPV2_NTracks", "RefittedPV2_isValid", "nPileUpInt",
        "Trigger_hltname", "NGoodTriplets", "TripletVtx2_Chi2", "GenParticle_Pt",
    )  # fmt: skip
    triplets = ak.num(values.Triplet2_Mass)
    sentinels = values.Triplet2_Mass == -99
    assert 0.004 < ak.mean(ak.flatten(sentinels)) < 0.02  # 6 of 618
    assert ak.all(values.TripletVtx2_Chi2[sentinels] == -99)
    assert ak.all(values.RefittedPV2_isValid == 1)
    assert ak.all(values.NGoodTriplets[:, 0] == triplets - ak.sum(sentinels, axis=1))
    assert 0 < ak.mean(triplets == 0) < 0.02  # 1 of 282, and skimmed events that lost their candidate
    surplus = ak.num(values.RefittedPV2_NTracks) - triplets
    assert set(surplus.to_list()) == {0, 1}
    assert ak.all(ak.sum(values.RefittedPV2_NTracks < 2, axis=1) == surplus)
    assert sum(values.nPileUpInt == 4294966297) == 2398  # the first of each file is garbage
    assert len(set(map(tuple, values.Trigger_hltname[:1200].to_list()))) == 2
    assert ak.sum(ak.num(values.GenParticle_Pt)) == 0


def test_three_tracks_have_one_chi2_in_every_order(samples: dict[str, Path]) -> None:
    chi2 = arrays(samples["aod-mc"], "TripletVtx2_Chi2").TripletVtx2_Chi2
    tied = [len(set(event)) < len(event) for event in chi2.to_list()]
    assert 0.3 < np.mean(tied) < 0.6  # 47 of 111


def test_simulated_events_list_the_decay(samples: dict[str, Path]) -> None:
    values = arrays(
        samples["mini-mc"],
        "GenParticle_PdgId",
        "GenParticle_MotherPdgId",
        "GenParticle_isDs",
        "Muon_MotherPdgId",
    )
    ds = abs(values.GenParticle_PdgId) == 431
    assert ak.all(ak.sum(ds, axis=1) == 1)
    prompt = np.load(truth_file(file_of(samples["mini-mc"])))["prompt"]
    assert values.GenParticle_isDs[ds][:, 0].to_list() == np.where(prompt, 1, 2).tolist()
    assert ak.all(values.GenParticle_isDs[~ds] == -1)
    assert ak.all(ak.sum(values.Muon_MotherPdgId == 333, axis=1) == 2)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_analysis_finds_the_cutflow_of_the_truth(samples: dict[str, Path], name: str) -> None:
    truth = json.loads((samples[name] / "truth.json").read_text())
    counts: dict[str, list[int]] = {}
    for path in samples[name].glob("*.root"):
        metadata = {"dataset": name, "era": "2017F", "is_data": SAMPLES[name].is_data}
        events = NanoEventsFactory.from_root(
            {str(path): TREE}, schemaclass=T3MSchema, mode="virtual", metadata=metadata
        ).events()
        for row in DsPhiPi().process(events)[name]["cutflow"].rows:
            before = counts.setdefault(row.cut, [0, 0, row.applied])
            counts[row.cut] = [before[0] + row.events, before[1] + row.candidates, row.applied]
    assert counts == {
        step["cut"]: [step["events"], step["candidates"], step["applied"]] for step in truth["cutflow"]
    }


def test_the_injected_ds_are_found_back(samples: dict[str, Path]) -> None:
    truth = json.loads((samples["mini-data"] / "truth.json").read_text())
    assert truth["events"] == truth["events"] | {"ds": 120, "dplus": 48, "background": 2232}
    steps = {step["cut"]: step["candidates"] for step in truth["ds_cutflow"]}
    assert steps["all"] <= 120
    assert steps["best_candidate"] == truth["selected"]["ds"]
    # selection efficiency of the true D_s: 0.56 in the real simulation, without the displacement cut
    assert 0.35 < truth["selected"]["ds"] / 120 < 0.85
    assert truth["selected_in_peak"]["ds"] > 0.9 * truth["selected"]["ds"]


@pytest.mark.parametrize("size", [1, 7, 240, 2400])
def test_classes_of_events_do_not_depend_on_blocks(size: int) -> None:
    options = SAMPLES["mini-data"]
    whole = event_classes(options, 0, options.events)
    parts = [
        event_classes(options, first, min(size, options.events - first)) for first in range(0, 2400, size)
    ]
    assert np.concatenate(parts).tolist() == whole.tolist()
    assert np.bincount(whole).tolist() == [2232, 120, 48]


def test_event_numbers_are_unique_and_runs_advance(samples: dict[str, Path]) -> None:
    values = arrays(samples["mini-data"], "evt", "run")
    assert sorted(values.evt.to_list()) == list(range(1, 2401))
    assert np.all(np.diff(values.run.to_numpy().astype(int)) >= 0)
    assert values.run[0] == 305040
    assert values.run[-1] <= 306028


def test_the_number_of_processes_does_not_change_a_byte(tmp_path: Path) -> None:
    options = T3MOptions(events=60, files=3, seed=9, layout=Layout.MINI_2021, is_data=True)
    simulate(options, tmp_path / "one", workers=1)
    simulate(options, tmp_path / "two", workers=2)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) == 7
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_seed_is_another_sample(tmp_path: Path) -> None:
    options = T3MOptions(events=20, layout=Layout.MINI_2021)
    simulate(options, tmp_path / "one", workers=1)
    simulate(replace(options, seed=2), tmp_path / "two", workers=1)
    first, second = (file_of(tmp_path / name) for name in ("one", "two"))
    assert first.read_bytes() != second.read_bytes()
    with uproot.open(first) as one, uproot.open(second) as two:
        assert one.file.uuid != two.file.uuid
        assert one[TREE]["MuonPt"].array().to_list() != two[TREE]["MuonPt"].array().to_list()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": 0}, "--events is 0"),
        ({"events": -3}, "--events is -3"),
        ({"files": 0}, "--files is 0"),
        ({"files": 11}, "cannot fill 11 files"),
        ({"seed": -1}, "--seed is -1"),
        ({"era": "2016B"}, "--era is 2016B; expected one of 2017B"),
        ({"prompt_fraction": 1.5}, "--prompt-fraction is 1.5"),
        ({"pile_up": 0.0}, "--pile-up is 0"),
        ({"ds_yield": 8, "dplus_yield": 3}, "together at most 10"),
        ({"dplus_yield": 11}, "together at most 10"),
        ({"compression": "zip-1"}, "--compression is zip-1"),
        ({"compression": "zlib-0"}, "--compression is zlib-0"),
    ],
)
def test_wrong_options(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate(T3MOptions(**{"events": 10, **change}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    options = T3MOptions(events=4, files=2, layout=Layout.MINI_2021, compression="none")
    simulate(options, tmp_path, workers=1)
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="is not empty"):
        simulate(options, tmp_path, workers=1)
    simulate(replace(options, files=1), tmp_path, overwrite=True, workers=1)
    assert len(list(tmp_path.glob("*.root"))) == 1  # the second file of the earlier sample is gone
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_no_space_left_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = t3m_files.StdVectorTreeWriter.extend
    written = []

    def full_disk(self: object, columns: object) -> None:
        if len(written) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(1)
        original(self, columns)

    monkeypatch.setattr(t3m_files.StdVectorTreeWriter, "extend", full_disk)
    options = T3MOptions(events=4, files=2, layout=Layout.MINI_2021)
    with pytest.raises(OutputError, match="no space left"):
        simulate(options, tmp_path / "out", workers=1)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(t3m_files, "write_truth", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(T3MOptions(events=4, layout=Layout.MINI_2021), tmp_path / "out", workers=1)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot use"),
        output.sample_folder(tmp_path / "file" / "out", overwrite=False),
    ):
        pass


@pytest.mark.parametrize(("events", "files"), [(10, 3), (3, 3), (50_000, 4)])
def test_events_are_shared_evenly(events: int, files: int) -> None:
    shares = output.share_events(events, files)
    assert sum(shares) == events
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "no json",
        "[" * 100_000,
        '{"files": ["mine.txt"]}',
        '{"layout": "theirs", "files": ["mine.txt"]}',
        '{"layout": "t3m-ds-phi-pi/mini", "files": null}',
        '{"layout": "t3m-ds-phi-pi/mini", "files": [1]}',
        '{"layout": "t3m-ds-phi-pi/mini", "files": ["sub/mine.txt"]}',
    ],
    ids=str.__len__,
)
def test_a_truth_file_that_is_not_ours_stays_with_its_files(tmp_path: Path, text: str) -> None:
    for name, content in (("truth.json", text), ("mine.txt", "keep")):
        (tmp_path / name).write_text(content)
    with pytest.raises(OutputError, match="was not written by a simulation"):
        simulate(T3MOptions(events=4, layout=Layout.MINI_2021), tmp_path, overwrite=True, workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "truth.json"]
    assert (tmp_path / "truth.json").read_text() == text


def test_a_former_sample_that_cannot_be_removed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "truth.json").write_text('{"layout": "loopsusy", "files": ["folder"]}')
    with (
        pytest.raises(OutputError, match="cannot replace the former sample"),
        output.sample_folder(tmp_path, overwrite=True),
    ):
        pass


def sample(folder: Path, *names: str) -> None:
    """What a simulation writes, in short."""
    for name in names:
        (folder / name).write_text(folder.name)
    record = {"layout": "loopsusy", "files": list(names)}
    (folder / "truth.json").write_text(json.dumps(record))


def fail_within(directory: Path, failure: BaseException) -> None:
    with output.sample_folder(directory, overwrite=True) as folder:
        (folder / "a.root").write_text("half")
        raise failure


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["disk", "interrupt"]
)
def test_a_former_sample_stays_until_the_new_one_is_complete(tmp_path: Path, failure: BaseException) -> None:
    sample(tmp_path, "a.root", "b.root")
    (tmp_path / "mine.txt").write_text("keep")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(type(failure)):
        fail_within(tmp_path, failure)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    with output.sample_folder(tmp_path, overwrite=True) as folder:
        sample(folder, "b.root", "c.root")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.root", "c.root", "mine.txt", "truth.json"]


def test_a_move_that_was_killed_is_finished_by_the_next_one(tmp_path: Path) -> None:
    """Killed between two files: there is no truth, so no sample; the list of the files is in the hidden folder."""
    (tmp_path / ".new-killed").mkdir()
    sample(tmp_path / ".new-killed", "a.root", "b.root")
    (tmp_path / ".new-killed" / "a.root").rename(tmp_path / "a.root")
    with output.sample_folder(tmp_path, overwrite=True) as folder:
        sample(folder, "c.root")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.root", "truth.json"]
