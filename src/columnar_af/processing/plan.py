"""Planning: from inspected files to numbered chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from columnar_af.datasets.fileset import Fileset
from columnar_af.datasets.inspection import FileReport, Inspection
from columnar_af.errors import ConfigError, FilesetError, WorkAddress
from columnar_af.processing.chunk import Chunk
from columnar_af.processing.chunk_size import MEMORY_PER_WORKER, ChunkRule
from columnar_af.redaction import redact


@dataclass(frozen=True)
class PlanFilter:
    """Restricts a run to a part of its fileset; how a single failing chunk is run again. None means: all.

    Attributes:
        dataset: Name of the one dataset to run.
        file: The one file to run, as the fileset or the ledger writes it.
        entries: The one entry range to run, ``(start, stop)`` with ``stop`` excluded; it becomes one chunk per file.
    """

    dataset: str | None = None
    file: str | None = None
    entries: tuple[int, int] | None = None

    def keeps(self, report: FileReport) -> bool:
        """Whether a file takes part."""
        return self.dataset in (None, report.dataset) and self.file in (
            None,
            report.path,
            redact(report.path),
        )


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        chunks: The chunks, numbered from 0 in the order of datasets, files and entries.
        bad_files: Files that inspection could not read; they have no chunks and go to the ledger as they are.
        metadata: Dataset name -> its metadata as plain values, for every dataset that takes part.
        files: The files that inspection could read and that have a chunk.
        available: Dataset name -> entries of all its files that could be read, whether or not they are planned.
        unknown_files: Dataset name -> number of its files whose entries are not known, because they could not be read.
        rule: How many entries a chunk has.
    """

    chunks: tuple[Chunk, ...]
    bad_files: tuple[FileReport, ...]
    metadata: Mapping[str, Mapping[str, object]]
    files: tuple[FileReport, ...]
    available: Mapping[str, int] = field(default_factory=dict)
    unknown_files: Mapping[str, int] = field(default_factory=dict)
    rule: ChunkRule = field(default_factory=ChunkRule)

    @property
    def entries(self) -> int:
        """Number of planned entries."""
        return sum(len(chunk) for chunk in self.chunks)

    @property
    def reasons(self) -> dict[str, str]:
        """Dataset name -> why its chunks have that many entries, in words; for its heaviest file."""
        heaviest: dict[str, FileReport] = {}
        for report in self.files:
            before = heaviest.setdefault(report.dataset, report)
            if self.rule.length(report.layout) < self.rule.length(before.layout):
                heaviest[report.dataset] = report
        return {name: self.rule.reason(report.layout) for name, report in heaviest.items()}


def make_plan(
    fileset: Fileset,
    inspection: Inspection,
    *,
    chunksize: int | None = None,
    memory_per_worker: int = MEMORY_PER_WORKER,
    max_chunks: int | None = None,
    only: PlanFilter | None = None,
) -> Plan:
    """The chunks of a fileset.

    Args:
        fileset: The datasets with their metadata.
        inspection: What inspection found in their files, in the order of the fileset.
        chunksize: Entries per chunk, nearly; where None, chosen for each file from its layout and the memory.
        memory_per_worker: Bytes that a worker shall take at most, where ``chunksize`` is None.
        max_chunks: Most chunks per dataset; all where None.
        only: Part of the fileset to run.

    Raises:
        ConfigError: ``chunksize`` or ``max_chunks`` is not positive, or the memory is too little for any chunk.
        FilesetError: ``only`` matches no file, or asks for entries that a file does not have.
    """
    rule = ChunkRule(chunksize, memory_per_worker)
    if max_chunks is not None and max_chunks < 1:
        msg = f"max_chunks is {max_chunks}, expected a positive number"
        raise ConfigError(msg)
    only = only or PlanFilter()
    reports = _kept(inspection.files, only)
    metadata = {
        name: fileset[name].metadata.to_dict() for name in dict.fromkeys(report.dataset for report in reports)
    }
    chunks: list[Chunk] = []
    per_dataset = dict.fromkeys(metadata, 0)
    for report in reports:
        if report.error is not None:
            continue
        ranges = list(_file_ranges(report, rule, only))
        if max_chunks is not None:
            ranges = ranges[: max_chunks - per_dataset[report.dataset]]
        per_dataset[report.dataset] += len(ranges)
        chunks += _chunks(report, ranges, len(chunks), metadata[report.dataset])
    used = {(chunk.dataset, chunk.file, chunk.tree) for chunk in chunks}
    return Plan(
        tuple(chunks),
        tuple(report for report in reports if report.error is not None),
        metadata,
        tuple(report for report in reports if (report.dataset, report.path, report.tree) in used),
        {name: sum(r.entries for r in inspection.good if r.dataset == name) for name in metadata},
        {name: sum(r.dataset == name for r in inspection.bad) for name in metadata},
        rule,
    )


def _kept(reports: Sequence[FileReport], only: PlanFilter) -> list[FileReport]:
    kept = [report for report in reports if only.keeps(report)]
    if not kept:
        msg = f"the fileset has no file to run: dataset {only.dataset or 'any'}, file {only.file or 'any'}"
        names = sorted({report.dataset for report in reports})
        raise FilesetError(
            msg, advice=f"the fileset has {len(reports)} files in the datasets {', '.join(names)}"
        )
    return kept


def _file_ranges(report: FileReport, rule: ChunkRule, only: PlanFilter) -> Iterator[tuple[int, int]]:
    """Entry ranges of one file: the one that was asked for, or those of its steps, or those of the whole file."""
    if only.entries is not None:
        start, stop = only.entries
        if not 0 <= start <= stop <= report.entries:
            msg = f"entries {start}:{stop} are not in the tree, which has the entries 0:{report.entries}"
            raise FilesetError(msg, address=WorkAddress(report.dataset, report.path, report.tree))
        yield start, stop
        return
    for start, stop in report.steps or ((0, report.entries),):
        yield from rule.ranges(start, stop, report.layout)


def _chunks(
    report: FileReport, ranges: Sequence[tuple[int, int]], first: int, metadata: Mapping[str, object]
) -> list[Chunk]:
    return [
        Chunk(
            number, report.dataset, report.path, report.tree or "", start, stop, report.uuid or "", metadata
        )
        for number, (start, stop) in enumerate(ranges, first)
    ]
