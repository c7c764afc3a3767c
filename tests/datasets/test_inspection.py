"""Inspection of real files, and of files that went wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from columnar_af.datasets import inspection
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import FileReport, inspect

DS_FILE = "t3m_2017_ds_phi_pi_mc.root"


def write_tree(path: Path, *trees: str, entries: int = 3) -> Path:
    with uproot.recreate(path) as file:
        for tree in trees:
            file.mktree(tree, {"x": np.dtype("f8")})
            file[tree].extend({"x": np.arange(entries, dtype="f8")})
        file["a_text"] = "no tree"
    return path


def report_on(path: Path | str) -> FileReport:
    (report,) = inspect(Fileset.load(str(path))).files
    return report


@pytest.fixture
def damaged(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with files that cannot be read, each with its own reason."""
    whole = (shared_data / DS_FILE).read_bytes()
    (tmp_path / "half.root").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "without_end.root").write_bytes(whole[:-10])
    (tmp_path / "header_only.root").write_bytes(whole[:200])
    (tmp_path / "zeros.root").write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    (tmp_path / "no_bytes.root").write_bytes(b"")
    (tmp_path / "garbage.root").write_bytes(b"no ROOT file at all" * 100)
    (tmp_path / "garbage_inside.root").write_bytes(b"root" + b"but not further on" * 100)
    return tmp_path


# ---------------------------------------------------------------------------------------------------------- real files


@pytest.mark.parametrize(
    ("name", "tree", "entries", "version"),
    [
        (DS_FILE, "Tree3Mu/ntuple", 111, "AOD 2017"),
        ("t3m_run3_tau3mu_data.root", "TreeMakerBkg/ntuple", 282, "three-muon Run 3"),
        ("t3m_empty_tree.root", "TreeMakerBkg/ntuple", 0, "three-muon MINI"),
        ("cms_nanoaod_dy.root", "Events", 40, None),
        ("atlas_physlite_example.root", "CollectionTree", 100, None),
    ],
)
def test_real_files(shared_data: Path, name: str, tree: str, entries: int, version: str | None) -> None:
    report = report_on(shared_data / name)
    assert (report.tree, report.entries, report.ntuple_version, report.error) == (
        tree,
        entries,
        version,
        None,
    )
    assert report.size_bytes == (shared_data / name).stat().st_size
    with uproot.open(shared_data / name) as file:
        assert report.uuid == str(file.file.uuid)


def test_missing_branches_are_those_that_the_schema_could_use(shared_data: Path) -> None:
    missing = report_on(shared_data / DS_FILE).missing_branches
    assert {"FlightDistBS_SV_Significance", "RefTrack1_Pt", "Mu1_dRtriggerMatch_2017"} <= set(missing)
    assert "Mu01_Pt" not in missing
    assert list(missing) == sorted(missing)
    assert report_on(shared_data / "cms_nanoaod_dy.root").missing_branches == ()


def test_only_the_newest_cycle_counts(shared_data: Path) -> None:
    with uproot.open(shared_data / DS_FILE) as file:
        assert {"Tree3Mu/ntuple;1", "Tree3Mu/ntuple;2"} <= set(file.keys())
    assert report_on(shared_data / DS_FILE).entries == 111


# --------------------------------------------------------------------------------------------------------------- trees


def test_the_only_tree_is_found(tmp_path: Path) -> None:
    report = report_on(write_tree(tmp_path / "a.root", "folder/mine"))
    assert (report.tree, report.entries, report.ntuple_version) == ("folder/mine", 3, None)


def test_several_unknown_trees_must_be_named(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "a.root", "one", "two")
    error = report_on(path).error
    assert error is not None
    assert "several trees" in error.message
    assert "one, two" in error.message
    assert report_on(f"{path}:two").tree == "two"


