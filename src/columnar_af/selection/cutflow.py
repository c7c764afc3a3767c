"""Cutflow: what each cut leaves, as a small value that adds up over chunks, files and datasets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

NOTE_SEPARATOR = "; "
"""Between the notes of a row in its one text."""


@dataclass(frozen=True)
class CutflowRow:
    """What is left after one cut and all cuts before it.

    Attributes:
        cut: Name of the cut.
        events: Number of events that have at least one passing candidate (raw count).
        candidates: Number of passing candidates (raw count).
        sumw: Sum of the weights of the passing events.
        sumw2: Sum of their squares; the variance of ``sumw``.
        applied: False where the cut could not be applied in some input; the row then repeats the one before it there.
        notes: Reasons why it was not applied, or which fall-back was used; sorted, each once. A semicolon and a space
            divide a note in two, because they stand between the notes of a saved row.
    """

    cut: str
    events: int = 0
    candidates: int = 0
    sumw: float = 0.0
    sumw2: float = 0.0
    applied: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Divide notes, so that a row is equal to itself when it was saved and read."""
        if any(NOTE_SEPARATOR in note for note in self.notes):
            parts = {part for note in self.notes for part in note.split(NOTE_SEPARATOR) if part}
            object.__setattr__(self, "notes", tuple(sorted(parts)))

    @property
    def note(self) -> str:
        """All notes as one text."""
        return NOTE_SEPARATOR.join(self.notes)

    def __add__(self, other: CutflowRow) -> CutflowRow:
        """The row of both inputs together."""
        if not isinstance(other, CutflowRow):
            return NotImplemented
        if self.cut != other.cut:
            msg = f"rows of different cuts do not add up: {self.cut!r} and {other.cut!r}"
            raise ValueError(msg)
        return CutflowRow(
            self.cut,
            self.events + other.events,
            self.candidates + other.candidates,
            self.sumw + other.sumw,
            self.sumw2 + other.sumw2,
            self.applied and other.applied,
            tuple(sorted({*self.notes, *other.notes})),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``, with the notes as one text."""
        values = asdict(self)
        del values["notes"]
        return {**values, "note": self.note}


@dataclass(frozen=True)
class Cutflow:
    """The rows of a selection, in its order. Addition is associative in the counts, and row by row.

    An empty cutflow is the identity of the addition.
    """

    rows: tuple[CutflowRow, ...] = field(default=())

    def __iter__(self) -> Iterator[CutflowRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, cut: str) -> CutflowRow:
        """The row of a cut by its name."""
        for row in self.rows:
            if row.cut == cut:
                return row
        msg = f"no cut {cut!r} in this cutflow; it has {', '.join(self.cuts)}"
        raise KeyError(msg)

    @property
    def cuts(self) -> tuple[str, ...]:
        """The names of the cuts, in order."""
        return tuple(row.cut for row in self.rows)

    def __add__(self, other: Cutflow) -> Cutflow:
        """The cutflow of both inputs together."""
        if not isinstance(other, Cutflow):
            return NotImplemented
        if not self.rows or not other.rows:
            return self if self.rows else other
        if self.cuts != other.cuts:
            msg = f"cutflows of different selections do not add up: {self.cuts} and {other.cuts}"
            raise ValueError(msg)
        return Cutflow(tuple(a + b for a, b in zip(self.rows, other.rows, strict=True)))

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values for ``summary.json``: a list of rows."""
        return [row.to_json() for row in self.rows]

    @classmethod
    def from_json(cls, rows: Iterable[dict[str, Any]]) -> Cutflow:
        """The inverse of :meth:`to_json`; a note is split where notes were joined."""
        return cls(
            tuple(
                CutflowRow(
                    notes=tuple(row["note"].split(NOTE_SEPARATOR)) if row["note"] else (),
                    **{k: v for k, v in row.items() if k != "note"},
                )
                for row in rows
            )
        )

    def __str__(self) -> str:
        """A plain-text table."""
        from columnar_af.selection.cutflow_table import as_text  # noqa: PLC0415  (it builds on this module)

        return as_text(self)

    def __rich__(self) -> Group:
        """A table for the terminal."""
        from columnar_af.selection.cutflow_table import as_rich  # noqa: PLC0415  (it builds on this module)

        return as_rich(self)

    def _repr_html_(self) -> str:
        """A table for the notebook."""
        from columnar_af.selection.cutflow_table import as_html  # noqa: PLC0415  (it builds on this module)

        return as_html(self)
