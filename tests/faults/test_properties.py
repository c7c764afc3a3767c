"""Merging: associative, with an identity, and blind to order, grouping and executor; with whole weights also to chunking."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
from coffea.processor import FuturesExecutor, IterativeExecutor, ProcessorABC, accumulate
from hypothesis import given, settings
from hypothesis import strategies as st

from columnar_af import run
from columnar_af.processing.chunk import ChunkOutcome
from columnar_af.processing.chunk_size import entry_ranges
from columnar_af.processing.journal.partial_format import decode, encode
from columnar_af.processing.merge import Outcomes
from columnar_af.selection import Cutflow, CutflowRow

EVENTS = 24


def partial(values: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What a processor gives for some events: histogram, cutflow, yields and sums, as the convention has it."""
    passing = values > 4
    rows = tuple(
        CutflowRow(
            name,
            int(mask.sum()),
            int(mask.sum()),
            float(weights[mask].sum()),
            float((weights[mask] ** 2).sum()),
        )
        for name, mask in (("all", values == values), ("cut", passing))
    )
    histogram = hist.Hist.new.Reg(5, 0, 10).StrCat([], growth=True).Weight()
    histogram.fill(values, np.where(passing, "signal", "rest"), weight=weights)
    total = {"value": float(weights.sum()), "sumw2": float((weights**2).sum()), "raw": len(values)}
    return {
        "d": {
            "entries": len(values),
            "cutflow": Cutflow(rows),
            "hists": {"x": histogram},
            "yields": {"all": total},
        }
    }


def events(seed: int, *, whole: bool) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Values and weights; the weights are small whole numbers, or have sixteen orders of magnitude."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(0, 10, EVENTS)
    if whole:
        return values, generator.integers(-3, 8, EVENTS).astype(float)
    return values, generator.normal(size=EVENTS) * 10.0 ** generator.uniform(-8, 8, EVENTS)


def outcomes(seed: int, chunksize: int, *, whole: bool = False, stored: bool = False) -> list[Outcomes]:
    """The outcomes of the chunks of some events; perhaps through the disk, as after a resume."""
    values, weights = events(seed, whole=whole)
    made = []
    for number, (start, stop) in enumerate(entry_ranges(0, EVENTS, chunksize)):
        part = partial(values[start:stop], weights[start:stop])
        made.append(Outcomes.of(ChunkOutcome(number, stop - start, decode(encode(part)) if stored else part)))
    return made


def grouped(sets: Sequence[Outcomes], choose: random.Random) -> Outcomes:
    """The sum of all sets, two at a time, any two."""
    left = list(sets)
    while len(left) > 1:
        one, other = (left.pop(choose.randrange(len(left))) for _ in range(2))
        left.append(one + other)
    return left[0]


def text(value: Any) -> str:
    """All of a result as a text that shows every bit of it."""
    if isinstance(value, dict):
        return repr({key: text(item) for key, item in sorted(value.items())})
    if isinstance(value, hist.Hist):
        order = sorted(range(len(value.axes[1])), key=value.axes[1].bin)
        return repr(
            [str(value.axes[0]), sorted(value.axes[1]), value.view(flow=True)[:, order].tobytes().hex()]
        )
    return value.hex() if isinstance(value, float) else repr(value)


FEW = settings(max_examples=30)  # each adds up two dozen chunks in several ways
SEEDS = st.integers(0, 10_000)
CHUNKSIZES = st.integers(1, EVENTS)


