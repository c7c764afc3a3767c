"""Merging: the sum does not depend on who finished first."""

from __future__ import annotations

import math
import pickle
import random
from functools import reduce
from operator import add

import hist
import numpy as np
import pytest
from coffea.processor import accumulate
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import ErrorRecord, ExecutorError
from columnar_af.processing.chunk import ChunkMetrics, ChunkOutcome
from columnar_af.processing.merge import Outcomes, merged

# Floats whose sum depends on the order of additions.
FLOATS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


def done(number: int, value: float) -> Outcomes:
    """A chunk that is done."""
    partial = {"d": {"sumw": value, "values": np.array([value, 0.1])}, "n": 1}
    return Outcomes.of(ChunkOutcome(number, 10, partial, metrics=ChunkMetrics(cpu_s=value)))


def failed(number: int) -> Outcomes:
    """A chunk that failed."""
    return Outcomes.of(ChunkOutcome(number, 0, error=ErrorRecord("ReadError", f"chunk {number}")))


@st.composite
def outcome_sets(draw: st.DrawFn) -> list[Outcomes]:
    """Outcomes of chunks with gaps in their numbers, some failed, in any order."""
    numbers = draw(st.lists(st.integers(0, 70), unique=True, min_size=1, max_size=40))
    return [done(number, draw(FLOATS)) if draw(st.integers(0, 4)) else failed(number) for number in numbers]


def bits(outcomes: Outcomes) -> tuple[object, ...]:
    """All that a set of outcomes says, to the last bit."""
    total = outcomes.total()
    numbers = (
        None if total is None else (total["d"]["sumw"].hex(), total["d"]["values"].tobytes(), total["n"])
    )
    return (
        numbers,
        sorted(outcomes.entries.items()),
        sorted(outcomes.errors),
        sorted(outcomes.metrics.items()),
    )


@given(outcome_sets(), st.randoms(use_true_random=False))
def test_any_order_and_grouping_gives_the_same_bits(sets: list[Outcomes], shuffle: random.Random) -> None:
    expected = bits(reduce(add, sets))
    groups = sets[:]
    shuffle.shuffle(groups)
    while len(groups) > 1:  # combine any two, in any order
        left = groups.pop(shuffle.randrange(len(groups)))
        right = groups.pop(shuffle.randrange(len(groups)))
        groups.append(left + right)
    assert bits(groups[0]) == expected


@given(outcome_sets(), st.randoms(use_true_random=False))
def test_coffea_accumulates_them_to_the_same_bits(sets: list[Outcomes], shuffle: random.Random) -> None:
    expected = bits(reduce(add, sets))
    shuffle.shuffle(sets)
    assert bits(accumulate(iter(sets), Outcomes())) == expected


@given(outcome_sets())
def test_the_empty_set_is_the_identity(sets: list[Outcomes]) -> None:
    total = reduce(add, sets)
    assert bits(total + Outcomes()) == bits(Outcomes() + total) == bits(total)


@given(outcome_sets())
def test_addition_changes_neither_side(sets: list[Outcomes]) -> None:
    half = len(sets) // 2
    left, right = reduce(add, sets[:half], Outcomes()), reduce(add, sets[half:], Outcomes())
    before = bits(left), bits(right)
    _ = left + right
    assert (bits(left), bits(right)) == before


@given(st.lists(FLOATS, min_size=1, max_size=30))
def test_the_sum_is_the_sum(values: list[float]) -> None:
    total = reduce(add, [done(number, value) for number, value in enumerate(values)]).total()
    assert total is not None
    assert total["d"]["sumw"] == pytest.approx(math.fsum(values), abs=1e-2)
    assert total["n"] == len(values)


def test_this_test_would_notice_the_order() -> None:
    """The values that these tests use do not add up associatively, so a careless merge would fail them."""
    assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


def test_few_partial_results_are_kept() -> None:
    total = Outcomes()
    for number in range(1000):
        total += done(number, 1.0)
        assert len(total._blocks) <= 10


def test_a_chunk_that_comes_twice_is_an_error() -> None:
    with pytest.raises(ExecutorError, match=r"chunks \[3\] came back twice"):
        _ = done(3, 1.0) + done(3, 1.0)


def binned(number: int, bins: int, entries: int = 1) -> Outcomes:
    return Outcomes.of(ChunkOutcome(number, entries, {"h": hist.Hist.new.Reg(bins, 0, 1, name="x").Double()}))


def test_of_what_does_not_add_up_one_fails_and_is_told_with_its_chunks() -> None:
    left = Outcomes.of(ChunkOutcome(4, 1, {"value": 1}))
    right = Outcomes.of(ChunkOutcome(5, 1, {"value": {"a": 1}}))
    both = left + right
    assert both.total() == {"value": 1}
    assert both.entries == {4: 1, 5: 0}
    assert "chunks 5 to 5 do not add up with those of chunks 4 to 4" in both.errors[5].message
    assert both.errors[5].kind == "ProcessorError"
    assert not both.errors[5].input_is_bad


def test_most_entries_stay() -> None:
    total = sum_of([binned(0, 6), *(binned(number, 5) for number in range(1, 8))])
    assert total.total()["h"].axes[0].size == 5
    assert sorted(total.errors) == [0, 1]  # 1 fell with 0, before it was known which one is odd
    assert sum(total.entries.values()) == 6


def sum_of(sets: list[Outcomes]) -> Outcomes:
    total = Outcomes()
    for outcomes in sets:
        total += outcomes
    return total


@given(st.lists(st.sampled_from([5, 5, 5, 6, 7]), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_who_fails_does_not_depend_on_the_order(bins: list[int], shuffle: random.Random) -> None:
    sets = [binned(number, size, entries=number + 1) for number, size in enumerate(bins)]
    expected = sum_of(sets)
    mixed = list(sets)
    shuffle.shuffle(mixed)
    while len(mixed) > 1:
        one, other = (mixed.pop(shuffle.randrange(len(mixed))) for _ in range(2))
        mixed.append(one + other)
    assert mixed[0].total() == expected.total()
    assert mixed[0].entries == expected.entries
    assert mixed[0].errors.keys() == expected.errors.keys()


def test_a_failed_chunk_is_the_identity() -> None:
    assert merged(None, {"a": 1}) == merged({"a": 1}, None) == {"a": 1}
    assert (failed(0) + failed(1)).total() is None


def test_outcomes_travel() -> None:
    total = done(0, 0.1) + failed(1)
    assert bits(pickle.loads(pickle.dumps(total))) == bits(total)


def test_what_does_not_add_up_in_the_last_step_is_told_too() -> None:
    """Three chunks: the last one is a block of its own, and is added only for the total."""
    three = binned(0, 5) + binned(1, 5) + binned(2, 6)
    assert three.total()["h"].axes[0].size == 5
    assert "chunks 2 to 2 do not add up with those of chunks 0 to 1" in three.errors[2].message
    assert three.entries == {0: 1, 1: 1, 2: 0}
