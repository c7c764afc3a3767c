"""Processors in notebooks: definitions are taken, work is not done again."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from columnar_af.errors import ConfigError
from columnar_af.processing.definitions import definitions_of, notebook_source
from columnar_af.processing.processors import load_processor

PROCESSOR = """
class Counter(ProcessorABC):
    def __init__(self, cuts=Cuts()):
        self.cuts = cuts

    def process(self, events):
        return {"entries": twice(len(events)), "pt": self.cuts.pt, "window": WINDOW}

    def postprocess(self, accumulator):
        return accumulator
"""
CELLS = [
    "%matplotlib inline\n!ls\nfrom dataclasses import dataclass\nimport numpy as np\nfrom coffea.processor import ProcessorABC",
    "%%bash\nexit 1",
    "raise RuntimeError('a notebook must not be run')",
    "MASS = 1.968\nWINDOW = (MASS - 0.1, MASS + 0.1)\nclient = Client('tcp://nowhere')\nphi = np.pi\nexit(1)",
    "from __future__ import annotations\n@dataclass(frozen=True)\nclass Cuts:\n    pt: float = 2.0",
    "tight = Cuts(pt=3.5)\ndef twice(n):\n    return 2 * n\nfor i in range(3):\n    twice(i)",
    PROCESSOR,
    "result = run(Counter(), fileset)\nresult.cutflow('2017B')",
]


def write_notebook(folder: Path, cells: list[str]) -> Path:
    path = folder / "analysis.ipynb"
    notebook = {
        "cells": [{"cell_type": "markdown", "source": ["# 1 / 0"]}]
        + [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells],
        "metadata": {"kernelspec": {"language": "python"}},
        "nbformat": 4,
    }
    path.write_text(json.dumps(notebook))
    return path


def test_a_processor_in_a_notebook_is_found_without_running_it(tmp_path: Path) -> None:
    path = write_notebook(tmp_path, CELLS)
    for spec in (f"{path}:Counter", str(path)):
        output = load_processor(spec).process([1, 2, 3])
        assert output == {"entries": 6, "pt": 2.0, "window": (1.968 - 0.1, 1.968 + 0.1)}


def test_an_instance_in_a_notebook_keeps_its_parameters(tmp_path: Path) -> None:
    path = write_notebook(tmp_path, [*CELLS, "mine = Counter(cuts=tight)"])
    assert load_processor(f"{path}:mine").process([])["pt"] == 3.5


def test_the_source_of_a_notebook_class_can_be_shown(tmp_path: Path) -> None:
    processor = load_processor(str(write_notebook(tmp_path, CELLS)))
    assert inspect.getsource(type(processor)).strip() == PROCESSOR.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "x = 1",
        "x: int = 1",
        "x = (1, -2.5, 'a', None, True)",
        "x = {'a': [1, 2]}",
        "import numpy as np",
        "from math import pi",
        "def f(): return 1",
        "async def f(): return 1",
        "class A: pass",
    ],
)
def test_definitions_are_kept(statement: str) -> None:
    assert definitions_of(statement, "cell").strip() == statement


@pytest.mark.parametrize(
    "statement",
    [
        "f()",
        "x = f()",
        "x = open('file')",
        "x = unknown",
        "x.y = 1",
        "x, y = 1, 2",
        "x += 1",
        "x = [i for i in y]",
        "x = lambda: 1",
        "x: int",
        "if True: x = 1",
        "with open('f') as f: pass",
        "del x",
        "x",
    ],
)
def test_work_is_left_out(statement: str) -> None:
    assert definitions_of(statement, "cell").strip() == ""


def test_decorators_and_lines_stay_in_place() -> None:
    source = "work()\n@decorate\n@again\ndef f():\n    '''% is no magic here\n%x\n'''\n    return 1\nwork()"
    kept = definitions_of(source, "cell").splitlines()
    assert kept[0] == ""
    assert kept[2:9] == source.splitlines()[1:8]
    assert not any(kept[9:])


def test_a_percent_sign_in_a_text_is_no_magic(tmp_path: Path) -> None:
    cell = 'TEXT = """\n% of events\n!\n"""'
    assert notebook_source(write_notebook(tmp_path, [cell])) == cell


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "is not a Jupyter notebook"),
        ("{}", "is not a Jupyter notebook"),
        ('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "written in R"),
    ],
)
def test_what_is_no_python_notebook_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "analysis.ipynb"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        notebook_source(path)


def test_a_cell_that_is_not_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not valid Python.*class = 3"):
        load_processor(str(write_notebook(tmp_path, ["x = 1", "class = 3"])))
