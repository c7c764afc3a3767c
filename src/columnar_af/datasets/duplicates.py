"""Events that are in two files: they would count twice, and nothing else would tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from columnar_af.datasets.inspection import FileReport
from columnar_af.datasets.opening import open_file
from columnar_af.errors import FilesetError, SchemaError, WorkAddress

NUMBERS = (
    ("run", "RunNumber", "runNumber"),
    ("lumi", "luminosityBlock", "LumiBlock", "lumiBlock"),
    ("evt", "event", "EventNumber", "eventNumber"),
)
"""Branches that hold run, luminosity block and event: T3M ntuples, NanoAOD, ATLAS."""

SHOWN = 5
"""Duplicates that an error lists."""

MIXER = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ divided by the golden ratio, whose multiples spread evenly (Knuth, The Art of Computer Programming 6.4)."""

KEY = np.dtype([("run", np.int64), ("lumi", np.int64), ("event", np.int64)])


@dataclass(frozen=True)
class Duplicate:
    """An event that was met twice.

    Attributes:
        run, lumi, event: Its numbers.
        first, second: ``file:tree[entry]`` of both; they may be in one file.
    """

    run: int
    lumi: int
    event: int
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.run}:{self.lumi}:{self.event} in {self.first} and {self.second}"


def find_duplicates(
    files: Sequence[FileReport], metadata: Mapping[str, Mapping[str, Any]]
) -> Iterator[Duplicate]:
    """Events with the same run, luminosity block and event number.

    Simulated samples number their events each from 1 on, so they are compared within a dataset; recorded events, which
    may be in two datasets of one fileset, across all of them.

    Args:
        files: The files, inspected.
        metadata: Dataset name -> its metadata, of which ``is_data`` counts.

    Raises:
        SchemaError: A tree has no event numbers.
        ReadError: A file cannot be read.
    """
    groups: dict[str | None, list[FileReport]] = defaultdict(list)
    for report in files:
        recorded = metadata.get(report.dataset, {}).get("is_data") is True
        groups[None if recorded else report.dataset].append(report)
    for group in groups.values():
        yield from _in_group(group)


def _in_group(files: Sequence[FileReport]) -> Iterator[Duplicate]:
    """Duplicates among some files, which are read a second time only if there are any.

    The first reading keeps 8 bytes of each event, because those of 10,000 files are many.
    """
    offsets = np.cumsum([0, *(report.entries for report in files)])
    hashes = np.empty(offsets[-1], np.uint64)
    for report, start, stop in zip(files, offsets, offsets[1:], strict=False):
        hashes[start:stop] = _hashes(event_numbers(report))
    suspects = _repeated(hashes)
    del hashes
    if not len(suspects):
        return
    found = [_with_hashes(event_numbers(report), suspects) for report in files]
    keys = np.concatenate([file_keys for file_keys, _ in found])
    numbers = np.repeat(np.arange(len(files)), [len(entries) for _, entries in found])
    entries = np.concatenate([file_entries for _, file_entries in found])
    order = np.argsort(keys, order=("run", "lumi", "event"), kind="stable")
    ordered = keys[order]
    for position in np.flatnonzero(ordered[1:] == ordered[:-1]):
        run, lumi, event = (int(number) for number in ordered[position])
        places = (
            _place(files[numbers[index]], int(entries[index])) for index in order[position : position + 2]
        )
        yield Duplicate(run, lumi, event, *places)


def _hashes(keys: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A number for each event, the same for the same event; events that only seem to be the same are told apart later."""
    mixed = np.zeros(len(keys), np.uint64)
    for field in KEY.names or ():
        mixed = (mixed ^ keys[field].astype(np.uint64)) * MIXER
        mixed ^= mixed >> np.uint64(32)
    return mixed


def _repeated(hashes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values that are there more than once; the array is sorted in place."""
    hashes.sort()
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _with_hashes(
    keys: np.ndarray[Any, Any], suspects: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The events of a file that have one of these hashes, and their entries."""
    entries = np.flatnonzero(np.isin(_hashes(keys), suspects))
    return keys[entries], entries


def _place(report: FileReport, entry: int) -> str:
    return f"{report.path}:{report.tree}[{entry}]"


def event_numbers(report: FileReport) -> np.ndarray[Any, Any]:
    """Run, luminosity block and event of each entry of a file, as records of :data:`KEY`.

    Raises:
        SchemaError: The tree has no such numbers.
        ReadError: The file cannot be read.
    """
    with open_file(report.path) as file:
        tree = file[report.tree]
        names = [_branch(tree, choices, report) for choices in NUMBERS]
        keys = np.zeros(tree.num_entries, KEY)
        for field, name in zip(KEY.names or (), names, strict=True):
            if name is not None:
                keys[field] = tree[name].array(library="np").astype(np.int64)
    return keys


def _branch(tree: Any, choices: Sequence[str], report: FileReport) -> str | None:
    for name in choices:
        if name in tree:
            return name
    if (
        choices == NUMBERS[1]
    ):  # flat ntuples of ATLAS often have none, and event numbers are unique within a run there
        return None
    msg = f"the tree has no branch {' or '.join(choices)}, by which events are told apart"
    address = WorkAddress(report.dataset, report.path, report.tree)
    raise SchemaError(
        msg,
        advice="events of such trees can be neither found nor checked for duplicates (leave --check-duplicates out)",
        address=address,
    )


def require_no_duplicates(files: Sequence[FileReport], metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Make sure that no event counts twice.

    Raises:
        FilesetError: Naming the first events that would.
    """
    first, count = [], 0
    for count, duplicate in enumerate(find_duplicates(files, metadata), 1):  # the last one is the count
        if count <= SHOWN:
            first.append(str(duplicate))
    if first:
        shown = "\n".join(f"    {text}" for text in first)
        msg = f"{count} events are there twice (run:lumi:event), the first ones:\n{shown}"
        raise FilesetError(msg, advice="remove one of the files, or make a list of events to take from each")
