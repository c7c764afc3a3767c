"""Declarations in YAML: what is refused before it can do harm, and that values know their lines."""

from __future__ import annotations

import pytest

from columnar_af.declarations.located import load, parse
from columnar_af.errors import ConfigError
from columnar_af.stop.stitching import Stitching
from columnar_af.systematics import Systematics

BOMB = "a0: &a0 [x, x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "its aliases make it"),
        ("a: &a [*a]", "line 1: an alias refers to what it is a part of"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: " + "{b: " * 50 + "1" + "}" * 50, "nested too deeply"),
        ("- " * 5000 + "x", "nested too deeply"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' appears twice in the same mapping, first in line 1"),
        (
            "a: !!python/object/apply:os.system ['true']",
            "line 1: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed",
        ),
        ("a: 1\nb: !!int x", "line 2: 'x' is not what its tag tag:yaml.org,2002:int says"),
        ("a: 2001-13-45", "line 1: '2001-13-45' is not what its tag"),
        ("{[a, b]: c}", "line 1: a key is no text"),
        ("", "is empty"),
        ("a: [", "cannot be understood"),
    ],
)
def test_what_is_refused(text, message, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse(text, "regions.yaml")
    assert message in str(caught.value)
    assert "regions.yaml" in str(caught.value)
    path = tmp_path / "systematics.yaml"
    path.write_text(text)
    for read in (Systematics.load, Stitching.load):
        with pytest.raises(ConfigError):
            read(path)


def test_values_know_their_lines_and_can_do_without():
    document = parse("a:\n  - 1\n  - {b: text, c: [true, null]}\nd: &d [2.5]\ne: *d", "x.yaml")
    assert document.mapping()["a"].items()[1].line == 3
    assert document.mapping()["e"].items()[0].line == 4
    assert document.plain() == {"a": [1, {"b": "text", "c": [True, None]}], "d": [2.5], "e": [2.5]}


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot read"):
        load(path)
