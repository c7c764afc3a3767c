"""The simulation of three-muon ntuples: layouts, truth, reproducibility, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from columnar_af.errors import ConfigError, OutputError
from columnar_af.ntuples.simulation.t3m_files import truth_file
from columnar_af.ntuples.simulation.t3m_tau import simulate_tau
from columnar_af.ntuples.simulation.t3m_tau_layouts import tau_branches
from columnar_af.ntuples.simulation.t3m_tau_options import Parent, TauLayout, TauOptions
from columnar_af.ntuples.t3m import NtupleVersion, T3MSchema, recognise
from processors.tau_to_3mu import TauTo3Mu
from tests.reference import tau_to_3mu_loop as loop

SAMPLES = {
    "ds-2018": TauOptions(events=400, seed=1),
    "b0-2022": TauOptions(events=400, seed=2, parent=Parent.B0, era="2022postEE"),
    "data-2018": TauOptions(events=600, seed=3, is_data=True, signal_yield=60),
    "data-2023": TauOptions(events=600, seed=4, is_data=True, era="2023preBPix"),
    "bp-2017": TauOptions(events=200, files=2, seed=5, parent=Parent.BP, era="2017C"),
}
VERSIONS = {TauLayout.MINI: NtupleVersion.THREE_MUON_MINI, TauLayout.RUN3: NtupleVersion.RUN3_THREE_MUON}


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The (first) file of each of SAMPLES."""
    folder = tmp_path_factory.mktemp("tau")
    for name, options in SAMPLES.items():
        simulate_tau(options, folder / name, workers=1)
    return {name: min((folder / name).glob("*.root")) for name in SAMPLES}


def arrays(samples: dict[str, Path], name: str, *names: str) -> ak.Array:
    with uproot.open(samples[name]) as source:
        return source[SAMPLES[name].tree].arrays(list(names))


@pytest.mark.parametrize("name", SAMPLES)
def test_branches_and_types_are_those_of_the_layout(samples: dict[str, Path], name: str) -> None:
    expected = tau_branches(SAMPLES[name].layout)
    with uproot.open(samples[name]) as source:
        tree = source[SAMPLES[name].tree]
        assert tree.keys() == list(expected)
        assert recognise(tree.keys()) is VERSIONS[SAMPLES[name].layout]


def test_types_of_run_3_are_those_of_the_real_file(shared_data: Path) -> None:
    with uproot.open(shared_data / "t3m_run3_tau3mu_data.root") as source:
        real = {branch.name: branch.typename for branch in source["TreeMakerBkg/ntuple"].branches}
    cpp = {"unsigned int": "uint32_t", "int": "int32_t", "vector<int>": "std::vector<int32_t>"}
    cpp["vector<string>"] = "std::vector<std::string>"
    ours = {n: cpp.get(kind, f"std::{kind}") for n, kind in tau_branches(TauLayout.RUN3).items()}
    assert ours == {name: real[name] for name in ours}


@pytest.mark.parametrize(
    ("name", "year", "numbers"),
    [
        ("ds-2018", "2018", loop.RUN2_2018),
        ("b0-2022", "2022postEE", loop.RUN3),
        ("data-2023", "2023", loop.RUN3),
    ],
)
def test_the_processor_agrees_with_a_plain_loop(
    samples: dict[str, Path], name: str, year: str, numbers: loop.Numbers
) -> None:
    options = SAMPLES[name]
    metadata = {"dataset": "tau", "era": year, "is_data": options.is_data}
    events = NanoEventsFactory.from_root(
        {str(samples[name]): options.tree}, schemaclass=T3MSchema, metadata=metadata
    ).events()
    output = TauTo3Mu().process(events)["tau"]
    expected = loop.select(samples[name], options.tree, numbers, blinded=options.is_data)
    for row in output["cutflow"]:
        if row.applied:
            assert row.events == expected.events.get(row.cut, 0), row.cut
    assert len(output["candidates"]["evt"].value) == len(expected.selected) > 5


