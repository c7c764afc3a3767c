"""The hash of an analysis: equal everywhere, different for any change that matters."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coffea.processor import ProcessorABC

from columnar_af.processing.processors import load_processor
from columnar_af.processing.source_hash import source_hash, source_record

HELPER = """
import numba

FACTOR = 2
TABLE = {"a": [1.0, 2.0]}

@numba.njit
def kernel(x):
    return x * 2

def scaled(x):
    return [kernel(value) * FACTOR for value in x]
"""
SCRIPT = """
from coffea.processor import ProcessorABC
import helper_of_hash
from helper_of_hash import kernel, scaled, TABLE

UNUSED = 1

class Analysis(ProcessorABC):
    threshold = 3.5

    def __init__(self, cut=1.0, names=frozenset({"a", "b", "c", "d"})):
        self.cut = cut
        self.names = names

    def process(self, events):
        return {"n": sum(scaled(events)), "t": [TABLE["a"] for _ in events], "k": kernel(1)}

    @property
    def double(self):
        return 2 * self.cut

    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = list(sys.path)
    yield tmp_path
    forget(tmp_path)
    sys.path[:] = path


def forget(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def hash_of(folder: Path, script: str = SCRIPT, helper: str = HELPER) -> str:
    forget(folder)
    (folder / "script.py").write_text(script)
    (folder / "helper_of_hash.py").write_text(helper)
    return source_hash(load_processor(str(folder / "script.py")))


def test_it_is_the_same_in_every_process(folder: Path) -> None:
    expected = hash_of(folder)
    assert len(expected) == 64
    code = (
        "from columnar_af.processing.processors import load_processor\n"
        "from columnar_af.processing.source_hash import source_hash\n"
        f"print(source_hash(load_processor({str(folder / 'script.py')!r})))"
    )
    for seed in ("1", "2"):  # of the hashes of strings, on which the order of sets depends
        process = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
        assert process.stdout.strip() == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("threshold = 3.5", "threshold = 3.6"),
        ("cut=1.0", "cut=1.1"),
        ("2 * self.cut", "3 * self.cut"),
        ("sum(scaled(events))", "max(scaled(events))"),
        ('"d"}', '"e"}'),
    ],
)
def test_changes_of_the_processor_count(folder: Path, old: str, new: str) -> None:
    assert hash_of(folder) != hash_of(folder, script=SCRIPT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"), [("FACTOR = 2", "FACTOR = 3"), ("x * 2", "x * 3"), ("[1.0, 2.0]", "[1.0, 2.5]")]
)
def test_changes_of_its_helpers_count(folder: Path, old: str, new: str) -> None:
    assert hash_of(folder) != hash_of(folder, helper=HELPER.replace(old, new))


def test_what_is_not_used_does_not_count(folder: Path) -> None:
    assert hash_of(folder) == hash_of(folder, script=SCRIPT.replace("UNUSED = 1", "UNUSED = 2"))


@dataclass(frozen=True)
class Cuts:
    pt: float
    eta: tuple[float, ...] = (1.2, 2.4)


class Holder(ProcessorABC):
    def __init__(self, held: Any) -> None:
        self.held = held

    def process(self, events: Any) -> Any:
        return {}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (Cuts(2.0), Cuts(2.0), Cuts(2.5)),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}, {"a": 2, "b": 2}),
        ([1, [2]], [1, [2]], [1, 2]),
        (np.arange(3), np.arange(3), np.arange(3.0)),
        (np.float64(1), np.float64(1), np.float64(2)),
        ({1, 2}, {2, 1}, {1, 3}),
        (True, True, 1),
        ("1", "1", 1),
    ],
)
def test_parameters_count_by_value(one: Any, same: Any, other: Any) -> None:
    assert source_hash(Holder(one)) == source_hash(Holder(same))
    assert source_hash(Holder(one)) != source_hash(Holder(other))


def test_a_value_that_holds_itself_ends() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert source_hash(Holder(loop)) == source_hash(Holder(loop))


def test_the_named_processor_has_a_hash() -> None:
    assert source_hash(load_processor("ds_phi_pi")) == source_hash(load_processor("ds_phi_pi"))


