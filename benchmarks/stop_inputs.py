"""CPU time of the stop search's variables: nominal, and what each variation costs on top of reading its own columns.

    python benchmarks/stop_inputs.py FILE.root:TREE [NUMBER OF VARIATIONS]

Everything runs in one thread and twice; the second pass is measured, the first one compiles kernels. The regions of the
search and their histograms are not part of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from coffea.nanoevents import NanoEventsFactory

from columnar_af.ntuples.stop import StopSchema, stop_source, weight_factors
from columnar_af.ntuples.stop.variations import KINEMATIC, NOTEBOOK
from columnar_af.stop import stop_variables

VARIABLES = (
    *(
        "n_leptons",
        "n_baseline_leptons",
        "opposite_charge",
        "same_flavour",
        "lep1_pt",
        "lep2_pt",
        "m_ll",
        "met",
    ),
    *(
        "met_significance",
        "n_jets",
        "n_b_jets",
        "jet1_pt",
        "jet1_is_b",
        "jet2_is_b",
        "jet3_pt_over_met",
        "r_2l",
    ),
    *(
        "r_2l4j",
        "pt_boost",
        "dphi_boost",
        "min_dr_l2_jets",
        "m_delta_r",
        "r_pt",
        "inverse_gamma",
        "dphi_beta",
    ),
    *("identified1", "identified2", "anti_identified1", "anti_identified2", "trigger", "cleaning"),
)
"""What the regions of the four-, three- and two-body searches cut on, but m_T2, which is computed where it is needed."""


class Timed:
    """A source whose reading is timed apart."""

    def __init__(self, source: Any, clock: dict[str, float]) -> None:
        self._source = source
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        """Whatever else the source has."""
        return getattr(self._source, name)

    def read(self, name: str) -> Any:
        """A column."""
        with timing(self._clock, "read"):
            return self._source.read(name)


@contextmanager
def timing(clock: dict[str, float], name: str) -> Iterator[None]:
    """Add the CPU time of the block."""
    started = time.process_time()
    try:
        yield
    finally:
        clock[name] = clock.get(name, 0.0) + time.process_time() - started


def one_pass(
    path: str, tree: str, variations: tuple[str, ...]
) -> tuple[dict[str, float], list[dict[str, float]]]:
    """CPU seconds of nominal, with opening, and of each variation."""
    nominal_clock: dict[str, float] = {}
    with timing(nominal_clock, "all"):
        events = NanoEventsFactory.from_root({path: tree}, schemaclass=StopSchema, mode="virtual").events()
        source = Timed(stop_source(events), nominal_clock)
        nominal = stop_variables(source)
        for name in VARIABLES:
            getattr(nominal, name)
        weight_factors(source)
    clocks = []
    for variation in variations:
        clock: dict[str, float] = {}
        with timing(clock, "all"):
            source = Timed(stop_source(events, variation), clock)
            up = nominal.varied(source)
            for name in VARIABLES:
                getattr(up, name)
            weight_factors(source)
        clocks.append(clock)
    return nominal_clock, clocks


def main(source: str, number: int | None) -> None:
    """Print the times of a pass."""
    path, _, tree = source.rpartition(":")
    variations = (KINEMATIC if tree == "myTree" else NOTEBOOK)[:number]
    one_pass(path, tree, variations)
    started = time.process_time()
    nominal, clocks = one_pass(path, tree, variations)
    total = time.process_time() - started
    print(f"nominal: {nominal['all']:.3f} s, reading {nominal.get('read', 0):.3f} s of it")
    for name in ("EG_", "JET_", "MET_", "MUON_"):
        chosen = [
            clock for clock, variation in zip(clocks, variations, strict=True) if variation.startswith(name)
        ]
        if chosen:
            all_s, read_s = (np.median([clock[part] for clock in chosen]) for part in ("all", "read"))
            beyond = (all_s - read_s) / nominal["all"]
            print(
                f"{name}*: {all_s:.4f} s each, reading {read_s:.4f} s; beyond reading {beyond:.1%} of nominal"
            )
    print(f"{len(variations)} variations and nominal: {total:.2f} s of one CPU")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
