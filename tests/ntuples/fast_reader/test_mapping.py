"""NanoEvents read by the fast reader are the NanoEvents that coffea reads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import BaseSchema, NanoAODSchema, NanoEventsFactory
from coffea.processor import IterativeExecutor, ProcessorABC, Runner

from columnar_af.errors import ReadError, SchemaError
from columnar_af.ntuples.fast_reader import ColumnCache, events_where, fast_events, fast_reading
from columnar_af.ntuples.fast_reader import mapping as module
from columnar_af.ntuples.t3m import T3MSchema

TREES = [
    ("t3m_2017_ds_phi_pi_mc.root", "Tree3Mu/ntuple", T3MSchema),
    ("t3m_run3_tau3mu_data.root", "TreeMakerBkg/ntuple", T3MSchema),
    ("t3m_run3_tau3mu_data.root", "TreeMakerBkg/ntuple", BaseSchema),
    ("t3m_empty_tree.root", "TreeMakerBkg/ntuple", T3MSchema),
    ("cms_nanoaod_dy.root", "Events", NanoAODSchema),
]
CASES = [(*tree, 0, None) for tree in TREES] + [(*TREES[0], 7, 31), (*TREES[4], 7, 31)]
NANOAOD_FIELDS = ("event", "Muon", "GenPart", "PV", "MET")
MC = "t3m_2017_ds_phi_pi_mc.root"


def coffea_events(path: Path, tree: str, schema: Any, start: int, stop: int | None) -> ak.Array:
    """As coffea reads them."""
    return NanoEventsFactory.from_root(
        {str(path): tree}, schemaclass=schema, entry_start=start, entry_stop=stop, metadata={"dataset": "x"}
    ).events()


def assert_same(first: ak.Array, second: ak.Array) -> None:
    """Fields have the same form and, where they are packed, the same bytes. Of NanoAOD a few, because coffea is slow there."""
    assert first.fields == second.fields
    for name in NANOAOD_FIELDS if "Muon" in first.fields else first.fields:
        one, other = (ak.to_packed(ak.materialize(array[name])) for array in (first, second))
        assert one.layout.form == other.layout.form, name
        buffers, others = ak.to_buffers(one)[2], ak.to_buffers(other)[2]
        assert [key for key in buffers if buffers[key].tobytes() != others[key].tobytes()] == [], name


@pytest.mark.filterwarnings("ignore::RuntimeWarning:coffea")  # the NanoAOD file lacks cross-references
@pytest.mark.parametrize(("name", "tree", "schema", "start", "stop"), CASES)
def test_events_are_the_same(
    shared_data: Path, name: str, tree: str, schema: Any, start: int, stop: int | None
) -> None:
    """Both ways of reading fast, every field of the schema."""
    path = shared_data / name
    expected = coffea_events(path, tree, schema, start, stop)
    got = fast_events(path, tree, start, stop, schema=schema, metadata={"dataset": "x"})
    assert got.metadata == expected.metadata
    assert module.source_of(got) is not None
    assert_same(expected, got)
    with fast_reading():
        patched = coffea_events(path, tree, schema, start, stop)
    assert module.source_of(patched) is not None
    assert_same(expected, patched)


def test_coffea_is_as_before_after_the_block(shared_data: Path) -> None:
    """Also when the block fails."""
    with pytest.raises(ZeroDivisionError), fast_reading():
        1 / 0  # noqa: B018
    events = coffea_events(shared_data / MC, "Tree3Mu/ntuple", BaseSchema, 0, None)
    assert module.source_of(events) is None


class CountMuons(ProcessorABC):
    """A processor that knows nothing of the fast reader."""

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Sums that any wrong value changes."""
        return {"fast": int(module.source_of(events) is not None), "pt": float(ak.sum(events.muon.pt))}

    def postprocess(self, accumulator: dict[str, Any]) -> None:
        """Nothing to do."""


def test_coffea_runner_gains_without_change(shared_data: Path) -> None:
    """Same result and, as coffea's metrics have it, bytes of baskets read."""
    fileset = {"mc": {"treename": "Tree3Mu/ntuple", "files": [str(shared_data / MC)]}}
    runner = Runner(IterativeExecutor(status=False), chunksize=40, schema=T3MSchema, savemetrics=True)
    plain, _ = runner(fileset, CountMuons())
    with fast_reading():
        fast, metrics = runner(fileset, CountMuons())
    assert (plain["fast"], fast["fast"]) == (0, 3)
    assert fast["pt"] == plain["pt"]
    assert metrics["bytesread"] > 0
    assert any(column.startswith("MuonPt-") for column in metrics["columns"])


