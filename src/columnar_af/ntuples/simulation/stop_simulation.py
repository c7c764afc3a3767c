"""Simulated ntuples of the stop search: files of both layouts, their fileset and their truth.

Events come in blocks with seeds of their own, so files are the same byte for byte however many processes write them, and
memory does not grow with their number.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import hist
import numpy as np
import yaml

from columnar_af.ntuples.root_file import RootFile
from columnar_af.ntuples.simulation.output import (
    atomic_file,
    sample_folder,
    write_truth,
)
from columnar_af.ntuples.simulation.stop_blocks import Block, data_events, simulated_blocks
from columnar_af.ntuples.simulation.stop_events import Events, Flags, Floats
from columnar_af.ntuples.simulation.stop_histfitter import (
    branch_type,
    flat_columns,
    preselection,
    tree_name,
)
from columnar_af.ntuples.simulation.stop_loopsusy import TREE, branch_types, columns_of_block
from columnar_af.ntuples.simulation.stop_options import (
    COMPRESSIONS,
    FileTask,
    StopOptions,
    plan_files,
)
from columnar_af.ntuples.simulation.stop_reconstruction import View, reconstruct
from columnar_af.ntuples.simulation.stop_samples import Campaign, Sample
from columnar_af.ntuples.simulation.stop_theory import theory_sums
from columnar_af.ntuples.simulation.stop_truth import FileTruth, truth_record
from columnar_af.ntuples.simulation.stop_variations import NOMINAL
from columnar_af.ntuples.simulation.stop_weights import (
    luminosity_weight,
    nominal_factors,
    weight_branches,
)
from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter

WRITTEN_EVENTS = 2_000
"""Events of one write to a ``myTree`` of more than a thousand columns; bounds the memory."""

WEIGHTS_HISTOGRAM = "NumberEvents"
"""Generated events, sum of weights and sum of squared weights, in bins 1 to 3, as LoopSUSYFrame reads it."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Work:
    """A task with all that a process needs for it.

    Attributes:
        options, task, directory: What to make, and where.
        sum_of_weights: Of the whole sample and campaign; 0 while it is not known.
    """

    options: StopOptions
    task: FileTask
    directory: Path
    sum_of_weights: float = 0.0


def _all_count(events: Events, _: View) -> Flags:
    return np.ones(len(events), np.bool_)


def _preselected_count(events: Events, nominal: View) -> Flags:
    return preselection(events, nominal.met, nominal)


def _blocks(work: _Work, truth: FileTruth) -> Iterator[Block]:
    """The blocks of a file; ``truth`` learns what was generated."""
    options, task = work.options, work.task
    if task.sample.is_data:
        events, truth.processes = data_events(options.seed, options.data_processes, task.campaign)
        yield Block(events, reconstruct(events, NOMINAL))
        return
    counts = _all_count if options.layout == "loopsusy" else _preselected_count
    for block in simulated_blocks(options.seed, task.sample, task.campaign, task.number, task.events, counts):
        truth.tried += block.tried
        truth.sum_of_weights += block.sum_of_weights
        if options.theory and block.generated is not None:
            truth.add_theory(theory_sums(task.sample, block.generated))
        yield block


def _count(work: _Work) -> FileTruth:
    """Generate without writing: the sum of weights of a file."""
    truth = FileTruth()
    for _ in _blocks(work, truth):
        pass
    return truth


def _identity(work: _Work) -> str:
    return f"columnar-af stop-{work.options.layout} seed {work.options.seed}\n{work.task.name}"


def _write(work: _Work) -> FileTruth:
    """Write one file."""
    write = _write_loopsusy if work.options.layout == "loopsusy" else _write_histfitter
    truth = FileTruth()
    with atomic_file(work.task.path(work.directory)) as part:
        file = RootFile(
            part,
            name=work.task.name,
            identity=_identity(work),
            compression=COMPRESSIONS[work.options.compression],
        )
        with file:
            write(work, file, truth)
            if not work.task.sample.is_data:
                nominal = (truth.tried, truth.sum_of_weights, truth.tried)  # weights are +1 and -1
                file.add_histogram(WEIGHTS_HISTOGRAM, _weights_histogram(nominal))
                for name, sums in truth.theory_sums.items():
                    file.add_histogram(name, _weights_histogram(sums))
    return truth


def _weights_histogram(sums: Sequence[float] | Floats) -> hist.Hist:
    histogram = hist.Hist(hist.axis.Regular(3, 0.5, 3.5), storage=hist.storage.Double())
    histogram.view()[:] = sums
    return histogram


def _slices(block: Block, size: int) -> Iterator[Block]:
    for start in range(0, len(block.events), size):
        which = slice(start, start + size)
        yield Block(block.events.take(which), block.nominal.take(which))


def _write_loopsusy(work: _Work, file: RootFile, truth: FileTruth) -> None:
    options, sample = work.options, work.task.sample
    variations = options.kinematic_variations
    tree = StdVectorTreeWriter(file, TREE, branch_types(sample, variations, options.weights, options.theory))
    for block in _blocks(work, truth):
        truth.add_events(sample, block.events, block.nominal)
        for part in _slices(block, WRITTEN_EVENTS):
            tree.extend(columns_of_block(sample, part, variations, options.weights, options.theory))
    tree.finish()
    truth.entries[TREE] = tree.entries


