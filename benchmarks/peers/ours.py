"""columnar-af: the processor DsPhiPi through ``run``, with all its histograms, cutflow, N-1 distributions and yields."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Literal

import awkward as ak
import hist
import loky
import numpy as np
import uproot
from coffea.processor import FuturesExecutor, ProcessorABC

from columnar_af import Fileset, RunResult, run
from columnar_af.datasets.fileset import Dataset, InputFile
from columnar_af.datasets.inspection import copies_allowed
from columnar_af.datasets.metadata import Metadata
from columnar_af.ntuples.fast_reader import ColumnCache, fast_events
from columnar_af.ntuples.t3m import T3MSchema
from columnar_af.processing.processors import load_processor
from peers.layout import MASS_BINS, MASS_RANGE, TREE, Selected

ERA = "2017F"
CHECK_EVENTS = 10_000
WARM_UP_EVENTS = 25


What = Literal["whole", "lean", "mass"]


class MassOnly(ProcessorABC):
    """The selection of DsPhiPi and one histogram: what the peers make, and the cutflow."""

    schema = T3MSchema

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Cutflow and mass of the selected candidates."""
        ds_phi_pi = importlib.import_module("processors.ds_phi_pi")
        cuts = ds_phi_pi.SELECTIONS["seed-notebook"][ds_phi_pi.year_of(ERA)]
        weights = ds_phi_pi.unit_weight(events)
        selected = ds_phi_pi.select(events, cuts, weights, note="", spare=0)
        histogram = hist.Hist(hist.axis.Regular(MASS_BINS, *MASS_RANGE, name="mass"))
        best = selected.candidates[selected.selection.passing]
        histogram.fill(ak.to_numpy(ak.flatten(best.triplet.mass)))
        output = {
            "entries": len(events),
            "cutflow": selected.selection.cutflow(),
            "hists": {"mass": histogram},
        }
        return {events.metadata["dataset"]: output}

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing."""
        return accumulator


def fileset_of(path: Path, replicas: int = 1) -> Fileset:
    """The file as a dataset; more than once under names of its own (links beside it).

    As data, because the peers do not look at generated particles either.
    """
    names = [path] if replicas == 1 else [_link(path, number) for number in range(replicas)]
    files = tuple(InputFile(str(name), TREE) for name in names)
    return Fileset({"data": Dataset("data", files, Metadata(era=ERA, is_data=True))})


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
    chunk: int | None = None,
    threads: int = 1,
    what: What = "whole",
) -> RunResult:
    """One run; the processes of more than one worker stay for the next call.

    Args:
        path: The file.
        cache: Column cache.
        workers: Number of processes.
        replicas: How often the file is listed.
        chunk: Entries per chunk; None: as ``run`` chooses.
        threads: Of each worker.
        what: The processor as it is, without its N-1 distributions (``lean``), or its selection with the mass histogram alone
            (``mass``): what the peers make.
    """
    with copies_allowed():
        return run(
            MassOnly() if what == "mass" else "ds_phi_pi",
            fileset_of(path, replicas),
            parameters={"n_minus_one": False} if what == "lean" else None,
            executor="iterative" if workers == 1 else _two_processes(workers),
            workers=workers,
            threads=threads,
            chunksize=chunk,
            column_cache=cache,
            progress=False,
        )


def warm_up(path: Path, *, workers: int = 1, what: What = "whole") -> RunResult:
    """The same on a small file, in so many chunks that each worker gets some."""
    return measured(path, workers=workers, chunk=WARM_UP_EVENTS, what=what)


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
    selected = module.select(events, cuts, module.unit_weight(events), note="")
    best = selected.candidates[selected.selection.passing]
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
