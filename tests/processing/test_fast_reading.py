"""Runs read with the fast reader, and with the column cache where asked: the result is uproot's, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.processor import ProcessorABC

from columnar_af import run
from columnar_af.ntuples.fast_reader import ColumnCache, columns
from columnar_af.ntuples.fast_reader.mapping import FastSourceMapping
from columnar_af.ntuples.t3m import T3MSchema
from columnar_af.processing import chunk_function
from columnar_af.processing.notebook import in_notebook
from columnar_af.processing.plan import PlanFilter
from tests.conftest import PROJECT

FILESET = PROJECT / "datasets" / "ds_phi_pi.yaml"


class Mapped(ProcessorABC):
    """Tells by what its events are read."""

    schema = T3MSchema

    def process(self, events: ak.Array) -> dict[str, Any]:
        mapping = events.attrs["@events_factory"]._mapping
        return {
            "fast": int(isinstance(mapping, FastSourceMapping)),
            "mass": float(ak.sum(events.triplet.mass)),
        }

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


def by_uproot(chunk: Any, file: Any, schema: Any, *_: Any) -> Any:
    return NanoEventsFactory.from_root(
        file,
        treepath=chunk.tree,
        mode="virtual",
        entry_start=chunk.start,
        entry_stop=chunk.stop,
        schemaclass=schema,
        metadata=chunk_function.chunk_metadata(chunk),
    ).events()


def test_events_come_from_the_fast_reader():
    output = run(Mapped(), FILESET, chunksize=50).output
    assert output["fast"] > 8


def test_the_result_is_that_of_uproot(monkeypatch: pytest.MonkeyPatch):
    one = PlanFilter(dataset="2017C")
    fast = run("ds_phi_pi", FILESET, chunksize=70, only=one)
    monkeypatch.setattr(chunk_function, "_events", by_uproot)
    assert fast.same_as(run("ds_phi_pi", FILESET, chunksize=70, only=one))


def test_a_second_pass_reads_no_baskets(tmp_path: Path):
    cache = ColumnCache(tmp_path / "columns")
    first = run(Mapped(), FILESET, column_cache=cache)
    kept = cache.info().entries
    second = run(Mapped(), FILESET, column_cache=cache)
    assert kept > 0
    assert cache.info().entries == kept
    assert second.same_as(first)
    assert second.metrics.bytes_read < first.metrics.bytes_read


def test_nothing_is_kept_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNAR_AF_COLUMN_CACHE", str(tmp_path))
    assert not in_notebook()
    run(Mapped(), FILESET)
    assert ColumnCache().info().entries == 0
    run(Mapped(), FILESET, column_cache=True)
    assert ColumnCache().info().entries > 0


def test_a_second_pass_with_the_cache_reads_no_baskets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    one, cache = PlanFilter(dataset="2017C"), ColumnCache(tmp_path)
    lean = {"n_minus_one": False}  # reads most columns only for the events that fired
    first = run("ds_phi_pi", FILESET, parameters=lean, only=one, column_cache=cache)

    def locate(branch: Any) -> Any:
        raise AssertionError(branch)

    monkeypatch.setattr(columns, "locate_baskets", locate)
    second = run("ds_phi_pi", FILESET, parameters=lean, only=one, column_cache=cache)
    assert second.same_as(first)
