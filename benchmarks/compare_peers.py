"""The D_s selection side by side: plain coffea, expert coffea, uproot, ROOT's RDataFrame, C, and columnar-af; then all targets.

    python benchmarks/compare_peers.py [--root-python PYTHON] [--events 50000] [--rounds 3] [--inputs DIR] [--input FILE]

Makes its inputs (simulated ntuples in the AOD 2017 layout: 174 branches, 63 triplets per event, zlib level 1; kept in --inputs),
checks that all select the same candidates with the same masses to the last bit, measures each in a fresh process, round by
round, and writes ``RESULTS.md`` and ``RESULTS.json`` beside this file. PYTHON can ``import ROOT`` (PyPI's pre-release wheel:
``pip install --pre ROOT``). What cannot be measured here is left out with its reason. Let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from peers import layout, report
from peers.inputs import inputs, make
from peers.processes import BENCHMARKS, PeerError, Series, measured, one, run_process

PEERS = {
    "plain": "plain coffea (Runner, all pairs)",
    "expert": "expert-staged coffea (Runner)",
    "uproot": "uproot and awkward, same staged selection",
    "rdf-1": "RDataFrame, event loop alone, 1 thread",
    "rdf-2": "RDataFrame, event loop alone, 2 threads",
    "ours-mass": "columnar-af, first pass, selection with cutflow and mass histogram",
    "ours-mass-2": "the same, 2 workers",
    "ours": "columnar-af, first pass, whole processor",
    "ours-lean": "columnar-af, first pass, without N-1",
    "ours-cached": "columnar-af, second pass from the column cache, whole processor",
    "ours-lean-cached": "columnar-af, second pass from the column cache, without N-1",
    "ours-mass-cached": "columnar-af, second pass from the column cache, selection, cutflow and mass histogram",
}
FROM_THE_SHELL = {
    "shell-ours": "`columnar-af run`",
    "shell-rdf": "RDataFrame from strings, as in a notebook",
    "shell-rdf-typed": "RDataFrame with all types declared",
}
SPARSE = ("plain", "expert", "ours-mass", "ours", "ours-lean", "ours-mass-cached")
"""Peers that are measured on the data-like sample, too."""

NO_ROOT = "no --root-python: `pip install --pre ROOT` in an environment of its own"


class Comparison:
    """All measurements of one input.

    Args:
        file: What is measured.
        warm_up: Small file for imports, kernels and compilation.
        root_python: Interpreter with ROOT.
        scratch: Folder for what the peers select.
    """

    def __init__(self, file: Path, warm_up: Path, root_python: Path | None, scratch: Path) -> None:
        self.file, self.warm_up, self.root_python, self.scratch = file, warm_up, root_python, scratch
        self.series: dict[str, Series] = {}

    def run(self, names: dict[str, str], rounds: int) -> None:
        """Measure peers, round by round."""
        self.series |= {name: Series(name, title) for name, title in names.items()}
        for number in range(rounds):
            for name in names:
                self._measure(self.series[name])
                tell(f"round {number + 1} of {rounds}: {name} {self.series[name].spread()}")

    def _measure(self, series: Series) -> None:
        if series.problem:
            return
        try:
            series.records.append(self._record(series.name))
        except (PeerError, FileNotFoundError) as error:
            series.problem = str(error)
            tell(f"{series.name}: {error}")

    def _record(self, name: str) -> dict[str, Any]:
        output = self.scratch / f"{name}.npz"
        kind, _, rest = name.partition("-")
        if kind == "rdf":
            return self._root("typed", output, rest)
        if kind == "shell":
            return self._from_the_shell(rest, output)
        if kind == "ours":
            return self._ours(rest)
        return measured(one(name, self.file, self.warm_up, "--output", output))

    def _from_the_shell(self, who: str, output: Path) -> dict[str, Any]:
        if who == "ours":
            return self._shell()
        record = self._root("typed" if who == "rdf-typed" else "notebook", output, "1")
        return {**record, "wall_s": record["process_s"]}

    def _ours(self, how: str) -> dict[str, Any]:
        """A run gives no candidates, see :meth:`check`."""
        words = how.split("-")
        what = next((word for word in words if word in ("lean", "mass")), "whole")
        more: tuple[Any, ...] = ("--what", what)
        if "2" in words:
            more += ("--workers", 2)
        if "cached" in words:
            cache = self.scratch / f"cache-{how}"
            more += ("--cache", cache)
            if not cache.exists():
                measured(one("ours", self.file, self.warm_up, *more))  # the first pass fills the cache
        return measured(one("ours", self.file, self.warm_up, *more))

    def _root(self, kind: str, output: Path, threads: str) -> dict[str, Any]:
        if self.root_python is None:
            raise PeerError(NO_ROOT)
        script = BENCHMARKS / "peers" / "rdataframe.py"
        command = [self.root_python, "-W", "ignore", script, kind, self.file, self.warm_up, output, threads]
        return measured(command)

    def _shell(self) -> dict[str, Any]:
        fileset = self.scratch / "fileset.json"
        files = {str(self.file.resolve()): layout.TREE}
        fileset.write_text(
            json.dumps({"data": {"files": files, "metadata": {"era": "2017F", "is_data": True}}})
        )
        command = [sys.executable, "-c", "from columnar_af.cli import main; main()", "run", "ds_phi_pi"]
        lean = ("-p", "n_minus_one=False", "--threads", 1)
        _, seconds = run_process([*command, fileset, "-o", self.scratch / "shell", *lean])
        shutil.rmtree(self.scratch / "shell")
        return {"wall_s": seconds, "process_s": seconds}

    def check(self) -> dict[str, str]:
        """Peer -> empty where it selects what our event-by-event selection does, else what differs."""
        reference = self.scratch / "check.npz"
        run_process(one("check", self.file, self.warm_up, "--output", reference))
        expected = layout.load(reference)
        found: dict[str, str] = {}
        for name, series in self.series.items():
            output = self.scratch / f"{name}.npz"
            if output.exists():
                found[name] = _difference(expected, layout.load(output), ordered=name != "rdf-2")
            elif series.records and "selected" in series.records[0]:
                same = series.records[0]["selected"] == len(expected.mass)
                found[name] = "" if same else f"{series.records[0]['selected']} selected"
        found["histogram"] = self._compare_run(expected)
        return found

    def _compare_run(self, expected: layout.Selected) -> str:
        from peers import ours

        return ours.differs(ours.measured(self.file), expected)


def _difference(expected: layout.Selected, found: layout.Selected, *, ordered: bool) -> str:
    """With threads RDataFrame numbers entries as it likes; then only the masses can be compared, sorted."""
    if ordered:
        return expected.same_as(found)
    same = np.array_equal(np.sort(expected.mass), np.sort(found.mass))
    return "" if same else "the sorted masses differ"


def two_cores(comparison: Comparison, rounds: int, replicas: int) -> Series:
    """Event loop of one worker and of two over the file, listed so many times; in ``ratio``."""
    series = Series("two-cores", f"event loop of {replicas} files, 1 and 2 workers")
    for number in range(rounds):
        times = [
            measured(
                one(
                    "ours",
                    comparison.file,
                    comparison.warm_up,
                    "--workers",
                    workers,
                    "--replicas",
                    replicas,
                )
            )["spans"]["event_loop"]
            for workers in (1, 2)
        ]
        series.records.append({"wall_s": times[1], "one_s": times[0], "ratio": times[0] / times[1]})
        tell(f"round {number + 1} of {rounds}: two cores {series.spread('ratio')}")
    return series


def memory(comparison: Comparison, least_bytes: float) -> list[dict[str, float]]:
    """Peak memory for the file once, and listed so many times that it exceeds a size."""
    size = comparison.file.stat().st_size
    most = max(int(np.ceil(least_bytes / size)), 2)
    found = []
    for replicas in (1, most):
        record = measured(one("ours", comparison.file, comparison.warm_up, "--replicas", replicas))
        found.append({"gigabytes": replicas * size / 1e9, "peak_mb": record["peak_mb"]})
        tell(f"memory: {found[-1]}")
    return found


def script(name: str, *arguments: Any) -> dict[str, Any]:
    """What another script of this folder tells in its last line, or why it tells nothing."""
    try:
        return measured([sys.executable, "-W", "ignore", BENCHMARKS / name, *arguments])
    except PeerError as error:
        tell(f"{name}: {error}")
        return {"problem": str(error).strip().splitlines()[-1]}


def tell(text: str) -> None:
    """A line for who waits."""
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root-python", type=Path)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inputs", type=Path, default=Path(tempfile.gettempdir()) / "columnar-af-benchmarks")
    parser.add_argument("--input", type=Path, help="measure on this file of the AOD 2017 layout instead")
    parser.add_argument("--replicas", type=int, default=8, help="listings of the file for two cores")
    parser.add_argument("--gigabytes", type=float, default=10.8, help="size of the memory test (10 GiB)")
    parser.add_argument(
        "--stop", type=Path, help="folder with the 41 trees of the stop search; made if missing"
    )
    parser.add_argument("--stop-events", type=int, default=164_188)
    parser.add_argument("--loopsusy-events", type=int, default=50_000, help="of the stop search with columns")
    parser.add_argument("--without", nargs="*", default=[], choices=("stop", "memory", "dask", "data-like"))
    parser.add_argument("--output", type=Path, default=BENCHMARKS / "RESULTS.md")
    return parser.parse_args()


def others(chosen: argparse.Namespace, made: dict[str, Path]) -> dict[str, Any]:
    """What other scripts measure: start-up of a worker, dask, the stop search."""
    found = {"start_up": script("start_up.py", made["warm-up"])}
    if "dask" not in chosen.without:
        found["dask"] = script("dask_overhead.py")
    if "stop" not in chosen.without:
        root = ("--root-python", chosen.root_python) if chosen.root_python else ()
        folder = ("--files", chosen.stop) if chosen.stop else ("--inputs", chosen.inputs)
        sizes = ("--events", chosen.stop_events, "--loopsusy-events", chosen.loopsusy_events)
        wanted = (*root, *folder, *sizes, "--rounds", chosen.rounds)
        found["stop"] = script("stop_variations.py", *wanted)
    return found


def main() -> int:
    """Measure everything and write the results; 1 where selections differ."""
    chosen = arguments()
    before = report.load_average()
    made = {name: make(item, chosen.inputs) for name, item in inputs(chosen.events).items()}
    file = chosen.input or made["simulation"]
    with tempfile.TemporaryDirectory(dir=chosen.inputs) as scratch:
        comparison = Comparison(file, made["warm-up"], chosen.root_python, _folder(scratch, "simulation"))
        comparison.run(PEERS | FROM_THE_SHELL, chosen.rounds)
        comparison.run({"limit": "libdeflate and a C loop on flat buffers"}, chosen.rounds)
        measurements: dict[str, Any] = {
            "simulation": comparison,
            "checks": {"simulation": comparison.check()},
        }
        if "data-like" not in chosen.without:
            sparse = Comparison(made["data-like"], made["warm-up"], None, _folder(scratch, "data"))
            sparse.run({name: PEERS[name] for name in SPARSE}, chosen.rounds)
            measurements["data-like"] = sparse
            measurements["checks"]["data-like"] = sparse.check()
        measurements["two-cores"] = two_cores(comparison, chosen.rounds, chosen.replicas)
        if "memory" not in chosen.without:
            measurements["memory"] = memory(comparison, chosen.gigabytes * 1e9)
    measurements["others"] = others(chosen, made)
    text, record = report.write(measurements, file, before)
    chosen.output.write_text(text)
    chosen.output.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(text)
    differing = [text for checks in measurements["checks"].values() for text in checks.values() if text]
    return 1 if differing else 0


def _folder(scratch: str, name: str) -> Path:
    folder = Path(scratch) / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