@pytest.mark.parametrize(("name", "tree", "schema"), TREES[:3])
def test_events_where(shared_data: Path, name: str, tree: str, schema: Any) -> None:
    """The same as cutting in memory, also for columns that were touched before."""
    events = fast_events(shared_data / name, tree, 5, 99, schema=schema)
    ak.materialize(events.MuonPt)
    mask = np.arange(94) % 9 == 4
    some = events_where(events, ak.Array(mask))
    assert len(some) == mask.sum()
    cut = coffea_events(shared_data / name, tree, schema, 5, 99)[mask]
    for field in cut.fields:
        expected, got = (ak.to_packed(ak.materialize(array[field])) for array in (cut, some))
        assert str(expected.to_list()) == str(got.to_list()), (
            field
        )  # as text, because nan is not equal to nan
    assert len(events_where(events, np.zeros(94, dtype=bool)).MuonPt) == 0


def test_events_where_skips_baskets(shared_data: Path) -> None:
    """One late event of the Run 3 file: the last of the 29 baskets of names."""
    events = fast_events(shared_data / "t3m_run3_tau3mu_data.root", "TreeMakerBkg/ntuple")
    some = events_where(events, np.arange(282) == 281)
    ak.materialize(some.Trigger_l1name)
    source = module.source_of(events)
    assert source is not None
    tree = next(iter(source._readers.values()))
    assert tree.statistics.baskets == 1


def test_events_where_of_other_events(shared_data: Path) -> None:
    """Selected events, or events of coffea's own mapping, are cut in memory."""
    mask = np.arange(111) % 2 == 0
    plain = coffea_events(shared_data / MC, "Tree3Mu/ntuple", BaseSchema, 0, None)
    assert events_where(plain, mask).evt.to_list() == plain.evt[mask].to_list()
    events = fast_events(shared_data / MC, "Tree3Mu/ntuple")
    turned = events[np.arange(111)[::-1]]
    assert module.source_of(turned) is None
    assert events_where(turned, mask).evt.to_list() == plain.evt[::-1][mask].to_list()
    with pytest.raises(ValueError, match="111 events"):
        events_where(events, mask[:5])


def test_preload_threads_and_cache(shared_data: Path, tmp_path: Path) -> None:
    """Columns that were preloaded or cached are not read from the file again."""
    cache = ColumnCache(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first = fast_events(
            shared_data / MC, "Tree3Mu/ntuple", pool=pool, cache=cache, preload=("MuonPt", "evt", "Track_pt")
        )
        touched = first.MuonPt.to_list()
    source = module.source_of(first)
    assert source is not None
    (reader,) = source._readers.values()
    assert list(reader.statistics.columns) == ["MuonPt", "evt", "Track_pt"]
    second = fast_events(shared_data / MC, "Tree3Mu/ntuple", cache=cache)
    assert second.MuonPt.to_list() == touched
    source = module.source_of(second)
    assert source is not None
    (reader,) = source._readers.values()
    assert reader.statistics.bytes_read == 0


def test_a_column_is_read_once(shared_data: Path) -> None:
    """coffea asks for the offsets and for the content of a list separately."""
    events = fast_events(shared_data / MC, "Tree3Mu/ntuple")
    ak.materialize(events.Trigger_hltname)
    source = module.source_of(events)
    assert source is not None
    (reader,) = source._readers.values()
    assert reader.statistics.baskets == 3


def test_bad_input(shared_data: Path, tmp_path: Path) -> None:
    """One error that says what and where."""
    with pytest.raises(ReadError, match="no tree") as raised:
        fast_events(shared_data / "no_tree.root", "Tree3Mu/ntuple")
    assert raised.value.address.tree == "Tree3Mu/ntuple"
    with pytest.raises(ReadError, match="open"):
        fast_events(tmp_path / "missing.root", "t")
    (tmp_path / "text.root").write_text("this is not a ROOT file" * 100)
    with pytest.raises(ReadError, match="open"):
        fast_events(tmp_path / "text.root", "t")
    with pytest.raises(SchemaError):
        fast_events(shared_data / "cms_nanoaod_dy.root", "Events", schema=T3MSchema)


def test_an_open_tree(vectors: Any) -> None:
    """``fast_events`` also takes uproot's tree."""
    events = fast_events(vectors, start=3, stop=8)
    assert events.event.to_list() == uproot.open(vectors.file.file_path)["t/event"].array()[3:8].to_list()
