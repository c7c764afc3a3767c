"""The fuzzer: cases run in a child process with limits, so that a crash, a hang or a huge allocation is seen from outside."""

from __future__ import annotations

import argparse
import faulthandler
import json
import math
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]

MEMORY_BYTES = 2_000_000_000
"""Address space that a case may take beyond what the imported libraries have."""

PATIENCE = 20.0
"""The parent waits for this many time limits of a case before it kills the child: a hang that takes no CPU time, or one in
compiled code. Time limits are CPU time, because a case on a busy machine may wait for most of its time."""


class TooSlowError(BaseException):
    """A case took more CPU time than its limit; no handler of the code under test may take it for its own."""


@dataclass
class Report:
    """What fuzzing found.

    Attributes:
        cases: Target -> number of cases.
        outcomes: Target -> what came of its cases -> how often.
        findings: One text per finding: target, seed, and what happened.
        seconds: Wall time.
    """

    cases: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, record: dict[str, Any]) -> None:
        """Take up what a child wrote of one case."""
        self.cases[record["target"]] += 1
        self.outcomes.setdefault(record["target"], Counter())[record["outcome"]] += 1
        if record["finding"]:
            self.findings.append(f"{record['target']} seed {record['seed']}: {record['finding']}")


def fuzz(
    *, seconds: float = math.inf, cases: int = sys.maxsize, seed: int = 0, only: tuple[str, ...] = ()
) -> Report:
    """Run cases for a time, or a number of them, whichever ends first.

    Args:
        seconds: How long.
        cases: How many.
        seed: Of the first case; case ``n`` has the seed ``seed + n``, and targets take turns.
        only: Names of targets; all where empty.
    """
    report, started, last = Report(), time.monotonic(), seed + cases
    while (left := seconds - (time.monotonic() - started)) > 0 and seed < last:
        seed = _child(report, left, seed, last, only)
    report.seconds = time.monotonic() - started
    return report


def _child(report: Report, seconds: float, seed: int, last: int, only: tuple[str, ...]) -> int:
    """One child process until it ends; returns the seed to go on with."""
    words = [
        sys.executable,
        "-m",
        "tests.fuzz.fuzzing",
        "--seconds",
        str(seconds),
        "--seed",
        str(seed),
        "--last",
        str(last),
        *only,
    ]
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert child.stdout is not None
        begun: dict[str, Any] = {}
        killer = threading.Timer(0.0, child.kill)  # not an alarm, which is the test's own
        for line in child.stdout:
            killer.cancel()
            record = json.loads(line)
            if record["kind"] == "begin":
                begun = record
                killer = threading.Timer(PATIENCE * record["time_limit_s"], child.kill)
                killer.daemon = True
                killer.start()
            else:
                begun = {}
                report.add(record)
                seed = record["seed"] + 1
        killer.cancel()
        child.stdout.close()
        if child.wait() == 0:
            return seed
        errors.seek(0)
        told = errors.read()[-3000:]
    if not begun:
        msg = f"the child of the fuzzer ended with {child.returncode} outside of a case:\n{told}"
        raise RuntimeError(msg)
    report.add({**begun, "outcome": "crash", "finding": f"the process ended with {child.returncode}\n{told}"})
    return int(begun["seed"]) + 1


# --- in the child -------------------------------------------------------------------------------------------------------


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _too_slow(*_: object) -> None:
    raise TooSlowError


def _one(target: Any, seed: int) -> tuple[str, str]:
    """Outcome and finding of a case."""
    signal.setitimer(signal.ITIMER_PROF, target.time_limit_s)
    try:
        return target.case(random.Random(seed)), ""
    except TooSlowError:
        return "hang", f"took more than {target.time_limit_s} s of CPU\n{traceback.format_exc()[-3000:]}"
    except MemoryError:
        return "memory", f"asked for more than {MEMORY_BYTES} bytes\n{traceback.format_exc()[-3000:]}"
    except BaseException:  # noqa: BLE001  # whatever it is, it is what we look for
        return "exception", traceback.format_exc()[-6000:]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _tell(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def main() -> None:
    """The child: cases until the time is over, a line before and after each."""
    from tests.fuzz.targets import targets

    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--last", type=int, required=True)
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGPROF, _too_slow)
    with tempfile.TemporaryDirectory(prefix="columnar-af-fuzz-") as folder:
        chosen = [
            target for target in targets(Path(folder)) if target.name in options.only or not options.only
        ]
        for target in chosen:  # compile and import outside of the limits
            _one(target, 0)
        _limit_memory()
        end, seed = time.monotonic() + options.seconds, options.seed
        while time.monotonic() < end and seed < options.last:
            target = chosen[seed % len(chosen)]
            begin = {
                "kind": "begin",
                "target": target.name,
                "seed": seed,
                "time_limit_s": target.time_limit_s,
            }
            _tell(begin)
            outcome, finding = _one(target, seed)
            _tell({**begin, "kind": "end", "outcome": outcome, "finding": finding})
            seed += 1


if __name__ == "__main__":
    main()
