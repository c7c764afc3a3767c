"""The small stop ntuples in ``datasets/`` are what the code makes today."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot

from columnar_af.datasets.fileset import Fileset
from columnar_af.ntuples.simulation.stop_shipped import SHIPPED, command
from columnar_af.ntuples.simulation.stop_simulation import simulate_stop

LIMIT = 4_000_000
"""Bytes that all stop files together may take in git."""


def test_they_are_small(project):
    assert sum(path.stat().st_size for path in (project / "datasets").glob("stop_*")) <= LIMIT


@pytest.mark.parametrize("options", SHIPPED, ids=lambda options: options.layout)
def test_they_come_out_the_same(project, tmp_path, options):
    """Value for value: compression libraries and the last bit of a sine may differ from machine to machine."""
    some = replace(options, samples=("Wt", "data"))
    truth = simulate_stop(some, tmp_path)
    shipped = json.loads((project / "datasets" / f"stop_{options.layout}.truth.json").read_text())
    for name in truth["files"][:2]:
        assert shipped["entries_by_file"][name] == truth["entries_by_file"][name]
        with uproot.open(tmp_path / name) as new, uproot.open(project / "datasets" / name) as old:
            assert new.keys() == old.keys()
            for key in new.keys(filter_classname="TTree"):
                assert new[key].keys() == old[key].keys()
                first, second = new[key].arrays(), old[key].arrays()
                for branch in first.fields:
                    a, b = first[branch], second[branch]
                    assert ak.almost_equal(a, b, rtol=1e-5, atol=1e-4), (name, key, branch)


@pytest.mark.parametrize("options", SHIPPED, ids=lambda options: options.layout)
def test_filesets_name_files_that_exist(project, options):
    path = project / "datasets" / f"stop_{options.layout}.yaml"
    fileset = Fileset.load(path)
    assert len(fileset) == len(options.samples)
    for dataset in fileset:
        for file in dataset.files:
            with uproot.open(f"{file.path}:{file.tree}") as tree:
                assert tree.num_entries > 0
    assert command(options) in path.read_text()
    assert shlex.split(command(options))[:2] == ["columnar-af", "simulate"]


def test_both_layouts_hold_the_same_data(project):
    """The same seed gives the same data; the flat ntuples hold those that pass the preselection."""
    datasets = project / "datasets"
    with (
        uproot.open(f"{datasets}/stop_loopsusy_data_mc16e.root:myTree") as loopsusy,
        uproot.open(f"{datasets}/stop_histfitter_data_mc16e.root:data_NONE") as histfitter,
    ):
        met = dict(
            zip(
                loopsusy["EventNumber"].array(library="np"),
                loopsusy["EtMiss_tst_Nominal"].array(library="np") / 1000,
                strict=True,
            )
        )
        flat = histfitter.arrays(["EventNumber", "MET"], library="np")
    assert np.allclose([met[number] for number in flat["EventNumber"]], flat["MET"], rtol=1e-6)
    assert 0 < len(flat["MET"]) < len(met)
