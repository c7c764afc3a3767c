"""Measurements in processes of their own, and their medians."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import PROJECT

BENCHMARKS = PROJECT / "benchmarks"


class PeerError(RuntimeError):
    """A measurement failed; its message is the end of what the process said."""


def run_process(command: Sequence[Any], environment: Mapping[str, str] | None = None) -> tuple[str, float]:
    """Standard output of a process, and the seconds from its start to its end.

    Raises:
        PeerError: It failed.
    """
    paths = [PROJECT / "src", PROJECT, BENCHMARKS]
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        **(environment or {}),
    }
    started = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=variables)
    seconds = time.perf_counter() - started
    if done.returncode:
        msg = f"{' '.join(map(str, command))}\n{(done.stderr or done.stdout)[-2000:]}"
        raise PeerError(msg)
    return done.stdout, seconds


def measured(command: Sequence[Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a process tells in its last line, and ``process_s``, its whole time."""
    output, seconds = run_process(command, environment)
    return {**json.loads(output.strip().splitlines()[-1]), "process_s": seconds}


def one(peer: str, file: Path, warm_up: Path, *more: Any) -> list[Any]:
    """The command that measures a peer of ours once."""
    return [sys.executable, "-W", "ignore", "-m", "peers.one", peer, file, "--warm-up", warm_up, *more]


@dataclass
class Series:
    """Repeated measurements of one thing.

    Attributes:
        name: Key.
        title: For the table.
        records: What each process told.
        problem: Why there are none.
    """

    name: str
    title: str
    records: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""

    def values(self, key: str = "wall_s") -> list[float]:
        """A number of each measurement; ``spans/read`` is found in the spans."""
        group, _, name = key.rpartition("/")
        return [float((record[group] if group else record)[name]) for record in self.records]

    def median(self, key: str = "wall_s") -> float:
        """Its median; NaN without measurements."""
        return statistics.median(self.values(key)) if self.records else float("nan")

    def spread(self, key: str = "wall_s") -> str:
        """Median, smallest and largest, in seconds."""
        if not self.records:
            return "-"
        values = self.values(key)
        return f"{self.median(key):.3g} [{min(values):.3g}, {max(values):.3g}]"
