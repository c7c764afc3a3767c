"""Filesets in the dialects that are in use, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.datasets.fileset import Fileset, InputFile, Metadata
from columnar_af.errors import FilesetError


def write(folder: Path, document: Any, name: str = "fileset.yaml") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    return path


def paths_of(fileset: Fileset, name: str) -> list[str]:
    return [file.path for file in fileset[name].files]


@pytest.fixture
def ntuples(tmp_path: Path) -> Path:
    for name in ("b.root", "a.root", "run_2.root", "run_10.root"):
        (tmp_path / name).write_bytes(b"root")
    return tmp_path


# ------------------------------------------------------------------------------------------------- dialects of coffea


@pytest.mark.parametrize(
    "entry",
    [
        ["a.root:Tree3Mu/ntuple", "b.root:Tree3Mu/ntuple"],
        {"files": ["a.root", "b.root"], "treename": "Tree3Mu/ntuple"},
        {"files": {"a.root": "Tree3Mu/ntuple", "b.root": "Tree3Mu/ntuple"}},
        {
            "files": {"a.root": {"object_path": "Tree3Mu/ntuple"}, "b.root": "Tree3Mu/ntuple"},
            "metadata": None,
        },
        {"files": "[ab].root:Tree3Mu/ntuple"},
    ],
)
def test_all_dialects_say_the_same(ntuples: Path, entry: Any) -> None:
    fileset = Fileset.load(write(ntuples, {"2017B": entry}))
    expected = tuple(InputFile(str(ntuples / name), "Tree3Mu/ntuple") for name in ("a.root", "b.root"))
    assert fileset["2017B"].files == expected


def test_json_reads_like_yaml(ntuples: Path) -> None:
    document = {
        "mc": {"files": ["a.root"], "metadata": {"era": "2018", "cross_section": 0.5, "is_data": False}}
    }
    from_json = Fileset.load(write(ntuples, json.dumps(document), "fileset.json"))
    assert from_json == Fileset.load(str(write(ntuples, document)))
    assert from_json["mc"].metadata == Metadata(era="2018", cross_section=0.5, is_data=False)


def test_a_preprocessed_fileset_keeps_its_promises(ntuples: Path) -> None:
    file = {"object_path": "Events", "steps": [[0, 50], [50, 100]], "num_entries": 100, "uuid": "u"}
    fileset = Fileset.from_dict(
        {"d": {"files": {"a.root": file}, "form": None, "metadata": {}}}, folder=ntuples
    )
    (found,) = fileset["d"].files
    assert found == InputFile(str(ntuples / "a.root"), "Events", ((0, 50), (50, 100)), 100, "u")


def test_the_legacy_bookkeeping_is_read(shared_data: Path) -> None:
    fileset = Fileset.load(shared_data / "seed_bookkeeping_input.json", folder="root://host//store/")
    assert [len(dataset.files) for dataset in fileset] == [8, 41, 16, 44, 34]
    assert [dataset.metadata.luminosity for dataset in fileset] == [4.8, 9.6, 4.2, 9.3, 10.0]
    assert fileset["2017E"].metadata == Metadata("2017E", 9.3, None, True, {"skim": "dsphipi"})
    assert fileset["2017E"].files[0] == InputFile(  # era E writes a slash before its folder, era B does not
        "root://host//store/SkimPhiPi_UL2017_Run2017E_ModFilter_Mini_v2/210131_221822/0000/Tree_PhiPi_1-10.root",
        "Tree3Mu/ntuple",
    )


NAMES = st.text("abcXYZ019_-", min_size=1, max_size=8)
TREES = st.none() | st.sampled_from(["Events", "Tree3Mu/ntuple"])
PROMISES = st.fixed_dictionaries(
    {
        "steps": st.none() | st.just([[0, 5], [5, 9]]),
        "num_entries": st.none() | st.just(9),
        "uuid": st.none() | NAMES,
    }
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "era": NAMES,
        "luminosity": st.floats(1e-6, 1e6),
        "cross_section": st.floats(1e-6, 1e6),
        "is_data": st.booleans(),
        "user_key": st.recursive(st.none() | st.integers() | NAMES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)),
    },
)  # fmt: skip


def with_promises(tree: str, promises: dict[str, Any]) -> Any:
    return tree if all(value is None for value in promises.values()) else {"object_path": tree, **promises}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Canonical filesets with paths that differ."""
    document = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        stems = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
        tree = draw(TREES)
        files: Any = [f"/data/{name}/{stem}.root" for stem in stems]
        if tree is not None:
            files = {path: with_promises(tree, draw(PROMISES)) for path in files}
        document[name] = {"files": files, "metadata": draw(METADATA)}
    return document


