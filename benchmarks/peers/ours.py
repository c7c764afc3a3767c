"""columnar-af: the processor DsPhiPi through ``run``, with all its histograms, cutflow, N-1 distributions and yields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import hist
import loky
import numpy as np
import uproot
from coffea.processor import FuturesExecutor

from columnar_af import Fileset, RunResult, run
from columnar_af.datasets.fileset import Dataset, InputFile
from columnar_af.datasets.inspection import copies_allowed
from columnar_af.datasets.metadata import Metadata
from columnar_af.ntuples.fast_reader import ColumnCache, fast_events
from columnar_af.ntuples.t3m import T3MSchema
from columnar_af.processing.processors import load_processor
from peers.layout import MASS_BINS, MASS_RANGE, TREE, Selected

ERA = "2017F"
CHUNK_EVENTS = 50_000
CHECK_EVENTS = 10_000
WARM_UP_EVENTS = 25


def fileset_of(path: Path, replicas: int = 1) -> Fileset:
    """The file as a dataset of simulation; more than once under names of its own (links beside it)."""
    names = [path] if replicas == 1 else [_link(path, number) for number in range(replicas)]
    files = tuple(InputFile(str(name), TREE) for name in names)
    return Fileset({"data": Dataset("data", files, Metadata(era=ERA, is_data=False))})


def _link(path: Path, number: int) -> Path:
    link = path.with_name(f"{path.stem}.replica{number:03d}.root")
    if not link.is_symlink():
        link.symlink_to(path.name)
    return link


def measured(
    path: Path,
    *,
    cache: ColumnCache | None = None,
    workers: int = 1,
    replicas: int = 1,
    chunk: int = CHUNK_EVENTS,
    lean: bool = False,
) -> RunResult:
    """One run of the processor, whole or (``lean``) without its N-1 distributions; the processes of more than one worker stay for the next call."""
    with copies_allowed():
        return run(
            "ds_phi_pi",
            fileset_of(path, replicas),
            parameters={"n_minus_one": False} if lean else None,
            executor="iterative" if workers == 1 else _two_processes(workers),
            workers=workers,
            chunksize=chunk if replicas > 1 else max(chunk // workers, 1),
            column_cache=cache,
            threads=1,
            progress=False,
        )


def warm_up(path: Path, *, workers: int = 1, lean: bool = False) -> RunResult:
    """The same on a small file, in so many chunks that each worker gets some."""
    return measured(path, workers=workers, chunk=CHUNK_EVENTS if workers == 1 else WARM_UP_EVENTS, lean=lean)


def _two_processes(workers: int) -> FuturesExecutor:
    """Processes that are there already are taken again."""
    return FuturesExecutor(workers=workers, pool=loky.get_reusable_executor(workers, timeout=600))


def candidates(path: Path) -> Selected:
    """Entries and masses of what the processor selects, event by event, from its own selection; not timed."""
    processor = load_processor("ds_phi_pi", {})
    module = __import__(type(processor).__module__, fromlist=["select"])
    cuts = module.SELECTIONS[processor.variant][module.year_of(ERA)]
    with uproot.open(path) as file:
        tree = file[TREE]
        starts = range(0, tree.num_entries, CHECK_EVENTS)
        parts = [_candidates(module, cuts, tree, start) for start in starts]
    return Selected.joined(parts)


def _candidates(module: Any, cuts: Any, tree: Any, start: int) -> Selected:
    events = fast_events(
        tree, None, start, start + CHECK_EVENTS, schema=T3MSchema, metadata={"dataset": "data", "era": ERA}
    )
    best = module.select(events, cuts, module.unit_weight(events), note="").best
    mass = ak.firsts(best.triplet.mass)
    return Selected.of_events(ak.to_numpy(ak.fill_none(mass, np.nan)), start)


def differs(result: RunResult, selected: Selected) -> str:
    """Empty where the run found as many candidates, and the same histogram of the mass; else what differs."""
    found = int(result.cutflow("data").rows[-1].events)
    if found != len(selected.mass):
        return f"the run selects {found} events, the event-by-event selection {len(selected.mass)}"
    expected = hist.Hist(hist.axis.Regular(MASS_BINS, *MASS_RANGE)).fill(selected.mass).values()
    same = np.array_equal(expected, result.hist("mass", dataset="data").values())
    return "" if same else "the histograms of the mass differ"
