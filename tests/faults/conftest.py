"""A run that can be hurt: four small files, a processor that does harm on demand, and clusters that live for a module."""

from __future__ import annotations

import gc
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
import yaml

from columnar_af import RunResult, run
from columnar_af.processing.dask_client import client_for
from columnar_af.results import Ledger

FILES = ("first", "second", "third", "last")
ENTRIES = 24
CHUNKSIZE = 8
CHUNKS = len(FILES) * ENTRIES // CHUNKSIZE

TOYS = '''
"""A processor that does harm once, when the folder of switches says so. The folder is no parameter of the analysis."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from pathlib import Path

import hist
import numpy as np
from coffea.processor import ProcessorABC

SWITCHES = {switches!r}


class Sums(ProcessorABC):
    """Weighted sums whose bits depend on the order of additions, and counts that depend on nothing."""

    def process(self, events):
        metadata = events.metadata
        place = f"{{Path(metadata['filename']).stem}}:{{metadata['entrystart']}}"
        with Path(SWITCHES, "ran").open("a") as file:
            file.write(f"{{place}}@{{os.getpid()}}\\n")
        for switch in [*Path(SWITCHES).glob(f"*@{{place}}"), *Path(SWITCHES).glob("*@any")]:
            harm(switch, len(events))
        while list(Path(SWITCHES).glob("*@claimed")):  # no chunk ends before, so that none of the last file begins before
            time.sleep(0.01)
        weights = np.asarray(events.w, dtype=np.float64)
        weighted = hist.Hist.new.Reg(5, 0, 10, name="x").Weight().fill(np.asarray(events.x), weight=weights)
        counts = hist.Hist.new.Reg(5, 0, 10, name="x").Int64().fill(np.asarray(events.x))
        hists = {{"weighted": weighted, "counts": counts}}
        return {{metadata["dataset"]: {{"entries": len(events), "sumw": float(weights.sum()), "hists": hists}}}}

    def postprocess(self, accumulator):
        return accumulator


def harm(switch, entries):
    kind = switch.name.partition("@")[0]
    if kind == "kill-if-large":  # as the kernel does when memory is short
        if entries > 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return
    if kind == "memory-limit":
        if entries > 4:
            allocate_beyond_the_limit()
        return
    if kind == "raise":
        raise RuntimeError("one event is odd")
    claimed = switch.with_name(kind + "@claimed")
    try:
        switch.rename(claimed)  # it happens once
    except FileNotFoundError:
        return
    ledger = claimed.read_text()
    if kind not in ("truncate", "replace", "make-unreadable"):
        claimed.unlink()
    wait_for_a_chunk_in(ledger)
    driver = int(Path(SWITCHES, "driver").read_text())
    victim = Path(SWITCHES, "victim").read_text()
    match kind:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill-driver":
            os.kill(driver, signal.SIGKILL)
            time.sleep(30)
        case "interrupt":
            os.kill(driver, signal.SIGINT)
            time.sleep(0.5)
        case "restart-scheduler":
            Path(SWITCHES, "restart").touch()
            time.sleep(3)
        case "truncate":
            os.truncate(victim, os.path.getsize(victim) - 700)
        case "replace":
            shutil.copyfile(Path(victim).with_name("other"), victim + ".new")
            os.replace(victim + ".new", victim)
        case "make-unreadable":
            os.remove(victim)
            os.mkdir(victim)  # what root may not read either
    claimed.unlink(missing_ok=True)


def wait_for_a_chunk_in(ledger):
    """On a busy machine the driver may lag behind its workers: what it has not yet written would be lost, too."""
    for _ in range(6000 if ledger else 0):
        if '"kind":"done"' in Path(ledger).read_text():
            return
        time.sleep(0.01)


def allocate_beyond_the_limit():
    """A real refusal of memory: the address space may grow by 64 MB, and 512 MB are asked for."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), limits[1]))
    try:
        np.ones(64 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
'''


CLEAN: dict[tuple[bytes, ...], RunResult] = {}
"""Contents of the files -> what comes out when nothing goes wrong."""


