"""Lines that check themselves: what was written whole is read, what was not is noticed, wherever it was cut."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import OutputError
from columnar_af.processing.journal import lines as lines_module
from columnar_af.processing.journal.lines import LineWriter, from_line, read_lines, to_line

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=1, max_size=5)


def os_with(**replaced: Any) -> SimpleNamespace:
    """The module ``os`` with other functions, for one module alone: other threads write to files, too."""
    return SimpleNamespace(**{**vars(os), **replaced})


@pytest.fixture(scope="module", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Hundreds of files are written here, and no power cut is waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines_module, "os", os_with(fsync=lambda file: None))
        yield


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines") / "ledger.jsonl"


def write(path: Path, records: list[dict[str, Any]]) -> bytes:
    path.unlink(missing_ok=True)
    with LineWriter(path) as writer:
        for record in records:
            writer.write([record])
    return path.read_bytes()


@given(RECORDS)
def test_what_is_written_is_read(path: Path, records: list[dict[str, Any]]) -> None:
    write(path, records)
    lines = read_lines(path)
    assert list(lines.records) == records
    assert lines.damaged == ()


@given(RECORDS, st.data())
def test_a_cut_loses_only_what_comes_after(
    path: Path, records: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Killed at any byte, the ledger has all lines before, and the next run goes on behind them."""
    whole = write(path, records)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    lines = read_lines(path)
    assert list(lines.records) == records[:kept]
    assert bool(lines.damaged) == (not whole[:cut].endswith(b"\n") and cut > 0)
    with LineWriter(path) as writer:
        writer.write([{"next": 1}])
    lines = read_lines(path)
    assert list(lines.records) == [*records[:kept], {"next": 1}]
    assert lines.damaged == ()


@given(RECORDS, st.data())
def test_a_flipped_bit_is_noticed(path: Path, records: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = bytearray(write(path, records))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    lines = read_lines(path)
    assert lines.damaged
    assert all(record in records for record in lines.records)
    assert len(lines.records) >= len(records) - 2  # a line, or two that lost the end between them


@given(st.binary(max_size=60))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    from_line(data)


def test_a_disk_that_refuses_leaves_a_whole_last_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.unlink(missing_ok=True)
    write_bytes = os.write

    def full(file: int, data: Any) -> int:
        if len(data) > 50:
            return write_bytes(file, data[:50])
        raise OSError(28, "No space left on device")

    with LineWriter(path) as writer:
        writer.write([{"a": 1}])
        monkeypatch.setattr(lines_module, "os", os_with(write=full))
        with pytest.raises(OutputError, match=r"No space left on device(.|\n)*--resume"):
            writer.write([{"b": "x" * 100}])
        monkeypatch.undo()
        writer.write([{"c": 1}])
    assert read_lines(path).records == ({"a": 1}, {"c": 1})


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_line({"x": float("nan")})


def test_a_ledger_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="directory"):
        read_lines(tmp_path)


def test_a_line_after_the_end_goes_into_no_other_file(path: Path) -> None:
    path.unlink(missing_ok=True)
    writer = LineWriter(path)
    writer.write([{"line": 1}])
    writer.close()
    other = path.with_name("other")
    with other.open("wb") as reused:  # takes the number that is free now
        with pytest.raises(OutputError, match="closed when its run ended"):
            writer.write([{"line": 2}])
        writer.close()
        reused.write(b"mine")
    assert other.read_bytes() == b"mine"
    assert list(read_lines(path).records) == [{"line": 1}]
