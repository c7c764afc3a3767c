"""A short run of the fuzzer; ``benchmarks/fuzz.py`` makes long ones."""

from __future__ import annotations

import random

import pytest

from columnar_af.datasets.fileset import Fileset
from columnar_af.errors import FilesetError
from tests.fuzz.fuzzing import Report, fuzz
from tests.fuzz.mutations import damaged, damaged_document

TARGETS = 14
ROUNDS = 8
"""Cases of each target. A number and not a time, so that a busy machine makes as many."""


@pytest.mark.timeout(1200)
def test_damaged_input_gives_clear_errors_only():
    report = fuzz(cases=ROUNDS * TARGETS)
    assert report.findings == []
    assert set(report.cases.values()) == {ROUNDS}
    assert len(report.cases) == TARGETS


def test_a_fuzzer_of_a_time_ends_in_time():
    assert fuzz(seconds=0.0).cases == {}


def test_the_fuzzer_damages():
    numbers = random.Random(1)
    data = bytes(range(200))
    assert sum(damaged(numbers, data) != data for _ in range(100)) > 90
    document = {"a": [1, 2, {"b": 3}]}
    assert sum(damaged_document(numbers, document) != document for _ in range(100)) > 60
    assert document == {"a": [1, 2, {"b": 3}]}


def test_a_report_keeps_what_was_found():
    report = Report()
    report.add({"target": "t", "seed": 3, "outcome": "exception", "finding": "KeyError"})
    assert report.findings == ["t seed 3: KeyError"]


@pytest.mark.parametrize("text", ["[" * 20_000, "d: " + "{a: " * 20_000])
def test_deep_nesting_is_refused(tmp_path, text):
    for suffix in (".yaml", ".json"):
        path = tmp_path / f"deep{suffix}"
        path.write_text(text)
        with pytest.raises(FilesetError):
            Fileset.load(path)
