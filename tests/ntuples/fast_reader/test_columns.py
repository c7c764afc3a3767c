"""Every branch that the reader knows is equal to uproot's, bit for bit, for any entry range."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader import ColumnReader
from tests.ntuples.fast_reader.equality import assert_as_uproot, difference
from tests.ntuples.fast_reader.small_trees import make_columns, short_names

REAL_TREES = {
    "t3m_2017_ds_phi_pi_mc.root": ("Tree3Mu/ntuple", 174),
    "t3m_run3_tau3mu_data.root": ("TreeMakerBkg/ntuple", 305),
    "t3m_empty_tree.root": ("TreeMakerBkg/ntuple", 254),
    "cms_nanoaod_dy.root": ("Events", 1499),
    "cms_nanoaod_dimuon.root": ("Events", 1601),
    "atlas_physlite_example.root": ("CollectionTree", 731),
}
COMPRESSIONS = {
    "none": None,
    "zlib": uproot.ZLIB(1),
    "lz4": uproot.LZ4(4),
    "zstd": uproot.ZSTD(5),
    "lzma": uproot.LZMA(1),
}
NUMBERS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


@pytest.mark.parametrize("name", REAL_TREES)
def test_every_branch_of_the_real_files(shared_data: Path, name: str) -> None:
    """Whole columns, and a range that begins and ends inside baskets."""
    path, expected = REAL_TREES[name]
    with uproot.open(shared_data / name, array_cache=None) as file:
        tree = file[path]
        reader = ColumnReader(tree)
        known = [branch for branch in tree.itervalues() if reader.knows(branch)]
        for branch in known:
            assert_as_uproot(reader, branch, 0, tree.num_entries)
            assert_as_uproot(reader, branch, tree.num_entries // 3, tree.num_entries // 2)
        assert len(known) == expected


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_vectors_in_every_compression(write_vectors: Callable[..., Path], compression: str) -> None:
    """All types of vector, and ranges on and off the borders of baskets."""
    path = write_vectors(compression=COMPRESSIONS[compression])
    with uproot.open(path, array_cache=None) as file:
        reader = ColumnReader(file["t"])
        for branch in file["t"].branches:
            for start, stop in [(0, 200), (0, 50), (49, 51), (13, 170), (199, 200)]:
                assert_as_uproot(reader, branch, start, stop)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    blocks=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    dtype=st.sampled_from(NUMBERS),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    compression=st.sampled_from(list(COMPRESSIONS)),
    seed=st.integers(0, 2**31),
)
def test_counter_branches(
    tmp_path: Path, blocks: list[int], dtype: str, ends: tuple[float, float], compression: str, seed: int
) -> None:
    """Trees as uproot writes them: numbers, and lists with a counter branch, of every type."""
    random = np.random.default_rng(seed)
    path = tmp_path / "counted.root"
    with uproot.recreate(path, compression=COMPRESSIONS[compression]) as file:
        tree = file.mktree("t", {"x": dtype, "list": f"var * {np.dtype(dtype).name}"})
        for entries in blocks:
            counts = random.integers(0, 5, entries)
            values = random.integers(0, 2, size=int(counts.sum()) + entries).astype(dtype)
            if entries:
                tree.extend({"x": values[:entries], "list": ak.unflatten(values[entries:], counts)})
    with uproot.open(path, array_cache=None) as file:
        tree, total = file["t"], sum(blocks)
        reader = ColumnReader(tree)
        start, stop = sorted(round(end * total) for end in ends)
        for branch in tree.branches:
            assert_as_uproot(reader, branch, start, stop)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=st.sets(st.integers(0, 199)))
def test_some_entries(vectors: Any, wanted: set[int]) -> None:
    """``read_entries`` gives the wanted entries wherever they are."""
    reader = ColumnReader(vectors)
    entries = np.array(sorted(wanted), dtype=np.int64)
    for branch in vectors.branches:
        column, places = reader.read_entries(branch, entries)
        got, expected = column.to_awkward()[places], branch.array()[entries]
        assert not difference(ak.to_packed(got), ak.to_packed(expected))


def test_some_entries_skip_baskets(vectors: Any) -> None:
    """One entry costs one basket."""
    reader = ColumnReader(vectors)
    reader.read_entries("mass", np.array([120]))
    assert reader.statistics.baskets == 1


def test_threads_give_the_same(write_vectors: Callable[..., Path]) -> None:
    """Any number of threads, any order."""
    path = write_vectors(2000, basket_bytes=100)
    with uproot.open(path) as file, ThreadPoolExecutor(3) as pool:
        alone = ColumnReader(file["t"]).read_many(list(file["t"].keys()))
        together = ColumnReader(file["t"], pool=pool).read_many(list(file["t"].keys()))
    for name, column in alone.items():
        assert not difference(column.to_awkward(), together[name].to_awkward())


def test_counter_where_baskets_have_no_offsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without entry offsets the counter branch counts, also where its baskets hold other entries."""
    from columnar_af.ntuples.fast_reader import baskets, columns

    path = tmp_path / "counted.root"
    counts = np.arange(60) % 4
    lists = ak.unflatten(np.arange(counts.sum(), dtype=np.float32), counts)
    with uproot.recreate(path) as file:
        tree = file.mktree("t", {"x": "var * float32"})
        for start, stop in [(0, 25), (25, 40), (40, 60)]:
            tree.extend({"x": lists[start:stop]})
    plain = baskets.stored_basket

    def without_offsets(raw: Any, entries: int) -> Any:
        basket = plain(raw, entries)
        data = basket.contents()[0]
        return baskets.StoredBasket(data, (), 0, len(data), entries, len(data))

    monkeypatch.setattr(columns, "stored_basket", without_offsets)
    with uproot.open(path) as file:
        reader = ColumnReader(file["t"])
        assert reader.read("x", 13, 47).to_awkward().to_list() == lists[13:47].to_list()


