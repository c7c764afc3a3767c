"""The column cache: what comes out is what went in, or nothing."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnar_af.ntuples.fast_reader import Column, ColumnCache
from columnar_af.ntuples.fast_reader.column_cache import ColumnKey, default_folder

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def key(number: int = 0) -> ColumnKey:
    """A key of its own for each number."""
    return ColumnKey("uuid", "Tree3Mu/ntuple", f"branch_{number}", 0, 100)


def column(size: int = 1000, seed: int = 0) -> Column:
    """A jagged column of random doubles."""
    values = np.random.default_rng(seed).normal(size=size)
    return Column(values, np.array([0, size // 3, size], dtype=np.int64))


def same(first: Column | None, second: Column) -> bool:
    """Bit for bit."""
    if first is None:
        return False
    pairs = [
        (getattr(first, name), getattr(second, name)) for name in ("content", "offsets", "string_offsets")
    ]
    return all(
        one is other
        if one is None or other is None
        else one.dtype == other.dtype and one.tobytes() == other.tobytes()
        for one, other in pairs
    )


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    dtype=st.sampled_from(DTYPES),
    raw=st.binary(max_size=200),
    offsets=st.none() | st.lists(st.integers(0, 9), min_size=1, max_size=9),
    strings=st.none() | st.lists(st.integers(0, 9), min_size=1, max_size=9),
)
def test_round_trip(
    tmp_path: Path, dtype: str, raw: bytes, offsets: list[int] | None, strings: list[int] | None
) -> None:
    """Any column, also empty ones."""
    size = np.dtype(dtype).itemsize
    content = np.frombuffer(raw[: len(raw) // size * size], dtype=dtype)
    others = [None if part is None else np.array(part, dtype=np.int64) for part in (offsets, strings)]
    written = Column(content, *others)
    cache = ColumnCache(tmp_path)
    cache.put(key(), written)
    assert same(cache.get(key()), written)


def test_other_keys_are_not_found(tmp_path: Path) -> None:
    """Every part of the key counts."""
    cache = ColumnCache(tmp_path)
    cache.put(key(), column())
    for other in (
        ColumnKey("other", "Tree3Mu/ntuple", "branch_0", 0, 100),
        ColumnKey("uuid", "other", "branch_0", 0, 100),
        ColumnKey("uuid", "Tree3Mu/ntuple", "other", 0, 100),
        ColumnKey("uuid", "Tree3Mu/ntuple", "branch_0", 1, 100),
        ColumnKey("uuid", "Tree3Mu/ntuple", "branch_0", 0, 99),
    ):
        assert cache.get(other) is None


def test_what_is_given_can_be_written_to(tmp_path: Path) -> None:
    """And does not change the cache."""
    cache = ColumnCache(tmp_path)
    cache.put(key(), column())
    got = cache.get(key())
    assert got is not None
    got.content[:] = 0
    assert same(ColumnCache(tmp_path).get(key()), column())


@pytest.mark.parametrize("place", [0, 9, 40, -3000, -1])
def test_a_damaged_entry_is_removed(tmp_path: Path, place: int, caplog: pytest.LogCaptureFixture) -> None:
    """Magic word, length, description, offsets, content: whatever byte changed."""
    cache = ColumnCache(tmp_path)
    cache.put(key(), column())
    (path,) = tmp_path.glob("??/*.column")
    raw = bytearray(path.read_bytes())
    raw[place] ^= 0xFF
    path.write_bytes(raw)
    assert ColumnCache(tmp_path).get(key()) is None
    assert not path.exists()
    assert "damaged" in caplog.text
    cache.put(key(), column())
    assert same(cache.get(key()), column())


@pytest.mark.parametrize("size", [0, 5, 100, 4000])
def test_a_cut_entry_is_removed(tmp_path: Path, size: int) -> None:
    """As a disk that is full leaves it behind."""
    cache = ColumnCache(tmp_path)
    cache.put(key(), column())
    (path,) = tmp_path.glob("??/*.column")
    path.write_bytes(path.read_bytes()[:size])
    assert cache.get(key()) is None
    cache.put(key(), column())
    assert same(cache.get(key()), column())


def test_least_recently_used_go_first(tmp_path: Path) -> None:
    """A hit keeps an entry."""
    cache = ColumnCache(tmp_path, max_bytes=30_000)
    for number in range(3):
        cache.put(key(number), column(1000, number))
        (path,) = [path for path in tmp_path.glob("??/*.column") if path.stem == key(number).digest()]
        os.utime(path, (1e9 + number, 1e9 + number))
    assert cache.get(key(0)) is not None
    cache.put(key(3), column(1000, 3))
    assert cache.info().n_bytes <= 30_000
    assert [number for number in range(4) if cache.get(key(number)) is not None] == [0, 2, 3]


def test_info_and_clear(tmp_path: Path) -> None:
    """Also what a dead process left behind goes."""
    cache = ColumnCache(tmp_path / "new")
    assert cache.info().entries == 0
    cache.put(key(0), column())
    cache.put(key(1), column())
    (tmp_path / "new" / "ab").mkdir()
    (tmp_path / "new" / "ab" / "dead.part").write_bytes(b"x")
    assert cache.info().entries == 2
    assert cache.info().n_bytes > 16_000
    assert cache.clear().entries == 2
    assert cache.info().entries == 0
    assert not list((tmp_path / "new").glob("??/*"))


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Reading goes on without a cache."""
    (tmp_path / "file").write_text("x")
    cache = ColumnCache(tmp_path / "file" / "folder")
    cache.put(key(), column())
    assert cache.get(key()) is None
    assert "cannot write" in caplog.text


def test_it_travels(tmp_path: Path) -> None:
    """To the workers of an executor."""
    cache = ColumnCache(tmp_path, max_bytes=10**6)
    cache.put(key(), column())
    copy = pickle.loads(pickle.dumps(cache))
    assert copy.max_bytes == 10**6
    assert same(copy.get(key()), column())


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable, else the user's cache folder."""
    monkeypatch.setenv("COLUMNAR_AF_COLUMN_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("COLUMNAR_AF_COLUMN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "columnar-af" / "columns"


def _hammer(folder: str, seed: int) -> int:
    """Put and get the same few keys, with a limit that evicts all the time; returns the number of wrong answers."""
    cache = ColumnCache(Path(folder), max_bytes=40_000)
    random = np.random.default_rng(seed)
    wrong = 0
    for number in random.integers(0, 8, 150).tolist():
        got = cache.get(key(number))
        if got is None:
            cache.put(key(number), column(1000, number))
        elif not same(got, column(1000, number)):
            wrong += 1
    return wrong


def test_several_processes(tmp_path: Path) -> None:
    """Never a wrong or half column."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        wrong = pool.starmap(_hammer, [(str(tmp_path), seed) for seed in range(4)])
    assert wrong == [0, 0, 0, 0]
    assert not list(tmp_path.glob("??/*.part"))
