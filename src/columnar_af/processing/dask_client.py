"""dask clients: one that is given is used and left alone; one that is opened here is closed here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from columnar_af.errors import ExecutorError, MissingModuleError
from columnar_af.processing.dask_address import SchedulerAddress, is_in_the_clear
from columnar_af.processing.payload import Payload, require_modules

CONNECT_TIMEOUT_S = 10
"""A scheduler that is there answers at once, also over a wide-area network; chosen, not measured."""

OWN_TIMEOUT_S = 120
"""One that we start ourselves answers for sure, if late on a busy machine."""


@contextmanager
def client_for(client: Any | str | None, workers: int) -> Iterator[Any]:
    """A distributed client.

    Args:
        client: A client, which stays open; the address of a scheduler, a text or a SchedulerAddress; or None for workers
            of our own on this machine.
        workers: How many workers of our own.

    Raises:
        ExecutorError: No scheduler answers at the address.
        ConfigError: The address is on another machine and not encrypted, or lacks certificates.
    """
    if client is None:
        with local_cluster(workers) as cluster, _opened(cluster) as own:
            own.wait_for_workers(1)
            yield own
    elif isinstance(client, str | SchedulerAddress):
        place = SchedulerAddress(client) if isinstance(client, str) else client
        with _opened(place.address, security=place.checked_security()) as connected:
            yield connected
    else:
        yield client


@contextmanager
def _opened(address: Any, security: Any | None = None) -> Iterator[Any]:
    from distributed import Client  # noqa: PLC0415  # takes a second, and only dask executors need it

    options = {} if security is None else {"security": security}
    timeout = CONNECT_TIMEOUT_S if isinstance(address, str) else OWN_TIMEOUT_S
    try:
        client = Client(address, timeout=timeout, set_as_default=False, **options)
    except (OSError, ValueError) as error:
        msg = f"no dask scheduler answers at {address}: {error}"
        advice = "give the address that the scheduler prints when it starts, for example tls://10.0.0.1:8786"
        if isinstance(address, str) and address.startswith("tls://"):
            advice += ", and certificates that the same authority has signed"
        raise ExecutorError(msg, advice=advice) from error
    with client:
        yield client


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """A dask cluster on this machine, with one thread per worker, that is gone after the block.

    Each worker starts as a command of its own and not, as in ``LocalCluster``, by running the user's script again, so
    that a script or notebook needs no ``if __name__ == "__main__"``. A worker that dies is replaced. A chunk that was
    on it comes back as lost at once: recovery decides what to try again, not the scheduler.
    """
    from distributed import Scheduler  # noqa: PLC0415  # as above
    from distributed.deploy.spec import SpecCluster  # noqa: PLC0415
    from distributed.deploy.subprocess import SubprocessWorker  # noqa: PLC0415

    silent = logging.CRITICAL  # what is lost is told in our own words, with its address
    options = {
        "nthreads": 1,
        "host": "127.0.0.1",
        "silence_logs": silent,
        "dashboard": False,
        "memory_limit": 0,
    }
    cluster = SpecCluster(
        workers={
            number: {"cls": SubprocessWorker, "options": {"worker_kwargs": options}}
            for number in range(workers)
        },
        scheduler={
            "cls": Scheduler,
            "options": {
                "host": "127.0.0.1",
                "port": 0,
                "dashboard": False,
                "dashboard_address": "127.0.0.1:0",  # also without a dashboard it takes port 8787, and warns if it is taken
                "allowed_failures": 0,
            },
        },
        name="columnar-af",
        silence_logs=silent,
    )
    with cluster:
        yield cluster


def require_modules_on(client: Any, payload: Payload) -> None:
    """Make sure that the workers that are there now can run the payload.

    Raises:
        MissingModuleError: They lack modules.
    """

    def on_all_workers(check: Any, payload: Payload) -> list[str]:
        answers = client.run(check, payload, on_error="return").values()
        return sorted({name for answer in answers for name in _missing(answer)})

    try:
        require_modules(payload, on_all_workers)
    except ModuleNotFoundError as error:
        msg = f"the dask workers do not have the module {error.name!r}"
        raise MissingModuleError(
            msg, advice="install columnar-af, in this version, where the workers run"
        ) from error


def _missing(answer: list[str] | BaseException) -> list[str]:
    """What a worker says that it lacks; one that died before it could say so will be lost, and replaced, in the run as well."""
    if isinstance(answer, OSError):
        return []
    if isinstance(answer, BaseException):
        raise answer
    return answer


def notes_on(client: Any) -> list[str]:
    """What the user should know of a client that was given, in words."""
    address = str(getattr(getattr(client, "scheduler", None), "address", "") or "")
    if not address or not is_in_the_clear(address):
        return []
    return [
        f"the connection to the dask scheduler at {address} is not encrypted: whoever reaches it can run code as you"
    ]
