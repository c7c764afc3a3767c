"""The schemas of the stop ntuples: structured fields in GeV, in every mode, and which schema fits a tree."""

from __future__ import annotations

import pickle

import awkward as ak
import cloudpickle
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory

from columnar_af.errors import SchemaError
from columnar_af.ntuples.stop import (
    HistFitterSchema,
    Layout,
    LoopSusySchema,
    StopSchema,
    layout_of,
    recognise,
)
from columnar_af.ntuples.stop.layouts import BRANCHES
from columnar_af.ntuples.t3m import T3MSchema
from tests.ntuples.stop.stop_files import events_of, loopsusy_branches, write_tree


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("stop") / "loopsusy.root", {"myTree": loopsusy_branches()})


def check(events):
    assert events.leptons.pt.tolist() == [[20.0, 10.0]] * 3
    assert events.leptons.charge.tolist() == [[1, -1]] * 3
    assert events.leptons.passes_overlap_removal.tolist() == [[True, True]] * 3
    assert events.jets.pt.tolist() == [[30.0, 200.0, 50.0]] * 3
    assert events.met.pt.tolist() == [300.0] * 3
    assert events.gen_filt_met.tolist() == [250.0] * 3
    assert events.ptleptons_Nominal.tolist() == [[20000.0, 10000.0]] * 3
    pair = events.leptons[:, 0] + events.leptons[:, 1]
    assert ak.all(pair.mass > 0)
    assert events.trigger.HLT_xe70_mht.tolist() == [True] * 3
    assert events.run.tolist() == [355000] * 3


@pytest.mark.parametrize("mode", ["virtual", "eager"])
@pytest.mark.parametrize("schema", [StopSchema, LoopSusySchema])
def test_loopsusy(path, mode, schema):
    events = NanoEventsFactory.from_root({str(path): "myTree"}, schemaclass=schema, mode=mode).events()
    check(events)
    assert layout_of(events) is Layout.LOOPSUSY


def test_dask(path):
    pytest.importorskip("dask_awkward")
    events = NanoEventsFactory.from_root({str(path): "myTree"}, schemaclass=StopSchema, mode="dask").events()
    assert events.leptons.pt.compute().tolist() == [[20.0, 10.0]] * 3
    assert (events.leptons[:, 0] + events.leptons[:, 1]).mass.compute()[0] > 0


def test_it_travels_to_workers(path):
    assert pickle.loads(pickle.dumps(StopSchema)) is StopSchema
    check(cloudpickle.loads(cloudpickle.dumps(events_of(path, "myTree"))))


def test_lists_of_unequal_length_are_refused_when_they_are_read(tmp_path):
    wrong = loopsusy_branches() | {"etaleptons_Nominal": ("vector<float>", [[1, 2], [1], [1, 2]])}
    events = events_of(write_tree(tmp_path / "a.root", {"myTree": wrong}), "myTree")
    assert events.leptons.pt.tolist() == [[20.0, 10.0]] * 3
    with pytest.raises(SchemaError, match="etaleptons_Nominal holds 1 values in entry 1"):
        ak.materialize(events.leptons.eta)


def test_histfitter(project):
    path = project / "datasets" / "stop_histfitter_Wt_mc16e.root"
    events = events_of(path, "Wt_WEIGHTS", schema=HistFitterSchema)
    assert ak.all(events.met.pt == events.MET)
    assert np.allclose(events.gen_filt_met, events.GenFiltMET / 1000)
    assert "WeightEventsPU" in events.weights.fields
    assert layout_of(events) is Layout.HISTFITTER


@pytest.mark.parametrize("name", ["t3m_2017_ds_phi_pi_mc.root"])
def test_another_ntuple_is_refused(shared_data, name, path):
    with pytest.raises(SchemaError, match="none of the layouts of the stop search"):
        events_of(shared_data / name, "Tree3Mu/ntuple")
    with pytest.raises(SchemaError):
        events_of(path, "myTree", schema=T3MSchema)


def test_the_wrong_schema_is_refused(path):
    with pytest.raises(SchemaError, match="has the layout loopsusy, not histfitter"):
        events_of(path, "myTree", schema=HistFitterSchema)


@pytest.mark.parametrize("layout", list(Layout))
def test_layouts_are_told_by_their_branches(layout):
    assert recognise({*BRANCHES[layout], "more"}) is layout
    first, *others = BRANCHES[layout]
    with pytest.raises(SchemaError, match=f"closest is {layout.value}, but {first} is not there"):
        recognise(others)
