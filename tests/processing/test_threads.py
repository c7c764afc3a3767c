"""Threads within a worker read the same, and their time is counted."""

from __future__ import annotations

import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

from columnar_af import run
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import inspect
from columnar_af.errors import ConfigError
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.payload import Payload
from columnar_af.processing.plan import PlanFilter, make_plan
from columnar_af.processing.processors import load_processor
from columnar_af.processing.threads import MOST, _cores, chosen_threads, counting_pool
from tests.conftest import PROJECT

FILESET = PROJECT / "datasets" / "ds_phi_pi.yaml"
ONE = PlanFilter(dataset="2017C")


def test_cores_are_divided_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("columnar_af.processing.threads._cores", lambda: 12)
    assert [chosen_threads(None, workers) for workers in (0, 1, 2, 4, 12, 100)] == [1, MOST, 6, 3, 1, 1]
    assert chosen_threads(3, 100) == 3
    with pytest.raises(ConfigError, match="threads is 0"):
        chosen_threads(0, 1)
    assert 1 <= _cores() <= (os.cpu_count() or 1)


def test_the_result_does_not_depend_on_threads() -> None:
    one = run("ds_phi_pi", FILESET, chunksize=1000, only=ONE, threads=1)
    two = run("ds_phi_pi", FILESET, chunksize=1000, only=ONE, threads=2)
    assert two.same_as(one)
    assert two.provenance.parameters["threads"] == 2


def test_threads_travel_as_a_number_and_do_the_reading() -> None:
    processor = load_processor("ds_phi_pi", {})
    fileset = Fileset.load(FILESET)
    (chunk,) = make_plan(fileset, inspect(fileset), max_chunks=1, only=ONE).chunks
    function = ChunkFunction(Payload.of(processor, processor.schema), threads=2)
    columns = frozenset({"Triplet2_Mass", "Track_pt", "MuonPt"})
    function = replace(pickle.loads(pickle.dumps(function)), columns={chunk.dataset: columns})
    assert not function(chunk).errors
    assert any(thread.name.startswith(f"columnar-af-{os.getpid()}") for thread in threading.enumerate())


def test_time_of_threads_is_counted() -> None:
    pool = counting_pool(2)
    assert pool is not None
    assert counting_pool(1) is None
    results = [pool.submit(sum, range(200_000)).result() for _ in range(20)]
    assert set(results) == {sum(range(200_000))}
    assert 0 < pool.cpu_s < 20
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0).result()


def _sum_in_pool(count: int) -> int:
    pool = counting_pool(2)
    assert pool is not None
    return int(pool.submit(sum, range(count)).result(timeout=20))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert _sum_in_pool(10) == 45
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as processes:
        assert processes.submit(_sum_in_pool, 10).result(timeout=30) == 45
