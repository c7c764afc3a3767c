"""Compressed blocks: every algorithm, several blocks, and damage."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import uproot

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader import inflate as module
from columnar_af.ntuples.fast_reader.inflate import ZLIB_INFLATERS, inflate, split_blocks, zlib_library

ALGORITHMS = [uproot.ZLIB(1), uproot.ZLIB(9), uproot.LZ4(4), uproot.ZSTD(5), uproot.LZMA(1)]


def compressed(data: bytes, algorithm: Any) -> np.ndarray:
    """ROOT blocks, as uproot writes them."""
    return np.frombuffer(uproot.compression.compress(data, algorithm), dtype=np.uint8)


def restored(payload: np.ndarray, size: int) -> bytes:
    """Blocks -> data."""
    return inflate(payload, split_blocks(payload, size), size).tobytes()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_round_trip(algorithm: Any) -> None:
    """One block."""
    data = b"0123456789abcdef" * 100
    assert restored(compressed(data, algorithm), len(data)) == data


@pytest.mark.parametrize("algorithm", ALGORITHMS[:4], ids=repr)
def test_several_blocks(algorithm: Any) -> None:
    """ROOT cuts baskets of more than 16 MB; here two small blocks follow each other."""
    parts = [b"a" * 500, bytes(range(256)) * 3 + b"b" * 1000]
    payload = np.concatenate([compressed(part, algorithm) for part in parts])
    assert restored(payload, sum(map(len, parts))) == b"".join(parts)


def test_uncompressed() -> None:
    """A basket that compression would make larger is stored as it is."""
    payload = np.arange(40, dtype=np.uint8)
    assert split_blocks(payload, 40) == ()
    assert inflate(payload, (), 40) is payload


@pytest.mark.parametrize("name", ZLIB_INFLATERS)
def test_every_zlib_library(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that may be used give the same."""
    pytest.importorskip(name, reason=f"needs {name}, which is optional")
    inflater = ZLIB_INFLATERS[name]()
    monkeypatch.setattr(module, "_inflaters", lambda: {b"ZL": inflater})
    data = bytes(range(256)) * 20
    assert restored(compressed(data, uproot.ZLIB(1)), len(data)) == data


def test_falls_back_to_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fast libraries everything still works."""
    real = importlib.import_module

    def without(name: str) -> Any:
        if name in ("deflate", "isal"):
            raise ImportError(name)
        return real(name)

    module._fastest_zlib.cache_clear()
    monkeypatch.setattr(importlib, "import_module", without)
    try:
        assert zlib_library() == "zlib"
    finally:
        module._fastest_zlib.cache_clear()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=repr)
def test_damaged_blocks(algorithm: Any) -> None:
    """A changed byte in the compressed data is an error of ours, or (ZSTD, without checksum) other data."""
    data = bytes(np.random.default_rng(1).integers(0, 4, 4000, dtype=np.uint8))
    payload = compressed(data, algorithm)
    messages = []
    for place in range(12, len(payload), 97):
        broken = payload.copy()
        broken[place] ^= 0x55
        try:
            assert len(restored(broken, len(data))) == len(data)
        except ReadError as error:
            messages.append(error.message)
    assert messages
    assert all("damaged" in message for message in messages)
    if not isinstance(algorithm, uproot.ZSTD):
        assert len(messages) == len(range(12, len(payload), 97))


def test_sizes_that_do_not_add_up() -> None:
    """Before anything is allocated."""
    payload = compressed(b"x" * 1000, uproot.ZLIB(1))
    for size in (999, 2**31 - 1):
        with pytest.raises(ReadError, match="add up"):
            split_blocks(payload, size)
    with pytest.raises(ReadError, match="add up"):
        split_blocks(payload[:-1], 1000)


def test_unknown_algorithm() -> None:
    """ROOT's old algorithm CS, for one."""
    payload = compressed(b"x" * 1000, uproot.ZLIB(1)).copy()
    payload[:2] = np.frombuffer(b"CS", dtype=np.uint8)
    with pytest.raises(ReadError, match="CS"):
        restored(payload, 1000)
