"""Inspection: what is really in the files of a fileset, before any of it is analysed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from columnar_af.datasets.fileset import Fileset, InputFile
from columnar_af.datasets.opening import open_file
from columnar_af.datasets.paths import is_remote
from columnar_af.datasets.retries import MAX_ATTEMPTS, is_transient, wait
from columnar_af.datasets.tree_choice import choose_tree
from columnar_af.datasets.tree_layout import TreeLayout, tree_layout
from columnar_af.errors import ErrorRecord, ExecutorError, FilesetError, ReadError, SchemaError, WorkAddress
from columnar_af.ntuples.fast_reader.flat_tree import open_all_flat
from columnar_af.ntuples.t3m import missing_branches, recognise
from columnar_af.redaction import redact

FILES_WORTH_A_PROCESS = 40
"""Files per worker from which on processes are faster than threads. Measured on a T3M file of 174 branches: uproot takes 53 ms
of CPU to read the tree's description, holding the interpreter's lock; a process takes about 2 s to start and import."""


@dataclass(frozen=True)
class FileReport:
    """What inspection found in one file.

    Attributes:
        dataset: Name of the dataset.
        path: Path or URL, as in the fileset.
        tree: Path of the tree that is read, without cycle; for a bad file the one that the fileset names, if any.
        entries: Entries of the tree; 0 for a bad file.
        uuid: UUID that ROOT wrote into the file; None where it could not be read.
        ntuple_version: Version of the T3M ntuple; None for other trees.
        missing_branches: Branches that the T3M schema can use and this file lacks, sorted.
        size_bytes: Size of the file; None where unknown.
        error: Why the file cannot be read; None for a good file.
        steps: Entry ranges to which the fileset restricts the file; None for all entries.
        layout: What an entry weighs and where baskets end; None where the tree does not say.
    """

    dataset: str
    path: str
    tree: str | None
    entries: int = 0
    uuid: str | None = None
    ntuple_version: str | None = None
    missing_branches: tuple[str, ...] = ()
    size_bytes: int | None = None
    error: ErrorRecord | None = None
    steps: tuple[tuple[int, int], ...] | None = None
    layout: TreeLayout | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, without credentials in the path, and without the list of baskets."""
        plain = {**asdict(replace(self, layout=None)), "path": redact(self.path)}
        weight = None if self.layout is None else round(self.layout.bytes_per_entry, 1)
        return {**{key: value for key, value in plain.items() if key != "layout"}, "bytes_per_entry": weight}


@dataclass(frozen=True)
class DatasetTotals:
    """Sums over the files of a dataset: how many, how many of them bad, entries and bytes of the good ones."""

    name: str
    files: int
    bad_files: int
    entries: int
    size_bytes: int


@dataclass(frozen=True)
class Inspection:
    """The reports on all files of a fileset, in its order."""

    files: tuple[FileReport, ...]

    @property
    def good(self) -> tuple[FileReport, ...]:
        """Files that can be read."""
        return tuple(file for file in self.files if file.error is None)

    @property
    def bad(self) -> tuple[FileReport, ...]:
        """Files that cannot."""
        return tuple(file for file in self.files if file.error is not None)

    @property
    def totals(self) -> tuple[DatasetTotals, ...]:
        """Sums per dataset, in the order of the fileset."""
        groups: dict[str, list[FileReport]] = defaultdict(list)
        for file in self.files:
            groups[file.dataset].append(file)
        return tuple(_totals(name, files) for name, files in groups.items())

    def to_json(self) -> dict[str, Any]:
        """Plain values: ``files`` as reported, ``datasets`` with their totals."""
        return {
            "files": [file.to_json() for file in self.files],
            "datasets": [asdict(totals) for totals in self.totals],
        }


def _totals(name: str, files: Sequence[FileReport]) -> DatasetTotals:
    good = [file for file in files if file.error is None]
    return DatasetTotals(
        name=name,
        files=len(files),
        bad_files=len(files) - len(good),
        entries=sum(file.entries for file in good),
        size_bytes=sum(file.size_bytes or 0 for file in good),
    )


def inspect(
    fileset: Fileset, *, workers: int = 1, on_file_done: Callable[[FileReport], None] | None = None
) -> Inspection:
    """Open every file of a fileset once, and report.

    Args:
        fileset: The fileset.
        workers: How many files are opened at the same time.
        on_file_done: Called in this thread with each report, in the order of completion; for progress bars.

    Returns:
        One report per file in the order of the fileset, whatever the number of workers. A file that cannot be read has
        its error in its report; so has a file with the UUID and tree of another one, which is a copy of it.

    Raises:
        ExecutorError: A worker process died.
    """
    files = fileset.files
    reports: dict[int, FileReport] = {}
    for index, report in _in_any_order(files, max(1, min(workers, len(files)))):
        reports[index] = report
        if on_file_done is not None:
            on_file_done(report)
    return Inspection(tuple(_refuse_copies([reports[index] for index in range(len(files))])))


