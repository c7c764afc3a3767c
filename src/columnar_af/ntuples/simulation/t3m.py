"""Simulated T3M ntuples of D_s → φπ: files in the real layouts, and the truth beside them.

The events of a file come in blocks, so memory does not grow with their number. Every block has random numbers of its own,
named by seed, file and block, so that a sample does not depend on how many processes write it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator, SeedSequence
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.output import (
    atomic_file,
    sample_folder,
    share_events,
    write_truth,
)
from columnar_af.ntuples.simulation.t3m_columns import BlockParts, all_columns
from columnar_af.ntuples.simulation.t3m_event import make_block
from columnar_af.ntuples.simulation.t3m_fillers import filled
from columnar_af.ntuples.simulation.t3m_layouts import TITLE, TREE, written_branches
from columnar_af.ntuples.simulation.t3m_measured import measure
from columnar_af.ntuples.simulation.t3m_options import ERAS, T3MOptions
from columnar_af.ntuples.simulation.t3m_triplets import make_triplets
from columnar_af.ntuples.simulation.t3m_truth import CUTS, Truth, block_truth
from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter
from columnar_af.ntuples.tree_entries import Column

BLOCK_EVENTS = 500
"""Events made and written at once: some 12 MB uncompressed in the AOD layout."""

EventTruth = dict[str, NDArray[Any]]


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
    options.check()
    with sample_folder(directory, overwrite) as folder:
        written = [folder / options.file_name(number) for number in range(options.files)]
        written += [truth_file(path) for path in written]
        truths = _write_files(options, folder, workers or _cpus())
        total = Truth()
        for truth in truths:
            total.add(truth)
        summary = sample_truth(options, total, [path.name for path in written])
        write_truth(folder, summary)
    return summary


def truth_file(path: Path) -> Path:
    """Where the truth of the events of a file is: numpy arrays with an element per event."""
    return path.with_suffix(".truth.npz")


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_files(options: T3MOptions, directory: Path, workers: int) -> list[Truth]:
    """The truth of each file, in order, whatever the number of processes."""
    numbers = range(options.files)
    if min(workers, options.files) == 1:
        return [write_file(options, number, directory) for number in numbers]
    with ProcessPoolExecutor(min(workers, options.files), get_context("spawn")) as pool:
        futures = [pool.submit(write_file, options, number, directory) for number in numbers]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)  # after a failure: no file is begun any more


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
    total = Truth()
    events: list[EventTruth] = []
    with atomic_file(path) as part:
        writer = StdVectorTreeWriter(
            part,
            TREE,
            written_branches(options),
            compression=options.uproot_compression(),
            title=TITLE,
            name=path.name,
            identity=options.identity(),
        )
        with writer:
            for columns, truth, per_event in file_blocks(options, number):
                writer.extend(columns)
                total.add(truth)
                events.append(per_event)
    with atomic_file(truth_file(path)) as part, part.open("wb") as stream:
        arrays = {name: np.concatenate([block[name] for block in events]) for name in events[0]}
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    return total


def file_blocks(options: T3MOptions, number: int) -> Iterator[tuple[dict[str, Column], Truth, EventTruth]]:
    """The blocks of one file: the branches to write, the counts, the truth event by event."""
    shares = share_events(options.events, options.files)
    first = sum(shares[:number])
    for block, start in enumerate(range(0, shares[number], BLOCK_EVENTS)):
        count = min(BLOCK_EVENTS, shares[number] - start)
        seeds = SeedSequence(options.seed, spawn_key=(number, block))
        yield make_columns(
            Generator(SFC64(seeds)), options, first + start, (start + np.arange(count), shares[number])
        )


def make_columns(
    generator: Generator, options: T3MOptions, first: int, place: tuple[NDArray[np.int64], int]
) -> tuple[dict[str, Column], Truth, EventTruth]:
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
        "triplets": truth.candidates,
        "cutflow": _cutflow(truth.cutflow, applied),
        "ds_cutflow": _cutflow(truth.signal_cutflow, applied),
        "selected": truth.selected,
        "selected_in_peak": truth.peak,
        "notes": {
            "cutflow": "events and triplets after each cut, the same triplet passing all, on the stored values",
            "ds_cutflow": "the same for the true D_s triplets alone; they divide by events.ds to acceptances",
            "selected_in_peak": "best candidates in 1.93 to 2.01 GeV by what they truly are",
            "per event": "FILE.truth.npz: evt, kind (0 background, 1 D_s, 2 D+), prompt, true_triplet, selected",
        },
    }


def _cutflow(counts: Mapping[str, list[int]], applied: Mapping[str, bool]) -> list[dict[str, Any]]:
    return [
        {"cut": cut, "events": pair[0], "candidates": pair[1], "applied": applied[cut]}
        for cut, pair in counts.items()
    ]