def test_embedded_baskets(vectors: Any) -> None:
    """A basket that lies in the tree's own record is read from there."""
    from columnar_af.ntuples.fast_reader.baskets import EmbeddedBasket

    for branch in vectors.branches:
        models = [branch.basket(number) for number in range(branch.num_baskets)]
        reader = ColumnReader(vectors)
        baskets = [EmbeddedBasket(model) for model in models]
        known = reader._require(branch)
        whole = reader._plan(known, baskets, range(len(baskets)))
        for job in whole.jobs():
            job()
        assert not difference(whole.column().to_awkward(), branch.array())


def test_arrays_reads_what_it_does_not_know_with_uproot(shared_data: Path) -> None:
    """``arrays`` is ``tree.arrays`` for any branch."""
    with uproot.open(shared_data / "t3m_run3_tau3mu_data.root") as file:
        tree = file["TreeMakerBkg/ntuple"]
        reader = ColumnReader(tree)
        names = ["RefittedPV_cov", "MuonPt", "evt"]
        assert not reader.knows("RefittedPV_cov")
        got = reader.arrays(names, 3, 50)
        assert list(got) == names
        for name, array in tree.arrays(names, entry_start=3, entry_stop=50, how=dict).items():
            assert array.to_list() == got[name].to_list()
        with pytest.raises(TypeError, match="RefittedPV_cov"):
            reader.read("RefittedPV_cov")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), data=st.data())
def test_damaged_files_give_an_error_or_values(
    write_vectors: Callable[..., Path], place: float, value: int, data: st.DataObject
) -> None:
    """A changed byte in uncompressed baskets gives another value or a ReadError that says where; nothing else."""
    path = write_vectors(60, compression=None)
    with uproot.open(path) as file:
        branch = data.draw(st.sampled_from([branch.name for branch in file["t"].branches]))
        start = int(file["t"][branch].member("fBasketSeek")[0])
        size = int(file["t"][branch].member("fBasketBytes")[0])
    raw = bytearray(path.read_bytes())
    raw[start + int(place * size)] = value
    path.write_bytes(raw)
    with uproot.open(path) as file:
        reader = ColumnReader(file["t"])
        column, error = None, None
        try:
            column = reader.read(branch)
        except ReadError as raised:
            error = raised
    if column is not None:
        assert len(column) == 60
    else:
        assert error is not None
        assert error.address.branch == branch
        assert error.address.file == str(path)
        assert "damaged" in error.message


def test_a_truncated_file_says_so(write_vectors: Callable[..., Path]) -> None:
    """The tree was read, then the end of the file goes away."""
    path = write_vectors()
    with uproot.open(path, handler=uproot.source.file.MultithreadedFileSource) as file:
        tree = file["t"]
        last = int(tree["mass"].member("fBasketSeek")[2])
        path.write_bytes(path.read_bytes()[: last + 10])
        with pytest.raises(ReadError, match="truncated") as raised:
            ColumnReader(tree).read("mass")
    assert raised.value.address.branch == "mass"


def test_ranges_are_cut_to_the_tree(vectors: Any) -> None:
    """As Python slices are."""
    reader = ColumnReader(vectors)
    assert len(reader.read("mass", 190, 1000)) == 10
    assert len(reader.read("mass", 300, 1000)) == 0
    assert len(reader.read("event", -5, 3)) == 3
    for branch in vectors.keys():  # noqa: SIM118  a tree is not a dict
        assert len(reader.read(branch, 100, 100).to_awkward()) == 0
    with pytest.raises(KeyError):
        reader.read("no_such_branch")


def test_made_columns_are_what_was_written(vectors: Any) -> None:
    """The comparison with uproot would not see an error of both."""
    columns = short_names(make_columns(200))
    reader = ColumnReader(vectors)
    for name, column in columns.items():
        assert reader.read(name).to_awkward().to_list() == ak.Array(column).to_list()
