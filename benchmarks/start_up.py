"""How long a fresh worker takes until its kernels are ready, and how long ``columnar-af --help`` takes.

    python benchmarks/start_up.py FILE.root [ROUNDS]

FILE is a T3M ntuple. A worker imports the chunk function, the reader, the schema and the processor; then it loads the compiled
kernels (``kernels_cpu_s``) and is ready when they have run once. What one chunk takes when all is ready is subtracted; opening
its first file counts. Prints JSON.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

WORKER = """
import sys, time, json
started = time.perf_counter()
import columnar_af.ntuples.t3m
from columnar_af.datasets.inspection import inspect
from columnar_af.datasets.fileset import Fileset
from columnar_af.processing.chunk_function import ChunkFunction
from columnar_af.processing.payload import Payload
from columnar_af.processing.plan import make_plan
from columnar_af.processing.processors import load_processor
processor = load_processor("ds_phi_pi", {})
imported = time.perf_counter()
worked = time.process_time()
from columnar_af.kernels.start_up import prepare_kernels
prepare_kernels()
kernels = time.process_time() - worked
fileset = Fileset.load(sys.argv[1])
inspection = inspect(fileset, workers=1)
function = ChunkFunction(Payload.of(processor, processor.schema))
chunk = make_plan(fileset, inspection, chunksize=100).chunks[0]
times, cpu = [], []
for _ in range(4):
    begun, worked = time.perf_counter(), time.process_time()
    outcomes = function(chunk)
    times.append(time.perf_counter() - begun)
    cpu.append(time.process_time() - worked)
assert not outcomes.errors, outcomes.errors
usual = min(times[1:])
found = {"import_s": imported - started, "first_chunk_s": times[0], "usual_chunk_s": usual}
print(json.dumps({**found, "kernels_cpu_s": kernels, "ready_cpu_s": kernels + cpu[0] - min(cpu[1:])}))
"""


def seconds(command: list[str]) -> float:
    """Wall seconds of a process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main(file: str, rounds: int) -> None:
    """Measure; one worker more before, which fills the caches."""
    workers = []
    for _ in range(rounds + 1):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", WORKER, file], check=True, capture_output=True, text=True
        )
        workers.append(json.loads(done.stdout.strip().splitlines()[-1]))
    found = {key: statistics.median(worker[key] for worker in workers[1:]) for key in workers[0]}
    found["ready_s"] = statistics.median(
        worker["kernels_cpu_s"] + worker["first_chunk_s"] - worker["usual_chunk_s"] for worker in workers[1:]
    )
    line = [
        sys.executable,
        "-c",
        "import sys; sys.argv[1:] = ['--help']; from columnar_af.cli import main; main()",
    ]
    found["help_s"] = statistics.median(seconds(line) for _ in range(rounds + 2))
    print(json.dumps({key: round(value, 4) for key, value in found.items()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
