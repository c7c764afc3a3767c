"""The pool that keeps what is done: nothing comes back after its attempt has ended."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from coffea.processor import FuturesExecutor

from columnar_af.processing.chunk import Chunk, ChunkOutcome
from columnar_af.processing.early_workers import LEAK_BYTES, loky_pool
from columnar_af.processing.executors import open_executor
from columnar_af.processing.keeping_pool import KeepingPool
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.recovery import run_all


def chunks(count: int) -> list[Chunk]:
    return [Chunk(number, "d", "f", "t", number, number + 1, "") for number in range(count)]


def done(chunk: Chunk) -> Outcomes:
    return Outcomes.of(ChunkOutcome(chunk.number, 1, {"n": 1}))


def test_a_pool_that_is_given_gives_nothing_back_twice() -> None:
    """One chunk breaks its first attempt while another one runs: that one ends late, and is not counted twice."""
    broke = threading.Event()

    def function(chunk: Chunk) -> Outcomes:
        if chunk.number == 0 and not broke.is_set():
            broke.set()
            message = "the machinery broke"
            raise RuntimeError(message)
        broke.wait(10)
        threading.Event().wait(0.05)  # ends after the attempt would have, if nobody waited
        return done(chunk)

    with (
        ThreadPoolExecutor(2) as pool,
        open_executor(
            FuturesExecutor(pool=pool), workers=1, client=None, on_done=lambda outcomes: None
        ) as ready,
    ):
        recovered = run_all(
            chunks(8), lambda batch: ready.attempt(batch, function), in_flight=2, reproduce=lambda chunk: ""
        )
    assert recovered.outcomes.total() == {"n": 8}
    assert not recovered.outcomes.errors


def test_a_result_that_cannot_be_sent_loses_nothing_else() -> None:
    def function(chunk: Chunk) -> Outcomes:
        if chunk.number == 3:
            message = "cannot pickle '_thread.lock' object"
            raise TypeError(message)
        return done(chunk)

    with ThreadPoolExecutor(2) as threads:
        pool = KeepingPool(lambda: threads, lambda outcomes: None)
        receipts = [pool.submit(function, chunk) for chunk in chunks(6)]
        for receipt in receipts:
            receipt.result()
        kept = pool.take()
    assert kept.total() == {"n": 5}
    assert kept.errors[3].kind == "ProcessorError"
    assert "cannot be sent to another process: cannot pickle" in kept.errors[3].message
    assert not pool.broken


def test_settling_cancels_what_waits_and_waits_for_what_runs() -> None:
    started, release = threading.Event(), threading.Event()

    def function(chunk: Chunk) -> Outcomes:
        started.set()
        release.wait(10)
        return done(chunk)

    with ThreadPoolExecutor(1) as threads:
        pool = KeepingPool(lambda: threads, lambda outcomes: None)
        receipts: list[Future[Any]] = [pool.submit(function, chunk) for chunk in chunks(3)]
        started.wait(10)
        threading.Timer(0.05, release.set).start()
        pool.settle()
        assert list(pool.take().entries) == [0]
        assert all(receipt.done() for receipt in receipts)
        assert not pool.broken


def leak_limit() -> int:
    from loky import process_executor

    return int(process_executor._MAX_MEMORY_LEAK_SIZE)


def test_workers_may_take_memory() -> None:
    """Else loky replaces one whose first chunk was larger than the check of its modules."""
    assert leak_limit() < LEAK_BYTES, "else ours is of no use"
    with loky_pool(1) as pool:
        assert pool.submit(leak_limit).result() == LEAK_BYTES
