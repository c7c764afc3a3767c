"""Workers that start before there is work: taken once, and ended where nobody takes them."""

from __future__ import annotations

import sys

import pytest

from columnar_af.processing import early_workers as module
from columnar_af.processing.early_workers import early_workers, loky_pool


def loaded_modules():
    return set(sys.modules)


def test_workers_have_imported_what_chunks_need():
    with early_workers("futures", 1):
        with early_workers("futures", 1):  # of run, within that of the command line
            pool = loky_pool(1)
        assert set(module.NEEDED) <= pool.submit(loaded_modules).result()
        assert not module._waiting
        other = loky_pool(1)
        assert other is not pool
    pool.shutdown(kill_workers=True)
    other.shutdown(kill_workers=True)


@pytest.mark.parametrize("executor", ["iterative", "dask", object()])
def test_other_executors_have_none(executor, monkeypatch):
    monkeypatch.setattr(module, "_new_pool", pytest.fail)
    with early_workers(executor, 2):
        assert not module._waiting


def test_unused_workers_are_ended(monkeypatch):
    made = []
    new_pool = module._new_pool
    monkeypatch.setattr(module, "_new_pool", lambda workers: made.append(new_pool(workers)) or made[-1])

    def fails():
        with early_workers("futures", 1):
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    (pool,) = made
    assert not module._waiting
    assert not pool._processes
