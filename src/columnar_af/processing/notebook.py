"""Whether this is a notebook, and what that means for a run."""

from __future__ import annotations

import sys

from columnar_af.ntuples.fast_reader import ColumnCache


def chosen_cache(wanted: bool | ColumnCache | None) -> ColumnCache | None:
    """The column cache of a run: the given one, or where True the default one; None decides for it in notebooks only."""
    if isinstance(wanted, ColumnCache):
        return wanted
    return ColumnCache() if (in_notebook() if wanted is None else wanted) else None


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