def _in_any_order(files: Sequence[tuple[str, InputFile]], workers: int) -> Iterator[tuple[int, FileReport]]:
    if workers == 1:
        for index, (dataset, file) in enumerate(files):
            yield index, inspect_file(dataset, file)
        return
    with _pool(workers, len(files)) as pool:
        futures = {pool.submit(inspect_file, *item): index for index, item in enumerate(files)}
        for future in as_completed(futures):
            dataset, file = files[futures[future]]
            try:
                yield futures[future], future.result()
            except BrokenProcessPool as error:
                msg = f"a process died while files were inspected: {error}"
                address = WorkAddress(dataset=dataset, file=file.path)
                raise ExecutorError(msg, advice="inspect with one worker", address=address) from error


def _pool(workers: int, files: int) -> Executor:
    if files < FILES_WORTH_A_PROCESS * workers:
        return ThreadPoolExecutor(workers)
    import loky  # type: ignore[import-untyped]  # noqa: PLC0415  # few inspections need it

    pool: Executor = loky.ProcessPoolExecutor(workers)
    return pool


def inspect_file(dataset: str, file: InputFile) -> FileReport:
    """The report on one file; what goes wrong is in the report, after further attempts where it may pass."""
    report = FileReport(dataset, file.path, file.tree, size_bytes=_local_size(file.path), steps=file.steps)
    for attempt in count(1):
        try:
            return _look_into(file, report)
        except (ReadError, FilesetError) as error:
            if attempt == MAX_ATTEMPTS or not (
                isinstance(error, ReadError) and is_transient(error, file.path)
            ):
                address = WorkAddress(dataset=dataset, file=file.path, tree=file.tree)
                return replace(report, error=ErrorRecord.from_exception(error, address=address))
        wait(attempt)
    raise AssertionError  # it counts for ever


def _look_into(file: InputFile, report: FileReport) -> FileReport:
    """The report with what is in the file.

    Raises:
        ReadError: It cannot be read.
        FilesetError: It is not what the fileset promises.
    """
    with open_file(file.path) as directory:
        tree = open_all_flat(directory, choose_tree(directory, file.tree))
        _refuse_wrong_count(tree)
        branches = [branch.name for branch in tree.branches]
        version, missing = _ntuple(branches)
        report = replace(
            report,
            uuid=str(directory.file.uuid),
            size_bytes=directory.file.source.num_bytes,
            tree=tree.object_path.strip("/").rsplit(";", 1)[0],
            entries=int(tree.num_entries),
            ntuple_version=version,
            missing_branches=missing,
            layout=tree_layout(tree),
        )
    _refuse_broken_promises(file, report)
    return report


def _refuse_wrong_count(tree: Any) -> None:
    """A damaged count would be planned for: a bit of it more, and there are 10¹⁵ entries in billions of chunks."""
    counts = [
        int(count) for branch in tree.branches if (count := getattr(branch, "num_entries", None)) is not None
    ]
    if tree.num_entries < 0 or (counts and tree.num_entries > max(counts)):
        msg = f"the tree says that it has {tree.num_entries} entries, and its longest branch has {max(counts, default=0)}"
        raise ReadError(
            msg, advice="the file is damaged: copy it again, or leave it out with --bad-files skip"
        )


def _ntuple(branches: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Version of a T3M ntuple and the branches it lacks; (None, ()) for another tree."""
    try:
        return str(recognise(branches)), missing_branches(branches)
    except SchemaError:
        return None, ()


def _local_size(path: str) -> int | None:
    return Path(path).stat().st_size if not is_remote(path) and Path(path).is_file() else None


def _refuse_broken_promises(file: InputFile, report: FileReport) -> None:
    """A file that is not the one that was preprocessed has other entries behind the same steps."""
    for what, promised, found in (
        ("entries", file.entries, report.entries),
        ("UUID", file.uuid, report.uuid),
    ):
        if promised is not None and promised != found:
            msg = f"the file has changed since the fileset was made: its {what} was {promised} and is {found}"
            raise FilesetError(msg, advice="make the fileset again")
    stop = max((stop for _, stop in file.steps or ()), default=0)
    if stop > report.entries:
        msg = f"the fileset asks for entries up to {stop}, and the file has {report.entries}"
        raise FilesetError(msg, advice="make the fileset again")


_copies_allowed: ContextVar[bool] = ContextVar("copies_allowed", default=False)


@contextmanager
def copies_allowed() -> Iterator[None]:
    """Within the block a file may be listed more than once: for benchmarks, which need more data than there is."""
    token = _copies_allowed.set(True)
    try:
        yield
    finally:
        _copies_allowed.reset(token)


def _refuse_copies(reports: Sequence[FileReport]) -> Iterator[FileReport]:
    """The reports, with an error in each that has UUID and tree of an earlier file: its events would count twice."""
    if _copies_allowed.get():
        yield from reports
        return
    first: dict[tuple[str, str | None], FileReport] = {}
    for report in reports:
        if report.error is not None or report.uuid is None:
            yield report
            continue
        original = first.setdefault((report.uuid, report.tree), report)
        yield report if original is report else replace(report, error=_copy_error(original, report))


def _copy_error(original: FileReport, copy: FileReport) -> ErrorRecord:
    msg = (
        f"{copy.path} in dataset {copy.dataset!r} has the UUID of {original.path} in dataset {original.dataset!r} "
        f"({copy.uuid}): it is a copy of it"
    )
    address = WorkAddress(dataset=copy.dataset, file=copy.path, tree=copy.tree)
    error = FilesetError(msg, advice="remove one of the two: its events would count twice", address=address)
    return ErrorRecord.from_exception(error)
