"""How many entries a chunk has: a given number, or as many as the layout of the file lets fit into a worker's memory.

The choice depends on the file and on a fixed budget alone, never on the memory that happens to be free, the machine or the
number of workers: a run elsewhere, or one that is resumed, cuts the same chunks and makes the same sums to the last bit.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from columnar_af.datasets.tree_layout import TreeLayout
from columnar_af.errors import ConfigError

MEMORY_PER_WORKER = 1_000_000_000
"""Bytes that a worker shall take at most, with its libraries: half of the 2 GB per core that grid sites give a job (WLCG VO
cards, "max RAM per core")."""

LIBRARIES = 350_000_000
"""Bytes of a worker beside its columns. Measured: 240 MB when libraries, processor and kernels are loaded, some 100 MB more for
what the first chunk makes and keeps."""

MEMORY_PER_BYTE = 1.0
"""Bytes of memory at the peak per uncompressed byte of all branches. Measured for the D_s analysis, which reads a third of the
bytes of its trees (43 kB per entry) and takes 42 kB per entry at its peak (``columnar-af plan`` calibrates it)."""

LONGEST = 100_000
"""Most entries of a chunk that is chosen here; chosen. An analysis of flat trees may read dozens of them beside each other
(the stop search: 6 kB per entry where its nominal tree has 1 kB)."""

SHORTEST = 500
"""Fewest entries of a chunk that is chosen here, whatever a tree says of its size: below, the fixed cost of a chunk prevails."""

EARLIEST_CUT = 0.75
"""Share of its length at which a chunk may end already, if a basket ends there; chosen."""


@dataclass(frozen=True)
class ChunkRule:
    """How many entries a chunk has.

    Attributes:
        entries: The number, nearly; where None it is chosen from the layout of each file.
        memory: Bytes that a worker shall take at most, where the number is chosen.

    Raises:
        ConfigError: The number is not positive, or the memory is less than the libraries take.
    """

    entries: int | None = None
    memory: int = MEMORY_PER_WORKER

    def __post_init__(self) -> None:
        if self.entries is not None and self.entries < 1:
            msg = f"chunksize is {self.entries}, expected a positive number"
            raise ConfigError(msg)
        if self.memory <= LIBRARIES:
            msg = f"memory per worker is {self.memory} bytes, and the libraries alone take {LIBRARIES}"
            raise ConfigError(msg, advice=f"give each worker {MEMORY_PER_WORKER} bytes")

    def length(self, layout: TreeLayout | None) -> int:
        """Entries per chunk of a tree of this layout."""
        if self.entries is not None:
            return self.entries
        if layout is None:
            return LONGEST
        fitting = (self.memory - LIBRARIES) / (MEMORY_PER_BYTE * layout.bytes_per_entry)
        return round(min(max(fitting, SHORTEST), LONGEST))

    def ranges(self, start: int, stop: int, layout: TreeLayout | None) -> Iterator[tuple[int, int]]:
        """Cut an entry range into chunks; see :func:`entry_ranges` and :func:`fitting_ranges`."""
        if self.entries is not None:
            return entry_ranges(start, stop, self.entries)
        return fitting_ranges(start, stop, self.length(layout), layout.basket_ends if layout else ())

    def reason(self, layout: TreeLayout | None) -> str:
        """Why chunks of a tree of this layout have that many entries, in words."""
        if self.entries is not None:
            return f"{self.entries:,} entries were asked for"
        if layout is None:
            return f"at most {LONGEST:,} entries, as the tree does not say what they weigh"
        room = (self.memory - LIBRARIES) / 1e6
        return (
            f"at most {self.length(layout):,} entries: {layout.bytes_per_entry / 1e3:.3g} kB per entry in all branches, "
            f"{room:,.0f} MB per worker for them, between {SHORTEST:,} and {LONGEST:,}; cut where baskets of "
            f"{layout.largest} end"
        )


def entry_ranges(start: int, stop: int, chunksize: int) -> Iterator[tuple[int, int]]:
    """Cut an entry range into parts of nearly equal length, as coffea's Runner does.

    Args:
        start, stop: The range, ``stop`` excluded.
        chunksize: Length that the parts should have; they are at most half as long again.

    Yields:
        Start and stop of each part. An empty range yields one empty part: the processor sees it, so that it can say
        what its empty output looks like.
    """
    n_parts = max(round((stop - start) / chunksize), 1)
    length = max(math.ceil((stop - start) / n_parts), 1)
    for first in range(start, max(stop, start + 1), length):
        yield first, min(first + length, stop)


def fitting_ranges(
    start: int, stop: int, longest: int, ends: tuple[int, ...] = ()
) -> Iterator[tuple[int, int]]:
    """Cut an entry range into as few parts as may be, of nearly equal length and none longer than ``longest``.

    Args:
        start, stop: The range, ``stop`` excluded.
        longest: Most entries of a part.
        ends: Entries before which baskets end, in order: a part ends at the nearest of them, if it is near.

    Yields:
        Start and stop of each part; one empty part for an empty range.
    """
    while True:
        parts = max(math.ceil((stop - start) / longest), 1)
        even = math.ceil((stop - start) / parts)
        cut = stop if parts == 1 else _nearest_end(start, even, longest, ends)
        yield start, cut
        if cut >= stop:
            return
        start = cut


def _nearest_end(start: int, even: int, longest: int, ends: tuple[int, ...]) -> int:
    """The end of a basket that is nearest to ``start + even`` and within the bounds of a part; that place if there is none."""
    low = bisect_left(ends, start + max(math.ceil(EARLIEST_CUT * even), 1))
    near = ends[low : bisect_right(ends, start + longest)]
    return min(near, key=lambda end: abs(end - start - even), default=start + even)


def memory_notes(rule: ChunkRule, workers: int, available: int) -> list[str]:
    """What the user should know where so many workers of this machine may need more memory than there is.

    Args:
        rule: How many entries a chunk has.
        workers: Workers on this machine; 0 where they are elsewhere.
        available: Bytes that this machine lets them take.
    """
    if rule.entries is not None or workers * rule.memory <= available:
        return []
    note = (
        f"{workers} workers of {rule.memory / 1e9:.3g} GB each may take more memory than the {available / 1e9:.3g} GB that "
        "this machine or its container has: start fewer, or give each less (--memory-per-worker)"
    )
    return [note]
