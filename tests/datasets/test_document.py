"""Hostile fileset documents: refused in no time, with a reason."""

from __future__ import annotations

import pytest

from columnar_af.datasets.document import read_document
from columnar_af.errors import FilesetError

LAUGHS = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("laughs.yaml", LAUGHS, "aliases make it"),
        ("endless.yaml", "a: &a [*a]", "part of"),
        ("indirect.yaml", "a: &a {b: &b [1, *a]}", "part of"),
        ("deep.yaml", "d: " + "[" * 5000, "too deeply|cannot be understood"),
        ("deep.json", '{"d": ' + "[" * 150 + "]" * 150 + "}", "too deeply"),
        ("very_deep.json", "[" * 100_000, "too deeply"),
    ],
)
def test_hostile_documents_are_refused(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FilesetError, match=message):
        read_document(path)


def test_aliases_that_stay_small_are_read(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text("a: &a {files: [x.root]}\nb: *a\nc: *a\n")
    assert read_document(path)["c"] == {"files": ["x.root"]}
