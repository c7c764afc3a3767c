"""Which branches a processor of stop ntuples reads is found without reading events."""

from __future__ import annotations

import pytest
from coffea.processor import ProcessorABC

from columnar_af.ntuples.stop import StopSchema, stop_source
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.tracing import Traceable, traced_columns
from columnar_af.stop import stop_variables

UP = "JET_GroupedNP_1__1up"


class Counting(ProcessorABC):
    schema = StopSchema

    def process(self, events):
        nominal = stop_variables(stop_source(events))
        up = nominal.varied(stop_source(events, UP))
        return {"jets": float(nominal.n_jets.sum() + up.n_jets.sum()), "met": float(nominal.met.sum())}

    def postprocess(self, accumulator):
        return accumulator


def columns_of(project, name, tree):
    path = str(project / "datasets" / f"stop_{name}_Wt_mc16e.root")
    return traced_columns(Traceable(Counting(), StopSchema), Chunk(0, "Wt", path, tree, 0, 10, "", {}))


def test_loopsusy(project):
    pytest.importorskip("dask_awkward")
    columns, problem = columns_of(project, "loopsusy", "myTree")
    assert problem == ""
    jets = ("ptjets", "etajets", "isBjets", "passORjet")
    expected = {f"{name}_{variation}" for name in jets for variation in ("Nominal", UP)}
    assert columns == expected | {"EtMiss_tst_Nominal"}


def test_histfitter(project):
    """The trees of variations are read when they are touched; of the nominal tree it is known what is."""
    pytest.importorskip("dask_awkward")
    columns, problem = columns_of(project, "histfitter", "Wt_WEIGHTS")
    assert problem == ""
    assert columns == {"njet", "MET"}
