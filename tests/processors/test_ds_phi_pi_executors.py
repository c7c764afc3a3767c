"""Every executor gives the published numbers of the D_s → φπ file, and the same result to the last bit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from coffea.processor import DaskExecutor, FuturesExecutor

import columnar_af
from processors.ds_phi_pi import DsPhiPi

EXECUTORS = ("iterative", "futures", "dask", pytest.param("dask-awkward", marks=pytest.mark.dask_awkward))
EVENTS = [111, 109, 109, 80, 80, 80, 80, 80, 75, 75, 63, 62, 62]
"""After each cut, in the order of the cutflow."""

pytestmark = pytest.mark.slow


def run(shared_data, executor, workers=1):
    return columnar_af.run(
        DsPhiPi(),
        str(shared_data / "t3m_2017_ds_phi_pi_mc.root"),
        chunksize=40,
        executor=executor,
        workers=workers,
        progress=False,
    )


@pytest.fixture(scope="module")
def iterative(shared_data):
    return run(shared_data, "iterative")


def assert_published(result, iterative):
    (dataset,) = result.datasets
    assert len(result.ledger) == 3
    assert [row.events for row in result.cutflow(dataset)] == EVENTS
    yields = {name: value["raw"] for name, value in result.yields[dataset].items()}
    assert yields == {"selected": 62, "mass_range": 60, "signal_window": 53, "gen_matched": 62}
    assert result.hist("mass", dataset).sum().value == 60
    assert result.same_as(iterative), result.differences(iterative)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_executors_by_name(shared_data, iterative, executor):
    if executor == "dask-awkward":
        pytest.importorskip("dask_awkward")
    workers = 2 if executor in ("futures", "dask") else 1
    assert_published(run(shared_data, executor, workers), iterative)


def test_coffeas_futures_executor(shared_data, iterative):
    assert_published(run(shared_data, FuturesExecutor(workers=2, pool=ThreadPoolExecutor)), iterative)


def test_coffeas_dask_executor(shared_data, iterative):
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None, set_as_default=False
    ) as client:
        assert_published(run(shared_data, DaskExecutor(client=client)), iterative)