TYPED = """
from coffea.processor import ProcessorABC
from columnar_af.processing.source_hash import source_hash, source_record
for limit, cut, added in [(1, 2, 3), (7, 2, 3), (1, 7, 3), (1, 2, 7), (1, 2, 3)]:
    LIMIT = limit
    def helper(x):
        return x < LIMIT
    class Typed(ProcessorABC):
        threshold = cut
        def process(self, events):
            return [helper(event) for event in events]
        exec(f"def postprocess(self, accumulator): return {added}")
    print(source_hash(Typed()))
"""


def test_a_class_that_was_typed_in_has_a_hash_too() -> None:
    """As in a notebook: the class has no file, and uses other names of ``__main__``."""
    process = subprocess.run([sys.executable, "-c", TYPED], capture_output=True, text=True, check=True)
    hashes = process.stdout.split()
    assert len(set(hashes[:4])) == 4
    assert hashes[4] == hashes[0]


def test_comments_docstrings_and_formatting_do_not_count(folder: Path) -> None:
    changed = SCRIPT.replace("threshold = 3.5", '"""New words."""\n\n    threshold = (3.5)  # GeV')
    commented = HELPER.replace("return x * 2", "# twice\n    return (x *\n        2)")
    assert hash_of(folder) == hash_of(folder, changed, commented)


def test_it_tells_files_and_definitions(folder: Path) -> None:
    (folder / "sf.json").write_text("{}")
    hash_of(
        folder,
        SCRIPT.replace(
            "threshold = 3.5", f"path = {str(folder / 'sf.json')!r}; status = '/proc/self/status'"
        ),
    )
    record = source_record(load_processor(str(folder / "script.py")))
    assert record.files == (folder / "sf.json",)
    assert record.untold == ()
    assert any(name.endswith("Analysis.process") for name in record.definitions)
    assert "helper_of_hash.scaled" in record.definitions


class Corrections:
    """As correctionlib has them: sent to workers by their text, around an object that cannot be sent."""

    def __init__(self, text: str) -> None:
        self.text, self.inner = text, (letter for letter in text)

    def __getstate__(self) -> dict[str, str]:
        return {"text": self.text}


def test_what_is_sent_to_workers_counts_and_what_cannot_be_told_is_named() -> None:
    assert source_record([Corrections("a")]) == source_record([Corrections("a")])
    assert source_hash([Corrections("a")]) != source_hash([Corrections("b")])
    assert source_record([Corrections("a")]).untold == ()
    assert source_record([logging.getLogger("a"), threading.Lock()]).untold == ()
    assert source_record(Corrections("a").inner).untold == ("builtins.generator",)


DECORATED = """
import functools

LIMIT = 5

def clipped(least):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args):
            return max(least, min(LIMIT, function(*args)))
        return wrapper
    return decorator

@clipped(1)
def kernel(x):
    return x * 2

def scaled(x):
    return [kernel(value) for value in x]

TABLE = {"a": []}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max(least", "min(least"),
        ("LIMIT = 5", "LIMIT = 6"),
        ("clipped(1)", "clipped(2)"),
        ("x * 2", "x * 3"),
    ],
    ids=["code", "global", "closure", "wrapped"],
)
def test_changes_of_a_decorator_count(folder: Path, old: str, new: str) -> None:
    assert hash_of(folder, helper=DECORATED) == hash_of(folder, helper=DECORATED)
    assert hash_of(folder, helper=DECORATED) != hash_of(folder, helper=DECORATED.replace(old, new))


def test_a_decorated_method_and_a_decorator_of_the_library(folder: Path) -> None:
    script = SCRIPT.replace("    def process", "    @helper_of_hash.clipped(1)\n    def process")
    changed = DECORATED.replace("max(least", "min(least")
    assert hash_of(folder, script, DECORATED) != hash_of(folder, script, changed)
    library = DECORATED.replace("@clipped(1)", "import contextlib\n@contextlib.contextmanager")
    assert hash_of(folder, helper=library) != hash_of(folder, helper=library.replace("x * 2", "x * 3"))
    assert source_record(load_processor(str(folder / "script.py"))).untold == ()
