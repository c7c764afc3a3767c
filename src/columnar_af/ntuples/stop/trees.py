"""Names of the trees of stop ntuples."""

from __future__ import annotations

from collections.abc import Iterable

from columnar_af.errors import SchemaError, WorkAddress

LOOPSUSY_TREE = "myTree"
"""The only tree of the layout ``loopsusy``."""

NOMINAL_SUFFIXES = ("WEIGHTS", "NONE", "NoSys", "Nominal")
"""Endings of nominal trees of the layout ``histfitter``: of LoopSUSYFrame (``_NONE`` for data and without weights),
SusySkim, and the search for H → aa → bbµµ. All other trees of a file are variations, or theory weights."""


def sample_of(tree: str) -> str:
    """The sample that a nominal tree belongs to.

    Raises:
        SchemaError: The name does not end as that of a nominal tree.
    """
    sample, _, ending = tree.rpartition("_")
    if not sample or ending not in NOMINAL_SUFFIXES:
        endings = ", ".join(f"_{suffix}" for suffix in NOMINAL_SUFFIXES)
        msg = f"the tree {tree} is not a nominal one: expected a name that ends with {endings}"
        raise SchemaError(msg, advice="name the nominal tree in the fileset", address=WorkAddress(tree=tree))
    return sample


def tree_of_variation(tree: str, variation: str) -> str:
    """Name of the tree that holds a variation.

    Args:
        tree: Name of the nominal tree.
        variation: Name of the variation.

    Raises:
        SchemaError: The nominal tree's name does not end as it should.
    """
    return f"{sample_of(tree)}_{variation}"


def nominal_trees(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some trees whose names end as those of nominal trees of the layout ``histfitter``."""
    found = []
    for name in names:
        sample, _, ending = name.rpartition("_")
        if sample and ending in NOMINAL_SUFFIXES:
            found.append(name)
    return tuple(found)


def part_of(start: int, stop: int, entries: int, others: int) -> tuple[int, int]:
    """The part of another tree that belongs to entries ``[start, stop)`` of the nominal one.

    The parts of consecutive chunks follow one another, so that each entry of the other tree is in one of them.

    Args:
        start, stop: Entry range of the nominal tree.
        entries: Its entries.
        others: Entries of the other tree.
    """
    if entries == 0:
        return 0, others
    return start * others // entries, stop * others // entries
