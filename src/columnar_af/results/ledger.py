"""Ledger: what became of every planned entry, so that no event is lost or counted twice without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from columnar_af.errors import ErrorRecord

Status = Literal["done", "failed", "skipped"]


@dataclass(frozen=True)
class LedgerEntry:
    """What became of one chunk.

    Attributes:
        number: Number of the chunk in the plan.
        dataset: Name of the dataset.
        file: Path or URL of the input file.
        tree: Path of the tree in the file; empty where the file could not be opened to find it.
        start, stop: Planned entry range, ``stop`` excluded; both 0 where the file could not be opened to count.
        uuid: UUID of the file as ROOT wrote it; empty where unknown.
        status: ``done``, ``failed`` (an error of the analysis code or the machinery, or a bad file where bad files stop
            a run), or ``skipped`` (a bad file that was left out on request).
        entries: Entries that were really processed; 0 unless done.
        attempts: How often it was tried.
        error: Why it failed or was skipped.
    """

    number: int
    dataset: str
    file: str
    tree: str
    start: int
    stop: int
    uuid: str
    status: Status
    entries: int
    attempts: int = 1
    error: ErrorRecord | None = None

    @property
    def planned(self) -> int:
        """Number of entries that were planned."""
        return self.stop - self.start

    @property
    def place(self) -> str:
        """File, tree and entry range in one text."""
        return f"{self.file}:{self.tree}[{self.start}:{self.stop}]"

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> LedgerEntry:
        """The inverse of :meth:`to_json`."""
        error = record["error"]
        return cls(**{**record, "error": None if error is None else ErrorRecord.from_json(error)})


@dataclass(frozen=True)
class Ledger:
    """The book of a run: one entry per planned chunk, in the order of chunk numbers."""

    entries: tuple[LedgerEntry, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", tuple(sorted(self.entries, key=lambda entry: entry.number)))

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        """Number of chunks."""
        return len(self.entries)

    def of(self, dataset: str) -> Ledger:
        """The entries of one dataset."""
        return Ledger(tuple(entry for entry in self.entries if entry.dataset == dataset))

    def with_status(self, status: Status) -> Ledger:
        """The entries with one status."""
        return Ledger(tuple(entry for entry in self.entries if entry.status == status))

    @property
    def planned(self) -> int:
        """Events (tree entries) that were planned."""
        return sum(entry.planned for entry in self.entries)

    @property
    def done(self) -> int:
        """Events that were really processed."""
        return sum(entry.entries for entry in self.entries if entry.status == "done")

    @property
    def failed(self) -> int:
        """Events in failed chunks."""
        return self.with_status("failed").planned

    @property
    def skipped(self) -> int:
        """Events in chunks that were left out on request."""
        return self.with_status("skipped").planned

    @property
    def closes(self) -> bool:
        """Whether planned = done + failed + skipped holds, chunk by chunk, with nothing twice."""
        return not self.problems()

    @property
    def complete(self) -> bool:
        """Whether the books close and nothing failed or was skipped."""
        return self.closes and all(entry.status == "done" for entry in self.entries)

    def problems(self) -> list[str]:
        """Why the books do not close, one sentence each; empty where they do."""
        return [*_miscounted(self.entries), *_repeated_numbers(self.entries), *_overlaps(self.entries)]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``: the totals and the list of chunks."""
        return {
            "planned": self.planned,
            "done": self.done,
            "failed": self.failed,
            "skipped": self.skipped,
            "closes": self.closes,
            "chunks": [entry.to_json() for entry in self.entries],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Ledger:
        """The inverse of :meth:`to_json`; the totals are counted again from the chunks."""
        return cls(tuple(LedgerEntry.from_json(entry) for entry in record["chunks"]))


def _miscounted(entries: Iterable[LedgerEntry]) -> Iterator[str]:
    for entry in entries:
        expected = entry.planned if entry.status == "done" else 0
        if entry.entries != expected:
            yield (
                f"chunk {entry.number} ({entry.place}) is {entry.status} with {entry.entries} entries processed, "
                f"expected {expected}"
            )


def _repeated_numbers(entries: tuple[LedgerEntry, ...]) -> Iterator[str]:
    for left, right in pairwise(entries):
        if left.number == right.number:
            yield f"chunk {left.number} is in the ledger twice ({left.place} and {right.place})"


def _overlaps(entries: Iterable[LedgerEntry]) -> Iterator[str]:
    # Within one dataset only: the same file may rightly serve two datasets (say, two selections of one sample).
    ordered = sorted(
        (entry for entry in entries if entry.planned),
        key=lambda entry: (entry.dataset, entry.file, entry.tree, entry.start, entry.stop),
    )
    for left, right in pairwise(ordered):
        same_tree = (left.dataset, left.file, left.tree) == (right.dataset, right.file, right.tree)
        if same_tree and right.start < left.stop:
            yield f"chunks {left.number} ({left.place}) and {right.number} ({right.place}) overlap"
