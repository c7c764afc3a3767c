"""The files that the peers read: simulated ntuples of the AOD 2017 layout with all 174 branches, 63 triplets per event, zlib level 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from columnar_af.ntuples.simulation.t3m import file_blocks
from columnar_af.ntuples.simulation.t3m_layouts import TREE, written_branches
from columnar_af.ntuples.simulation.t3m_options import Branches, T3MOptions
from columnar_af.ntuples.simulation.t3m_triggers import TAU3MU
from columnar_af.ntuples.std_vector_tree import BASKET_BYTES, StdVectorTreeWriter
from columnar_af.ntuples.tree_entries import Column, Ragged, RaggedStrings, offsets_of

BLOCKS = 4
"""Simulated blocks (500 events each) that are written at once; a basket ends with them."""

LARGE_BASKETS = 430_000
"""Bytes; 850 events of a column of triplets, as ROOT chooses for a file of 50,000 events."""


@dataclass(frozen=True)
class Input:
    """A file to make.

    Attributes:
        name: Of the file.
        events: Number of events.
        trigger_fraction: Events whose control trigger accepted; None: as simulated.
        is_data: Data-like: background with D mesons mixed in.
        basket_bytes: Uncompressed size of a basket.
    """

    name: str
    events: int
    trigger_fraction: float | None = None
    is_data: bool = False
    basket_bytes: int = LARGE_BASKETS


def inputs(events: int) -> dict[str, Input]:
    """The three inputs: the sample of simulation, the data-like sample, and a small file to warm up on."""
    return {
        "simulation": Input(f"simulation_{events}.root", events),
        "data-like": Input(f"data_like_{events}.root", events, 0.01, is_data=True, basket_bytes=BASKET_BYTES),
        "warm-up": Input("warm_up_500.root", 500),
    }


def make(item: Input, folder: Path) -> Path:
    """The file, made where it is not there yet."""
    path = folder / item.name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.root")
    options = T3MOptions(events=item.events, branches=Branches.FULL, is_data=item.is_data)
    random = np.random.default_rng(1)
    with StdVectorTreeWriter(
        part,
        TREE,
        written_branches(options),
        compression=options.uproot_compression(),
        basket_bytes=item.basket_bytes,
        name=path.name,
        identity=f"{options.identity()}, {item}",
    ) as writer:
        for columns in _groups(options):
            if item.trigger_fraction is not None:
                _decide(columns, item.trigger_fraction, random)
            writer.extend(columns)
    part.replace(path)
    return path


def _groups(options: T3MOptions) -> Iterator[dict[str, Any]]:
    """Blocks of the simulation, some joined to one."""
    waiting: list[dict[str, Column]] = []
    for columns, _, _ in file_blocks(options, 0):
        waiting.append(columns)
        if len(waiting) == BLOCKS:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(blocks: list[dict[str, Column]]) -> dict[str, Any]:
    return {name: _concatenated([block[name] for block in blocks]) for name in blocks[0]}


def _concatenated(parts: list[Any]) -> Column:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    offsets = offsets_of(np.concatenate([np.diff(part.offsets) for part in parts]))
    if isinstance(parts[0], Ragged):
        return Ragged(np.concatenate([part.content for part in parts]), offsets)
    lengths = np.concatenate([np.diff(part.string_offsets) for part in parts])
    return RaggedStrings(np.concatenate([part.characters for part in parts]), offsets_of(lengths), offsets)


def _decide(columns: dict[str, Any], fraction: float, random: np.random.Generator) -> None:
    """Let the control trigger accept a fraction of the events, chosen at random, and no other."""
    names, decisions = columns["Trigger_hltname"], columns["Trigger_hltdecision"]
    text = names.characters.tobytes()
    first = [text[a:b] for a, b in zip(names.string_offsets, names.string_offsets[1:], strict=False)]
    wanted = np.array([name.startswith(f"{TAU3MU}_v".encode()) for name in first])
    content = decisions.content.copy()
    accepted = np.repeat(random.random(len(decisions)) < fraction, np.diff(decisions.offsets))
    content[wanted] = accepted[wanted]
    columns["Trigger_hltdecision"] = Ragged(content, decisions.offsets)
