"""The chunk function: it reads, calls, measures, and never raises."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from coffea.nanoevents import BaseSchema

from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.merge import Outcomes
from columnar_af.processing.payload import Payload
from columnar_af.processing.processors import load_processor


def function(toy: Any, name: str, **more: Any) -> ChunkFunction:
    """The chunk function of a toy processor."""
    return ChunkFunction(
        Payload.of(load_processor(toy.processor(name)), BaseSchema), ("columnar-af", "run", "p"), **more
    )


def chunk(file: Path, start: int = 0, stop: int = 50, tree: str = "Events", **metadata: Any) -> Chunk:
    """A chunk of a file."""
    return Chunk(7, "a b", str(file), tree, start, stop, uuid_of(file), metadata)


def uuid_of(file: Path) -> str:
    """UUID that ROOT wrote."""
    if not file.exists() or file.suffix != ".root":
        return ""
    with uproot.open(file) as opened:
        return str(opened.file.uuid)


def error_of(outcomes: Outcomes) -> Any:
    """The error of the one chunk."""
    assert outcomes.total() is None
    assert outcomes.entries == {7: 0}
    return outcomes.errors[7]


def test_a_chunk_is_processed(toy: Any) -> None:
    outcomes = function(toy, "Sums")(chunk(toy.first, 10, 30))
    with uproot.open(toy.first) as file:
        weights = file["Events/w"].array(library="np")[10:30]
    total = outcomes.total()
    assert total is not None
    assert total["a b"]["sumw"] == weights.sum()
    assert outcomes.entries == {7: 20}
    assert not outcomes.errors


def test_only_touched_columns_are_read(toy: Any) -> None:
    metrics = function(toy, "Sums")(chunk(toy.first)).metrics[7]
    assert metrics.columns == ("w", "x")
    assert metrics.bytes_read > 0
    assert metrics.finished >= metrics.started > 0
    assert metrics.cpu_s >= 0
    assert metrics.pid > 0


def test_columns_read_at_once_give_the_same(toy: Any) -> None:
    lazily = function(toy, "Sums")
    at_once = lazily.reading_at_once({"a b": frozenset({"x"})})  # w is still read when it is touched
    left, right = (f(chunk(toy.first)).total() for f in (lazily, at_once))
    assert left is not None
    assert right is not None
    assert left["a b"]["sumw"] == right["a b"]["sumw"]
    assert np.array_equal(
        left["a b"]["hists"]["x"].view(flow=True), right["a b"]["hists"]["x"].view(flow=True)
    )


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        ("raise", "ProcessorError", r"the processor raised IndexError: pop from empty list \(.*toys.py, line \d+, in act\)"),
        ("exit", "ProcessorError", "SystemExit: 3"),
        ("read missing", "MissingBranchError", "the processor reads 'no_such_branch'"),
    ],
)  # fmt: skip
def test_an_error_of_the_analysis_is_a_value(toy: Any, act: str, kind: str, message: str) -> None:
    record = error_of(function(toy, "Misbehaves")(chunk(toy.first, act=act)))
    assert record.kind == kind

    assert re.search(message, record.message)
    assert str(record.address).startswith("dataset a b, file")
    assert "Traceback" in record.traceback
    assert record.input_is_bad == (kind == "MissingBranchError")


def test_the_missing_branch_is_named(toy: Any) -> None:
    record = error_of(function(toy, "Misbehaves")(chunk(toy.first, act="read missing")))
    assert record.address.branch == "no_such_branch"


def test_a_processor_that_returns_nothing(toy: Any) -> None:
    assert "returned nothing" in error_of(function(toy, "ReturnsNothing")(chunk(toy.first))).message


def test_results_kept_on_the_processor_do_not_leak(toy: Any) -> None:
    keeps = function(toy, "Keeps")
    assert [keeps(chunk(toy.first, 0, 10)).total(), keeps(chunk(toy.first, 10, 30)).total()] == [
        {"entries": 10},
        {"entries": 20},
    ]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), (b"", "0 bytes"), (b"garbage" * 99, "ROOT")]
)
def test_a_file_that_cannot_be_opened(toy: Any, content: bytes | None, message: str) -> None:
    bad = toy.folder / "bad"
    if content is not None:
        bad.write_bytes(content)
    record = error_of(function(toy, "Sums")(chunk(bad)))
    assert record.kind == "ReadError"
    assert message in record.message
    assert record.input_is_bad


def test_a_damaged_basket_is_the_fault_of_the_file(toy: Any) -> None:
    """It shows when the processor touches the column, and must not look like an error of the processor."""
    damaged = toy.folder / "damaged.root"
    content = bytearray(toy.first.read_bytes())
    with uproot.open(toy.first) as file:
        branch = file["Events/w"]
        start, length = int(branch.member("fBasketSeek")[0]), int(branch.member("fBasketBytes")[0])
    content[start : start + length] = b"\xff" * length
    damaged.write_bytes(content)
    record = error_of(function(toy, "Sums")(chunk(damaged)))
    assert record.kind == "ReadError"
    assert record.address.branch == "w"
    assert record.input_is_bad


def test_a_file_that_was_replaced(toy: Any) -> None:
    planned = chunk(toy.first)
    replaced = Chunk(7, "a b", str(toy.second), "Events", 0, 37, planned.uuid)
    assert "was replaced" in error_of(function(toy, "Sums")(replaced)).message


def test_entries_that_are_not_there(toy: Any) -> None:
    assert "expected 100 entries" in error_of(function(toy, "Sums")(chunk(toy.first, 0, 100))).message


def test_a_tree_without_entries_is_no_error(toy: Any) -> None:
    assert function(toy, "Sums")(chunk(toy.empty, 0, 0)).total() is not None
    missing = function(toy, "Misbehaves")(chunk(toy.empty, 0, 0, act="read missing"))
    assert missing.total() is None
    assert not missing.errors


def test_the_command_that_runs_the_chunk_alone(toy: Any) -> None:
    where = chunk(toy.first, 3, 9)
    words = shlex.split(function(toy, "Sums", sources=("x.yaml",)).reproduce(where))
    assert words == [
        "columnar-af", "run", "p", "x.yaml", "--dataset", "a b", "--file", str(toy.first), "--entries", "3:9",
    ]  # fmt: skip
    words = shlex.split(function(toy, "Sums").reproduce(where))
    assert words == ["columnar-af", "run", "p", f"{toy.first}:Events", "--entries", "3:9"]


class BrokenSchema(BaseSchema):
    """A schema with a slip."""

    def __init__(self, base_form: dict[str, Any]) -> None:
        super().__init__(base_form)
        _ = len(3)  # type: ignore[arg-type]


def test_an_error_of_the_schema_is_not_the_fault_of_the_file(toy: Any) -> None:
    payload = Payload.of(load_processor(toy.processor("Sums")), BrokenSchema)
    error = error_of(ChunkFunction(payload)(chunk(toy.first)))
    assert error.kind == "ProcessorError"
    assert not error.input_is_bad
    assert "the schema BrokenSchema raised TypeError: object of type 'int' has no len()" in error.message
    assert "in __init__" in error.message
