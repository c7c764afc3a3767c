"""The writer of std::vector trees: what is written is what uproot reads, byte for byte the same every time."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import awkward as ak
import hist
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from columnar_af.ntuples.std_vector_tree import BRANCH_TYPES, StdVectorTreeWriter
from columnar_af.ntuples.tree_entries import Ragged, as_column

COMPRESSIONS = [None, uproot.ZLIB(1), uproot.LZ4(4), uproot.ZSTD(5), uproot.LZMA(1)]
VECTORS = [kind for kind in BRANCH_TYPES.values() if kind.is_vector and kind.dtype is not None]


def write(path: Path, columns: dict, types: dict, blocks: int = 1, **options) -> None:
    with StdVectorTreeWriter(path, "Tree3Mu/ntuple", types, **options) as tree:
        for _ in range(blocks):
            tree.extend(columns)


def as_awkward(values: object) -> ak.Array:
    if isinstance(values, Ragged):
        return ak.unflatten(values.content, np.diff(values.offsets))
    return ak.Array(values)


def every_type(events: int = 500) -> tuple[dict, dict]:
    random = np.random.default_rng(1)
    counts = random.poisson(3, events)
    counts[::7] = 0
    numbers = random.normal(0, 100, counts.sum())
    columns, types = {}, {}
    for kind in BRANCH_TYPES.values():
        name = kind.class_name.replace("<", "_").replace(">", "").replace(" ", "_")
        types[name] = kind.class_name
        if kind.dtype is None:
            columns[name] = ak.Array([["HLT_a_v1", "", "é"][: number % 4] for number in range(events)])
        elif kind.is_vector:
            columns[name] = Ragged.from_counts(np.abs(numbers).astype(kind.dtype), counts)
        else:
            columns[name] = np.arange(events).astype(kind.dtype)
    return columns, types


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
def test_uproot_reads_every_type_back(tmp_path: Path, compression: object) -> None:
    columns, types = every_type()
    path = tmp_path / "a.root"
    write(path, columns, types, blocks=2, compression=compression, basket_bytes=1000)
    with uproot.open(path) as source:
        tree = source["Tree3Mu/ntuple"]
        assert tree.num_entries == 1000
        assert tree.keys() == list(types)
        for name, values in columns.items():
            expected = as_awkward(values)
            assert tree[name].array().tolist() == ak.concatenate([expected, expected]).tolist(), name


def test_class_names_are_those_of_root(tmp_path: Path) -> None:
    columns, types = every_type(5)
    write(tmp_path / "a.root", columns, types)
    with uproot.open(tmp_path / "a.root") as source:
        for branch in source["Tree3Mu/ntuple"].branches:
            if types[branch.name].startswith("vector"):
                assert branch.classname == "TBranchElement"
                assert str(branch.member("fClassName")) == types[branch.name]
            else:
                assert branch.classname == "TBranch"


def test_readers_without_classes_find_them_in_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.root", *every_type(5))
    with uproot.open(tmp_path / "a.root") as source:
        known = source.file.streamers
        needed = {
            "TTree",
            "TBranch",
            "TBranchElement",
            "TLeafElement",
            "TLeafI",
            "TLeafF",
            "TLeafD",
            "TLeafL",
            "TLeafO",
        }
        assert needed <= known.keys()
        members = [element.name for element in known["TBranchElement"][10].elements]
        assert members[0] == "TBranch"
        assert members[-2:] == ["fBranchCount", "fBranchCount2"]


def test_baskets_hold_what_fits(tmp_path: Path) -> None:
    values = Ragged.from_counts(np.zeros(1000), np.full(100, 10))  # 90 bytes per entry
    write(tmp_path / "a.root", {"x": values}, {"x": "vector<double>"}, basket_bytes=900)
    with uproot.open(tmp_path / "a.root") as source:
        branch = source["Tree3Mu/ntuple/x"]
        assert branch.num_baskets == 10
        assert branch.entry_offsets == list(range(0, 101, 10))


def test_an_entry_larger_than_a_basket_is_written_alone(tmp_path: Path) -> None:
    values = Ragged.from_counts(np.arange(300.0), np.array([1, 298, 1]))
    write(tmp_path / "a.root", {"x": values}, {"x": "vector<double>"}, basket_bytes=100)
    with uproot.open(tmp_path / "a.root") as source:
        assert ak.num(source["Tree3Mu/ntuple/x"].array()).tolist() == [1, 298, 1]


def test_a_tree_without_entries(tmp_path: Path) -> None:
    write(tmp_path / "a.root", {}, {"x": "vector<double>", "run": "unsigned int"}, blocks=0)
    with uproot.open(tmp_path / "a.root") as source:
        assert source["Tree3Mu/ntuple"].num_entries == 0
        assert source["Tree3Mu/ntuple/x"].array().tolist() == []


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    columns, types = every_type()
    for name in ("a", "b"):
        write(tmp_path / name, columns, types, name="x.root", identity="seed 1", compression=uproot.ZLIB(1))
    write(tmp_path / "c", columns, types, name="x.root", identity="seed 2", compression=uproot.ZLIB(1))
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second
    with uproot.open(tmp_path / "a") as one, uproot.open(tmp_path / "c") as two:
        assert one.file.uuid != two.file.uuid
    assert first != other


def test_a_histogram_beside_the_tree(tmp_path: Path) -> None:
    counts = hist.Hist.new.Reg(3, 0, 3, name="x").Double()
    counts[1] = 7
    with StdVectorTreeWriter(tmp_path / "a.root", "Tree3Mu/ntuple", {"x": "int"}) as tree:
        tree.extend({"x": np.arange(3)})
        tree.file.add_histogram("Tree3Mu/hEvents", counts)
    with uproot.open(tmp_path / "a.root") as source:
        assert source.keys() == ["Tree3Mu;1", "Tree3Mu/hEvents;1", "Tree3Mu/ntuple;1"]
        assert source["Tree3Mu/hEvents"].values().tolist() == [0, 7, 0]


def test_the_header_says_where_the_file_ends(tmp_path: Path) -> None:
    write(tmp_path / "a.root", *every_type(5))
    data = (tmp_path / "a.root").read_bytes()
    magic, _, begin, end = struct.unpack(">4siiq", data[:20])
    assert (magic, begin, end) == (b"root", 100, len(data))


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"x": np.zeros(3)}, ValueError, "n stand only on one side"),
        (
            {"x": Ragged.from_counts(np.zeros(3), np.ones(3, int)), "n": np.zeros(2)},
            ValueError,
            "different lengths",
        ),
        ({"x": np.zeros(3), "n": np.zeros(3)}, TypeError, "branch x is vector<double>"),
    ],
)
def test_columns_that_do_not_fit(tmp_path: Path, columns: dict, error: type, message: str) -> None:
    tree = StdVectorTreeWriter(tmp_path / "a.root", "ntuple", {"x": "vector<double>", "n": "int"})
    with pytest.raises(error, match=message), tree:
        tree.extend(columns)


def test_unknown_type(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"vector<complex>.*the types are"):
        StdVectorTreeWriter(tmp_path / "a.root", "t", {"x": "vector<complex>"})
    assert not (tmp_path / "a.root").exists()


def test_a_string_that_is_too_long(tmp_path: Path) -> None:
    tree = StdVectorTreeWriter(tmp_path / "a.root", "t", {"s": "vector<string>"})
    with pytest.raises(ValueError, match="255 bytes"), tree:
        tree.extend({"s": ak.Array([["x" * 255]])})


@settings(max_examples=25, deadline=None)
@given(
    data=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=3),
    basket=st.integers(1, 200),
)
def test_blocks_and_baskets_do_not_change_the_values(
    tmp_path_factory: pytest.TempPathFactory, data: list[list[int]], cuts: list[int], basket: int
) -> None:
    path = tmp_path_factory.mktemp("split") / "a.root"
    array = ak.values_astype(ak.Array([*data, [0]])[:-1], np.int32)
    bounds = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    with StdVectorTreeWriter(path, "t", {"x": "vector<int>"}, basket_bytes=basket) as tree:
        for start, stop in itertools.pairwise(bounds):
            tree.extend({"x": array[start:stop]})
    with uproot.open(path) as source:
        assert source["t/x"].array().tolist() == data


@pytest.mark.parametrize("kind", [kind.class_name for kind in VECTORS])
def test_awkward_and_ragged_columns_are_the_same(kind: str) -> None:
    dtype = BRANCH_TYPES[kind].dtype
    array = ak.values_astype(ak.Array([[1, 0], [], [1]]), dtype)
    column = as_column(array[1:])
    assert isinstance(column, Ragged)
    assert column.offsets.tolist() == [0, 0, 1]
    assert column.content.tolist() == [1]


def test_root_reads_the_same(tmp_path: Path, project: Path) -> None:
    """With a ROOT in this environment, or in the Python that COLUMNAR_AF_ROOT_PYTHON names."""

    python = os.environ.get("COLUMNAR_AF_ROOT_PYTHON")
    if python is None and importlib.util.find_spec("ROOT") is None:
        pytest.skip("needs ROOT: pip install --pre ROOT, or COLUMNAR_AF_ROOT_PYTHON=a Python that has it")
    _compare_readers(project, tmp_path, "--root-python", python or sys.executable)


def test_jsroot_reads_the_same(tmp_path: Path, project: Path) -> None:
    """With node and the folder of jsroot that COLUMNAR_AF_JSROOT names."""

    folder = os.environ.get("COLUMNAR_AF_JSROOT")
    if folder is None or shutil.which("node") is None:
        pytest.skip(
            "needs node and COLUMNAR_AF_JSROOT=node_modules/jsroot (npm install --ignore-scripts jsroot)"
        )
    _compare_readers(project, tmp_path, "--jsroot", folder)


def _compare_readers(project: Path, folder: Path, option: str, tool: str) -> None:
    columns, types = every_type()
    columns["vector_string"] = ak.Array([["HLT_a_v1", "HLT_b"][: number % 3] for number in range(500)])
    write(folder / "a.root", columns, types, blocks=2, compression=uproot.ZLIB(1), basket_bytes=1000)
    command = [
        sys.executable,
        str(project / "benchmarks/compare_readers.py"),
        str(folder / "a.root"),
        option,
        tool,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "equal in every branch" in result.stdout