@pytest.mark.parametrize(
    ("wanted", "advice"),
    [
        ("Tree3Mu/ntupel", "did you mean 'Tree3Mu/ntuple'?"),
        ("Tree3Mu/hEvents", "did you mean"),
        ("zzz", "name one of"),
    ],
)
def test_a_wrong_tree_lists_those_that_there_are(shared_data: Path, wanted: str, advice: str) -> None:
    report = report_on(f"{shared_data / DS_FILE}:{wanted}")
    assert report.error is not None
    assert f"no tree {wanted!r}; it has Tree3Mu/ntuple" in report.error.message
    assert report.error.advice.startswith(advice)
    assert report.error.address.tree == wanted
    assert report.entries == 0


def test_an_rntuple_is_told_from_a_missing_tree(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("Events", {"x": np.arange(3)})
    error = report_on(tmp_path / "a.root").error
    assert error is not None
    assert "RNTuples, which are not read: Events" in error.message


# ----------------------------------------------------------------------------------------------------------- bad files


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("half.root", "truncated: its header promises 1846827 bytes, and there are 923413"),
        ("without_end.root", "truncated: its header promises 1846827 bytes, and there are 1846817"),
        ("header_only.root", "truncated: its header promises 1846827 bytes, and there are 200"),
        ("zeros.root", "no tree"),
        ("no_bytes.root", "the file is empty: 0 bytes"),
        ("garbage.root", "not a ROOT file"),
        ("garbage_inside.root", "damaged"),
        ("missing.root", "no such file"),
        ("hafl.root", "no such file"),
    ],
)
def test_bad_files_are_errors_as_values(damaged: Path, name: str, message: str) -> None:
    report = report_on(damaged / name)
    assert report.error is not None
    assert report.error.kind == "ReadError"
    assert report.error.input_is_bad
    assert message in report.error.message
    assert report.error.advice
    assert (report.error.address.dataset, report.error.address.file) == (
        name.removesuffix(".root"),
        str(damaged / name),
    )
    assert report.entries == 0


def test_a_slip_of_the_pen_is_pointed_out(damaged: Path) -> None:
    error = report_on(damaged / "hafl.root").error
    assert error is not None
    assert error.advice == "did you mean 'half.root'?"


@pytest.mark.parametrize("name", ["no_tree.root", "stop2l_fake_factors.root"])
def test_real_files_without_a_tree(shared_data: Path, name: str) -> None:
    error = report_on(shared_data / name).error
    assert error is not None
    assert "the file has no tree" in error.message


def test_a_folder_with_the_name_of_a_file(tmp_path: Path) -> None:
    fileset = Fileset.load(tmp_path / "a.root")
    (tmp_path / "a.root").mkdir()
    assert "folder" in str(inspect(fileset).files[0].error)


def test_a_protocol_without_its_package_says_what_to_install() -> None:
    error = report_on("gs://bucket/a.root").error
    assert error is not None
    assert error.kind == "ReadError"
    assert "gcsfs" in error.message


# ------------------------------------------------------------------------------------------------- copies and promises


def test_a_copy_of_a_file_is_an_error_that_names_both(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / DS_FILE, tmp_path / "copy.root")
    fileset = Fileset.from_dict({"mc": [str(shared_data / DS_FILE)], "more": [str(tmp_path / "copy.root")]})
    original, copy = inspect(fileset).files
    assert original.error is None
    assert copy.error is not None
    assert copy.error.kind == "FilesetError"
    assert (
        not copy.error.input_is_bad
    )  # not to be skipped with --bad-files skip without a word: the fileset is wrong
    for part in (str(shared_data / DS_FILE), str(tmp_path / "copy.root"), "'mc'", "'more'", "count twice"):
        assert part in str(copy.error)


def test_two_trees_of_a_file_are_no_copies(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "a.root", "one", "two")
    found = inspect(Fileset.from_dict({"a": [f"{path}:one"], "b": [f"{path}:two"]}))
    assert found.bad == ()