@FEW
@given(SEEDS, CHUNKSIZES, st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_count(
    seed: int, chunksize: int, one: random.Random, other: random.Random
) -> None:
    sets = outcomes(seed, chunksize)
    assert text(grouped(sets, one).total()) == text(grouped(sets, other).total())


@FEW
@given(SEEDS, CHUNKSIZES, st.data())
def test_merging_is_associative_and_has_an_identity(seed: int, chunksize: int, data: st.DataObject) -> None:
    sets = outcomes(seed, chunksize)
    cuts = sorted(data.draw(st.tuples(st.integers(0, len(sets)), st.integers(0, len(sets)))))
    a, b, c = (sum_of(sets[start:stop]) for start, stop in zip([0, *cuts], [*cuts, len(sets)], strict=True))
    assert text(((a + b) + c).total()) == text((a + (b + c)).total()) == text(sum_of(sets).total())
    assert text((Outcomes() + a + Outcomes()).total()) == text(a.total())


def sum_of(sets: Sequence[Outcomes]) -> Outcomes:
    total = Outcomes()
    for outcome in sets:
        total += outcome
    return total


def by_loop(sets: Sequence[Outcomes], shuffle: random.Random) -> Outcomes:
    return sum_of(shuffle.sample(sets, len(sets)))


def by_tree(sets: Sequence[Outcomes], shuffle: random.Random) -> Outcomes:
    """As dask-awkward's tree does, with any number of branches."""
    level, width = list(sets), shuffle.randint(2, 5)
    while len(level) > 1:
        level = [accumulate(level[first : first + width]) for first in range(0, len(level), width)]
    return level[0]


def by_coffea(sets: Sequence[Outcomes], shuffle: random.Random) -> Outcomes:
    executor = IterativeExecutor(status=False)
    total, _ = executor(shuffle.sample(sets, len(sets)), lambda outcome: outcome, Outcomes())
    return total  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", [by_loop, by_tree, by_coffea])
@FEW
@given(SEEDS, CHUNKSIZES, st.booleans(), st.randoms(use_true_random=False))
def test_no_executors_way_counts(
    way: Callable[[Sequence[Outcomes], random.Random], Outcomes],
    seed: int,
    chunksize: int,
    stored: bool,
    shuffle: random.Random,
) -> None:
    """Nor does it count whether partial results have been on the disk."""
    expected = sum_of(outcomes(seed, chunksize)).total()
    assert text(way(outcomes(seed, chunksize, stored=stored), shuffle).total()) == text(expected)


@FEW
@given(SEEDS, CHUNKSIZES, CHUNKSIZES)
def test_with_whole_weights_chunking_does_not_count(seed: int, one: int, other: int) -> None:
    left, right = (sum_of(outcomes(seed, size, whole=True)).total() for size in (one, other))
    assert text(left) == text(right)


def test_with_other_weights_it_would() -> None:
    left, right = (sum_of(outcomes(1, size)).total() for size in (7, 11))
    assert text(left) != text(right)


@FEW
@given(SEEDS, CHUNKSIZES, st.data())
def test_a_resumed_sum_is_that_of_a_clean_run(seed: int, chunksize: int, data: st.DataObject) -> None:
    """Any part of the chunks comes from the disk, the rest is done later."""
    fresh, kept = outcomes(seed, chunksize), outcomes(seed, chunksize, stored=True)
    reused = data.draw(st.sets(st.integers(0, len(fresh) - 1)))
    total = sum_of([kept[number] for number in sorted(reused)])
    total += sum_of([fresh[number] for number in range(len(fresh)) if number not in reused])
    assert text(total.total()) == text(sum_of(fresh).total())


class Whole(ProcessorABC):
    """Counts and sums of whole weights."""

    def process(self, events: Any) -> Any:
        values, weights = np.asarray(events.x), np.round(np.asarray(events.w) % 7)
        return {events.metadata["dataset"]: partial(values, weights)["d"]}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


@pytest.mark.parametrize("chunksize", [1, 5, 24])
def test_runs_with_any_executor_and_chunk_size_agree(victim: Any, chunksize: int) -> None:
    files = [victim.file(name) for name in ("first", "second")]
    one = run(Whole(), files, chunksize=100)
    executor = FuturesExecutor(workers=2, pool=ThreadPoolExecutor)
    other = run(Whole(), files, chunksize=chunksize, executor=executor, output=Path(victim.output))
    assert text(one.output) == text(other.output)
