"""The executor ``dask``: distributed futures, merged as they complete, so that a poison chunk loses nothing else."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from coffea.processor import Accumulatable, accumulate
from coffea.processor.executor import ExecutorBase

from columnar_af.errors import ExecutorError
from columnar_af.processing.dask_client import client_for


@dataclass
class DaskFuturesExecutor(ExecutorBase):
    """Runs items as futures of dask.distributed.

    It is called as all of coffea's executors are, and like its recoverable ones it returns what is done together with
    the reason why the rest is not.

    Attributes:
        client: A distributed client or the address of a scheduler; None for workers of its own.
        workers: Number of workers of its own.
        on_done: Called with each result as it arrives.
    """

    client: Any | str | None = None
    workers: int = 1
    on_done: Callable[[Any], None] | None = None
    retries: int = 0

    def __call__(
        self, items: Iterable[Any], function: Callable[[Any], Any], accumulator: Accumulatable
    ) -> tuple[Accumulatable, BaseException | int]:
        """Run ``function`` on each item.

        Returns:
            The accumulated results, and 0 or the reason why some are missing.
        """
        with client_for(self.client, self.workers) as client:
            return self._run(client, list(items), function, accumulator)

    def _run(
        self, client: Any, items: Sequence[Any], function: Callable[[Any], Any], accumulator: Accumulatable
    ) -> tuple[Accumulatable, BaseException | int]:
        from distributed import as_completed  # noqa: PLC0415  # takes a second, and only dask executors need it

        futures = _submit(client, items, function, name=self.function_name or "chunk")
        problem: BaseException | int = 0
        try:
            for batch in as_completed(futures, loop=client.loop).batches():
                done = [future for future in batch if future.status == "finished"]
                for result in client.gather(done, errors="skip"):
                    if self.on_done is not None:
                        self.on_done(result)  # first, because the journal takes its bytes out of the outcome
                    accumulator = accumulate([result], accumulator)
                for future in batch:
                    problem = _reason(future) or problem
                    future.release()  # the worker may forget it: the results of a run need not fit into memory
        finally:
            client.cancel([future for future in futures if not future.done()])
        return accumulator, problem


def _submit(client: Any, items: Sequence[Any], function: Callable[[Any], Any], name: str) -> list[Any]:
    """One future per item. The function travels once, as a future of its own that is made again if its worker dies."""
    run = uuid.uuid4().hex
    with warnings.catch_warnings():
        # A processor with its corrections may be large; this way is the one that the warning asks for.
        warnings.filterwarnings("ignore", "(?s).*[Ll]arge (object|graph)", category=UserWarning)
        shared = client.submit(_same, function, key=f"function-{run}")
        keys = [f"{name}-{run}-{index}" for index in range(len(items))]
        futures: list[Any] = client.map(_apply, [shared] * len(items), items, key=keys)
    return futures


def _same(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function


def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


def _reason(future: Any) -> BaseException | None:
    if future.status == "finished":
        return None
    if future.status == "error":
        error: BaseException = future.exception()
        return error
    return ExecutorError(f"the scheduler lost it ({future.status})")  # a reason, not raised here
