"""Small ntuples and toy processors for the tests of running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
import yaml

TOY_PROCESSORS = '''
"""Toy processors; they are loaded from this script, so that their code must travel to the workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import awkward as ak
import hist
import numpy as np
from coffea.processor import ProcessorABC


class Sums(ProcessorABC):
    """Weighted sums whose value depends on the order of additions."""

    def process(self, events):
        values = np.asarray(events.x, dtype=np.float64)
        weights = np.asarray(events.w, dtype=np.float64)
        filled = hist.Hist.new.Reg(5, 0, 10, name="x").Weight()
        filled.fill(values, weight=weights)
        return {events.metadata["dataset"]: {"entries": len(events), "sumw": float(weights.sum()), "hists": {"x": filled}}}

    def postprocess(self, accumulator):
        return accumulator


class Columnar(ProcessorABC):
    """The same in columns only: it can be traced with typetracers."""

    def process(self, events):
        return {events.metadata["dataset"]: {"sumw": ak.sum(events.x * events.w)}}

    def postprocess(self, accumulator):
        return accumulator


class Keeps(ProcessorABC):
    """Keeps its result on itself, as beginners do."""

    def __init__(self):
        self.seen = {"entries": 0}

    def process(self, events):
        self.seen["entries"] += len(events)
        return self.seen

    def postprocess(self, accumulator):
        return accumulator


class Misbehaves(Sums):
    """Does what the metadata of the dataset say, in the chunk that starts at the entry ``at``."""

    def process(self, events):
        metadata = events.metadata
        if metadata["entrystart"] == metadata.get("at", 0):
            self.act(metadata, events)
        return super().process(events)

    def act(self, metadata, events):
        match metadata["act"]:
            case "raise":
                [].pop()
            case "exit":
                raise SystemExit(3)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill once":
                marker = Path(metadata["marker"])
                if not marker.exists():
                    marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            case "interrupt":
                raise KeyboardInterrupt
            case "read missing":
                events.no_such_branch
            case "print":
                print("the analysis speaks")


class Untraceable(Sums):
    """Looks at values in a way that made-up events do not allow."""

    def process(self, events):
        if len(events) != events.metadata["entrystop"] - events.metadata["entrystart"]:
            raise ValueError("these are not all events")
        return super().process(events)


class ReturnsNothing(Sums):
    def process(self, events):
        super().process(events)


class OtherKeys(Sums):
    """Returns what cannot be added up."""

    def process(self, events):
        return {"value": 1 if events.metadata["entrystart"] == 0 else {"a": 1}}
'''


@dataclass(frozen=True)
class Toy:
    """Where the toys are.

    Attributes:
        script: The script with the processors.
        folder: A folder for the files of one test.
        first, second, empty: ROOT files with 50, 37 and no entries in the tree ``Events``.
    """

    script: Path
    folder: Path
    first: Path
    second: Path
    empty: Path

    def processor(self, name: str) -> str:
        """The place of a processor."""
        return f"{self.script}:{name}"

    def fileset(self, **metadata: Any) -> Path:
        """A fileset file of two datasets, ``a`` with two files and ``b`` with one."""
        document = {
            "a": {"files": {str(self.first): "Events", str(self.empty): "Events"}, "metadata": metadata},
            "b": {"files": {str(self.second): "Events"}, "metadata": {"is_data": True, "act": "nothing"}},
        }
        path = self.folder / "fileset.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path


def write_events(path: Path, entries: int, *, seed: int, compression: Any = None) -> Path:
    """A tree ``Events`` with the branches x, w and unused."""
    random = np.random.default_rng(seed)
    with uproot.recreate(path, **({} if compression is None else {"compression": compression})) as file:
        tree = file.mktree("Events", {"x": "float64", "w": "float64", "unused": "float64"})
        tree.extend(
            {
                "x": random.uniform(0, 10, entries),
                # sixteen orders of magnitude: additions in another order give another sum
                "w": random.normal(size=entries) * 10.0 ** random.uniform(-8, 8, entries),
                "unused": np.zeros(entries),
            }
        )
    return path


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the toys' script and ROOT files."""
    folder = tmp_path_factory.mktemp("toys")
    (folder / "toys.py").write_text(TOY_PROCESSORS, encoding="utf-8")
    for seed, (name, entries) in enumerate({"first": 50, "second": 37, "empty": 0}.items()):
        write_events(folder / f"{name}.root", entries, seed=seed)
    return folder


@pytest.fixture(scope="session")
def toy_in(toy_files: Path) -> Callable[[Path], Toy]:
    """Makes the toys, with a folder for what else is written."""
    files = [toy_files / f"{name}.root" for name in ("first", "second", "empty")]
    return lambda folder: Toy(toy_files / "toys.py", folder, *files)


@pytest.fixture
def toy(toy_in: Callable[[Path], Toy], tmp_path: Path) -> Toy:
    """The toys, with a folder for this test."""
    return toy_in(tmp_path)
