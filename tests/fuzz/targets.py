"""What is fuzzed: each target takes a good input, damages it, and reads it the way a user would.

A case is good when it is read, or refused with an error of ours. Everything else is a finding: another exception, a crash, a
case that takes longer than its time limit, memory beyond the limit of the process.
"""

from __future__ import annotations

import io
import json
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import uproot
from coffea.processor import ProcessorABC
from rich.console import Console

from columnar_af import RunResult, run
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.opening import open_file
from columnar_af.datasets.tree_choice import choose_tree
from columnar_af.errors import ColumnarAFError, ErrorRecord, IncompleteRunError, ReadError
from columnar_af.normalization.constants import Constants
from columnar_af.ntuples.fast_reader import ColumnCache, ColumnReader
from columnar_af.processing.journal.journal import LEDGER, read_ledger
from columnar_af.processing.journal.lines import from_line, to_line
from columnar_af.processing.journal.partial_format import decode, encode
from columnar_af.processing.journal.why import why
from columnar_af.results.result_folder import JOURNAL
from columnar_af.selection import Cutflow, CutflowRow
from columnar_af.selection.region_file import load_regions
from columnar_af.stop.stitching import Stitching
from columnar_af.stop.variable_table import OBJECT_SETS, VARIABLES
from columnar_af.systematics import Systematics
from tests.fuzz.mutations import damaged, damaged_document, damaged_header, damaged_yaml, flipped
from tests.ntuples.fast_reader.equality import difference

PROJECT = Path(__file__).parents[2]

SHIPPED = PROJECT / "datasets" / "ds_phi_pi_2017F_mc_aod-2017_000.root"
"""A small T3M ntuple."""

CLEAR = ("ReadError", "SchemaError", "MissingBranchError", "FilesetError", "OutOfMemoryError")
"""Kinds of errors that a damaged ROOT file may give in the ledger."""


class Toy(ProcessorABC):
    """Reads flat and jagged columns."""

    def process(self, events: Any) -> dict[str, Any]:
        filled = hist.Hist.new.Reg(5, 0, 10, name="x").Weight()
        filled.fill(np.asarray(events.x, dtype=np.float64))
        rows = (CutflowRow("all", len(events)), CutflowRow("some", int(ak.sum(ak.num(events.y) > 0))))
        total = float(ak.sum(events.y))
        return {events.metadata["dataset"]: {"cutflow": Cutflow(rows), "hists": {"x": filled}, "sum": total}}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


@dataclass
class Target:
    """One kind of input.

    Attributes:
        name: Its name.
        case: Makes, damages and reads an input; returns a word for what came of it. What it raises is a finding.
        time_limit_s: Most CPU time of a case.
    """

    name: str
    case: Callable[[random.Random], str]
    time_limit_s: float = 10.0


def targets(folder: Path) -> list[Target]:
    """All targets; good inputs and damaged ones are written into a folder."""
    root_file = _toy_file(folder / "toy.root")
    result = folder / "result"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(Toy(), root_file, output=result, chunksize=10, progress=False)
    return [
        Target("fileset.yaml", _fileset_case(folder, ".yaml")),
        Target("fileset.json", _fileset_case(folder, ".json")),
        Target("ledger", _ledger_case(folder, result)),
        Target("partial", _partial_case(result)),
        Target("result", _result_case(folder, result)),
        Target("root.toy", _root_case(folder, root_file, Toy()), 30.0),
        Target("root.t3m", _t3m_case(folder), 60.0),
        Target("fast_reader.toy", _fast_case(folder, root_file), 30.0),
        Target("fast_reader.t3m", _fast_case(folder, SHIPPED), 60.0),
        Target("column_cache", _cache_case(folder, root_file)),
        Target("constants.yaml", _constants_case(folder)),
        Target("regions.yaml", _declaration_case(folder, "stop_regions.yaml", _regions)),
        Target("systematics.yaml", _declaration_case(folder, "stop_systematics.yaml", Systematics.load)),
        Target("stitching.yaml", _declaration_case(folder, "stop_stitching.yaml", Stitching.load)),
    ]


def _toy_file(path: Path) -> Path:
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        tree = file.mktree("Events", {"x": "float64", "y": "var * float32"})
        for _ in range(3):
            tree.extend({"x": np.linspace(0, 9, 10), "y": ak.Array([[1.0] * (n % 4) for n in range(10)])})
    return path


def _refused(read: Callable[[], Any]) -> str:
    try:
        read()
    except ColumnarAFError as error:
        if not error.message:
            msg = "an error without a message"
            raise AssertionError(msg) from error
        return type(error).__name__
    return "read"


