"""Reading the branches of a variation together: one request for a remote file, and less to do for a local one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.chunk_columns import Branches, Events, taken


@dataclass
class Wanted:
    """What was read so far, in order: a variation will want the same. Shared by all variations of a chunk.

    Attributes:
        names: By nominal.
        shifted: By variations with other events, for each stage of narrowing them down.
    """

    names: dict[str, None] = field(default_factory=dict)
    shifted: dict[int, dict[str, None]] = field(default_factory=dict)


@dataclass
class ReadAhead:
    """Branches that are read, all at once, when the first of them is asked for.

    Attributes:
        branches: Where they come from.
        expected: Names of those that will be asked for, as far as one knows; those that do not exist are left out.
        kept: Names of branches that are asked for more than once; all others are forgotten when they are handed out.
    """

    branches: Branches
    expected: Callable[[], Iterable[str]]
    kept: Collection[str] = ()
    _known: dict[str, Column] | None = None

    def read(self, names: Collection[str]) -> dict[str, Column]:
        """The entries of some branches, which exist."""
        if self._known is None:
            there = (name for name in self.expected() if name in self.branches.names)
            self._known = self.branches.read(list(dict.fromkeys((*names, *there))))
        unknown = [name for name in names if name not in self._known]
        if unknown:
            self._known.update(self.branches.read(unknown))
        return {name: self._hand_out(name, self._known) for name in names}

    def only(self, branches: Branches, events: Events, expected: Callable[[], Iterable[str]]) -> ReadAhead:
        """The same for some entries; what was read and not asked for yet is kept for them.

        Args:
            branches: Of these entries.
            events: Their places, in increasing order.
            expected: Of those that will be asked for now.
        """
        known = {name: taken(column, events) for name, column in (self._known or {}).items()}
        return ReadAhead(branches, expected, self.kept, known or None)

    def _hand_out(self, name: str, known: dict[str, Column]) -> Column:
        return known[name] if name in self.kept else known.pop(name)
