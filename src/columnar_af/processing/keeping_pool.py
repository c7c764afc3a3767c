"""A process pool that keeps what is done when it breaks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from threading import Condition
from typing import Any

import loky  # type: ignore[import-untyped]

from columnar_af.processing.chunk import Chunk
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.recovery import is_pickling_error, unsendable_outcome


class KeepingPool(Executor):
    """Stands between coffea's FuturesExecutor and its pool.

    FuturesExecutor gives back nothing when a worker is killed. Here outcomes are merged as they arrive, in bounded
    memory, and coffea accumulates empty receipts for them, so that what is done stays done.

    Args:
        make_pool: Makes the pool that does the work.
        on_done: Called with each outcome as it arrives, in a thread of the pool.
    """

    def __init__(self, make_pool: Callable[[], Executor], on_done: Callable[[Outcomes], None]) -> None:
        self._make_pool = make_pool
        self._pool = make_pool()
        self._on_done = on_done
        self._changed = Condition()
        self._running: set[Future[Any]] = set()
        self._kept = Outcomes()
        self.broken = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a chunk; its outcome is kept, and the future holds an empty receipt. Merges pass through."""
        future = self._pool.submit(function, *args, **kwargs)
        if not (args and isinstance(args[0], Chunk)):
            return future
        receipt: Future[Any] = Future()
        with self._changed:
            self._running.add(future)
        future.add_done_callback(lambda done: self._end(done, receipt, args[0]))
        return receipt

    def _end(self, done: Future[Any], receipt: Future[Any], chunk: Chunk) -> None:
        problem = self._keep(done, chunk)
        if (
            receipt.set_running_or_notify_cancel()
        ):  # coffea cancels its receipts when one of them has an exception
            if problem is None:
                receipt.set_result(Outcomes())
            else:
                receipt.set_exception(problem)
        with self._changed:
            self._running.discard(done)
            self._changed.notify_all()

    def _keep(self, done: Future[Any], chunk: Chunk) -> BaseException | None:
        """Keep an outcome; returns why there is none."""
        try:
            outcomes = _outcomes_of(done, chunk)
            self._on_done(outcomes)  # first, because the journal takes its bytes out of the outcome
            with self._changed:
                self._kept += outcomes
        except CancelledError as error:  # by us; the pool is as good as before
            return error
        except BaseException as error:  # noqa: BLE001  # a callback must not raise: whoever holds the receipt gets it
            self.broken = True
            return error
        return None

    def cancel(self) -> None:
        """Cancel the chunks that wait; those that run go on."""
        with self._changed:
            running = list(self._running)
        for future in running:
            future.cancel()

    def settle(self) -> None:
        """Cancel the chunks that wait, and wait for those that run, so that none comes back later."""
        self.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._running)

    def take(self) -> Outcomes:
        """What was kept since the last call."""
        with self._changed:
            kept, self._kept = self._kept, Outcomes()
        return kept

    def run(self, function: Callable[..., Any], *args: Any, times: int = 1) -> Any:
        """The value of a function on a worker; called that many times at once, so that idle workers each get one."""
        futures = [self._pool.submit(function, *args) for _ in range(times)]
        first, *_ = [future.result() for future in futures]
        return first

    def renew(self) -> None:
        """Replace a broken pool."""
        if self.broken:
            self.shutdown(cancel_futures=True)
            self._pool = self._make_pool()
            self.broken = False

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the pool; with ``cancel_futures`` without waiting for work that nobody waits for."""
        if isinstance(self._pool, loky.ProcessPoolExecutor):
            self._pool.shutdown(wait=wait, kill_workers=cancel_futures)
        else:
            self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


def _outcomes_of(done: Future[Any], chunk: Chunk) -> Outcomes:
    """What a chunk gave; that its result cannot be sent is an outcome, too: nothing else was lost with it."""
    try:
        outcomes: Outcomes = done.result()
    except Exception as error:
        if is_pickling_error(error):
            return unsendable_outcome(chunk, error)
        raise
    return outcomes
