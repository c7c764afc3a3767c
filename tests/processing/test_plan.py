"""Planning: every entry of every file is in one chunk."""

from __future__ import annotations

import pytest
from coffea.processor.executor import FileMeta
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.datasets.fileset import Dataset, Fileset, InputFile, Metadata
from columnar_af.datasets.inspection import FileReport, Inspection
from columnar_af.errors import ConfigError, ErrorRecord, FilesetError
from columnar_af.processing.chunk_size import entry_ranges
from columnar_af.processing.plan import Plan, PlanFilter, make_plan


def plan(
    *reports: FileReport, only: PlanFilter | None = None, chunksize: int = 10, max_chunks: int | None = None
) -> Plan:
    """The plan of a fileset with these files."""
    names = dict.fromkeys(report.dataset for report in reports)
    fileset = Fileset(
        {
            name: Dataset(
                name,
                tuple(InputFile(report.path, report.tree) for report in reports if report.dataset == name),
                Metadata(era="2017", extra={"color": "blue"}),
            )
            for name in names
        }
    )
    return make_plan(fileset, Inspection(reports), chunksize=chunksize, max_chunks=max_chunks, only=only)


def report(name: str, entries: int, dataset: str = "d", **more: object) -> FileReport:
    """A good file."""
    return FileReport(dataset, name, "t", entries, uuid=f"uuid of {name}", **more)  # type: ignore[arg-type]


@given(st.integers(0, 5000), st.integers(1, 600))
def test_ranges_cover_the_entries_once(entries: int, chunksize: int) -> None:
    ranges = list(entry_ranges(0, entries, chunksize))
    assert [number for start, stop in ranges for number in range(start, stop)] == list(range(entries))
    assert max(stop - start for start, stop in ranges) <= max(1, 1.5 * chunksize)


@given(st.integers(0, 5000), st.integers(1, 600))
def test_ranges_are_those_of_coffea(entries: int, chunksize: int) -> None:
    meta = FileMeta("d", "f", "t", {"numentries": entries, "uuid": b""})
    theirs = [(item.entrystart, item.entrystop) for item in meta.chunks(chunksize, align_clusters=False)]
    assert list(entry_ranges(0, entries, chunksize)) == theirs


def test_chunks_are_numbered_in_the_order_of_the_fileset() -> None:
    made = plan(report("one", 25), report("two", 5), report("three", 10, dataset="e"))
    assert [(chunk.number, chunk.file, chunk.start, chunk.stop) for chunk in made.chunks] == [
        (0, "one", 0, 13), (1, "one", 13, 25), (2, "two", 0, 5), (3, "three", 0, 10),
    ]  # fmt: skip
    assert made.entries == 40
    assert made.chunks[0].metadata == {"era": "2017", "color": "blue"}
    assert made.chunks[0].uuid == "uuid of one"


def test_a_file_without_entries_has_one_chunk() -> None:
    made = plan(report("empty", 0))
    assert [(chunk.start, chunk.stop) for chunk in made.chunks] == [(0, 0)]


def test_most_chunks_count_per_dataset() -> None:
    made = plan(
        report("one", 25), report("two", 25), report("three", 25, dataset="e"), max_chunks=3, chunksize=12
    )
    assert [(chunk.file, chunk.start) for chunk in made.chunks] == [
        ("one", 0), ("one", 13), ("two", 0), ("three", 0), ("three", 13),
    ]  # fmt: skip
    assert [file.path for file in plan(report("one", 25), report("two", 5), max_chunks=1).files] == ["one"]


def test_steps_of_a_preprocessed_fileset_are_kept() -> None:
    made = plan(report("one", 100, steps=((0, 10), (50, 70))))
    assert [(chunk.start, chunk.stop) for chunk in made.chunks] == [(0, 10), (50, 60), (60, 70)]


def test_a_bad_file_has_no_chunks() -> None:
    bad = FileReport("d", "bad", None, error=ErrorRecord("ReadError", "gone", input_is_bad=True))
    made = plan(bad, report("good", 5))
    assert made.bad_files == (bad,)
    assert [chunk.file for chunk in made.chunks] == ["good"]


def test_one_chunk_alone() -> None:
    files = report("one", 25), report("two", 25), report("one", 25, dataset="e")
    made = plan(*files, only=PlanFilter("e", "one", (3, 7)))
    assert [(chunk.dataset, chunk.file, chunk.start, chunk.stop) for chunk in made.chunks] == [
        ("e", "one", 3, 7)
    ]


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (PlanFilter("x"), "no file to run: dataset x"),
        (PlanFilter(file="missing"), "file missing"),
        (PlanFilter(entries=(0, 26)), "entries 0:26 are not in the tree, which has the entries 0:25"),
    ],
)
def test_a_filter_that_matches_nothing_is_an_error(only: PlanFilter, message: str) -> None:
    with pytest.raises(FilesetError, match=message):
        plan(report("one", 25), only=only)


def test_sizes_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="chunksize is 0"):
        plan(report("one", 25), chunksize=0)
    with pytest.raises(ConfigError, match="max_chunks is -1"):
        plan(report("one", 25), max_chunks=-1)


def test_what_is_there_is_known_also_where_less_is_planned() -> None:
    bad = report("b", 0, error=ErrorRecord("ReadError", "no such file", input_is_bad=True))
    planned = plan(report("a", 100), bad, chunksize=10, max_chunks=2)
    assert (planned.entries, planned.available, planned.unknown_files) == (20, {"d": 100}, {"d": 1})
