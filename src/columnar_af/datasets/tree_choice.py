"""Which tree of a file is read: the one that is named, a tree that is known, or the only one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from columnar_af.datasets.document import nearest
from columnar_af.errors import ReadError, WorkAddress
from columnar_af.ntuples import t3m
from columnar_af.ntuples.stop.trees import LOOPSUSY_TREE, nominal_trees

KNOWN_TREES = (*t3m.KNOWN_TREES, "Events", "CollectionTree", LOOPSUSY_TREE)
"""Trees that hold the events in the layouts that columnar-af knows: T3M, CMS NanoAOD, ATLAS PHYSLITE, LoopSUSYFrame. The
first one that a file has is read."""

TREE_CLASSES = frozenset({"TTree", "TNtuple", "TNtupleD"})
RNTUPLE_CLASSES = frozenset({"ROOT::RNTuple", "ROOT::Experimental::RNTuple"})


def tree_names(directory: Any, classes: Collection[str] = TREE_CLASSES) -> tuple[str, ...]:
    """Paths of the trees in an open file, without cycles, each once, in the order of the file.

    T3M files hold cycles 1 and 2 of their tree, copies that ROOT wrote as it went along; asked for a path without
    cycle, uproot gives the newest.

    Args:
        directory: An open file of uproot.
        classes: Names of the classes that count.
    """
    names = directory.iterclassnames(
        recursive=True, cycle=False, filter_classname=lambda name: name in classes
    )
    return tuple(dict.fromkeys(name for name, _ in names))


def choose_tree(directory: Any, wanted: str | None) -> str:
    """Path of the tree to read.

    Args:
        directory: An open file of uproot.
        wanted: The tree that the fileset names; None to find it.

    Raises:
        ReadError: There is no such tree, none at all, or none that is known among several.
    """
    if wanted is not None:
        return _named(directory, wanted.strip("/"))
    trees = tree_names(directory)
    known = [tree for tree in KNOWN_TREES if tree in trees]
    if known:
        return known[0]
    if len(trees) == 1:
        return trees[0]
    if len(nominal := nominal_trees(trees)) == 1:  # the others are its variations
        return nominal[0]
    if not trees:
        raise _no_tree(directory)
    msg = f"the file has several trees and none that is known ({', '.join(KNOWN_TREES)}): {_listed(trees)}"
    raise ReadError(msg, advice=f"name the tree in the fileset, for example path.root:{trees[0]}")


def _named(directory: Any, wanted: str) -> str:
    if wanted in directory and directory.classname_of(wanted) in TREE_CLASSES:
        return wanted
    trees = tree_names(directory)
    if not trees:
        raise _no_tree(directory)
    msg = f"the file has no tree {wanted!r}; it has {_listed(trees)}"
    advice = nearest(wanted, trees) or "name one of its trees in the fileset, or leave the name out"
    raise ReadError(msg, advice=advice, address=WorkAddress(tree=wanted))


def _no_tree(directory: Any) -> ReadError:
    rntuples = tree_names(directory, RNTUPLE_CLASSES)
    if rntuples:
        msg = f"the file has no TTree but RNTuples, which are not read: {_listed(rntuples)}"
        return ReadError(msg, advice="write the events as a TTree")
    count = len(directory.keys(recursive=True))
    msg = (
        f"the file has no tree; it has {count} other objects"
        if count
        else "the file has no tree, nor anything else"
    )
    return ReadError(msg, advice="check that the job that wrote it ended well, or remove it from the fileset")


def _listed(trees: Iterable[str]) -> str:
    names = sorted(trees)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more
