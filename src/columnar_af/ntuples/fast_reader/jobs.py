"""Jobs: pieces of the decoding that may run in parallel, and the threads that run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from columnar_af.errors import ReadError, WorkAddress, work_address

Job = Callable[[], None]

JOB_BYTES = 256 * 1024
"""Uncompressed bytes that make a job of their own: about 0.2 ms of work, against 0.02 ms to hand it to a thread."""


class Pool(Protocol):
    """Anything that runs functions: a ThreadPoolExecutor, or uproot's executors."""

    def submit(self, task: Callable[[], None], /) -> Any:
        """Begin a task; the answer has ``result()``."""
        ...


def group_jobs(sizes: Sequence[int], work: Callable[[int], None]) -> list[Job]:
    """Jobs of about :data:`JOB_BYTES` each, which call ``work`` with the numbers of some baskets in turn."""
    groups: list[list[int]] = []
    filled = JOB_BYTES
    for number, size in enumerate(sizes):
        if filled >= JOB_BYTES:
            groups.append([])
            filled = 0
        groups[-1].append(number)
        filled += size
    return [_job(work, group) for group in groups]


def _job(work: Callable[[int], None], group: Sequence[int]) -> Job:
    def job() -> None:
        for number in group:
            work(number)

    return job


def run_jobs(jobs: Sequence[Job], pool: Pool | None) -> None:
    """Run jobs, in a pool if there is one and it pays; the first error is raised when all have ended."""
    if pool is None or len(jobs) < 2:
        for job in jobs:
            job()
        return
    futures = [pool.submit(job) for job in jobs]
    errors = []
    for future in futures:
        try:
            future.result()
        except ReadError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def addressed(job: Job, address: WorkAddress) -> Job:
    """The same job, whose errors say where they happened."""

    def run() -> None:
        with work_address(address):
            job()

    return run
