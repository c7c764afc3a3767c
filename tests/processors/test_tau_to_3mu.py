"""The τ → 3μ processor against the plain per-event loop, and its blinding."""

from __future__ import annotations

import json
import pickle
from functools import cache
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.processor import IterativeExecutor, Runner, accumulate

from columnar_af import Fileset, run
from columnar_af.corrections import Corrections, MuonFactor, PileUp, Table
from columnar_af.errors import ConfigError, SchemaError
from columnar_af.ntuples.t3m import T3MSchema
from processors import tau_to_3mu
from processors.tau_to_3mu import SELECTIONS, SelectedMuons, TauTo3Mu
from tests.conftest import PROJECT
from tests.reference import tau_to_3mu_loop as loop

TREE = "TreeMakerBkg/ntuple"
YEARS = [("2018", loop.RUN2_2018), ("2022", loop.RUN3)]


def open_events(path, mode="virtual", tree=TREE, start=None, stop=None, **metadata):
    return NanoEventsFactory.from_root(
        {str(path): tree},
        schemaclass=T3MSchema,
        mode=mode,
        entry_start=start,
        entry_stop=stop,
        metadata={"dataset": "tau", "era": "2022", "is_data": True, **metadata},
    ).events()


@pytest.fixture
def real_file(shared_data):
    return shared_data / "t3m_run3_tau3mu_data.root"


@pytest.fixture(scope="module")
def output_of(shared_data):
    """(opened, year) -> what comes of the real file as data of that year; made once."""
    path = shared_data / "t3m_run3_tau3mu_data.root"

    @cache
    def made(opened, year):
        return TauTo3Mu(open_signal_window=opened).process(open_events(path, era=year))["tau"]

    return made


def assert_same_counts(cutflow, expected):
    for row in cutflow:
        if row.applied:
            counted = (expected.events.get(row.cut, 0), expected.candidates.get(row.cut, 0))
            assert (row.cut, row.events, row.candidates) == (row.cut, *counted)


@pytest.mark.parametrize(("year", "numbers"), YEARS, ids=[year for year, _ in YEARS])
@pytest.mark.parametrize("blinded", [True, False], ids=["blinded", "opened"])
def test_agrees_with_the_plain_loop_at_each_cut(real_file, output_of, year, numbers, blinded):
    expected = loop.select(real_file, TREE, numbers, blinded=blinded)
    output = output_of(not blinded, year)
    assert_same_counts(output["cutflow"], expected)
    assert expected.events["trigger_match"] > 0
    columns = {name: accumulator.value for name, accumulator in output["candidates"].items()}
    found = list(
        zip(
            *(columns[name].tolist() for name in ("run", "lumi", "evt", "tripletMass", "category")),
            strict=True,
        )
    )
    assert found == expected.selected


def loosened(numbers, **changes):
    return loop.Numbers(**{**{f: getattr(numbers, f) for f in numbers.__dataclass_fields__}, **changes})


@pytest.mark.parametrize("blinded", [True, False], ids=["blinded", "opened"])
def test_agrees_with_the_plain_loop_where_many_candidates_compete(real_file, blinded, monkeypatch):
    """Without identification and with a wide mass window, events have several candidates, in and out of the window."""
    from dataclasses import replace

    cuts = replace(SELECTIONS["2022"], muon_id=("is_tracker",), mass=(0.3, 3.0), flight_significance=0.1)
    monkeypatch.setitem(SELECTIONS, "2022", cuts)
    monkeypatch.setattr(loop, "MUON_BRANCHES", (*loop.MUON_BRANCHES, "Muon_isTrackerMuon"))
    numbers = loosened(loop.RUN3, flags=("Muon_isTrackerMuon",), mass=(0.3, 3.0), significance=0.1)
    expected = loop.select(real_file, TREE, numbers, blinded=blinded)
    output = TauTo3Mu(open_signal_window=not blinded).process(open_events(real_file))["tau"]
    assert_same_counts(output["cutflow"], expected)
    assert len(expected.selected) > 10


def test_blinded_data_never_enter_the_result(real_file, monkeypatch):
    from dataclasses import replace

    loose = replace(SELECTIONS["2022"], muon_id=("is_tracker",), flight_significance=0.1)
    monkeypatch.setitem(SELECTIONS, "2022", loose)
    closed = TauTo3Mu().process(open_events(real_file))["tau"]
    opened = TauTo3Mu(open_signal_window=True).process(open_events(real_file))["tau"]
    assert any("signal_window" in name and value["raw"] for name, value in opened["yields"].items())
    assert not [name for name in closed["yields"] if "signal_window" in name]
    masses = closed["candidates"]["tripletMass"].value
    assert len(masses)
    assert not np.any((masses > 1.727) & (masses < 1.827))
    for name, histogram in closed["hists"].items():
        if name.startswith("mass") and name != "mass_resolution":
            centres = histogram.axes[0].centers
            assert np.sum(histogram.values()[(centres > 1.735) & (centres < 1.82)]) == 0
    # the sidebands are those of the opened window
    sidebands = {name: value for name, value in opened["yields"].items() if name.endswith("sidebands")}
    assert sidebands == {name: value for name, value in closed["yields"].items() if name in sidebands}


