"""The columns of one variation in the layout ``histfitter``: flat variables, a tree per variation.

Trees of variations hold other events than the nominal one, and another number of them. A chunk takes of each the part that
the chunk is of the nominal tree, so that all chunks together read each entry of each tree once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ColumnarAFError, MissingBranchError, SchemaError, WorkAddress
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.chunk_columns import Branches, ChosenBranches, require
from columnar_af.ntuples.stop.columns import FACTORS, Recipe, as_it_is, in_gev
from columnar_af.ntuples.stop.loopsusy import MissingVariation
from columnar_af.ntuples.stop.read_ahead import ReadAhead, Wanted
from columnar_af.ntuples.stop.variations import NOMINAL


def _event(branch: str, doc: str, make: Callable[..., Any] = as_it_is) -> Recipe:
    return Recipe((branch,), make, doc, suffixed=False)


HISTFITTER: Mapping[str, Recipe] = {
    "met": _event("MET", "ETmiss, GeV"),
    "met_phi": _event("METphi", "its azimuth"),
    "met_significance": _event("METsig", "object-based ETmiss significance"),
    "run": _event("RunNumber", "run"),
    "event": _event("EventNumber", "number of the event"),
    "gen_filt_met": _event("GenFiltMET", "ETmiss of the generator filter, GeV", in_gev),
    "gen_filt_ht": _event("GenFiltHT", "HT of the generator filter, GeV", in_gev),
    **{name: _event(name, "weight") for name in ("WeightEvents", *FACTORS)},
}
"""Columns whose name or unit differs from the branch; all others are read under the names of their branches."""

ABSENT = {
    "channel_number": "the trees of flat variables do not hold it",
    "cleaning_veto": "the trees of flat variables hold clean events only",
    "met_trigger": "the trees of flat variables hold triggered events only",
}


@dataclass
class HistFitterSource:
    """Columns of one variation; see :func:`columnar_af.ntuples.stop.stop_source`.

    Attributes:
        branches: Those of the tree of the variation.
        variation: ``Nominal`` or a variation.
        shifted: None where all differ from nominal (another tree); empty for the nominal tree.
        fallbacks: The tree that ought to exist, where nominal is read in its place.
        wanted: What nominal and other variations have read.
        stage: How often the events were narrowed down.
    """

    branches: Branches
    variation: str
    shifted: frozenset[str] | None
    fallbacks: tuple[str, ...]
    wanted: Wanted
    layout: str = "histfitter"
    stage: int = 0

    @cached_property
    def _ahead(self) -> ReadAhead:
        return ReadAhead(self.branches, self._expected)

    def _expected(self) -> Iterable[str]:
        """What will be asked for, as far as one knows: what the other variations asked for, or else nominal.

        The first variation reads column by column where that is as fast; nominal looks at more than variations do.
        """
        if self.shifted is not None:
            return ()
        first = () if self.branches.is_local else self.wanted.names
        return self.wanted.shifted.get(self.stage) or first

    def only(self, events: NDArray[np.intp]) -> HistFitterSource:
        """The same columns of some events.

        Args:
            events: Their places, in increasing order.
        """
        branches = ChosenBranches(self.branches, events)
        chosen = replace(self, branches=branches, stage=self.stage + 1)
        chosen._ahead = self._ahead.only(branches, events, chosen._expected)
        return chosen

    def read(self, name: str) -> Any:
        """A column of :data:`HISTFITTER`, or a branch as it is in the file; shape (entries,).

        Raises:
            MissingBranchError: The tree lacks the branch.
            SchemaError: The branch holds lists.
        """
        if name in ABSENT:
            msg = f"there is no column {name}: {ABSENT[name]}"
            raise MissingBranchError(msg, address=self.branches.address)
        recipe = HISTFITTER.get(name) or _event(name, "branch")
        (branch,) = recipe.branches
        column = self._column(branch)
        if column.offsets is not None:
            msg = f"branch {branch} holds a list per event, expected a number per event"
            raise SchemaError(msg, address=WorkAddress(branch=branch).filled_from(self.branches.address))
        return recipe.apply({branch: column}, {branch: branch})

    def why_missing(self, name: str) -> str | None:
        """Why there is no such column; None where there is one."""
        if name in ABSENT:
            return ABSENT[name]
        branch = HISTFITTER[name].branches[0] if name in HISTFITTER else name
        return None if branch in self.branches.names else f"branch {branch} is not in the tree"

    def _column(self, branch: str) -> Column:
        what = f"the variation {self.variation}"
        advice = "make the ntuple with this branch, or leave out what needs it"
        require([branch], self.branches.names, what, self.branches.address, advice)
        if self.variation == NOMINAL:
            self.wanted.names[branch] = None
        elif self.shifted is None:
            self.wanted.shifted.setdefault(self.stage, {})[branch] = None
        return self._ahead.read([branch])[branch]


def histfitter_source(
    branches: Branches,
    variation: str,
    missing: MissingVariation,
    tree_of_variation: Callable[[str], Branches],
    wanted: Wanted,
) -> HistFitterSource:
    """The columns of a variation.

    Args:
        branches: Of the nominal tree.
        variation: ``Nominal``, or the name of a variation.
        missing: What to do where the tree of the variation is not there.
        tree_of_variation: Gives the branches of its tree, or raises MissingBranchError.
        wanted: What nominal has read.

    Raises:
        MissingBranchError: The tree of the variation is missing, and ``missing`` is ``error``.
    """
    if variation == NOMINAL:
        return HistFitterSource(branches, variation, frozenset(), (), wanted)
    try:
        others = tree_of_variation(variation)
    except MissingBranchError as error:
        if missing == "error":
            raise
        return HistFitterSource(branches, variation, frozenset(), (missing_tree(error),), wanted)
    return HistFitterSource(others, variation, None, (), wanted)


def missing_tree(error: ColumnarAFError) -> str:
    """Name of the tree that is missing."""
    return str(error.address.tree)
