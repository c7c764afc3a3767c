"""The stop search with its variations: against RDataFrame on 41 trees, and time against the number of variations.

    python benchmarks/stop_variations.py [--root-python PYTHON] [--files DIR] [--events 164188] [--loopsusy-events 50000]
                                         [--rounds 3] [--inputs DIR] [--picture FILE.png]

First the three files of Wt with nominal and 40 variations, one tree each, as in the legacy notebook (DIR holds them, or they are
simulated). ``stop_rdataframe.py`` runs the notebook's logic with two threads, seven event loops per tree, and once more with one
loop per tree; columnar-af runs the same two regions in one pass with two workers. Yields have to be equal. Then one sample in the
layout whose variations are columns: nominal, 0 to 48 variations of objects, 0 to 50 of weights, and all 98. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
REGIONS = ("SRA", "SRB")
KINEMATIC = (0, 1, 2, 4, 8, 16, 32, 48)
WEIGHTS = (0, 5, 10, 25, 50)
RELATIVE = 1e-6
"""Of sums of weights: RDataFrame multiplies the weights of an event in single precision."""

CHUNK_EVENTS = 100_000


def simulate(layout: str, folder: Path, *more: Any) -> Path:
    """Simulate a sample of Wt where it is not there yet; returns its fileset."""
    fileset = folder / f"stop_{layout}.yaml"
    if not fileset.exists():
        words = ("simulate", f"stop-{layout}", "--samples", "Wt", *more, "-o", folder)
        command = [sys.executable, "-c", "from columnar_af.cli import main; main()", *map(str, words)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return fileset


def declared(kinds: Sequence[str], fileset: Path) -> list[str]:
    """Names of the declared variations of some kinds that the datasets have."""
    from columnar_af import Fileset
    from columnar_af.processing.processors import load_processor
    from columnar_af.systematics import Systematics

    systematics = load_processor("stop_search", {}).systematics
    metadata = next(iter(Fileset.load(fileset))).metadata.to_dict()
    present = metadata.get("variations", True)
    found = Systematics(systematics).of_kind(*kinds)
    theory = "LHE3Weight_"
    return [
        one.name
        for one in found
        if not one.name.startswith(theory)
        and (one.kind.startswith("weight") or present is True or one.name in present)
    ]


def ours(fileset: Path, names: Sequence[str], regions: Sequence[str] = (), workers: int = 1) -> Any:
    """One run of the search."""
    from columnar_af import run

    return run(
        "stop_search",
        fileset,
        parameters={
            "only": ",".join(regions),
            "systematics": ",".join(names) or "none",
            "trigger": False,
        },
        executor="iterative" if workers == 1 else "futures",
        workers=workers,
        chunksize=CHUNK_EVENTS // workers,
        threads=1,
        progress=False,
    )


def worker(record: dict[str, Any]) -> None:
    """One measurement in this process: once to load all kernels, once measured."""
    from columnar_af.benchmarking.measured_processor import peak_mb

    arguments = (Path(record["fileset"]), record["names"], record["regions"], record["workers"])
    if record["warm"]:
        ours(*arguments)
    started, cpu = time.perf_counter(), time.process_time()
    result = ours(*arguments)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = peak_mb()
    if (
        record["workers"] > 1
    ):  # what getrusage tells of them begins with the memory of this process: an upper bound
        peak = max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    found = {
        "wall_s": wall,
        "cpu_s": cpu,
        "event_loop_s": result.metrics.event_loop_s,
        "chunk_cpu_s": result.metrics.cpu_s,
        "peak_mb": peak,
        "events": result.ledger.done,
        "complete": result.ledger.complete,
        "yields": yields_of(result) if record["yields"] else {},
    }
    sys.stdout.write(json.dumps(found) + "\n")


def yields_of(result: Any) -> dict[str, dict[str, dict[str, float]]]:
    """Variation -> region -> raw events, sum of weights and of their squares, over all datasets."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for part in result.output.values():
        yields, raw = part["hists"]["yields"], part["hists"]["raw_events"]
        for variation in yields.axes["variation"]:
            for region in REGIONS:
                cell = yields[{"region": region, "variation": variation}]
                here = found.setdefault(variation, {}).setdefault(
                    region, {"raw": 0, "sumw": 0.0, "sumw2": 0.0}
                )
                here["raw"] += int(raw[{"region": region, "variation": variation}])
                here["sumw"] += float(cell.value)
                here["sumw2"] += float(cell.variance)
    return found


