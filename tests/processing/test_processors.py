"""Locating processors by name, in scripts and in notebooks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from coffea.processor import ProcessorABC

from columnar_af.errors import ConfigError, ProcessorNotFoundError
from columnar_af.processing.processors import available_processors, load_processor

SCRIPT = """
from coffea.processor import ProcessorABC

class Counter(ProcessorABC):
    scale = 1

    def process(self, events):
        return {"entries": self.scale * len(events)}

    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture(autouse=True)
def clean_imports(tmp_path: Path) -> Iterator[None]:
    path = list(sys.path)
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = path


def write(folder: Path, source: str, name: str = "script.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


# ------------------------------------------------------------------------------------------------------------- by name


def test_the_processors_of_the_project_are_found_by_name(project: Path) -> None:
    processor = load_processor("ds_phi_pi")
    assert type(processor).__name__ == "DsPhiPi"
    assert available_processors()["ds_phi_pi"] == project / "processors" / "ds_phi_pi.py"


def test_by_name_and_by_import_it_is_the_same_class() -> None:
    imported = importlib.import_module("processors.ds_phi_pi").DsPhiPi
    assert type(load_processor("ds_phi_pi")) is imported
    assert type(load_processor("ds_phi_pi:DsPhiPi")) is imported


def test_the_working_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "processors", SCRIPT, "ds_phi_pi.py")
    write(tmp_path / "processors", SCRIPT, "mine.py")
    monkeypatch.chdir(tmp_path)
    assert type(load_processor("ds_phi_pi")).__name__ == "Counter"
    assert load_processor("mine").process([1, 2]) == {"entries": 2}
    assert list(available_processors())[:2] == ["ds_phi_pi", "mine"]


@pytest.mark.parametrize("module", ["scale_of_mine", "processors.scale_of_mine"])
def test_modules_beside_a_named_processor_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    write(tmp_path / "processors", "SCALE = 3", "scale_of_mine.py")
    write(tmp_path / "processors", f"from {module} import SCALE\n{SCRIPT}    scale = SCALE\n", "mine.py")
    monkeypatch.chdir(tmp_path)
    assert load_processor("mine").process([1, 2]) == {"entries": 6}


@pytest.mark.parametrize(
    ("spec", "fragments"),
    [
        ("ds_phi_p", ["no processor 'ds_phi_p'", "did you mean ds_phi_pi", "path.py:Class"]),
        ("ds_phi_pi:DsPhi", ["no processor 'DsPhi'", "did you mean DsPhiPi"]),
        ("nope.py:X", ["no file nope.py"]),
        ("nope.ipynb:X", ["no file nope.ipynb"]),
    ],
)
def test_what_is_not_there_lists_what_there_is(spec: str, fragments: list[str]) -> None:
    with pytest.raises(ProcessorNotFoundError) as caught:
        load_processor(spec)
    for fragment in fragments:
        assert fragment in str(caught.value)


# ------------------------------------------------------------------------------------------------------------- scripts


def test_a_script_with_one_processor_needs_no_class_name(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT)
    assert load_processor(str(path)).process([1]) == {"entries": 1}
    assert type(load_processor(f"{path}:Counter")).__name__ == "Counter"


def test_an_edited_script_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT)
    load_processor(str(path))
    write(tmp_path, SCRIPT.replace("scale = 1", "scale = 5"))
    assert load_processor(str(path)).process([1]) == {"entries": 5}


def test_an_instance_in_a_script_stands_for_its_class(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT + "\nnominal = Counter()\nnominal.scale = 4\n")
    assert load_processor(str(path)).process([1]) == {"entries": 4}
    assert load_processor(f"{path}:nominal").process([1]) == {"entries": 4}
    assert load_processor(f"{path}:Counter").process([1]) == {"entries": 1}


def test_modules_beside_a_script_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, "SCALE = 7", "beside_the_script.py")
    path = write(tmp_path, f"import beside_the_script\n{SCRIPT}    scale = beside_the_script.SCALE\n")
    assert load_processor(str(path)).process([1]) == {"entries": 7}


def test_a_script_may_bear_the_name_of_a_package(tmp_path: Path) -> None:
    import hist

    load_processor(str(write(tmp_path, SCRIPT, "hist.py")))
    assert sys.modules["hist"] is hist


def test_annotations_of_a_script_keep_their_meaning(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT + "\n    def typed(self, x: int) -> int: return x\n")
    assert type(load_processor(str(path))).typed.__annotations__["x"] is int  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "fragments"),
    [
        (
            "import no_such_module_anywhere\n" + SCRIPT,
            ["line 1", "needs the module 'no_such_module_anywhere'"],
        ),
        ("\n\n1 / 0\n", ["line 3", "ZeroDivisionError: division by zero"]),
        ("x = 1\nclass = 3\n", ["line 2", "SyntaxError"]),
        ("import sys\nsys.exit(3)\n", ["line 2", "SystemExit"]),
        ("def f():\n    raise ValueError('deep')\n\nf()\n", ["line 2", "deep"]),
    ],
)
def test_a_script_that_cannot_be_imported_says_where(
    tmp_path: Path, source: str, fragments: list[str]
) -> None:
    path = write(tmp_path, source)
    before = set(sys.modules)
    with pytest.raises(ConfigError) as caught:
        load_processor(str(path))
    for fragment in [str(path), *fragments]:
        assert fragment in str(caught.value)
    assert not [name for name in set(sys.modules) - before if name.startswith("script")]


@pytest.mark.parametrize(
    ("addition", "attribute", "fragments"),
    [
        ("", ":Count", ["no processor 'Count'", "did you mean Counter"]),
        ("\nclass Other(Counter): pass\n", "", ["several processors: Counter, Other", "script.py:Counter"]),
        (
            "\nnumber = 3\n",
            ":number",
            ["'number'", "is no coffea.processor.ProcessorABC", "there is: Counter"],
        ),
    ],
)
def test_a_class_that_is_not_there_lists_those_that_are(
    tmp_path: Path, addition: str, attribute: str, fragments: list[str]
) -> None:
    path = write(tmp_path, SCRIPT + addition)
    with pytest.raises(ProcessorNotFoundError) as caught:
        load_processor(f"{path}{attribute}")
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_file_without_processor(tmp_path: Path) -> None:
    with pytest.raises(ProcessorNotFoundError, match="defines no processor"):
        load_processor(str(write(tmp_path, "x = 1")))


def test_a_class_that_needs_arguments_says_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT + "    def __init__(self, scale): self.scale = scale\n")
    with pytest.raises(ConfigError, match=r"without parameters.*scale") as caught:
        load_processor(str(path))
    assert "my_processor = Counter(...)" in str(caught.value)


# ------------------------------------------------------------------------------------------------ classes and instances


class Here(ProcessorABC):
    def process(self, events: object) -> dict[str, int]:
        return {}

    def postprocess(self, accumulator: dict[str, int]) -> dict[str, int]:
        return accumulator


def test_classes_and_instances_are_taken_as_they_are() -> None:
    instance = Here()
    assert load_processor(instance) is instance
    assert isinstance(load_processor(Here), Here)


def test_something_else_is_refused() -> None:
    with pytest.raises(ProcessorNotFoundError, match=r"expected a coffea\.processor\.ProcessorABC"):
        load_processor(3)  # type: ignore[arg-type]
