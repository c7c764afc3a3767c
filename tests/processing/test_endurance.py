"""Endurance: what passes is tried again, what does not fit is halved, and what the analysis raises is raised at once."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.datasets import retries
from columnar_af.datasets.retries import MAX_ATTEMPTS, is_transient
from columnar_af.errors import (
    ColumnarAFError,
    MissingBranchError,
    OutOfMemoryError,
    ProcessorError,
    ReadError,
)
from columnar_af.processing import endurance
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.endurance import MAX_PARTS, Endurance


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits, none of which is waited; nor is garbage collected, which takes longer than all the rest.

    Other threads of the process, such as those of a dask client, keep their own ``time.sleep``.
    """
    waited: list[float] = []
    monkeypatch.setattr(endurance, "gc", SimpleNamespace(collect=lambda: 0))
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 1.0)
    monkeypatch.setattr(retries, "time", SimpleNamespace(sleep=waited.append))
    return waited


def chunk(stop: int = 8, file: str = "root://server//a.root", parts: int = 1) -> Chunk:
    return Chunk(0, "d", file, "t", 0, stop, "u", parts=parts)


def caused(error: ColumnarAFError, cause: BaseException) -> ColumnarAFError:
    error.__cause__ = cause
    return error


def answer(status: int) -> Exception:
    """As aiohttp raises it."""
    kind = type(
        "ClientResponseError", (Exception,), {"__module__": "aiohttp.client_exceptions", "status": status}
    )
    error: Exception = kind(status)
    return error


class Process:
    """Raises what is given, one error for each call, and then counts entries.

    Args:
        errors: The errors; None for a call that succeeds.
        limit: Longest range that fits into memory.
    """

    def __init__(self, *errors: Exception | None, limit: int = 100) -> None:
        self.errors, self.limit = list(errors), limit
        self.calls: list[tuple[int, int]] = []

    def __call__(self, part: Chunk) -> Any:
        self.calls.append((part.start, part.stop))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        if len(part) > self.limit:
            raise caused(ProcessorError("the processor raised"), MemoryError("512 MB"))
        return {"entries": len(part), "order": [part.start]}


def test_a_read_that_fails_for_a_time_is_tried_again(waits: list[float]) -> None:
    away = [caused(ReadError("the file cannot be read"), OSError("server is away")) for _ in range(2)]
    enduring = Endurance(Process(*away))
    assert enduring.run(chunk())["entries"] == 8
    assert enduring.attempts == 3
    assert enduring.parts == []
    assert 1 <= waits[0] <= 1.5
    assert 2 <= waits[1] <= 3


def test_a_read_that_fails_always_is_given_up(waits: list[float]) -> None:
    away = [caused(ReadError(f"attempt {n}"), TimeoutError()) for n in range(9)]
    process = Process(*away)
    enduring = Endurance(process)
    with pytest.raises(ReadError, match="attempt 3"):
        enduring.run(chunk())
    assert enduring.attempts == len(process.calls) == MAX_ATTEMPTS
    assert len(waits) == MAX_ATTEMPTS - 1


@pytest.mark.parametrize(
    ("error", "file", "expected"),
    [
        (caused(ReadError(""), OSError("any")), "root://server//a.root", True),
        (caused(ReadError(""), FileNotFoundError()), "root://server//a.root", False),
        (caused(ReadError(""), OSError("truncated")), "/data/a.root", False),
        (caused(ReadError(""), OSError(errno.ESTALE, "stale")), "/data/a.root", True),
        (caused(ReadError(""), PermissionError(errno.EACCES, "no")), "/data/a.root", False),
        (caused(ReadError(""), ConnectionResetError()), "/data/a.root", True),
        (caused(ReadError(""), answer(503)), "https://server/a.root", True),
        (caused(ReadError(""), answer(429)), "https://server/a.root", True),
        (caused(ReadError(""), answer(403)), "https://server/a.root", False),
        (
            caused(ReadError(""), TypeError("'ClientResponseError' object is not subscriptable")),
            "https://s/a.root",
            True,
        ),
        (
            caused(ReadError(""), TypeError("'NoneType' object is not subscriptable")),
            "https://s/a.root",
            False,
        ),
        (ReadError("the file was replaced"), "root://server//a.root", False),
        (caused(MissingBranchError(""), OSError()), "root://server//a.root", False),
    ],
)
def test_what_may_pass(error: ReadError, file: str, expected: bool) -> None:
    assert is_transient(error, file) == expected


def test_an_error_of_the_processor_is_raised_at_once(waits: list[float]) -> None:
    process = Process(caused(ProcessorError("mine"), ConnectionError()))
    with pytest.raises(ProcessorError, match="mine"):
        Endurance(process).run(chunk())
    assert len(process.calls) == 1
    assert waits == []


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 2, 4, 8]))
def test_halves_cover_every_entry_once_and_in_order(stop: int, limit: int, parts: int) -> None:
    process = Process(limit=limit)
    enduring = Endurance(process)
    try:
        total = enduring.run(chunk(stop, parts=parts))
    except OutOfMemoryError:
        assert limit < -(-stop // MAX_PARTS)
        return
    assert total["entries"] == stop
    ranges = enduring.parts or [(0, stop)]
    assert [start for start, _ in ranges] == total["order"]
    assert [number for start, end in ranges for number in range(start, end)] == list(range(stop))
    assert all(end - start <= limit for start, end in ranges)


def test_a_chunk_that_never_fits_is_no_bad_file() -> None:
    """A refused allocation while a branch is read must not pass for a damaged file, which may be skipped."""
    process = Process(*[caused(ReadError("the branch cannot be read"), MemoryError()) for _ in range(9)])
    with pytest.raises(OutOfMemoryError, match=r"1 entries|one event|entries of the chunk did not fit"):
        Endurance(process).run(chunk())
    assert process.calls == [(0, 8), (0, 4), (0, 2), (0, 1)]