# --- filesets -----------------------------------------------------------------------------------------------------------


def _fileset_case(folder: Path, suffix: str) -> Callable[[random.Random], str]:
    yaml_text = (PROJECT / "datasets" / "ds_phi_pi.yaml").read_bytes()
    document = {
        "a": ["x.root", "y.root:t"],
        "b": {"files": {"z.root": {"object_path": "t", "steps": [[0, 10]], "num_entries": 10, "uuid": "u"}}, "metadata": {"era": "2017"}},
        "c": {"files": {"w.root": "t"}, "treename": "t", "metadata": {"is_data": True, "luminosity": 1.5, "own": [1, {"k": None}]}},
    }  # fmt: skip
    path = folder / f"damaged{suffix}"

    def case(numbers: random.Random) -> str:
        if suffix == ".yaml":
            data = damaged_yaml(numbers, yaml_text)
        elif numbers.random() < 0.5:
            data = json.dumps(damaged_document(numbers, document)).encode()
        else:
            data = damaged(
                numbers, json.dumps(document).encode() if numbers.random() < 0.9 else b"[" * 100_000
            )
        path.write_bytes(data)
        return _refused(lambda: Fileset.load(path))

    return case


# --- ledgers and partial results ----------------------------------------------------------------------------------------


def _ledger_case(folder: Path, result: Path) -> Callable[[random.Random], str]:
    good = (result / JOURNAL / LEDGER).read_bytes()
    records = [from_line(line) for line in good.splitlines()]
    directory = folder / "ledger"
    (directory / JOURNAL).mkdir(parents=True)

    def case(numbers: random.Random) -> str:
        if numbers.random() < 0.4:
            data = damaged(numbers, good)
        else:  # well checked nonsense, as another program or release may write it
            changed = list(records)
            place = numbers.randrange(len(changed))
            changed[place] = damaged_document(numbers, changed[place])
            lines = [to_line(record) for record in changed if isinstance(record, dict)]
            if numbers.random() < 0.3:
                numbers.shuffle(lines)
            data = b"".join(lines)
        (directory / JOURNAL / LEDGER).write_bytes(data)
        _refused(lambda: read_ledger(directory))
        return _refused(lambda: str(why(directory, numbers.randrange(4))))

    return case


def _partial_case(result: Path) -> Callable[[random.Random], str]:
    (first, *_) = sorted((result / JOURNAL / "partials").glob("*.npz"))
    good = [first.read_bytes(), encode({"a": np.arange(1000.0), "b": {1: (2.0, {3})}, "c": float("inf")})]

    def case(numbers: random.Random) -> str:
        return _refused(lambda: decode(damaged(numbers, numbers.choice(good))))

    return case


# --- results ------------------------------------------------------------------------------------------------------------


def _result_case(folder: Path, result: Path) -> Callable[[random.Random], str]:
    names = ("summary.json", "histograms.json")
    good = {name: (result / name).read_bytes() for name in names}
    directory = folder / "damaged_result"
    directory.mkdir()

    def show() -> None:
        loaded = RunResult.load(directory)
        Console(file=io.StringIO()).print(loaded)
        loaded._repr_html_()
        assert loaded.same_as(loaded) or loaded.differences(loaded) == []

    def case(numbers: random.Random) -> str:
        for name in names:
            (directory / name).write_bytes(good[name])
        name = numbers.choice(names)
        if numbers.random() < 0.3:
            data = damaged(numbers, good[name])
        else:
            data = json.dumps(damaged_document(numbers, json.loads(good[name]))).encode()
        (directory / name).write_bytes(data)
        return _refused(show)

    return case


# --- ROOT files ---------------------------------------------------------------------------------------------------------


def _root_case(folder: Path, good: Path, processor: ProcessorABC) -> Callable[[random.Random], str]:
    data = good.read_bytes()
    path = folder / f"damaged_{good.name}"

    def case(numbers: random.Random) -> str:
        path.write_bytes(_damaged_root(numbers, data))
        with _quiet():
            return _run(path, processor)

    return case


