"""Trees of plain numbers read from their records: the same as uproot's, and uproot's where they are not plain."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import uproot

from columnar_af.ntuples.fast_reader import ColumnReader, FastSourceMapping
from columnar_af.ntuples.fast_reader.flat_tree import (
    NOT_FLAT,
    FlatBranch,
    FlatTree,
    NotFlatError,
    open_all_flat,
    open_flat,
)

TYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


@pytest.fixture(scope="module")
def written_by_uproot(tmp_path_factory):
    path = tmp_path_factory.mktemp("flat") / "flat.root"
    rng = np.random.default_rng(3)
    with uproot.recreate(path) as file:
        tree = file.mktree("folder/numbers", {f"x{kind.replace('?', 'b')}": kind for kind in TYPES})
        for size in (1000, 1, 700):
            tree.extend(
                {f"x{kind.replace('?', 'b')}": rng.integers(0, 2, size).astype(kind) for kind in TYPES}
            )
        file.mktree("jagged", {"n": "i4", "list": "var * float32"}).extend(
            {"n": np.arange(3), "list": [[1.0], [], [2.0, 3.0]]}
        )
        file.mktree("empty", {"a": "f4"})
        file.mktree("vectors", {"a": "f4", "three": ("f4", (3,))}).extend(
            {"a": np.ones(2), "three": np.ones((2, 3))}
        )
    return path


def require_equal(flat, tree):
    assert flat.num_entries == tree.num_entries
    assert flat.names == {branch.name for branch in tree.branches}
    assert (flat.title, flat.object_path) == (tree.title, tree.object_path)
    assert list(flat.keys(recursive=False)) == tree.keys(recursive=False)
    assert flat.typenames() == tree.typenames()
    assert FastSourceMapping._extract_base_form(flat) == FastSourceMapping._extract_base_form(tree)
    for name in flat.names:
        mine, theirs = flat[name], tree[name]
        assert isinstance(mine, FlatBranch), name
        assert mine.interpretation == theirs.interpretation, name
        assert mine.num_entries == theirs.num_entries, name
        assert mine.uncompressed_bytes == theirs.uncompressed_bytes, name
        assert mine.entry_offsets.tolist() == list(theirs.entry_offsets), name
        for member in ("fBasketSeek", "fBasketBytes"):
            assert mine.member(member).tolist() == theirs.member(member)[: len(mine.positions)].tolist(), name
        column = ColumnReader(flat).read(name)
        assert np.array_equal(column.content, theirs.array(library="np")), name
        assert column.content.dtype == theirs.array(library="np").dtype, name


def test_trees_of_uproot(written_by_uproot):
    with uproot.open(written_by_uproot) as file:
        require_equal(FlatTree(file, "folder/numbers"), file["folder/numbers"])
        require_equal(FlatTree(file["folder"], "numbers"), file["folder/numbers"])
        require_equal(FlatTree(file, "empty"), file["empty"])


def test_trees_of_the_simulation(project):
    with uproot.open(project / "datasets" / "stop_histfitter_Wt_mc16e.root") as file:
        for name in file.keys(cycle=False, filter_classname="TTree"):
            require_equal(FlatTree(file, name), file[name])


def test_a_part_of_a_tree(written_by_uproot):
    with uproot.open(written_by_uproot) as file:
        column = ColumnReader(FlatTree(file, "folder/numbers")).read("xf8", 990, 1010)
        assert np.array_equal(column.content, file["folder/numbers/xf8"].array(library="np")[990:1010])


def test_a_branch_of_another_kind_is_uproots(written_by_uproot):
    with uproot.open(written_by_uproot) as file:
        for name, odd, plain in (("jagged", "list", "n"), ("vectors", "three", "a")):
            assert isinstance(open_all_flat(file, name), uproot.TTree)
            tree = open_flat(file, name)
            assert isinstance(tree[plain], FlatBranch)
            assert isinstance(tree[odd], uproot.TBranch)
            assert tree[odd].array().tolist() == file[name][odd].array().tolist()
            with pytest.raises(KeyError):
                tree["nothing"]


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("t3m_2017_ds_phi_pi_mc.root", "Tree3Mu/ntuple"),  # std::vectors, older ROOT
        ("cms_nanoaod_dy.root", "Events"),
    ],
)
def test_real_files_are_read_as_uproot_reads_them(shared_data, name, tree):
    with uproot.open(shared_data / name) as file:
        opened, expected = open_flat(file, tree), file[tree]
        assert opened.num_entries == expected.num_entries
        for branch in ("run", "event", "MET_pt", "evt", "PVCollection_Size"):
            if branch in {one.name for one in expected.branches}:
                assert opened[branch].interpretation == expected[branch].interpretation


def test_what_is_no_tree_is_not_flat(project):
    with uproot.open(project / "datasets" / "stop_histfitter_Wt_mc16e.root") as file:
        with pytest.raises(NotFlatError):
            FlatTree(file, "NumberEvents")
        assert open_flat(file, "NumberEvents").classname.startswith("TH1")


def test_a_damaged_record_is_left_to_uproot(written_by_uproot):
    """Whatever byte of the record is wrong: the walk gives the same as before or gives up, and raises nothing else."""
    with uproot.open(written_by_uproot) as file:
        tree = FlatTree(file, "vectors")
        record = tree._record
        for place in range(0, len(record.data), 7):
            data = bytearray(record.data)
            data[place] ^= 0x55
            changed = FlatTree.__new__(FlatTree)
            vars(changed).update(vars(tree), _record=type(record)(bytes(data), record.origin), _branches={})
            with suppress(*NOT_FLAT):
                changed.title, changed.num_entries, changed._places = changed._walk()
