"""Finding the tree of candidates in a file.

Every file of these ntuples has two cycles of its tree, ``ntuple;1`` and ``ntuple;2``: autosaves of one another. Only the
newest is read; a name without cycle means the newest in ROOT and in uproot.
"""

from __future__ import annotations

from collections.abc import Mapping

from columnar_af.errors import ReadError

KNOWN_TREES = ("Tree3Mu/ntuple", "TreeMakerBkg/ntuple")
"""Trees of the T3M tree makers, the first that exists is taken."""


def choose_tree(classnames: Mapping[str, str]) -> str:
    """The tree to read, without cycle.

    Args:
        classnames: Keys of the file with cycles, and their classes, as ``uproot.open(file).classnames()`` gives them.

    Returns:
        A known tree, or the only tree of the file.

    Raises:
        ReadError: There is no tree, or there are several and none is known.
    """
    trees = sorted({key.partition(";")[0] for key, kind in classnames.items() if kind == "TTree"})
    for known in KNOWN_TREES:
        if known in trees:
            return known
    if len(trees) == 1:
        return trees[0]
    found = f"the trees {', '.join(trees)}" if trees else "no tree"
    msg = f"the file has {found}; expected {' or '.join(KNOWN_TREES)}, or one tree only"
    raise ReadError(msg, advice="name the tree behind the path: file.root:folder/tree")