def test_opening_is_recorded(real_file, output_of):
    closed, opened = output_of(False, "2022"), output_of(True, "2022")
    simulation = TauTo3Mu().process(open_events(real_file, is_data=False))["tau"]
    assert closed["signal_window"] == {"blinded_entries": 282, "opened_entries": 0}
    assert opened["signal_window"] == {"blinded_entries": 0, "opened_entries": 282}
    assert simulation["signal_window"] == {"blinded_entries": 0, "opened_entries": 0}
    assert "OPENED" in opened["cutflow"]["signal_window"].note


def test_every_mode_and_chunking_gives_the_same(real_file):
    whole = TauTo3Mu().process(open_events(real_file, "eager"))
    edges = [0, 51, 282]
    parts = [TauTo3Mu().process(open_events(real_file, start=a, stop=b)) for a, b in pairwise(edges)]
    total = accumulate(parts)["tau"]
    assert total["cutflow"] == whole["tau"]["cutflow"]
    assert total["yields"] == whole["tau"]["yields"]
    for name, column in whole["tau"]["candidates"].items():
        np.testing.assert_array_equal(total["candidates"][name].value, column.value)


def test_runs_in_coffeas_runner_and_survives_pickling(real_file):
    runner = Runner(IterativeExecutor(status=False), schema=T3MSchema, chunksize=150)
    processor = pickle.loads(pickle.dumps(TauTo3Mu()))
    fileset = {"d": {"files": [str(real_file)], "metadata": {"era": "2023", "is_data": True}}}
    output = runner(fileset, processor, treename=TREE)["d"]
    assert output["yields"]["selected"]["raw"] == 2


def test_an_empty_chunk_gives_zeros(real_file):
    output = TauTo3Mu().process(open_events(real_file, start=0, stop=0))["tau"]
    assert [row.events for row in output["cutflow"]] == [0] * len(output["cutflow"])
    assert len(output["candidates"]["evt"].value) == 0


def test_the_end_of_2017f_belongs_to_2018(real_file):
    """The run of the file lies after the change of the trigger."""
    cutflow = TauTo3Mu().process(open_events(real_file, era="2017F"))["tau"]["cutflow"]
    assert cutflow["all"].events == 282
    assert cutflow["run_range"].events == 0


def test_selected_muons_are_those_of_the_candidates(real_file):
    events = open_events(real_file, is_data=False)
    muons = SelectedMuons()(events)
    assert sorted(ak.num(muons, axis=1)[ak.num(muons, axis=1) > 0].to_list()) == [3, 3]


@pytest.mark.slow
@pytest.mark.dask_awkward
def test_corrections_are_traced_and_give_the_same_with_dask_awkward(real_file, tmp_path):
    """The columns of the corrections are found by tracing, and the corrections travel with the processor."""
    pytest.importorskip("dask_awkward")
    tables = PROJECT / "datasets/corrections/demo_corrections.json"
    weight = Corrections(
        MuonFactor("muon_id", Table.load(tables, "muon_id"), SelectedMuons()),
        PileUp(Table.load(tables, "pile_up")),
    )
    metadata = {"era": "2022", "is_data": False}
    (tmp_path / "fileset.json").write_text(
        json.dumps({"tau": {"files": [str(real_file)], "metadata": metadata}})
    )
    fileset = Fileset.load(tmp_path / "fileset.json")
    results = [
        run(TauTo3Mu(event_weight=weight), fileset, executor=executor, chunksize=150)
        for executor in ("iterative", "dask-awkward")
    ]
    assert results[0].same_as(results[1])
    touched = results[0].output["tau"]["corrections"]
    assert touched["muon_id"]["muons"] == 3 * results[0].cutflow("tau")["omega_veto"].events
    assert touched["pile_up"] == {
        "events": 282,
        "below_table": 0,
        "above_table": 0,
        "clipped_bin": 0,
        "number_missing": 282,  # data hold no true number of interactions
    }


def test_the_control_channel_is_refused(shared_data):
    events = open_events(shared_data / "t3m_2017_ds_phi_pi_mc.root", tree="Tree3Mu/ntuple")
    with pytest.raises(SchemaError, match="no third muon"):
        TauTo3Mu().process(events)


@pytest.mark.parametrize("era", ["2016H", "2018E", "2022preE"])
def test_an_unknown_era_is_refused(real_file, era):
    with pytest.raises(ConfigError, match=f"unknown era '{era}'"):
        TauTo3Mu().process(open_events(real_file, era=era))


def test_resolution_of_a_symmetric_candidate():
    """Three equal muons at 120 degrees: m = 3 sqrt(pt² + m_mu²) at rest in z, so a shift of one pt moves m by about δ."""
    import vector

    vector.register_awkward()
    legs = [
        ak.Array([[{"pt": 1.0, "eta": 0.0, "phi": p, "mass": 0.0}]], with_name="Momentum4D")
        for p in (0, 2.0944, -2.0944)
    ]
    muons = [ak.Array([[{"best_track_pt_error": 0.001}]]) for _ in range(3)]
    resolution = tau_to_3mu.mass_resolution(legs, muons)[0, 0]
    assert resolution == pytest.approx(np.sqrt(3) * 0.001 / 3, rel=1e-3)
