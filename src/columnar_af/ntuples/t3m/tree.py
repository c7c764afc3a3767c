"""Where the tree of candidates is in a file.

Every file of these ntuples has two cycles of its tree, ``ntuple;1`` and ``ntuple;2``: autosaves of one another. Only the
newest is read; a name without cycle means the newest in ROOT and in uproot. Which tree of a file is read is chosen in
``columnar_af.datasets.tree_choice``.
"""

from __future__ import annotations

KNOWN_TREES = ("Tree3Mu/ntuple", "TreeMakerBkg/ntuple")
"""Trees of the T3M tree makers, the first that exists is taken."""