def measured(fileset: Path, names: Sequence[str], **options: Any) -> dict[str, Any]:
    """A measurement in a fresh process."""
    record = {
        "fileset": str(fileset),
        "names": list(names),
        "regions": [],
        "workers": 1,
        "warm": True,
        "yields": False,
        **options,
    }
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--worker", json.dumps(record)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "process_s": time.perf_counter() - started}


def rdataframe(python: Path, files: Sequence[Path], output: Path, *more: str) -> dict[str, Any]:
    """The notebook's logic; its peak memory is that of the process."""
    command = [
        python,
        "-W",
        "ignore",
        HERE / "stop_rdataframe.py",
        "--threads",
        "2",
        "--output",
        output,
        *more,
    ]
    started = time.perf_counter()
    process = subprocess.Popen(list(map(str, [*command, *files])), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)  # this child's memory, not that of the largest one until now
    if status:
        msg = f"RDataFrame ended with {os.waitstatus_to_exitcode(status)}"
        raise SystemExit(msg)
    seconds = time.perf_counter() - started
    return {**json.loads(output.read_text()), "process_s": seconds, "peak_mb": usage.ru_maxrss / 1024}


def differences(found: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    """Where yields differ: raw events at all, sums of weights by more than single precision."""
    from columnar_af.systematics import NOMINAL

    odd = []
    for tree, regions in reference.items():
        name = tree.partition("_")[2]
        variation = NOMINAL if name == "WEIGHTS" else name
        for region, expected in regions.items():
            here = found.get(variation, {}).get(region)
            if here is None or here["raw"] != expected["raw"]:
                odd.append(f"{variation} {region}: raw {here and here['raw']}, expected {expected['raw']}")
            elif not np.isclose(here["sumw"], expected["sumw"], rtol=RELATIVE):
                odd.append(f"{variation} {region}: {here['sumw']!r}, expected {expected['sumw']!r}")
    return odd


def trees(chosen: argparse.Namespace) -> dict[str, Any]:
    """41 trees, side by side."""
    folder = chosen.files or chosen.inputs / f"stop_histfitter_{chosen.events}"
    fileset = simulate("histfitter", folder, "--events", chosen.events, "--trees-of-the-notebook")
    names = declared(("columns", "tree"), fileset)
    files = sorted(folder.glob("stop_histfitter_Wt_*.root"))
    runs = []
    theirs: dict[str, list[dict[str, Any]]] = {"notebook": [], "one-loop": []}
    for _ in range(chosen.rounds):
        runs.append(measured(fileset, names, regions=REGIONS, workers=2, warm=False, yields=True))
        tell(f"41 trees, columnar-af: {runs[-1]['process_s']:.2f} s")
        if chosen.root_python:
            with tempfile.TemporaryDirectory() as scratch:
                output = Path(scratch) / "yields.json"
                theirs["one-loop"].append(rdataframe(chosen.root_python, files, output, "--one-loop"))
                theirs["notebook"].append(rdataframe(chosen.root_python, files, output))
            tell(f"41 trees, RDataFrame: {[each[-1]['process_s'] for each in theirs.values()]}")
    found: dict[str, Any] = {
        "trees": len(names) + 1,
        "ours_s": median(runs, "process_s"),
        "ours_event_loop_s": median(runs, "event_loop_s"),
        "ours_peak_mb": max(each["peak_mb"] for each in runs),
        "events": runs[0]["events"],
    }
    if not chosen.root_python:
        return {**found, "problem": "no --root-python"}
    reference = theirs["notebook"][0]["yields"]
    odd = differences(runs[0]["yields"], reference)
    found |= {
        "rdataframe_s": median(theirs["notebook"], "process_s"),
        "rdataframe_after_first_tree_s": median(theirs["notebook"], "seconds_of_the_others"),
        "rdataframe_one_loop_s": median(theirs["one-loop"], "process_s"),
        "rdataframe_peak_mb": max(each["peak_mb"] for each in theirs["notebook"]),
        "yields_compared": sum(map(len, reference.values())),
        "yields_differ": len(odd),
        "differences": odd[:20],
    }
    found["ratio_41_trees"] = found["rdataframe_s"] / found["ours_s"]
    found["ratio_41_trees_one_loop"] = found["rdataframe_one_loop_s"] / found["ours_s"]
    return found


def variations(chosen: argparse.Namespace) -> dict[str, Any]:
    """Time against the number of variations, and what one more costs."""
    folder = chosen.inputs / f"stop_loopsusy_{chosen.loopsusy_events}"
    fileset = simulate("loopsusy", folder, "--events", chosen.loopsusy_events, "--campaigns", "mc16e")
    objects, weights = declared(("columns",), fileset), declared(("weight-replaces",), fileset)
    settings: dict[str, list[str]] = {f"objects {n}": objects[:n] for n in KINEMATIC}
    settings |= {f"weights {n}": weights[:n] for n in WEIGHTS}
    settings["all"] = [*objects, *weights]
    records: dict[str, list[dict[str, Any]]] = {name: [] for name in settings}
    for number in range(chosen.rounds):
        for name, names in settings.items():
            records[name].append(measured(fileset, names))
            tell(f"round {number + 1}: {name}: {records[name][-1]['wall_s']:.3f} s")
    walls, cpu = (
        {name: median(each, key) for name, each in records.items()} for key in ("wall_s", "chunk_cpu_s")
    )
    found = {
        "loopsusy_events": records["all"][0]["events"],
        "nominal_s": walls["objects 0"],
        "all_98_s": walls["all"],
        "all_98_over_nominal": walls["all"] / walls["objects 0"],
        "marginal_kinematic_percent": marginal(walls, "objects", KINEMATIC),
        "marginal_weight_percent": marginal(walls, "weights", WEIGHTS),
        "marginal_kinematic_percent_of_cpu": marginal(cpu, "objects", KINEMATIC),
        "marginal_weight_percent_of_cpu": marginal(cpu, "weights", WEIGHTS),
        "peak_mb": max(record["peak_mb"] for each in records.values() for record in each),
        "cpu": cpu,
        "walls": {name: [record["wall_s"] for record in each] for name, each in records.items()},
    }
    if chosen.picture:
        draw(records, chosen.picture)
    return found


def marginal(walls: dict[str, float], kind: str, numbers: Sequence[int]) -> float:
    """What one more variation costs in percent of nominal: slope of a straight line through all points."""
    seconds = [walls[f"{kind} {number}"] for number in numbers]
    slope, _ = np.polyfit(numbers, seconds, 1)
    return float(100 * slope / seconds[0])


def draw(records: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Time against the number of variations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    axis = figure.subplots()
    for kind, numbers in (("objects", KINEMATIC), ("weights", WEIGHTS)):
        values = [[record["wall_s"] for record in records[f"{kind} {number}"]] for number in numbers]
        medians = [statistics.median(each) for each in values]
        low = [middle - min(each) for middle, each in zip(medians, values, strict=True)]
        high = [max(each) - middle for middle, each in zip(medians, values, strict=True)]
        axis.errorbar(numbers, medians, [low, high], fmt="o-", capsize=3, label=f"variations of {kind}")
    together = [record["wall_s"] for record in records["all"]]
    axis.plot([98], [statistics.median(together)], "s", label="48 of objects and 50 of weights")
    nominal = statistics.median(record["wall_s"] for record in records["objects 0"])
    for factor in (1, 2):
        axis.axhline(factor * nominal, color="grey", linestyle=":", linewidth=1)
        axis.annotate(
            "nominal" if factor == 1 else "twice nominal",
            (98, factor * nominal),
            ha="right",
            va="bottom",
            color="grey",
        )
    axis.set(xlabel="number of variations", ylabel="time of the pass [s]", xlim=(-2, 102))
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=120)


def median(records: Sequence[dict[str, Any]], key: str) -> float:
    """Of one number of all records."""
    return statistics.median(record[key] for record in records)


def tell(text: str) -> None:
    """A line for who waits."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root-python", type=Path)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--events", type=int, default=164_188)
    parser.add_argument("--loopsusy-events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inputs", type=Path, default=Path(tempfile.gettempdir()) / "columnar-af-benchmarks")
    parser.add_argument("--picture", type=Path, default=HERE / "stop_variations.png")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        worker(json.loads(chosen.worker))
        return
    print(json.dumps({**trees(chosen), **variations(chosen)}))


if __name__ == "__main__":
    main()
