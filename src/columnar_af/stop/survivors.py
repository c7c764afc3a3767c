"""Staged reading of a variation's own tree: what rejects most events and costs little is read first, all else for the rest.

An event that fails a first cut of every region is in none of them, so that nothing of a variation depends on it (cutflow and N-1,
which count it, are nominal's alone).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.selection.cut_expressions import Expression, names_of
from columnar_af.selection.cut_passing import passes
from columnar_af.selection.regions import RegionSet

FIRST = frozenset({"n_baseline_leptons", "met"})
"""Variables of the first cuts: two columns, the same with identified and with anti-identified leptons. Of the simulated Wt
events, ETmiss above 400 GeV and two leptons leave 13 %."""

Mask = NDArray[np.bool_]


def first_cuts(regions: RegionSet, unavailable: Collection[str]) -> frozenset[tuple[Expression, ...]]:
    """The first cuts of each region, those that are equal once; empty where a region has none.

    Args:
        regions: The regions.
        unavailable: Names of those that do not count.
    """
    found = {
        tuple(cut.expression for cut in region.cuts if FIRST.issuperset(names_of(cut.expression)))
        for region in regions
        if region.name not in unavailable
    }
    return frozenset() if () in found else frozenset(found)


def survivors(cuts: Collection[tuple[Expression, ...]], variables: Any, size: int) -> Mask:
    """Events that pass the first cuts of any region.

    Args:
        cuts: The first cuts of each region.
        variables: Has each variable of :data:`FIRST` as an attribute, shape (events,).
        size: Number of events.
    """
    passing: dict[Expression, Mask] = {}
    alive = np.zeros(size, np.bool_)
    for row in cuts:
        together = np.ones(size, np.bool_)
        for expression in row:
            if expression not in passing:
                passing[expression] = passes(expression, _values(variables, expression))
            together &= passing[expression]
        alive |= together
    return alive


def _values(variables: Any, expression: Expression) -> Mapping[str, Any]:
    return {name: getattr(variables, name) for name in names_of(expression)}
