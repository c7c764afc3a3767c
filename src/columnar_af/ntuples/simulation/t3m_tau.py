"""Simulated three-muon T3M ntuples: τ → 3μ from D_s and B decays, and data-like background with or without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from columnar_af.ntuples.simulation.t3m_files import EventTruth, Made, blocks_of, write_sample, write_tree
from columnar_af.ntuples.simulation.t3m_tau_columns import TauParts, all_columns
from columnar_af.ntuples.simulation.t3m_tau_event import SIGNAL, make_block, make_triplets
from columnar_af.ntuples.simulation.t3m_tau_layouts import tau_branches
from columnar_af.ntuples.simulation.t3m_tau_options import COMMAND, TAU_ERAS, TauOptions
from columnar_af.ntuples.simulation.t3m_truth import Truth


def simulate_tau(
    options: TauOptions, directory: Path, *, overwrite: bool = False, workers: int | None = None
) -> dict[str, Any]:
    """Write a sample: its files, the truth of each event beside them, and the truth of the sample.

    Args:
        options: What to simulate.
        directory: Folder to write to.
        overwrite: Replace an earlier sample there.
        workers: Processes; default one per CPU, at most one per file.

    Returns:
        The truth of the sample, as in the file ``truth.json``.

    Raises:
        ConfigError: An option is wrong.
        OutputError: The folder is not empty, or a file cannot be written; no file is left behind.
    """
    return write_sample(options, directory, write_tau_file, tau_truth, overwrite=overwrite, workers=workers)


def write_tau_file(options: TauOptions, number: int, directory: Path) -> Truth:
    """Write one file of a sample and the truth of its events; the counts of the file."""
    path = directory / options.file_name(number)
    return write_tree(
        path, options.tree, tau_branches(options.layout), options, _file_blocks(options, number)
    )


def _file_blocks(options: TauOptions, number: int) -> Iterator[Made]:
    names = tau_branches(options.layout)
    for generator, first, entries, _ in blocks_of(options, number):
        block = make_block(generator, options, first, len(entries))
        parts = TauParts(options, block, make_triplets(generator, block), entries)
        columns = all_columns(generator, parts)
        yield {name: columns[name] for name in names}, _counts(parts), _per_event(parts)


def _counts(parts: TauParts) -> Truth:
    triplets, block = parts.triplets, parts.block
    signal = int(np.sum(block.kind == SIGNAL))
    return Truth(
        events={"background": len(block) - signal, "signal": signal},
        generated={"signal": int(block.generated.sum())},
        candidates={
            "stored": len(triplets),
            "true": int(triplets.true.sum()),
            "sentinels": int(triplets.failed.sum()),
        },
    )


def _per_event(parts: TauParts) -> EventTruth:
    """``evt``, ``kind`` (0 background, 1 τ → 3μ), ``true_triplet``: index among the event's triplets, -1 for none."""
    triplets, counts = parts.triplets, parts.counts
    local = np.arange(len(triplets)) - np.repeat(np.cumsum(counts) - counts, counts)
    true_triplet = np.full(len(parts.block), -1, np.int16)
    true_triplet[triplets.event[triplets.true]] = local[triplets.true]
    return {
        "evt": (1 + parts.block.first + np.arange(len(parts.block))).astype(np.uint32),
        "kind": parts.block.kind.astype(np.int8),
        "true_triplet": true_triplet,
    }


def tau_truth(options: TauOptions, truth: Truth, files: list[str]) -> dict[str, Any]:
    """The truth of a sample as plain values."""
    return {
        "layout": f"{COMMAND}/{options.layout}",
        "options": json.loads(json.dumps(asdict(options))),
        "luminosity": TAU_ERAS[options.era].luminosity if options.is_data else None,
        "files": files,
        "events": truth.events,
        "generated": truth.generated,
        "triplets": truth.candidates,
        "notes": {
            "generated": "τ → 3μ of D_s above 9 GeV, or of B mesons above 13.5 GeV, of which events.signal are accepted",
            "per event": "FILE.truth.npz: evt, kind (0 background, 1 τ → 3μ), true_triplet",
        },
    }
