"""One measurement of one peer in a fresh process: warm up on a small file, measure on the file, tell.

python -m peers.one PEER FILE --warm-up SMALL [--output OUT.npz] [--workers N] [--replicas N] [--cache DIR] [--what WHAT]
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path

from peers.layout import Selected, Timing, save

PEERS = ("plain", "expert", "uproot", "limit", "ours", "check")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--warm-up", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--what", choices=("whole", "lean", "mass"), default="whole")
    arguments = parser.parse_args()
    spans: dict[str, float] = {}
    call = _call(arguments, spans)
    if arguments.peer != "check":
        _warm_up(arguments, call)
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    selected = call(arguments.file)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if arguments.output is not None:
        save(selected, arguments.output)
    Timing(wall, cpu, selected.events, len(selected.mass), spans).tell()


def _call(arguments: argparse.Namespace, spans: dict[str, float]) -> Callable[[Path], Selected]:
    match arguments.peer:
        case "plain":
            from peers import awkward_plain

            return awkward_plain.run
        case "expert":
            from peers import awkward_expert

            return awkward_expert.run
        case "uproot":
            from peers import uproot_alone

            return lambda path: uproot_alone.run(path, spans)
        case "limit":
            from peers import c_loop

            return lambda path: c_loop.run(path, spans)
        case "check":
            from peers import ours

            return ours.candidates
    return _ours(arguments, spans)


def _warm_up(arguments: argparse.Namespace, call: Callable[[Path], Selected]) -> None:
    """Everything is imported, loaded and compiled, in all workers."""
    if arguments.peer.startswith("ours"):
        from peers import ours

        ours.warm_up(arguments.warm_up, workers=arguments.workers, what=arguments.what)
    else:
        call(arguments.warm_up)


def _ours(arguments: argparse.Namespace, spans: dict[str, float]) -> Callable[[Path], Selected]:
    import numpy as np

    from columnar_af.ntuples.fast_reader import ColumnCache
    from peers import ours

    cache = ColumnCache(arguments.cache) if arguments.cache else None

    def call(path: Path) -> Selected:
        result = ours.measured(
            path, cache=cache, workers=arguments.workers, replicas=arguments.replicas, what=arguments.what
        )
        spans["event_loop"] = result.metrics.event_loop_s
        spans["cpu"] = result.metrics.cpu_s
        spans["bytes_read"] = result.metrics.bytes_read
        selected = int(result.cutflow("data").rows[-1].events)
        nothing = np.full(selected, np.nan)
        return Selected(np.full(selected, -1), nothing, result.ledger.done)

    return call


if __name__ == "__main__":
    main()
