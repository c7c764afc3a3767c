"""A small run with a journal: a script with a cut, a helper and a correction file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
import yaml

from columnar_af import RunResult, run

SCRIPT = '''
from pathlib import Path

import numpy as np
from coffea.processor import ProcessorABC

CUT = 5.0


def passing(values):
    # the values above the cut
    return values > CUT


class Analysis(ProcessorABC):
    """Counts."""

    correction_files = "{folder}/declared.json"

    def __init__(self):
        self.corrections = "{folder}/corrections.json"

    def process(self, events):
        with Path("{folder}", "ran").open("a") as file:
            file.write(f"{{events.metadata['filename']}}:{{events.metadata['entrystart']}}\\n")
        values = np.asarray(events.x)
        return {{events.metadata["dataset"]: {{"entries": len(events), "sum": float(values[passing(values)].sum())}}}}

    def postprocess(self, accumulator):
        return accumulator


class Opaque(Analysis):
    """Returns what has no plain form."""

    def process(self, events):
        counts = super().process(events)
        return {{"strange": Strange(1), **counts}}


class Strange:
    def __init__(self, value):
        self.value = value

    def __add__(self, other):
        return Strange(self.value + other.value)
'''


@dataclass(frozen=True)
class Journaled:
    """A run with a journal.

    Attributes:
        folder: Holds all of it.
    """

    folder: Path

    @property
    def output(self) -> Path:
        """The folder of its result."""
        return self.folder / "out"

    @property
    def script(self) -> Path:
        """The script with the processors."""
        return self.folder / "script.py"

    def change(self, old: str, new: str) -> None:
        """Edit the script."""
        text = self.script.read_text()
        assert old in text
        self.script.write_text(text.replace(old, new))
        sys.modules.pop("script", None)

    def write_file(self, name: str, seed: int, entries: int = 20) -> None:
        """A tree ``Events`` with the branch x."""
        with uproot.recreate(self.folder / f"{name}.root") as file:
            tree = file.mktree("Events", {"x": "float64"})
            tree.extend({"x": np.random.default_rng(seed).normal(size=entries) * 10})

    def run(self, *files: str, processor: str = "Analysis", **options: Any) -> RunResult:
        """Run over files of the folder, and go on from what is there unless told otherwise."""
        fileset = self.folder / "fileset.yaml"
        paths = [str(self.folder / f"{name}.root") for name in files or ("b", "c")]
        fileset.write_text(yaml.safe_dump({"d": {"files": paths, "metadata": {"era": "2017"}}}))
        options = {"chunksize": 5, "output": self.output, "resume": True, **options}
        return run(f"{self.script}:{processor}", fileset, **options)

    def ran(self) -> list[str]:
        """The chunks that ran since the last call, as name of the file and first entry."""
        path = self.folder / "ran"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return sorted(Path(line).name for line in lines)


@pytest.fixture
def journaled(tmp_path: Path) -> Iterator[Journaled]:
    """A run with a journal, with three files of four chunks each, of which ``a`` is new."""
    made = Journaled(tmp_path)
    made.script.write_text(SCRIPT.format(folder=tmp_path))
    for name in ("corrections.json", "declared.json"):
        (tmp_path / name).write_text("{}")
    for seed, name in enumerate("abc"):
        made.write_file(name, seed)
    path = list(sys.path)
    yield made
    sys.path[:] = path