@given(documents())
def test_to_coffea_is_the_inverse_of_reading(document: dict[str, Any]) -> None:
    fileset = Fileset.from_dict(document)
    assert fileset.to_coffea() == document
    assert Fileset.from_dict(fileset.to_coffea()) == fileset
    assert Fileset.from_dict(yaml.safe_load(yaml.safe_dump(document, sort_keys=False))) == fileset
    assert Fileset.from_dict(json.loads(json.dumps(document))) == fileset


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.root:Events", "b.root"], "names the tree of some of its files only"),
        (["a.root:Events", "a.root:Runs"], "several trees of one file"),
    ],
)
def test_to_coffea_says_what_coffea_cannot_express(ntuples: Path, files: list[str], message: str) -> None:
    with pytest.raises(FilesetError, match=message):
        Fileset.from_dict({"d": files}, folder=ntuples).to_coffea()


# ------------------------------------------------------------------------------------------------- ROOT files and paths


def test_root_files_make_one_dataset(ntuples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ntuples)
    one = Fileset.load("a.root")
    assert [dataset.name for dataset in one] == ["a"]
    assert paths_of(one, "a") == [str(ntuples / "a.root")]
    assert one["a"].metadata == Metadata()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["run_2", "run_10"], "run"),
        (["Tree_PhiPi_1", "Tree_PhiPi_12"], "Tree_PhiPi"),
        (["run2017B", "run2017C"], "run2017"),
        (["t3m_mc", "trunc"], "dataset"),
        (["a", "b"], "dataset"),
    ],
)
def test_the_name_is_what_the_files_have_in_common(tmp_path: Path, names: list[str], expected: str) -> None:
    (dataset,) = Fileset.load([tmp_path / f"{name}.root" for name in names])
    assert dataset.name == expected


def test_globs_are_sorted_and_carry_their_tree(ntuples: Path) -> None:
    fileset = Fileset.load([f"{ntuples}/run_*.root:Events", f"{ntuples}/[ab].root"])
    assert [Path(path).name for path in paths_of(fileset, "dataset")] == [
        "run_10.root",
        "run_2.root",
        "a.root",
        "b.root",
    ]
    assert [file.tree for file in fileset["dataset"].files] == ["Events", "Events", None, None]


def test_a_file_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].root").write_bytes(b"root")
    fileset = Fileset.load(str(tmp_path / "a[1].root"))
    assert paths_of(fileset, "a[1]") == [str(tmp_path / "a[1].root")]


def test_urls_stay_as_they_are(ntuples: Path) -> None:
    urls = ["root://host:1094//store/a.root", "https://host/a b.root"]
    fileset = Fileset.load(write(ntuples, {"d": [f"{urls[0]}:Tree3Mu/ntuple", urls[1]]}))
    assert fileset["d"].files == (InputFile(urls[0], "Tree3Mu/ntuple"), InputFile(urls[1]))


def test_relative_paths_start_at_the_folder_of_the_fileset(
    ntuples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ntuples / "filesets").mkdir()
    path = write(ntuples / "filesets", {"d": ["../a.root"]})
    monkeypatch.chdir(path.parents[1].parent)
    assert paths_of(Fileset.load(path), "d") == [str(ntuples / "a.root")]


def test_a_missing_file_is_left_to_inspection(tmp_path: Path) -> None:
    assert paths_of(Fileset.load(tmp_path / "nope.root"), "nope") == [str(tmp_path / "nope.root")]