def _damaged_root(numbers: random.Random, data: bytes) -> bytes:
    match numbers.randrange(4):
        case 0:
            return damaged(numbers, data)
        case 1:
            return damaged_header(numbers, data, min(4096, len(data) // 2))
        case _:
            return flipped(numbers, data)


def _t3m_case(folder: Path) -> Callable[[random.Random], str]:
    from columnar_af.processing.processors import load_processor

    processor = load_processor(str(PROJECT / "processors" / "ds_phi_pi.py"))
    return _root_case(folder, SHIPPED, processor)


def _run(path: Path, processor: ProcessorABC) -> str:
    try:
        run(processor, [path], progress=False)
    except IncompleteRunError as error:
        (entry, *_) = error.result.ledger.with_status("failed")
        _require_clear(entry.error)
        return str(entry.error.kind)
    except ColumnarAFError as error:
        return type(error).__name__
    return "read"


def _require_clear(error: ErrorRecord) -> None:
    if error.kind not in CLEAR:
        msg = f"not an error of reading: {error.kind}: {error.message}\n{error.traceback}"
        raise AssertionError(msg)


# --- the fast reader and its cache --------------------------------------------------------------------------------------


def _fast_case(folder: Path, good: Path) -> Callable[[random.Random], str]:
    data = good.read_bytes()
    path = folder / f"fast_{good.name}"

    def case(numbers: random.Random) -> str:
        path.write_bytes(_damaged_root(numbers, data))
        found: list[Exception] = []
        with _quiet():
            outcome = _refused(lambda: _read_fast(path, found))
        if found:  # open_file would take it for damage that uproot met
            raise found[0]
        return outcome

    return case


def _read_fast(path: Path, found: list[Exception]) -> None:
    """Every column that the fast reader knows; what uproot can read as well has to be the same."""
    with open_file(str(path)) as file:
        tree = file[choose_tree(file, None)]
        reader = ColumnReader(tree)
        for branch in tree.branches:
            if not reader.knows(branch):
                continue
            try:
                column = reader.read(branch).to_awkward()
            except ReadError:
                continue
            except Exception as error:  # noqa: BLE001  # what we look for
                found.append(error)
                return
            found += _differs(branch, column)


def _differs(branch: Any, column: ak.Array) -> Iterator[Exception]:
    try:
        expected = branch.array()
    except Exception:  # noqa: BLE001  # uproot refuses it, or fails
        return
    if different := difference(expected, column):
        yield AssertionError(f"{branch.name} is not what uproot reads: {different}")


def _cache_case(folder: Path, good: Path) -> Callable[[random.Random], str]:
    cache = ColumnCache(folder / "cache")
    with open_file(str(good)) as file:
        reader = ColumnReader(file["Events"], cache=cache)
        columns = [reader.read(name) for name in ("x", "y")]
    entries = [(path, path.read_bytes()) for path in sorted((folder / "cache").rglob("*")) if path.is_file()]
    assert len(entries) == len(columns)

    def case(numbers: random.Random) -> str:
        for path, data in entries:
            path.write_bytes(damaged(numbers, data))
        with open_file(str(good)) as file:
            reader = ColumnReader(file["Events"], cache=ColumnCache(folder / "cache"))
            for name, column in zip(("x", "y"), columns, strict=True):
                assert not difference(reader.read(name).to_awkward(), column.to_awkward())
        return "read"

    return case


# --- constants of the normalization -------------------------------------------------------------------------------------


def _constants_case(folder: Path) -> Callable[[random.Random], str]:
    good = (PROJECT / "src" / "columnar_af" / "normalization" / "constants.yaml").read_bytes()
    path = folder / "constants.yaml"

    def case(numbers: random.Random) -> str:
        path.write_bytes(damaged_yaml(numbers, good))
        return _refused(lambda: Constants.load(path))

    return case


# --- declarations of the stop search --------------------------------------------------------------------------------------


def _regions(path: Path) -> Any:
    return load_regions(path, VARIABLES, OBJECT_SETS)


def _declaration_case(folder: Path, name: str, read: Callable[[Path], Any]) -> Callable[[random.Random], str]:
    good = (PROJECT / "processors" / name).read_bytes()
    path = folder / name

    def case(numbers: random.Random) -> str:
        path.write_bytes(damaged_yaml(numbers, _part_of(numbers, good)))
        return _refused(lambda: read(path))

    return case


def _part_of(numbers: random.Random, text: bytes) -> bytes:
    """All of it, or some lines with a lesser part of damage that PyYAML refuses before anything of ours sees it."""
    lines = text.splitlines(keepends=True)
    if numbers.random() < 0.5:
        return text
    start = numbers.randrange(len(lines))
    del lines[start : start + numbers.randrange(1, 10)]
    other = numbers.randrange(len(lines))
    lines.insert(numbers.randrange(len(lines)), lines[other])
    return b"".join(lines)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
