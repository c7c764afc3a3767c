"""Columns of plain numbers read by one call of a kernel: the same as the reader of any column gives, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
import uproot

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader import ColumnReader
from columnar_af.ntuples.fast_reader.flat_columns import FlatColumnReader
from columnar_af.ntuples.fast_reader.flat_tree import FlatTree
from columnar_af.ntuples.fast_reader.native_calls import native_calls

KINDS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
NAMES = [f"x{kind.replace('?', 'b')}" for kind in KINDS]
RANGES = [(0, 1701), (0, 1), (999, 1002), (1000, 1001), (1700, 1701), (5, 5), (400, 1400)]


def written(folder, compression, sizes=(1000, 1, 700)):
    path = folder / "flat.root"
    rng = np.random.default_rng(5)
    with uproot.recreate(path, compression=compression) as file:
        tree = file.mktree("t", dict(zip(NAMES, KINDS, strict=True)))
        for size in sizes:
            tree.extend(
                {
                    name: rng.integers(0, 2 if kind == "?" else 100, size).astype(kind)
                    for name, kind in zip(NAMES, KINDS, strict=True)
                }
            )
    return path


@pytest.fixture(params=[uproot.ZLIB(1), None, uproot.ZSTD(1)], ids=["zlib", "none", "zstd"])
def tree(request, tmp_path):
    with uproot.open(written(tmp_path, request.param)) as file:
        yield FlatTree(file, "t")


def test_the_library_is_there():
    """The wheels of deflate export libdeflate; without it all is read, but slowly, and nobody would notice."""
    assert native_calls() is not None


@pytest.mark.parametrize(("start", "stop"), RANGES)
def test_ranges_are_the_same(tree, start, stop):
    expected = ColumnReader(tree).read_many(NAMES, start, stop)
    found = FlatColumnReader(tree).read_many(NAMES, start, stop)
    assert found.keys() == expected.keys()
    for name in NAMES:
        assert found[name].content.dtype == expected[name].content.dtype, name
        assert found[name].content.tobytes() == expected[name].content.tobytes(), name


@pytest.mark.parametrize("entries", [[0], [999, 1000], [1000], [3, 999, 1001, 1700], list(range(1701)), []])
def test_some_entries_are_the_same(tree, entries):
    every = ColumnReader(tree).read_many(NAMES)
    found = FlatColumnReader(tree).read_some(NAMES, np.array(entries, np.int64))
    for name, column in found.items():
        assert column.content.tobytes() == every[name].content[entries].tobytes(), name


def test_a_basket_without_wanted_entries_is_not_read(tmp_path):
    with uproot.open(written(tmp_path, uproot.ZLIB(1))) as file:
        tree = FlatTree(file, "t")
        before = file.file.source.num_requested_bytes
        FlatColumnReader(tree).read_some(["xf8"], np.array([3, 1500]))
        sizes = tree["xf8"].sizes
        assert file.file.source.num_requested_bytes - before == sizes[0] + sizes[2]


@pytest.mark.parametrize("place", [0, 4, 6, 15, 60, 70, 200])
def test_damaged_baskets_give_the_same_error(tmp_path, place):
    path = written(tmp_path, uproot.ZLIB(1))
    with uproot.open(path) as file:
        position = int(FlatTree(file, "t")["xf8"].positions[0])
    data = bytearray(path.read_bytes())
    data[position + place] ^= 0x41
    path.write_bytes(data)
    with uproot.open(path) as file:
        tree = FlatTree(file, "t")
        outcomes = []
        for reader in (ColumnReader(tree), FlatColumnReader(tree)):
            try:
                outcomes.append(reader.read_many(["xf8"], 0, 1701)["xf8"].content.tobytes())
            except ReadError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


def test_a_truncated_file_is_an_error(tmp_path):
    path = written(tmp_path, None)
    with uproot.open(path) as file:
        tree = FlatTree(file, "t")
        with path.open("r+b") as cut:
            cut.truncate(int(tree["xf8"].positions[2]) + 10)
        with pytest.raises(ReadError, match="truncated"):
            FlatColumnReader(tree).read_many(["xf8"], 0, 1701)