# --------------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("document", "fragments"),
    [
        ({"d": {"filez": ["a.root"]}}, ["unknown key 'filez'", "did you mean 'files'", "dataset d"]),
        ({"d": {"metadata": {}}}, ["'files' is missing", "dataset d"]),
        ({"d": 3}, ["expected a path, a list of paths", "not 3"]),
        ({"d": []}, ["at least one", "not []"]),
        ({}, ["a mapping from dataset names"]),
        (["a.root"], ["a mapping from dataset names"]),
        ({"d": [3]}, ["at 0", "expected a path as text, not 3"]),
        ({"d": {"files": ["a.root"], "metadata": {"luminosity": "4"}}}, ["metadata > luminosity", "in fb⁻¹", "'4'"]),
        ({"d": {"files": ["a.root"], "metadata": {"luminosity": -4}}}, ["metadata > luminosity", "above 0", "-4"]),
        ({"d": {"files": ["a.root"], "metadata": {"luminosity": float("inf")}}}, ["finite", "inf"]),
        ({"d": {"files": ["a.root"], "metadata": {"cross_section": True}}}, ["in pb", "True"]),
        ({"d": {"files": ["a.root"], "metadata": {"is_data": "yes"}}}, ["true or false", "'yes'"]),
        ({"d": {"files": ["a.root"], "metadata": {"era": 1.5}}}, ["metadata > era", "1.5"]),
        ({"d": {"files": ["a.root"], "metadata": {"luminosty": 1}}}, ["luminosty", "'luminosity'"]),
        ({"d": {"files": ["a.root"], "metadata": {"isData": True}}}, ["isData", "'is_data'"]),
        ({"d": {"files": ["a.root"], "metadata": {"dataset": "x"}}}, ["coffea sets this key itself"]),
        ({"d": {"files": {"a.root": {"step": []}}}}, ["files > a.root", "'step'", "did you mean 'steps'"]),
        ({"d": {"files": {"a.root": {"object_path": "t", "steps": [[0, 9, 3]]}}}}, ["steps > 0", "[start, stop]"]),
        ({"d": {"files": {"a.root": {"object_path": "t", "steps": [[0, 9], [5, 12]]}}}}, ["overlaps", "count twice"]),
        ({"d": {"files": {"a.root": {"steps": [[0, 9]], "num_entries": 8}}}}, ["[0, 9]", "8 entries"]),
        ({"d": ["a.root:Events;1"]}, ["cycle", "write 'Events'"]),
        ({"d": ["*.txt.root"]}, ["no file matches", "*.txt.root"]),
        ({"d": ["root://h//*.root"]}, ["wildcards in a URL"]),
        ({"d": ["."]}, ["this is a folder", "*.root"]),
        ({"d": {"rootpath": "x", "files": "a.root", "lum": 3}}, ["'lum'", "did you mean 'lumi'"]),
    ],
)  # fmt: skip
def test_errors_say_where_and_what(ntuples: Path, document: Any, fragments: list[str]) -> None:
    with pytest.raises(FilesetError) as caught:
        Fileset.load(write(ntuples, document))
    for fragment in fragments:
        assert fragment in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "fragments"),
    [
        ("d: [a.root]\nd: [b.root]\n", "f.yaml", ["line 2", "'d' appears twice"]),
        ('{"d": ["a.root"], "d": ["b.root"]}', "f.json", ["'d' appears twice"]),
        ("d: [a.root", "f.yaml", ["cannot be understood", "line 1, column 11"]),
        ("{", "f.json", ["cannot be understood", "line 1"]),
        ("d: !!python/object/apply:os.getcwd []", "f.yaml", ["cannot be understood"]),
        ("2017-01-01: [a.root]", "f.yaml", ["is read as date", "quotes"]),
        (
            "d: {files: [a.root], metadata: {taken: 2017-01-01}}",
            "f.yaml",
            ["metadata > taken", "a date needs quotes"],
        ),
    ],
)
def test_a_text_that_does_not_say_what_it_seems_is_refused(
    ntuples: Path, text: str, name: str, fragments: list[str]
) -> None:
    with pytest.raises(FilesetError) as caught:
        Fileset.load(write(ntuples, text, name))
    for fragment in [*fragments, name]:
        assert fragment in str(caught.value)


def test_numbers_may_name_datasets_and_eras(ntuples: Path) -> None:
    fileset = Fileset.load(write(ntuples, "2017: {files: [a.root], metadata: {era: 2017}}"))
    assert fileset["2017"].metadata.era == "2017"


@pytest.mark.parametrize(
    "document",
    [
        {"d": ["a.root", "a.root"]},
        {"d": ["a.root", "./x/../a.root"]},
        {"d": ["a.root", "link.root"]},
        {"d": ["a.root", "*.root"]},
        {"d": ["a.root"], "e": ["a.root"]},
        {"d": ["a.root:Events"], "e": ["a.root"]},
        {"d": ["a.root:Events"], "e": ["a.root:Events"]},
        {"d": ["root://h//a.root"], "e": ["root://h//a.root"]},
    ],
)
def test_a_file_is_never_read_twice(ntuples: Path, document: Any) -> None:
    (ntuples / "link.root").symlink_to(ntuples / "a.root")
    with pytest.raises(FilesetError, match="lists the same file twice") as caught:
        Fileset.load(write(ntuples, document))
    assert "count twice" in str(caught.value)
    assert "a.root in dataset" in str(caught.value)
    assert all(f"'{name}'" in str(caught.value) for name in document)


def test_different_trees_of_a_file_are_different_input(ntuples: Path) -> None:
    fileset = Fileset.load(write(ntuples, {"d": ["a.root:Events"], "e": ["a.root:Events_up"]}))
    assert [file.tree for _, file in fileset.files] == ["Events", "Events_up"]


@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        ("datasets/filset.yaml", ["cannot read", "did you mean 'fileset.yaml'"]),
        ("datasets/fileset", ["expected a fileset file", "did you mean 'fileset.yaml'"]),
        (["datasets/fileset.yaml", "a.root"], ["one fileset file or ROOT files"]),
        ([], ["empty"]),
        ("https://host/fileset.yaml", ["must be local"]),
        ("datasets", ["this is a folder", "/datasets/*.root"]),
        ("*.nope", ["no file matches"]),
    ],
)
def test_sources_that_are_none(
    ntuples: Path, monkeypatch: pytest.MonkeyPatch, source: Any, fragments: list[str]
) -> None:
    (ntuples / "datasets").mkdir()
    write(ntuples / "datasets", {"d": ["../a.root"]})
    monkeypatch.chdir(ntuples)
    with pytest.raises(FilesetError) as caught:
        Fileset.load(source)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_path_that_no_file_can_have(tmp_path):
    path = tmp_path / "fileset.json"
    path.write_text('{"d": ["/data/a\\u0000.root"]}')
    with pytest.raises(FilesetError, match="no file can be named"):
        Fileset.load(path)
