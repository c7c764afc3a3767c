"""Executors: the four names, and any executor of coffea, behind one interface that tells what was lost."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from coffea.processor import DaskExecutor, FuturesExecutor, IterativeExecutor, ParslExecutor
from coffea.processor.executor import ExecutorBase
from coffea.util import coffea_console

from columnar_af.errors import ColumnarAFError, ConfigError
from columnar_af.kernels.start_up import prepare_kernels
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.dask_client import client_for, notes_on, require_modules_on
from columnar_af.processing.dask_executor import DaskFuturesExecutor
from columnar_af.processing.early_workers import loky_pool
from columnar_af.processing.keeping_pool import KeepingPool
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.payload import Payload, require_modules

FUTURES_AT_A_TIME = 1000
FUTURES_PER_WORKER = 100
"""Chunks that coffea's FuturesExecutor is given at a time: each time that one is done it looks at all that are not, which for
10,000 chunks takes more than all else that the driver does (``benchmarks/many_chunks.py``). At the end of a batch workers wait
for the last one of it, a hundredth of the time at most."""

NAMES = ("iterative", "futures", "dask", "dask-awkward")

ChunkFunctionLike = Callable[[Chunk], Outcomes]
OnDone = Callable[[Outcomes], None]
Attempt = Callable[[Sequence[Chunk], ChunkFunctionLike], tuple[Outcomes, BaseException | None]]


@dataclass
class ReadyExecutor:
    """An executor with its pool or client open.

    Attributes:
        name: ``iterative``, ``futures``, ``dask``, ``dask-awkward``, or the class of an executor that was given.
        workers: Number of workers; 0 where a given client or executor decides.
        attempt: Runs a batch of chunks; returns what came back, and why the rest did not.
        in_flight: How many chunks it works on at a time, the first ones of a batch first; 0 where the order is unknown.
        check: Makes sure that the workers can load the processor.
        notes: What the user should know of this run, in words.
        reports: Whether it tells of each outcome as it arrives; if not, all is known only when a batch has ended.
        largest_batch: Most chunks that it should be given at a time; any number where None.
    """

    name: str
    workers: int
    attempt: Attempt
    in_flight: int = 0
    check: Callable[[Payload], None] = lambda payload: None  # in this process everything is there
    notes: list[str] = field(default_factory=list)
    reports: bool = False
    largest_batch: int | None = None


@contextmanager
def open_executor(
    executor: str | ExecutorBase, *, workers: int, client: Any | str | None, on_done: OnDone
) -> Iterator[ReadyExecutor]:
    """Open an executor for a run; what is opened here is closed at the end, what was given stays open.

    Args:
        executor: A name of :data:`NAMES`, or any executor of coffea.
        workers: Number of workers, where it starts them itself.
        client: For dask: a client, or the address of a scheduler, a text or a SchedulerAddress.
        on_done: Called with outcomes as they arrive, where the executor can tell; perhaps in another thread.

    Raises:
        ConfigError: There is no such executor, or it has no use for a client.
        VersionError: The installed versions do not allow it.
        ExecutorError: No scheduler answers.
    """
    _require_valid(executor, workers, client)
    if isinstance(executor, str):
        executor = _by_name(executor, workers)
    if isinstance(executor, FuturesExecutor):
        with _futures(executor, on_done) as ready:
            yield ready
    elif _takes_client(executor) and not _runs_here(executor, client):
        with client_for(_client_of(executor, client), workers) as opened:
            yield _with_client(executor, opened, workers, on_done, own=_client_of(executor, client) is None)
    elif isinstance(executor, ParslExecutor) and executor.config is not None:
        with _parsl_kernel(executor.config):
            yield ReadyExecutor(
                _name_of(executor), 0, _telling(executor.copy(config=None), on_done), check=require_modules
            )
    elif isinstance(executor, IterativeExecutor):
        yield ReadyExecutor(_name_of(executor), 1, partial(_attempt_here, executor, on_done), reports=True)
    else:
        here = ReadyExecutor(
            _name_of(executor), 1, _telling(executor, on_done), notes=getattr(executor, "notes", [])
        )
        # Where a foreign executor has its workers is not known; a new process here lacks at least what they lack.
        yield here if _runs_here(executor, client) else replace(here, workers=0, check=require_modules)


def _require_valid(executor: str | ExecutorBase, workers: int, client: Any) -> None:
    if isinstance(executor, str) and executor not in NAMES:
        msg = (
            f"there is no executor {executor!r}, expected one of {', '.join(NAMES)}, or an executor of coffea"
        )
        raise ConfigError(msg)
    if not isinstance(executor, str | ExecutorBase):
        msg = f"expected the name of an executor or an instance of coffea's ExecutorBase, not {executor!r}"
        advice = "give an instance, for example coffea.processor.FuturesExecutor(workers=2)"
        raise ConfigError(msg, advice=advice)
    if workers < 1:
        msg = f"workers is {workers}, expected a positive number"
        raise ConfigError(msg)
    if client is not None and not (executor in ("dask", "dask-awkward") or _takes_client(executor)):
        msg = f"the executor {executor if isinstance(executor, str) else _name_of(executor)!r} has no use for a client"
        raise ConfigError(msg, advice="choose the executor dask or dask-awkward, or leave the client out")


def _by_name(name: str, workers: int) -> ExecutorBase:
    match name:
        case "iterative":
            return IterativeExecutor(function_name=name)
        case "futures":
            return FuturesExecutor(workers=workers, function_name=name, pool=loky_pool)
        case "dask":
            return DaskFuturesExecutor(workers=workers)
    from columnar_af.processing.dask_awkward_executor import (  # noqa: PLC0415  # an extra that may be missing
        DaskAwkwardExecutor,
    )

    return DaskAwkwardExecutor(workers=workers)


_OUR_NAMES = {"DaskFuturesExecutor": "dask", "DaskAwkwardExecutor": "dask-awkward"}


def _name_of(executor: ExecutorBase) -> str:
    kind = type(executor).__name__
    return _OUR_NAMES.get(kind) or executor.function_name or kind


# --- coffea's executors in this process and in a pool -----------------------------------------------------------------


def _attempt(
    executor: ExecutorBase, chunks: Sequence[Chunk], function: ChunkFunctionLike
) -> tuple[Outcomes, BaseException | None]:
    """Call an executor; what it raises is the reason why it lost what it does not give back."""
    try:
        with _silent() if type(executor).__module__.startswith("coffea.") else nullcontext():
            outcomes, problem = executor(list(chunks), function, Outcomes())
    except ColumnarAFError:
        raise
    except Exception as error:  # noqa: BLE001  # an executor that breaks raises what its machinery raises
        return Outcomes(), error
    return outcomes, problem if isinstance(problem, BaseException) else None


def _telling(executor: ExecutorBase, on_done: OnDone) -> Attempt:
    """The same for an executor that gives everything back at its end: only then can it be told."""

    def attempt(
        chunks: Sequence[Chunk], function: ChunkFunctionLike
    ) -> tuple[Outcomes, BaseException | None]:
        outcomes, problem = _attempt(executor, chunks, function)
        on_done(outcomes)
        return outcomes, problem

    return attempt


@contextmanager
def _silent() -> Iterator[None]:
    """Keep coffea's progress bars and printed tracebacks off the terminal; errors are told in our own words."""
    before = coffea_console.quiet, coffea_console.is_jupyter
    # In a notebook its bars are widgets, quiet or not.
    coffea_console.quiet, coffea_console.is_jupyter = True, False
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        coffea_console.quiet, coffea_console.is_jupyter = before


