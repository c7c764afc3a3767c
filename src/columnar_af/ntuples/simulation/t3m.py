"""Simulated T3M ntuples of D_s → φπ: files in the real layouts, and the truth beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_columns import BlockParts, all_columns
from columnar_af.ntuples.simulation.t3m_event import make_block
from columnar_af.ntuples.simulation.t3m_files import Made, blocks_of, write_sample, write_tree
from columnar_af.ntuples.simulation.t3m_fillers import filled
from columnar_af.ntuples.simulation.t3m_layouts import TREE, written_branches
from columnar_af.ntuples.simulation.t3m_measured import measure
from columnar_af.ntuples.simulation.t3m_options import ERAS, T3MOptions
from columnar_af.ntuples.simulation.t3m_triplets import make_triplets
from columnar_af.ntuples.simulation.t3m_truth import CUTS, Truth, block_truth


def simulate(
    options: T3MOptions, directory: Path, *, overwrite: bool = False, workers: int | None = None
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
    return write_sample(options, directory, write_file, sample_truth, overwrite=overwrite, workers=workers)


def write_file(options: T3MOptions, number: int, directory: Path) -> Truth:
    """Write one file of a sample and the truth of its events.

    Args:
        options: Of the sample.
        number: Of the file.
        directory: Existing folder.

    Returns:
        The counts of the file.
    """
    path = directory / options.file_name(number)
    return write_tree(path, TREE, written_branches(options), options, file_blocks(options, number))


def file_blocks(options: T3MOptions, number: int) -> Iterator[Made]:
    """The blocks of one file: the branches to write, the counts, the truth event by event."""
    for generator, first, entries, of in blocks_of(options, number):
        yield make_columns(generator, options, first, (entries, of))


def make_columns(
    generator: Generator, options: T3MOptions, first: int, place: tuple[NDArray[np.int64], int]
) -> Made:
    """One block.

    Args:
        generator: Random numbers of the block.
        options: Of the sample.
        first: Number of the block's first event in the sample.
        place: Number of each event in its file, and events of the file.
    """
    block = make_block(generator, options, first, len(place[0]))
    triplets, candidates = make_triplets(generator, options, block)
    parts = BlockParts(options, block, triplets, measure(generator, options, block), candidates, place)
    columns = all_columns(generator, parts)
    truth, per_event = block_truth(parts, columns)
    names = written_branches(options)
    columns |= filled(generator, parts, columns, names)
    return {name: columns[name] for name in names}, truth, per_event


def sample_truth(options: T3MOptions, truth: Truth, files: list[str]) -> dict[str, Any]:
    """The truth of a sample as plain values: what was asked, what was injected, what passes which cut."""
    applied = dict.fromkeys(CUTS, True)
    if options.layout.value.startswith("aod"):
        applied["flight_significance"] = False
    return {
        "layout": f"t3m-ds-phi-pi/{options.layout.value}",
        "options": json.loads(json.dumps(asdict(options))),
        "luminosity": ERAS[options.era].luminosity if options.is_data else None,
        "files": files,
        "events": truth.events,
        "generated": truth.generated,
        "triplets": truth.candidates,
        "cutflow": _cutflow(truth.cutflow, applied),
        "ds_cutflow": _cutflow(truth.signal_cutflow, applied),
        "selected": truth.selected,
        "selected_in_peak": truth.peak,
        "notes": {
            "cutflow": "events and triplets after each cut, the same triplet passing all, on the stored values",
            "ds_cutflow": "the same for the true D_s triplets alone; they divide by events.ds to acceptances",
            "generated": "D decays above 9 GeV (B mesons above 13.5 GeV) of which events.ds and events.dplus are accepted",
            "selected_in_peak": "best candidates in 1.93 to 2.01 GeV by what they truly are",
            "per event": "FILE.truth.npz: evt, kind (0 background, 1 D_s, 2 D+), prompt, true_triplet, selected",
        },
    }


def _cutflow(counts: Mapping[str, list[int]], applied: Mapping[str, bool]) -> list[dict[str, Any]]:
    return [
        {"cut": cut, "events": pair[0], "candidates": pair[1], "applied": applied[cut]}
        for cut, pair in counts.items()
    ]
