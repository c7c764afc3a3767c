"""The code that runs is that of the files as they are, and its hash is never that of other code."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from columnar_af.processing.processors import load_processor
from columnar_af.processing.running_code import is_as_in_file
from columnar_af.processing.source_hash import source_hash

PROCESSOR = """
from __future__ import annotations

from coffea.processor import ProcessorABC
from my_helper import who


class Mine(ProcessorABC):
    def process(self, events):
        return who()

    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture(autouse=True)
def _no_traces() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, who: str, *, package: bool = False) -> str:
    """A processor with a helper beside it, which is a module or a package; returns its place."""
    helper = folder / "my_helper" / "__init__.py" if package else folder / "my_helper.py"
    helper.parent.mkdir(parents=True, exist_ok=True)
    helper.write_text(f"def who():\n    return {who!r}\n")
    (folder / "mine.py").write_text(PROCESSOR)
    return f"{folder / 'mine.py'}:Mine"


@pytest.mark.parametrize("package", [False, True])
def test_each_processor_has_its_own_helper(tmp_path: Path, package: bool) -> None:
    """Also where one folder is in the other one."""
    first = write(tmp_path, "first")
    second = write(tmp_path / "second", "second", package=package)
    for _ in range(2):
        assert load_processor(first).process(None) == "first"
        assert load_processor(second).process(None) == "second"


def test_a_helper_that_was_edited_is_imported_again(tmp_path: Path) -> None:
    place = write(tmp_path, "before")
    assert load_processor(place).process(None) == "before"
    before = source_hash(load_processor(place))
    write(tmp_path, "after the change")
    assert load_processor(place).process(None) == "after the change"
    assert source_hash(load_processor(place)) != before


def test_a_processor_by_name_that_was_edited_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "processors", "before")
    loaded = load_processor("mine")
    assert load_processor("mine").__class__ is loaded.__class__
    (tmp_path / "processors" / "mine.py").write_text(PROCESSOR.replace("return who()", "return 'after'"))
    assert load_processor("mine").process(None) == "after"


def imported(path: Path) -> ModuleType:
    """A module as ``import`` gives it, which nobody loads again."""
    spec = importlib.util.spec_from_file_location("stale_module", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stale_module"] = module
    spec.loader.exec_module(module)
    return module


def test_code_that_is_not_that_of_its_file_does_not_pass_for_it(tmp_path: Path) -> None:
    """As in a notebook session in which a module was edited: old code runs, and must not be stored as the new one."""
    path = tmp_path / "stale_module.py"
    write(tmp_path, "x")
    old, new = PROCESSOR.replace("return who()", "return 1"), PROCESSOR.replace("return who()", "return 300")
    hashes = {}
    sys.path.append(str(tmp_path))
    for name, text in (("old", old), ("new", new)):
        path.write_text(text)
        hashes[name] = source_hash(imported(path).Mine())
    path.write_text(old)
    assert source_hash(running := imported(path).Mine()) == hashes["old"]
    path.write_text(new)
    assert running.process(None) == 1
    assert not is_as_in_file(type(running).process.__code__)
    assert source_hash(running) not in hashes.values()


@pytest.mark.parametrize("text", ["def f(:", ""])
def test_a_file_that_is_half_edited(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stale_module.py"
    path.write_text("def f():\n    return 1\n")
    function = imported(path).f
    assert is_as_in_file(function.__code__)
    path.write_text(text)
    assert not is_as_in_file(function.__code__)
    path.unlink()
    assert is_as_in_file(function.__code__)
