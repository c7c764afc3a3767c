"""How the entries of a tree lie in its file: what an entry weighs, and where baskets end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from columnar_af.errors import ReadError


@dataclass(frozen=True)
class TreeLayout:
    """How the entries of a tree lie in its file, from the tree's description alone.

    Attributes:
        bytes_per_entry: Uncompressed bytes of all branches, per entry.
        largest: Name of the branch with most bytes.
        basket_ends: Entries before which its baskets end, in order, without the last one. Branches that hold as many values per
            entry end theirs at the same places.
    """

    bytes_per_entry: float
    largest: str
    basket_ends: tuple[int, ...] = ()


def tree_layout(tree: Any) -> TreeLayout | None:
    """The layout of a tree; None where it has no entries or its description says nothing of use.

    Args:
        tree: uproot's TTree.
    """
    sizes = {name: int(branch.uncompressed_bytes) for name, branch in tree.iteritems(recursive=True)}
    entries, total = int(tree.num_entries), sum(size for size in sizes.values() if size > 0)
    if entries < 1 or total < 1:
        return None
    largest = max(sizes, key=lambda name: sizes[name])
    return TreeLayout(total / entries, largest, _basket_ends(tree[largest], entries))


def _basket_ends(branch: Any, entries: int) -> tuple[int, ...]:
    """Where baskets end; nothing where the list of them is damaged, which matters only when the branch is read."""
    try:
        ends = [int(end) for end in branch.entry_offsets]
    except (ValueError, IndexError, ReadError):
        return ()
    rises = all(first <= second for first, second in pairwise(ends))
    return tuple(sorted({end for end in ends if 0 < end < entries})) if rises else ()
