"""The columns of one variation in the layout ``loopsusy``: one tree, MeV, variations as suffixes of the branches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import MissingBranchError, SchemaError, WorkAddress
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.chunk_columns import Branches, require
from columnar_af.ntuples.stop.columns import LOOPSUSY
from columnar_af.ntuples.stop.read_ahead import ReadAhead, Wanted
from columnar_af.ntuples.stop.trigger import CHAINS, met_trigger
from columnar_af.ntuples.stop.variations import NOMINAL, replaced_columns

MissingVariation = Literal["error", "nominal"]
"""What to do where a branch or tree of a variation is not there: refuse, or take the nominal one and say so."""

MET_TRIGGER = "met_trigger"

USED_AGAIN = frozenset(
    base
    for base, times in Counter(base for recipe in LOOPSUSY.values() for base in recipe.branches).items()
    if times > 1
)
"""Branches that more than one column is made of."""


@dataclass(frozen=True)
class LoopSusySource:
    """Columns of one variation; see :func:`columnar_af.ntuples.stop.stop_source`.

    Attributes:
        branches: Those of the tree.
        variation: ``Nominal`` or a kinematic variation.
        shifted: Columns that differ from nominal.
        fallbacks: Branches that ought to exist for the variation, do not, and are read as nominal.
        own: Base names of the branches that are read with the variation's suffix.
        wanted: Base names of what nominal has read.
    """

    branches: Branches
    variation: str
    shifted: frozenset[str]
    fallbacks: tuple[str, ...]
    own: frozenset[str]
    wanted: Wanted
    layout: str = "loopsusy"

    @cached_property
    def _ahead(self) -> ReadAhead:
        kept = frozenset(self._branch(base) for base in USED_AGAIN)
        return ReadAhead(
            self.branches,
            lambda: [self._branch(base) for base in self.wanted.names if base in self.own],
            kept,
        )

    def read(self, name: str) -> Any:
        """A column of :data:`~columnar_af.ntuples.stop.columns.LOOPSUSY`, ``met_trigger``, or a branch as it is in the file.

        Raises:
            MissingBranchError: The ntuple lacks a branch.
            SchemaError: A branch is a number per event where a list is expected, or the reverse.
        """
        if name == MET_TRIGGER:
            return self._met_trigger()
        recipe = LOOPSUSY.get(name)
        if recipe is None:
            (column,) = self._read([name], f"the column {name}").values()
            return column if column.offsets is not None else column.content
        names = {base: self._branch(base) if recipe.suffixed else base for base in recipe.branches}
        if self.variation == NOMINAL:
            self.wanted.names.update(dict.fromkeys(recipe.branches))
        columns = self._read(list(names.values()), f"the column {name} of the variation {self.variation}")
        for branch, column in columns.items():
            self._require_kind(branch, column, recipe.objects)
        self._require_equal_lengths(columns)
        return recipe.apply(columns, names)

    def why_missing(self, name: str) -> str | None:
        """Why there is no such column; None where there is one."""
        if name == MET_TRIGGER:
            return None if self._chains() else "the ntuple has no HLT columns of the ETmiss chains"
        recipe = LOOPSUSY.get(name)
        names = [name] if recipe is None else [self._expected(name, base) for base in recipe.branches]
        absent = [branch for branch in names if branch not in self.branches.names]
        return f"branch {absent[0]} is not in the tree" if absent else None

    def missing_chains(self, runs: NDArray[Any]) -> tuple[str, ...]:
        """Chains of the trigger that runs need and the ntuple lacks, though it has others for these runs."""
        return met_trigger(runs, lambda _: np.zeros(len(runs)), self._chains())[1]

    def _expected(self, name: str, base: str) -> str:
        return self._branch(base) if LOOPSUSY[name].suffixed else base

    def _branch(self, base: str) -> str:
        return f"{base}_{self.variation if base in self.own else NOMINAL}"

    def _read(self, names: Sequence[str], what: str) -> dict[str, Column]:
        advice = "make the ntuple with this branch, or leave out what needs it"
        require(names, self.branches.names, what, self.branches.address, advice)
        return self._ahead.read(names)

    def _chains(self) -> frozenset[str]:
        return frozenset(chain for chain in CHAINS if f"{chain}_{NOMINAL}" in self.branches.names)

    def _met_trigger(self) -> NDArray[np.bool_]:
        def decision(chain: str) -> NDArray[Any]:
            branch = f"{chain}_{NOMINAL}"
            return self.branches.read([branch])[branch].content

        return met_trigger(self.read("run"), decision, self._chains())[0]

    def _require_kind(self, branch: str, column: Column, objects: bool) -> None:
        if (column.offsets is not None) != objects:
            kinds = ("a number per event", "a list per event")
            msg = f"branch {branch} holds {kinds[not objects]}, expected {kinds[objects]}"
            raise SchemaError(msg, address=WorkAddress(branch=branch).filled_from(self.branches.address))

    def _require_equal_lengths(self, columns: dict[str, Column]) -> None:
        (first, reference), *others = columns.items()
        for branch, column in others:
            require_equal_lengths(reference, column, first, branch, self.branches.address)


def require_equal_lengths(
    first: Column, second: Column, first_name: str, second_name: str, address: WorkAddress
) -> None:
    """Raise a SchemaError that names the first entry where two lists differ in length."""
    if first.offsets is None or second.offsets is None or first.offsets is second.offsets:
        return
    if np.array_equal(first.offsets, second.offsets):
        return
    here, there = np.diff(first.offsets), np.diff(second.offsets)
    entry = int(np.flatnonzero(here != there)[0])
    place = f"entry {entry + (address.start or 0)}"
    msg = f"{first_name} holds {here[entry]} values in {place} and {second_name} {there[entry]}: expected as many"
    raise SchemaError(msg, advice="make the ntuple again, or leave out this file", address=address)


def loopsusy_source(
    branches: Branches, variation: str, missing: MissingVariation, wanted: Wanted
) -> LoopSusySource:
    """The columns of a variation.

    Args:
        branches: Of the tree.
        variation: ``Nominal``, or a kinematic variation.
        missing: What to do where a branch is missing that the rule of fall-backs says exists.
        wanted: What nominal has read.

    Raises:
        MissingBranchError: The ntuple has not the branches of the variation, and ``missing`` is ``error``.
        ConfigError: No rule says what a variation of this name replaces.
    """
    if variation == NOMINAL:
        return LoopSusySource(branches, variation, frozenset(), (), frozenset(), wanted)
    replaced = [base for base in replaced_columns(variation) if f"{base}_{NOMINAL}" in branches.names]
    absent = [base for base in replaced if f"{base}_{variation}" not in branches.names]
    if absent and missing == "error":
        raise _missing(variation, absent, len(absent) == len(replaced), branches)
    own = frozenset(replaced).difference(absent)
    shifted = (name for name, recipe in LOOPSUSY.items() if own.intersection(recipe.branches))
    return LoopSusySource(
        branches,
        variation,
        frozenset(shifted),
        tuple(f"{base}_{variation}" for base in absent),
        own,
        wanted,
    )


def _missing(variation: str, absent: list[str], whole: bool, branches: Branches) -> MissingBranchError:
    branch = f"{absent[0]}_{variation}"
    if whole:
        msg = f"the variation {variation} has no branches in the tree, {branch} for example is not there"
    else:
        msg = f"the variation {variation} lacks branch {branch}" + (
            f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        )
    advice = "leave the variation out, make the ntuple with it, or take the nominal branches with --missing-variation nominal"
    return MissingBranchError(
        msg, advice=advice, address=WorkAddress(branch=branch).filled_from(branches.address)
    )