def _write_histfitter(work: _Work, file: RootFile, truth: FileTruth) -> None:
    options, sample = work.options, work.task.sample
    names = [NOMINAL] if sample.is_data else [NOMINAL, *options.kinematic_variations]
    weight = 1.0 if sample.is_data else luminosity_weight(work.task.campaign, work.sum_of_weights)
    trees: dict[str, StdVectorTreeWriter] = {}
    for block in _blocks(work, truth):
        for variation in names:
            view = block.nominal if variation == NOMINAL else reconstruct(block.events, variation)
            columns, events, view = _tree_columns(work, block, variation, view, weight)
            if variation == NOMINAL:
                truth.add_events(sample, events, view)
            if variation not in trees:
                types = {name: branch_type(name, values) for name, values in columns.items()}
                trees[variation] = StdVectorTreeWriter(file, tree_name(sample, variation), types)
            trees[variation].extend(columns)
    for variation, tree in trees.items():
        tree.finish()
        truth.entries[tree_name(sample, variation)] = tree.entries


def _tree_columns(
    work: _Work, block: Block, variation: str, view: View, weight: float
) -> tuple[dict[str, Any], Events, View]:
    """The columns of one tree for one block, and the events behind them."""
    sample = work.task.sample
    kept = preselection(block.events, block.nominal.met, view)
    events, view = block.events.take(kept), view.take(kept)
    columns = flat_columns(sample, events, view, weight)
    if variation == NOMINAL and work.options.weights and not sample.is_data:
        columns.update(weight_branches(events, view, nominal_factors(events, view)))
    return columns, events, view


def _in_processes(
    function: Callable[[_Work], Result], works: Sequence[_Work], processes: int
) -> list[Result]:
    """Results in the order of ``works``."""
    if processes == 1 or len(works) < 2:
        return [function(work) for work in works]
    context = multiprocessing.get_context("spawn")  # forking a process with threads may hang it
    with ProcessPoolExecutor(min(processes, len(works)), mp_context=context) as pool:
        return list(pool.map(function, works))


def _with_sums(works: Sequence[_Work], processes: int) -> list[_Work]:
    """The tasks with the sum of weights of their sample and campaign, which WeightLumi needs before the first event."""
    counted = [work for work in works if not work.task.sample.is_data]
    sums: dict[tuple[Sample, Campaign], float] = {}
    for work, truth in zip(counted, _in_processes(_count, counted, processes), strict=True):
        key = (work.task.sample, work.task.campaign)
        sums[key] = sums.get(key, 0.0) + truth.sum_of_weights
    return [
        _Work(
            work.options,
            work.task,
            work.directory,
            sums.get((work.task.sample, work.task.campaign), 0.0),
        )
        for work in works
    ]


def _fileset(options: StopOptions, tasks: Sequence[FileTask], truths: Sequence[FileTruth]) -> dict[str, Any]:
    """The fileset of the files: one dataset per sample and campaign."""
    datasets: dict[str, Any] = {}
    for task, truth in zip(tasks, truths, strict=True):
        sample, campaign = task.sample, task.campaign
        tree = TREE if options.layout == "loopsusy" else tree_name(sample, NOMINAL)
        name = f"{sample.name}_{campaign.name}"
        metadata: dict[str, Any] = {
            "era": campaign.name,
            "luminosity": campaign.luminosity,
            "is_data": sample.is_data,
            "sample": sample.name,
            "layout": f"stop-{options.layout}",
        }
        if not sample.is_data:
            metadata.update(
                cross_section=sample.cross_section,
                channel=sample.channel,
                variations=list(options.kinematic_variations),
                weight_variations=options.weights,
                **({"theory_variations": True} if options.theory else {}),
            )
        if sample.is_signal:
            metadata.update(stop_mass=sample.stop_mass, mass_difference=sample.mass_difference)
        dataset = datasets.setdefault(name, {"files": {}, "metadata": metadata})
        dataset["files"][task.name] = tree
        if not sample.is_data:
            sums = dataset["metadata"]
            sums["sum_of_weights"] = sums.get("sum_of_weights", 0.0) + truth.sum_of_weights
    return datasets


def simulate_stop(
    options: StopOptions, directory: Path, *, overwrite: bool = False, processes: int = 1
) -> dict[str, Any]:
    """Make a set of simulated stop-search ntuples.

    Args:
        options: What to make.
        directory: Folder for the files, a fileset ``stop_<layout>.yaml`` and ``truth.json``.
        overwrite: Replace what an earlier simulation wrote there.
        processes: Number of processes; the files do not depend on it.

    Returns:
        The truth, as written to ``truth.json``.

    Raises:
        ConfigError: The options cannot be met.
        OutputError: The folder is not empty or cannot be written; no file is left behind.
    """
    tasks = plan_files(options)
    with sample_folder(directory, overwrite) as folder:
        works = [_Work(options, task, folder) for task in tasks]
        fileset = folder / f"stop_{options.layout}.yaml"
        if options.layout == "histfitter":
            works = _with_sums(works, processes)
        truths = _in_processes(_write, works, processes)
        with atomic_file(fileset) as part:
            text = yaml.safe_dump(_fileset(options, tasks, truths), sort_keys=False)
            part.write_text(text, encoding="utf-8")
        names = [*(task.name for task in tasks), fileset.name]
        truth = truth_record(options, tasks, truths, names)
        write_truth(folder, truth)
    return truth