def _attempt_here(
    executor: IterativeExecutor, on_done: OnDone, chunks: Sequence[Chunk], function: ChunkFunctionLike
) -> tuple[Outcomes, BaseException | None]:
    """The same in this process, where what the analysis prints must stay visible."""
    out, err = sys.stdout, sys.stderr

    def speaking(chunk: Chunk) -> Outcomes:
        with redirect_stdout(out), redirect_stderr(err):
            outcomes = function(chunk)
            on_done(outcomes)
        return outcomes

    return _attempt(executor, chunks, speaking)


@contextmanager
def _futures(executor: FuturesExecutor, on_done: OnDone) -> Iterator[ReadyExecutor]:
    given = executor.pool if isinstance(executor.pool, Executor) else None
    workers = int(getattr(given, "_max_workers", executor.workers))
    pool = KeepingPool(lambda: given or executor.pool(max_workers=workers), on_done)
    # Compressed outcomes could not be kept: their bytes do not tell which chunk they belong to.
    keeping = executor.copy(pool=pool, compression=None)

    def attempt(
        chunks: Sequence[Chunk], function: ChunkFunctionLike
    ) -> tuple[Outcomes, BaseException | None]:
        if given is None:
            pool.renew()
        receipts, problem = _attempt(keeping, chunks, function)
        del receipts  # empty
        pool.settle()  # or what still runs would come back twice, because it is submitted again
        return pool.take(), problem

    try:
        yield ReadyExecutor(
            _name_of(executor),
            workers,
            attempt,
            in_flight=workers,
            check=lambda payload: require_modules(
                payload, lambda *call: pool.run(_ready, *call, times=workers)
            ),
            reports=True,
            largest_batch=max(FUTURES_AT_A_TIME, FUTURES_PER_WORKER * workers),
        )
    except BaseException:  # Ctrl-C, for one: nobody waits for what is still running
        pool.cancel()
        if given is None:
            pool.shutdown(cancel_futures=True)
        raise
    if given is None:
        pool.shutdown()


def _ready(check: Callable[[Payload], list[str]], payload: Payload) -> list[str]:
    """Check what a worker lacks, and load the kernels of what the processor imports; on the worker."""
    missing = check(payload)
    if not missing:
        prepare_kernels()
    return missing


@contextmanager
def _parsl_kernel(config: Any) -> Iterator[None]:
    """Parsl's kernel for a run. coffea 2026.9 does not start it: it expects a RuntimeError where parsl 2026.10 raises a
    NoDataFlowKernelError."""
    import parsl  # noqa: PLC0415  # an extra that may be missing

    kernel = parsl.load(config)
    try:
        yield
    finally:
        kernel.cleanup()
        parsl.clear()


# --- dask ---------------------------------------------------------------------------------------------------------------


def _takes_client(executor: Any) -> bool:
    return isinstance(executor, ExecutorBase) and hasattr(executor, "client")


def _runs_here(executor: Any, client: Any | str | None) -> bool:
    """Whether an executor that may use dask workers does without."""
    return client is None and bool(getattr(executor, "runs_here", False))


def _client_of(executor: Any, client: Any | str | None) -> Any | str | None:
    return executor.client if client is None else client


def _with_client(executor: Any, client: Any, workers: int, on_done: OnDone, *, own: bool) -> ReadyExecutor:
    executor = executor.copy(client=client)
    if isinstance(executor, DaskExecutor):
        executor.status = False
    tells_itself = isinstance(executor, DaskFuturesExecutor)
    notes: list[str] = getattr(executor, "notes", [])
    notes += [note for note in notes_on(client) if note not in notes]
    if tells_itself:
        executor.on_done = on_done
    return ReadyExecutor(
        _name_of(executor),
        workers if own else 0,
        partial(_attempt, executor) if tells_itself else _telling(executor, on_done),
        check=lambda payload: require_modules_on(client, payload),
        notes=notes,
        reports=hasattr(executor, "on_done"),
    )
