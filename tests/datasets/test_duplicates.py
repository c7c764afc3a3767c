"""The same event in two files is found, wherever it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.datasets import duplicates
from columnar_af.datasets.duplicates import find_duplicates, require_no_duplicates
from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import FileReport, inspect
from columnar_af.errors import FilesetError, SchemaError

DATA = {"is_data": True}


def write(
    path: Path, events: list[tuple[int, int, int]], names: tuple[str, ...] = ("run", "lumi", "evt")
) -> FileReport:
    """A tree with these events."""
    columns = np.array(events, dtype=np.uint64).reshape(-1, 3).T[: len(names)]
    with uproot.recreate(path) as file:
        tree = file.mktree("t", dict.fromkeys(names, "uint64"))
        tree.extend(dict(zip(names, columns, strict=True)))
    return inspect(Fileset.load(path)).files[0]


def reports(folder: Path, *files: tuple[str, list[tuple[int, int, int]]]) -> list[FileReport]:
    """One file each, in the dataset that is named with its events."""
    from dataclasses import replace

    return [
        replace(write(folder / f"{index}.root", events), dataset=dataset)
        for index, (dataset, events) in enumerate(files)
    ]


def test_an_event_in_two_files(tmp_path: Path) -> None:
    files = reports(tmp_path, ("a", [(1, 1, 1), (1, 1, 2)]), ("a", [(1, 1, 3), (1, 1, 2)]))
    (found,) = find_duplicates(files, {"a": {}})
    assert str(found) == f"1:1:2 in {tmp_path}/0.root:t[1] and {tmp_path}/1.root:t[1]"
    with pytest.raises(FilesetError, match=r"1 events are there twice(.|\n)*1:1:2 in"):
        require_no_duplicates(files, {"a": {}})


def test_data_are_compared_across_datasets_and_simulation_is_not(tmp_path: Path) -> None:
    files = reports(tmp_path, ("a", [(1, 1, 1)]), ("b", [(1, 1, 1)]))
    assert len(list(find_duplicates(files, {"a": DATA, "b": DATA}))) == 1
    assert list(find_duplicates(files, {"a": DATA, "b": {}})) == []
    require_no_duplicates(files, {})


def test_other_names_and_none(tmp_path: Path) -> None:
    atlas = write(tmp_path / "atlas.root", [(1, 5, 0), (1, 5, 0)], ("RunNumber", "EventNumber"))
    assert len(list(find_duplicates([atlas], {}))) == 1
    other = write(tmp_path / "other.root", [(1, 1, 1)], ("x", "y", "z"))
    with pytest.raises(SchemaError, match="no branch run or RunNumber"):
        require_no_duplicates([other], {})


EVENTS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 3)), max_size=12)


@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_as_many_are_found_as_a_plain_count_finds(files: list[list[tuple[int, int, int]]]) -> None:
    class Patched:
        """Gives the numbers without files."""

        def __call__(self, report: Any) -> Any:
            return np.array(files[int(report.path)], dtype=duplicates.KEY)

    made = [FileReport("d", str(n), "t", entries=len(events)) for n, events in enumerate(files)]
    every = [event for events in files for event in events]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "event_numbers", Patched())
        found = list(find_duplicates(made, {}))
    assert len(found) == len(every) - len(set(every))
    for duplicate in found:
        for place in (duplicate.first, duplicate.second):
            path, _, entry = place.removesuffix("]").replace("[", ":").split(":")
            assert files[int(path)][int(entry)] == (duplicate.run, duplicate.lumi, duplicate.event)