@pytest.mark.parametrize(
    ("promise", "message"),
    [
        ({"num_entries": 4}, "its entries was 4 and is 3"),
        ({"uuid": "another"}, "its UUID was another and is"),
        ({"steps": [[0, 4]]}, "up to 4, and the file has 3"),
    ],
)
def test_a_file_that_has_changed_since_it_was_preprocessed(
    tmp_path: Path, promise: dict[str, object], message: str
) -> None:
    path = str(write_tree(tmp_path / "a.root", "one"))
    (report,) = inspect(Fileset.from_dict({"d": {"files": {path: {"object_path": "one", **promise}}}})).files
    assert report.error is not None
    assert message in report.error.message


def test_steps_are_passed_on(tmp_path: Path) -> None:
    path = str(write_tree(tmp_path / "a.root", "one"))
    (report,) = inspect(Fileset.from_dict({"d": {"files": {path: {"steps": [[0, 1], [2, 3]]}}}})).files
    assert report.error is None
    assert report.steps == ((0, 1), (2, 3))


# --------------------------------------------------------------------------------------------- workers, progress, totals


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_the_order_is_that_of_the_fileset(
    shared_data: Path, damaged: Path, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pool == "processes":
        monkeypatch.setattr(inspection, "FILES_WORTH_A_PROCESS", 1)
    fileset = Fileset.load([f"{shared_data}/t3m*.root", f"{damaged}/*.root"])
    done: list[FileReport] = []
    parallel = inspect(fileset, workers=2, on_file_done=done.append)
    alone = inspect(fileset)
    assert [file.path for file in parallel.files] == [file.path for _, file in fileset.files]
    assert sorted(done, key=lambda file: file.path) == sorted(parallel.files, key=lambda file: file.path)
    for one, other in zip(parallel.files, alone.files, strict=True):
        assert (one.tree, one.entries, one.uuid) == (other.tree, other.entries, other.uuid)
        assert str(one.error) == str(other.error)


def test_totals_count_good_files_only(shared_data: Path, damaged: Path) -> None:
    names = [DS_FILE, "t3m_empty_tree.root", "no_tree.root"]
    good_size = sum((shared_data / name).stat().st_size for name in names[:2])
    fileset = Fileset.from_dict(
        {"a": [str(shared_data / name) for name in names], "b": [str(damaged / "half.root")]}
    )
    found = inspect(fileset)
    assert (len(found.good), len(found.bad)) == (2, 2)
    a, b = found.totals
    assert (a.name, a.files, a.bad_files, a.entries, a.size_bytes) == ("a", 3, 1, 111, good_size)
    assert (b.name, b.files, b.bad_files, b.entries, b.size_bytes) == ("b", 1, 1, 0, 0)
    values = json.loads(json.dumps(found.to_json()))
    assert [file["entries"] for file in values["files"]] == [111, 0, 0, 0]
    assert values["files"][2]["error"]["kind"] == "ReadError"


def test_a_url_goes_to_uproot_as_it_is(shared_data: Path) -> None:
    url = f"file://{shared_data / DS_FILE}"
    report = report_on(url)
    assert (report.path, report.entries, report.error) == (url, 111, None)


def test_a_jagged_tree_of_another_ntuple_is_no_t3m(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        tree = file.mktree("Tree3Mu/ntuple", {"MuonPt": "var * float64"})
        tree.extend({"MuonPt": ak.Array([[1.0, 2.0], []])})
    report = report_on(tmp_path / "a.root")
    assert (report.entries, report.ntuple_version, report.error) == (2, None, None)


def test_a_count_that_no_branch_has_is_damage(tmp_path):
    """Found by fuzzing: a flipped bit of the number of entries was planned for, in 10¹⁵ entries."""
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.zeros(77)})
    good, count = path.read_bytes(), (77).to_bytes(8, "big")
    places = [place for place in range(len(good)) if good[place : place + 8] == count]
    errors = []
    for place in places:
        path.write_bytes(good[: place + 1] + b"\x01" + good[place + 2 :])
        (report,) = inspect(Fileset.load([path])).files
        errors += [report.error.message] if report.error else []
    assert any(
        f"has {77 + (1 << 48)} entries, and its longest branch has 77" in message for message in errors
    )
