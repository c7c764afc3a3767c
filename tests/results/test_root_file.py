"""Histograms as ROOT files written in one go: byte by byte the objects that uproot writes, in the same folders."""

from __future__ import annotations

import hist
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import OutputError
from columnar_af.results import root_file
from columnar_af.results.histogram_files import write_root
from columnar_af.results.root_histograms import Template, Templates, _as_double, by_uproot, root_parts
from tests.results.test_storage import HISTOGRAMS

AXES = {
    "regular": hist.axis.Regular(3, -1, 2, name="x", label="x [GeV]"),
    "variable": hist.axis.Variable([0, 0.1, 3], name="x"),
    "no_flow": hist.axis.Regular(3, 0, 1, flow=False),
    "no_underflow": hist.axis.Regular(3, 0, 1, underflow=False),
    "circular": hist.axis.Regular(3, 0, 1, circular=True),
    "log": hist.axis.Regular(3, 1, 10, transform=hist.axis.transform.log),
    "integer": hist.axis.Integer(-2, 3),
    "boolean": hist.axis.Boolean(),
    "numbers": hist.axis.IntCategory([3, 1]),
    "words": hist.axis.StrCategory(["a", "b;c", "ü"], name="what"),
    "few_words": hist.axis.StrCategory(["a", "b"], overflow=False),
}
STORAGES = [hist.storage.Double, hist.storage.Weight, hist.storage.Int64]


def random_histogram(*axes, storage, name=None, seed=1):
    histogram = hist.Hist(*axes, storage=storage(), name=name)
    view = histogram.view(flow=True)
    rng = np.random.default_rng(seed)
    for numbers in [view[field] for field in view.dtype.names] if view.dtype.names else [view]:
        numbers[...] = rng.normal(3, 2, view.shape) * 10 if storage is not hist.storage.Int64 else 7
    return histogram


@pytest.mark.parametrize("title", [None, "of a histogram"])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("axis", AXES)
def test_bytes_are_those_of_uproot(axis, storage, title):
    histogram = random_histogram(AXES[axis], storage=storage, name=title)
    for name in ("h", "a name", "n" * 300):
        ((_, written),) = root_parts(name, histogram, Templates())
        assert written == by_uproot(_as_double(histogram), name)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("others", [("few_words",), ("few_words", "words"), ("words", "few_words")])
def test_categories_become_histograms_of_their_own(others, storage):
    axes = [AXES[name] for name in others]
    histogram = random_histogram(axes[0], AXES["regular"], *axes[1:], storage=storage)
    found = dict(root_parts("h", histogram, Templates()))
    for first, category in enumerate(axes[0]):
        one = histogram[{0: first}]
        rest = [one] if len(axes) == 1 else [one[{1: n}] for n in range(len(axes[1]))]
        names = [category] if len(axes) == 1 else [f"{category}/{second}" for second in axes[1]]
        for name, expected in zip(names, rest, strict=True):
            path = f"h/{name}".replace(";", "_")
            assert found.pop(path) == by_uproot(_as_double(expected), path.rpartition("/")[2])
    assert not found


@given(
    values=st.lists(st.floats(width=64), min_size=5, max_size=5),
    name=st.text(max_size=20).filter(str.isascii),
)
def test_any_numbers(values, name):
    histogram = hist.Hist(AXES["regular"], storage=hist.storage.Double())
    histogram.view(flow=True)[...] = values
    with np.errstate(all="ignore"):
        ((_, written),) = root_parts(name.replace("/", ""), histogram, Templates())
        assert written == by_uproot(histogram, name.replace("/", ""))


def test_files_hold_the_objects(tmp_path):
    places = write_root(tmp_path / "h.root", HISTOGRAMS)
    with uproot.open(tmp_path / "h.root") as file, np.errstate(invalid="ignore"):
        for key, place in places.items():
            parts = dict(root_parts(key, HISTOGRAMS[key], Templates()))
            assert (place is None) == (not parts)
            for name, written in parts.items():
                stored = file.key(name)
                chunk, _ = stored.get_uncompressed_chunk_cursor()
                assert bytes(chunk.raw_data) == written.data
                about = (stored.fClassName, stored.fTitle, stored.fCycle)
                assert about == (written.class_name, written.title, 1)
        assert {"TH1", "TH1D", "TAxis", "THashList"} <= set(file.file.streamers)


def test_folders_within_folders(tmp_path):
    one = random_histogram(AXES["regular"], storage=hist.storage.Double)
    write_root(tmp_path / "h.root", {"a/b/c": one, "a/d": one, "e": one})
    with uproot.open(tmp_path / "h.root") as file:
        assert file.keys(cycle=False) == ["a", "a/b", "a/b/c", "a/d", "e"]
        assert file["a/b"].keys(cycle=False) == ["c"]


def test_no_histograms(tmp_path):
    assert write_root(tmp_path / "h.root", {}) == {}
    with uproot.open(tmp_path / "h.root") as file:
        assert file.keys() == []


def test_a_name_that_is_taken_has_no_place(tmp_path):
    one = random_histogram(AXES["regular"], storage=hist.storage.Double)
    places = write_root(tmp_path / "h.root", {"a": one, "a/b": one, "c;d": one, "c_d": one})
    assert places == {"a": "a", "a/b": None, "c;d": "c_d", "c_d": None}


def test_a_file_beyond_2_gb_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(root_file, "LAST", 3000)
    one = random_histogram(hist.axis.Regular(1000, 0, 1), storage=hist.storage.Double)
    with pytest.raises(OutputError, match="more than 2 GB"):
        write_root(tmp_path / "h.root", {"a": one})


def test_another_layout_of_uproot_is_left_to_uproot(monkeypatch):
    monkeypatch.setattr("columnar_af.results.root_histograms.EMPTY", b"something else")
    with pytest.raises(ValueError, match="in another way"):
        Template.of(AXES["regular"], "", weighted=False)
    one = random_histogram(AXES["regular"], storage=hist.storage.Double)
    ((_, written),) = root_parts("h", one, Templates())
    assert written == by_uproot(one, "h")
