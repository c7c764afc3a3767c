"""Writing simulated T3M samples: one file per share of the events, whole or not at all, and the truth beside it.

Every block of a file has random numbers of its own, named by seed, file and block, so that a sample does not depend on how
many processes write it, and memory does not grow with the number of events.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.random import SFC64, Generator, SeedSequence
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.output import (
    atomic_file,
    sample_folder,
    share_events,
    write_truth,
)
from columnar_af.ntuples.simulation.t3m_truth import Truth
from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter
from columnar_af.ntuples.tree_entries import Column

TITLE = "LFVTau ntuple"
BLOCK_EVENTS = 500
"""Events made and written at once: some 12 MB uncompressed in the AOD layout."""

EventTruth = dict[str, NDArray[Any]]
Made = tuple[dict[str, Column], Truth, EventTruth]
"""Branches, counts, and the truth event by event."""


class SampleOptions(Protocol):
    """What all samples of T3M ntuples are asked for."""

    @property
    def events(self) -> int:
        """Of the sample."""

    @property
    def files(self) -> int:
        """Of the sample."""

    @property
    def seed(self) -> int:
        """All random numbers follow from it."""

    def check(self) -> None:
        """Refuse what cannot be simulated."""

    def uproot_compression(self) -> Any:
        """The compression as uproot takes it; None for none."""

    def file_name(self, number: int) -> str:
        """Name of one file of the sample."""

    def identity(self) -> str:
        """Everything that the content depends on, as one line."""


Options = TypeVar("Options", bound=SampleOptions)


def blocks_of(options: SampleOptions, number: int) -> Iterator[tuple[Generator, int, NDArray[np.int64], int]]:
    """The blocks of a file.

    Yields:
        Random numbers of the block, number of its first event in the sample, number of each event in the file, and how many
        events the file has.
    """
    shares = share_events(options.events, options.files)
    first = sum(shares[:number])
    for block, start in enumerate(range(0, shares[number], BLOCK_EVENTS)):
        count = min(BLOCK_EVENTS, shares[number] - start)
        seeds = SeedSequence(options.seed, spawn_key=(number, block))
        yield Generator(SFC64(seeds)), first + start, start + np.arange(count), shares[number]


def truth_file(path: Path) -> Path:
    """Where the truth of the events of a file is: numpy arrays with an element per event."""
    return path.with_suffix(".truth.npz")


def write_tree(
    path: Path, tree: str, branches: Mapping[str, str], options: SampleOptions, blocks: Iterable[Made]
) -> Truth:
    """Write one file of a sample and the truth of its events.

    Args:
        path: The file.
        tree: Path of the tree in it.
        branches: Name -> C++ type, in the order of the tree.
        options: Of the sample.
        blocks: Its content.

    Returns:
        The counts of the file.
    """
    total = Truth()
    events: list[EventTruth] = []
    with atomic_file(path) as part:
        writer = StdVectorTreeWriter(
            part,
            tree,
            branches,
            compression=options.uproot_compression(),
            title=TITLE,
            name=path.name,
            identity=options.identity(),
        )
        with writer:
            for columns, truth, per_event in blocks:
                writer.extend(columns)
                total.add(truth)
                events.append(per_event)
    with atomic_file(truth_file(path)) as part, part.open("wb") as stream:
        arrays = {name: np.concatenate([block[name] for block in events]) for name in events[0]}
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    return total


def write_sample(
    options: Options,
    directory: Path,
    write_file: Callable[[Options, int, Path], Truth],
    sample_truth: Callable[[Options, Truth, list[str]], dict[str, Any]],
    *,
    overwrite: bool,
    workers: int | None,
) -> dict[str, Any]:
    """Write all files of a sample and its truth.

    Args:
        options: What to simulate.
        directory: Folder to write to.
        write_file: Options, number of the file, folder -> counts of the file; importable, for other processes.
        sample_truth: Options, counts, file names -> truth of the sample as plain values.
        overwrite: Replace an earlier sample there.
        workers: Processes; default one per CPU, at most one per file.

    Returns:
        The truth of the sample.

    Raises:
        ConfigError: An option is wrong.
        OutputError: The folder is not empty, or a file cannot be written; no file is left behind.
    """
    options.check()
    with sample_folder(directory, overwrite) as folder:
        written = [folder / options.file_name(number) for number in range(options.files)]
        written += [truth_file(path) for path in written]
        total = Truth()
        for truth in _write_files(options, folder, write_file, workers or _cpus()):
            total.add(truth)
        summary = sample_truth(options, total, [path.name for path in written])
        write_truth(folder, summary)
    return summary


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_files(
    options: Options, directory: Path, write_file: Callable[[Options, int, Path], Truth], workers: int
) -> list[Truth]:
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