def test_the_peak_is_that_of_the_tau_and_widens_with_the_category(samples: dict[str, Path]) -> None:
    values = arrays(samples, "ds-2018", "Triplet_Mass")
    truth = np.load(truth_file(samples["ds-2018"]))
    stored = truth["true_triplet"] >= 0
    assert stored.mean() > 0.98  # of each τ all three muons are there; sentinels and same charges apart
    masses = values.Triplet_Mass[stored][np.arange(stored.sum()), truth["true_triplet"][stored]].to_numpy()
    low, middle, high = np.quantile(masses[masses > 0], [0.16, 0.5, 0.84])
    assert abs(middle - 1.777) < 0.003
    assert 0.010 < (high - low) / 2 < 0.020  # 12, 19 and 23 MeV in A, B and C (github Ma128-bit/Tau3muRun3)


def test_data_hold_the_signal_that_was_asked_for_and_no_generated_particles(samples: dict[str, Path]) -> None:
    truth = json.loads((samples["data-2018"].parent / "truth.json").read_text())
    assert truth["events"] == {"background": 540, "signal": 60}
    assert truth["layout"] == "t3m-tau3mu/mini"
    assert np.sum(np.load(truth_file(samples["data-2018"]))["kind"]) == 60
    assert ak.sum(ak.num(arrays(samples, "data-2018", "GenParticle_PdgId").GenParticle_PdgId)) == 0


def test_the_tau_of_simulation_comes_from_what_was_asked(samples: dict[str, Path]) -> None:
    for name, code in (("ds-2018", 431), ("b0-2022", 511), ("bp-2017", 521)):
        values = arrays(samples, name, "GenParticle_PdgId", "GenParticle_MotherPdgId")
        codes, mothers = values.GenParticle_PdgId, values.GenParticle_MotherPdgId
        assert set(abs(codes[:, 0]).to_list()) == {code}
        assert set(abs(codes[:, 1]).to_list()) == {15}
        assert ak.all(mothers[:, 1] == codes[:, 0])
        # the charge of a τ, -sign of its code, is the sum of its muons'
        assert ak.all(ak.sum(-np.sign(codes[:, 2:]), axis=1) == -np.sign(codes[:, 1]))


def test_b_mesons_fly_farther_than_prompt_d_s(samples: dict[str, Path]) -> None:
    medians = [
        np.median(ak.flatten(arrays(samples, name, "FlightDistBS_SV").FlightDistBS_SV)[:].to_numpy())
        for name in ("ds-2018", "b0-2022")
    ]
    assert medians[1] > medians[0] > 0


def test_the_same_seed_makes_the_same_files_in_any_number_of_processes(tmp_path: Path) -> None:
    options = SAMPLES["bp-2017"]
    for workers in (1, 2):
        simulate_tau(options, tmp_path / str(workers), workers=workers)
    for path in sorted((tmp_path / "1").iterdir()):
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes(), path.name


def test_acceptance_counts_every_decay_that_was_generated() -> None:
    from columnar_af.ntuples.simulation.t3m_event import first_accepted

    waiting, generated = np.array([4, 7, 9]), np.zeros(10, np.int64)
    tried = np.repeat(waiting, 3)
    accepted = np.array([0, 1, 1, 0, 0, 0, 1, 0, 0], bool)  # the second, none, the first
    row, first = first_accepted(waiting, tried, accepted, generated)
    assert (row.tolist(), first.tolist()) == ([4, 9], [1, 6])
    assert generated[[4, 7, 9]].tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"era": "2016H"}, "--era is 2016H; expected one of 2017B"),
        ({"events": 0}, "--events is 0"),
        ({"signal_yield": 3}, "--signal-yield is 3; expected 0 to 10 for data, 0 for simulation"),
        ({"signal_yield": 11, "is_data": True}, "--signal-yield is 11"),
        ({"prompt_fraction": 1.5}, "--prompt-fraction is 1.5"),
        ({"compression": "zip-1"}, "--compression is zip-1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        simulate_tau(replace(TauOptions(events=10), **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        simulate_tau(TauOptions(events=5), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
