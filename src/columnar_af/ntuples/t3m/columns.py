"""What a table of columns is made of: how a field of the events is read from branches of the ntuple."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Repair(StrEnum):
    """How a branch with its own length is brought to the length of its collection, event by event.

    A repair touches only the events that are longer than the collection; what is still unequal afterwards is an error.
    """

    NONE = "none"
    BELOW_TWO = "below-two"
    """Drop the values below 2: the branch was filled before the tree maker asked for two tracks."""
    DOUBLED_SENTINEL = "doubled-sentinel"
    """Keep one of every two -999 in a row: the branch was filled twice for a muon without inner track."""


@dataclass(frozen=True)
class Column:
    """One field, the branch that it is read from, and what the branch's values mean.

    Attributes:
        name: Path of the field below its collection, such as ``vertex.chi2``.
        branch: The branch that is read where the ntuple has it.
        unit: Unit of the values as the schema gives them; empty for a number without unit.
        doc: Meaning, one line.
        missing: Values of the branch that mean "there is none"; the field is then a missing value (None).
        largest: Values above it are garbage and become missing values.
        stand_ins: Branches that are read, in this order, where the ntuple lacks ``branch``.
        why: Why a stand-in may be read.
        bundle: Columns with the same word here take the same alternative, so that no vector mixes two fits.
        flag: The branch holds 0.0 or 1.0 and the field is a bool.
        repair: How its lengths are repaired.
        required: Every ntuple version has it; reading it from a file without it is an error.
    """

    name: str
    branch: str
    unit: str = ""
    doc: str = ""
    missing: tuple[float, ...] = ()
    largest: float = math.inf
    stand_ins: tuple[str, ...] = ()
    why: str = ""
    bundle: str = ""
    flag: bool = False
    repair: Repair = Repair.NONE
    required: bool = False

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The branch and its stand-ins, best first."""
        return (self.branch, *self.stand_ins)

    @property
    def optional(self) -> bool:
        """Whether the field can hold missing values."""
        return bool(self.missing) or math.isfinite(self.largest)


@dataclass(frozen=True)
class Constant:
    """A field with the same value for every object, such as the mass of a muon."""

    name: str
    value: float
    unit: str
    doc: str


@dataclass(frozen=True)
class Group:
    """Columns that share one list per event: a collection such as the muons.

    Attributes:
        name: Field of the events.
        counter: Branch whose lengths are the numbers of objects; every other branch is compared with it.
        columns: The fields that are read.
        constants: The fields that are made.
        records: Path below the collection ("" for the collection itself) to the name of the record, which gives it its
            vector behavior.
        doc: Meaning, one line.
    """

    name: str
    counter: str
    columns: tuple[Column, ...]
    doc: str
    constants: tuple[Constant, ...] = ()
    records: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """What the schema decided for one column of one file.

    Attributes:
        column: The column.
        branch: The branch that is read; None where the ntuple has none of the alternatives.
    """

    column: Column
    branch: str | None

    @property
    def falls_back(self) -> bool:
        """Whether a stand-in is read."""
        return self.branch is not None and self.branch != self.column.branch


def choose(columns: tuple[Column, ...], branches: Collection[str]) -> Iterator[Choice]:
    """For each column the first alternative that the ntuple has; a bundle takes one for all its columns.

    Args:
        columns: Columns of one collection.
        branches: Names of the branches in the tree.
    """
    for column in columns:
        together = [c for c in columns if c.bundle == column.bundle] if column.bundle else [column]
        yield Choice(column, _first_complete(column, together, branches))


def _first_complete(column: Column, together: list[Column], branches: Collection[str]) -> str | None:
    for rank, branch in enumerate(column.alternatives):
        if all(rank < len(c.alternatives) and c.alternatives[rank] in branches for c in together):
            return branch
    return None
