"""Recovery: what is lost is submitted again, and nothing is counted twice."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.processing.chunk import Chunk, ChunkOutcome
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.recovery import MAX_ATTEMPTS, Recovered, divide, is_pickling_error, run_all


def chunks(count: int) -> list[Chunk]:
    """Chunks of one entry."""
    return [Chunk(number, "d", "f", "t", number, number + 1, "") for number in range(count)]


class FragileExecutor:
    """Loses what it has not done when it meets poison.

    Args:
        poison: Numbers of chunks that always kill the worker.
        keeps: Whether it gives back what was done before.
    """

    def __init__(self, poison: set[int], keeps: bool) -> None:
        self.poison, self.keeps = poison, keeps
        self.calls = 0

    def __call__(self, batch: Sequence[Chunk]) -> tuple[Outcomes, BaseException | None]:
        self.calls += 1
        outcomes = Outcomes()
        for chunk in batch:
            if chunk.number in self.poison:
                return outcomes if self.keeps else Outcomes(), RuntimeError("a worker died\nlong story")
            outcomes += Outcomes.of(ChunkOutcome(chunk.number, 1, {"n": 1}))
        return outcomes, None


def recover(executor: FragileExecutor, count: int, in_flight: int) -> Recovered:
    return run_all(
        chunks(count), executor, in_flight=in_flight, reproduce=lambda chunk: f"run {chunk.number}"
    )


@given(st.integers(1, 60), st.data(), st.booleans(), st.integers(0, 4))
def test_all_but_the_poison_is_done_once(
    count: int, data: st.DataObject, keeps: bool, in_flight: int
) -> None:
    # Few, because an executor that loses everything all the time is given up.
    poison = data.draw(st.sets(st.integers(0, count - 1), max_size=min(3, count - 1)))
    recovered = recover(FragileExecutor(poison, keeps), count, in_flight)
    assert len(recovered.outcomes) == count
    assert set(recovered.outcomes.errors) == poison
    total = recovered.outcomes.total()
    assert total == {"n": count - len(poison)}
    assert all(recovered.attempts[number] >= MAX_ATTEMPTS for number in poison)


def test_the_record_of_a_lost_chunk_says_what_to_do() -> None:
    recovered = recover(FragileExecutor({1}, keeps=True), 4, in_flight=2)
    record = recovered.outcomes.errors[1]
    assert record.kind == "ExecutorError"
    assert "RuntimeError: a worker died" in record.message
    assert "long story" not in record.message
    assert record.address.start == 1
    assert record.reproduce == "run 1"
    assert not record.input_is_bad


def test_chunks_that_wait_are_not_under_suspicion() -> None:
    """With two workers and outcomes kept, a chunk that was not yet started is submitted once more and no further."""
    recovered = recover(FragileExecutor({10}, keeps=True), 100, in_flight=2)
    assert max(recovered.attempts[number] for number in range(12, 100)) == 2
    assert max(recovered.attempts[number] for number in range(10)) == 1


def test_an_executor_that_never_works_is_given_up_soon() -> None:
    executor = FragileExecutor(set(range(10_000)), keeps=True)
    recovered = recover(executor, 10_000, in_flight=0)
    assert len(recovered.outcomes.errors) == 10_000
    assert executor.calls < 100


def test_an_executor_that_drops_chunks_in_silence_is_noticed() -> None:
    recovered = run_all(chunks(3), lambda batch: (Outcomes(), None), in_flight=0, reproduce=lambda chunk: "")
    assert "did not return it" in recovered.outcomes.errors[2].message


@given(st.integers(1, 50), st.integers(0, 60))
def test_division_keeps_every_chunk(count: int, in_flight: int) -> None:
    batches = divide(chunks(count), in_flight)
    assert sorted(chunk.number for batch in batches for chunk in batch) == list(range(count))
    assert all(batches)
    assert len(batches) > 1 or count == 1


def test_losses_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    recover(FragileExecutor({0}, keeps=True), 3, in_flight=1)
    assert "3 of 3 chunks were lost (RuntimeError: a worker died), recovering" in caplog.text


@pytest.mark.parametrize(
    "cause",
    [
        pickle.PicklingError("Could not pickle the result"),
        TypeError("cannot pickle '_thread.lock' object"),
        TypeError(
            "Could not serialize object of type Outcomes\nTraceback\nTypeError: cannot pickle '_thread.lock' object"
        ),
        AttributeError("Can't pickle local object 'process.<locals>.<lambda>'"),
    ],
)
def test_a_result_that_cannot_be_sent_is_the_fault_of_the_analysis(cause: Exception) -> None:
    """No lack of memory, so that it is neither tried again nor processed in parts."""
    tried: list[Chunk] = []

    def attempt(batch: Sequence[Chunk]) -> tuple[Outcomes, BaseException | None]:
        tried.extend(batch)
        return Outcomes(), cause

    whole = Chunk(0, "d", "f", "t", 0, 1000, "")
    recovered = run_all([whole], attempt, in_flight=1, reproduce=lambda chunk: "")
    assert tried == [whole]
    assert recovered.outcomes.errors[0].kind == "ProcessorError"
    message = recovered.outcomes.errors[0].message
    assert "process() returns what cannot be sent to another process" in message
    assert "pickle" in message.splitlines()[0]


def test_other_errors_of_the_machinery_are_no_pickling_errors() -> None:
    assert not is_pickling_error(TypeError("unsupported operand"))
    assert not is_pickling_error(None)
