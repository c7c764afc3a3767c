"""The ledger closes exactly when every planned entry is accounted for once."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from columnar_af.errors import ErrorRecord, WorkAddress
from columnar_af.results import Ledger, LedgerEntry

texts = st.text(max_size=8)
counts = st.integers(0, 10**12)
optional_counts = st.none() | counts
addresses = st.builds(
    WorkAddress, *[st.none() | texts] * 3, optional_counts, optional_counts, *[st.none() | texts] * 2
)
errors = st.builds(ErrorRecord, texts, texts, texts, addresses, texts, texts, st.booleans())


@st.composite
def entries(draw: st.DrawFn) -> list[LedgerEntry]:
    """Neighbouring chunks of one tree, each with some fate."""
    edges = sorted(draw(st.sets(counts, min_size=2, max_size=8)))
    made = []
    for number, (start, stop) in enumerate(pairwise(edges)):
        status = draw(st.sampled_from(["done", "failed", "skipped"]))
        done = status == "done"
        error = None if done else draw(errors)
        made.append(
            LedgerEntry(
                number, "d", "f", "t", start, stop, "u", status, stop - start if done else 0, 1, error
            )
        )
    return made


@settings(max_examples=50)
@given(entries(), st.randoms(use_true_random=False))
def test_totals_add_up_in_any_order(made, random):
    shuffled = list(made)
    random.shuffle(shuffled)
    ledger = Ledger(tuple(shuffled))
    assert ledger == Ledger(tuple(made))
    assert ledger.planned == ledger.done + ledger.failed + ledger.skipped == made[-1].stop - made[0].start
    assert ledger.closes
    assert ledger.complete == all(entry.status == "done" for entry in made)


@given(entries())
def test_json_gives_the_ledger_back(made):
    ledger = Ledger(tuple(made))
    assert Ledger.from_json(json.loads(json.dumps(ledger.to_json()))) == ledger


@given(errors)
def test_json_gives_an_error_back(error):
    assert ErrorRecord.from_json(json.loads(json.dumps(error.to_json()))) == error


@pytest.fixture
def two_chunks() -> list[LedgerEntry]:
    return [
        LedgerEntry(0, "d", "f", "t", 0, 10, "u", "done", 10),
        LedgerEntry(1, "d", "f", "t", 10, 15, "u", "done", 5),
    ]


def test_lost_entries_are_found(two_chunks):
    ledger = Ledger((two_chunks[0], replace(two_chunks[1], entries=4)))
    assert not ledger.closes
    assert ledger.problems() == ["chunk 1 (f:t[10:15]) is done with 4 entries processed, expected 5"]


def test_a_failed_chunk_that_claims_entries_is_found(two_chunks):
    ledger = Ledger((two_chunks[0], replace(two_chunks[1], status="failed")))
    assert ledger.problems() == ["chunk 1 (f:t[10:15]) is failed with 5 entries processed, expected 0"]


def test_a_chunk_twice_is_found(two_chunks):
    ledger = Ledger((*two_chunks, two_chunks[1]))
    assert any("chunk 1 is in the ledger twice" in problem for problem in ledger.problems())
    assert any("overlap" in problem for problem in ledger.problems())


def test_overlap_is_found_and_another_dataset_is_none(two_chunks):
    overlapping = replace(two_chunks[1], start=9, entries=6)
    assert any("overlap" in problem for problem in Ledger((two_chunks[0], overlapping)).problems())
    assert Ledger((two_chunks[0], replace(overlapping, dataset="other"))).closes


def test_an_empty_ledger_closes():
    assert Ledger().closes
    assert Ledger().complete
