"""The columns of a variation, whatever layout the events have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import awkward as ak

from columnar_af.errors import ConfigError, MissingBranchError, WorkAddress
from columnar_af.ntuples.fast_reader.flat_columns import FlatColumnReader
from columnar_af.ntuples.fast_reader.flat_tree import open_flat
from columnar_af.ntuples.stop.chunk_columns import (
    Branches,
    TreeBranches,
    address_of,
    branches_of,
    is_tracer,
    mapping_of,
    tree_of,
)
from columnar_af.ntuples.stop.histfitter import histfitter_source
from columnar_af.ntuples.stop.layouts import Layout, recognise
from columnar_af.ntuples.stop.loopsusy import MissingVariation, loopsusy_source
from columnar_af.ntuples.stop.nanoaod import NanoAODSource
from columnar_af.ntuples.stop.physlite import PhysliteSource
from columnar_af.ntuples.stop.read_ahead import Wanted
from columnar_af.ntuples.stop.trees import part_of, tree_of_variation
from columnar_af.ntuples.stop.variations import NOMINAL

KEY = "@stop_inputs"
"""Where the events keep what is known of them; awkward leaves attributes with an @ behind when it pickles."""


class StopSource(Protocol):
    """Columns of one variation of a chunk of events, in GeV and radians.

    Attributes:
        variation: ``Nominal`` or the name of a variation.
        shifted: Columns that differ from nominal; None where all do, because the variation has other events.
        fallbacks: Branches or trees that ought to exist for the variation, do not, and are read as nominal.
        layout: Value of :class:`~columnar_af.ntuples.stop.Layout`.
    """

    @property
    def variation(self) -> str: ...
    @property
    def shifted(self) -> frozenset[str] | None: ...
    @property
    def fallbacks(self) -> tuple[str, ...]: ...
    @property
    def layout(self) -> str: ...

    def read(self, name: str) -> Any:
        """A column: numpy for a number per event, :class:`~columnar_af.ntuples.fast_reader.Column` for lists."""
        ...

    def why_missing(self, name: str) -> str | None:
        """Why there is no such column; None where there is one."""
        ...


@dataclass
class _Inputs:
    """What the variations of a chunk share."""

    layout: Layout
    branches: Branches
    wanted: Wanted = field(default_factory=Wanted)


def stop_source(
    events: ak.Array, variation: str = NOMINAL, missing: MissingVariation = "error"
) -> StopSource:
    """The columns of a variation of a chunk of events.

    A variation of the layout ``loopsusy`` has branches of its own for what it shifts, by the rule of
    :func:`~columnar_af.ntuples.stop.variations.replaced_columns`, and takes all others from nominal; one of the layout
    ``histfitter`` has a tree of its own. NanoAOD and PHYSLITE have no variations.

    Args:
        events: As the processor gets them, of :class:`~columnar_af.ntuples.stop.StopSchema` or of the schema of their layout.
        variation: ``Nominal``, or the name of a kinematic variation.
        missing: What to do where the variation lacks a branch or tree that ought to exist: ``error``, or ``nominal``, which
            takes the nominal one; ``fallbacks`` of the source names what was taken.

    Raises:
        MissingBranchError: The variation is not in the file, and ``missing`` is ``error``; names variation, branch or tree, file.
        SchemaError: The events have none of the layouts.
        ConfigError: Nothing is known of a variation of this name, or ``missing`` is neither word.
    """
    if missing not in ("error", "nominal"):
        msg = f"missing is {missing!r}, expected 'error' or 'nominal'"
        raise ConfigError(msg)
    inputs = _inputs(events)
    match inputs.layout:
        case Layout.LOOPSUSY:
            return loopsusy_source(inputs.branches, variation, missing, inputs.wanted)
        case Layout.HISTFITTER:
            trees = _Trees(events)
            return histfitter_source(inputs.branches, variation, missing, trees.of, inputs.wanted)
    if variation != NOMINAL:
        msg = f"the layout {inputs.layout.value} has no variation {variation}, it has {NOMINAL} only"
        raise ConfigError(msg, advice="run these files without variations")
    return NanoAODSource(events) if inputs.layout is Layout.NANOAOD else PhysliteSource(events)


def layout_of(events: ak.Array) -> Layout:
    """The layout of events.

    Raises:
        SchemaError: They have none of the four.
    """
    return recognise(ak.fields(events), address_of(events))


def _inputs(events: ak.Array) -> _Inputs:
    if (
        mapping_of(events) is None
    ):  # attributes travel to selections of the events, for which they do not hold
        return _Inputs(layout_of(events), branches_of(events))
    if KEY not in events.attrs:
        events.attrs[KEY] = _Inputs(layout_of(events), branches_of(events))
    inputs: _Inputs = events.attrs[KEY]
    return inputs


@dataclass(frozen=True)
class _Trees:
    """The trees of variations in the file of the events."""

    events: ak.Array

    def of(self, variation: str) -> Branches:
        """The part of the tree of a variation that belongs to the events."""
        mapping = mapping_of(self.events)
        if is_tracer(self.events):
            return branches_of(self.events)  # what is read of other trees cannot be traced; nominal stands in
        if mapping is None:
            msg = f"the tree of the variation {variation} has other events, so that it can be read only for whole chunks"
            raise ConfigError(
                msg, advice="pass the events as the processor got them, not a selection of them"
            )
        nominal = tree_of(self.events)
        directory, name = _directory(nominal), tree_of_variation(nominal.name, variation)
        where = WorkAddress(file=str(nominal.file.file_path), tree=name)
        if name not in directory:
            msg = f"the variation {variation} has no tree {name} in the file"
            advice = "leave the variation out, make the ntuple with it, or take the nominal tree with --missing-variation nominal"
            raise MissingBranchError(msg, advice=advice, address=where)
        tree = open_flat(directory, name)
        start, stop = part_of(mapping._start, mapping._stop, nominal.num_entries, tree.num_entries)
        return TreeBranches(tree, start, stop, FlatColumnReader(tree))


def _directory(tree: Any) -> Any:
    """The directory that a tree lies in."""
    path = str(tree.object_path).strip("/").split(":")[-1]
    folder = path.rpartition("/")[0]
    root = tree.file.root_directory
    return root[folder] if folder else root


def fallbacks_of(sources: Mapping[str, StopSource]) -> Mapping[str, tuple[str, ...]]:
    """Variation -> what was read as nominal though it ought to exist; variations that lack nothing are left out."""
    return {name: source.fallbacks for name, source in sources.items() if source.fallbacks}