def moved(result: RunResult, folder: Path) -> RunResult:
    """The result as it is where the same files lie in another folder."""
    entries = (replace(entry, file=str(folder / Path(entry.file).name)) for entry in result.ledger)
    return replace(result, ledger=Ledger(tuple(entries)))


@dataclass(frozen=True)
class Victim:
    """A run that can be hurt.

    Attributes:
        folder: Holds all of it.
        output: The folder of its result.
    """

    folder: Path
    output: Path

    @property
    def processor(self) -> str:
        """The place of the processor."""
        return f"{self.folder / 'toys.py'}:Sums"

    @property
    def fileset(self) -> Path:
        """Two datasets of two files each."""
        return self.folder / "fileset.yaml"

    def file(self, name: str) -> Path:
        """One of the files."""
        return self.folder / f"{name}.root"

    def switch(
        self, kind: str, *, place: str = "second:0", victim: str = "last", after_one: bool = False
    ) -> None:
        """Do harm when the chunk at a place is processed; perhaps not before the ledger has a chunk that is done."""
        switches = self.folder / "switches"
        (switches / "driver").write_text(str(os.getpid()))
        (switches / "victim").write_text(str(self.file(victim)))
        (switches / f"{kind}@{place}").write_text(
            str(self.output / "journal" / "ledger.jsonl") if after_one else ""
        )

    def heal(self) -> None:
        """Undo all harm."""
        for switch in (self.folder / "switches").glob("*@*"):
            switch.unlink()
        for name in FILES:
            path = self.file(name)
            if path.is_dir():
                path.rmdir()
            shutil.copyfile(self.folder / "good" / path.name, path)

    def ran(self) -> list[str]:
        """The chunks that were begun in this process since the last call."""
        path = self.folder / "switches" / "ran"
        lines = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return [
            line for line in lines if line.endswith(f"@{os.getpid()}")
        ]  # a cluster may be busy for a while yet

    def run(self, **options: Any) -> RunResult:
        """Run, without a journal where no output is named."""
        return run(self.processor, self.fileset, **{"chunksize": CHUNKSIZE, **options})

    def resume(self) -> RunResult:
        """Go on, with the executor that has least to do with any other."""
        return self.run(output=self.output, resume=True)

    def clean(self) -> RunResult:
        """What comes out when nothing goes wrong; equal files are run once, wherever they are."""
        files = tuple(self.file(name).read_bytes() for name in FILES)
        if files not in CLEAN:
            CLEAN[files] = self.run()
        self.ran()
        return moved(CLEAN[files], self.folder)


def write_events(path: Path, seed: int, entries: int = ENTRIES) -> Path:
    """A tree ``Events`` whose weights have sixteen orders of magnitude, so that the order of additions shows."""
    random = np.random.default_rng(seed)
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {"x": "float64", "w": "float64"})
        weights = random.normal(size=entries) * 10.0 ** random.uniform(-8, 8, entries)
        tree.extend({"x": random.uniform(0, 10, entries), "w": weights})
    return path


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four files, and with another one that takes the place of one of them."""
    folder = tmp_path_factory.mktemp("good")
    for seed, name in enumerate(FILES):
        write_events(folder / f"{name}.root", seed)
    write_events(folder / "other", seed=99)
    return folder


@pytest.fixture
def victim(good_files: Path, tmp_path: Path) -> Victim:
    """A run with nothing wrong yet."""
    (tmp_path / "switches").mkdir()
    shutil.copytree(good_files, tmp_path / "good")
    shutil.copytree(good_files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "toys.py").write_text(TOYS.format(switches=str(tmp_path / "switches")))
    files = [str(tmp_path / f"{name}.root") for name in FILES]
    (tmp_path / "fileset.yaml").write_text(yaml.safe_dump({"a": files[:2], "b": files[2:]}))
    return Victim(tmp_path, tmp_path / "out")


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_to_be_collected() -> Iterator[None]:
    """Connections and processes that were killed are collected here, and not in a later test, where they would be an error."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A dask client with two workers, which are replaced when they die."""
    with client_for(None, 2) as opened:
        yield opened
