"""What systematic variations cost: quantities, many weights per event, and shifted muons in D_s → φπ.

    python benchmarks/systematics.py [FILE.root]

FILE is a simulated T3M ntuple, for example of ``columnar-af simulate t3m-ds-phi-pi --layout mini-2021``; without it the
shipped one is read, which is too small to tell. All ratios are of times in this process, the smallest of several.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hist
import numpy as np
from coffea.nanoevents import NanoEventsFactory

from columnar_af.ntuples.t3m import T3MSchema
from columnar_af.systematics import Quantities, fill_weighted, quantity
from processors.ds_phi_pi import DsPhiPi

SHIPPED = Path(__file__).parents[1] / "datasets/ds_phi_pi_2017C_mc_mini-2021_000.root"
TREE = "Tree3Mu/ntuple"
QUANTITIES = 100


def seconds(function: Callable[[], Any], number: int, repeat: int = 3) -> float:
    """The smallest mean time of a call."""
    return min(timeit.repeat(function, number=number, repeat=repeat)) / number


class Constant:
    """A source whose reading costs nothing."""

    def __init__(self, variation: str, shifted: frozenset[str]) -> None:
        self.variation, self.shifted = variation, shifted

    def read(self, name: str) -> float:
        """Any number."""
        return float(len(name))


def quantities_class() -> type[Quantities]:
    """A class with many quantities, each of one column."""

    def of_column(number: int) -> quantity[float]:
        def method(self: Quantities) -> float:
            return float(self.column(f"c{number}"))

        method.__name__ = f"q{number}"
        return quantity(method)

    return type("Many", (Quantities,), {f"q{number}": of_column(number) for number in range(QUANTITIES)})


def quantity_overhead() -> tuple[float, float]:
    """Microseconds per quantity: computed, and shared with nominal."""
    many = quantities_class()

    def all_of(quantities: Quantities) -> Quantities:
        for number in range(QUANTITIES):
            getattr(quantities, f"q{number}")
        return quantities

    nominal = all_of(many(Constant("nominal", frozenset())))
    computed = seconds(lambda: all_of(many(Constant("nominal", frozenset()))), 100)
    shared = seconds(lambda: all_of(nominal.varied(Constant("up", frozenset({"other"})))), 100)
    return 1e6 * computed / QUANTITIES, 1e6 * shared / QUANTITIES


def weight_filling(variations: int, events: int) -> tuple[float, float]:
    """Microseconds of one filling with all variations: ours, and hist's own in a loop."""
    names = [f"v{number}" for number in range(variations)]
    histogram = hist.Hist(
        hist.axis.StrCategory(names, name="variation"),
        hist.axis.Regular(30, 0, 300, name="x"),
        storage="weight",
    )
    random = np.random.default_rng(1)
    values, weights = random.exponential(60, events), random.normal(1, 0.1, (events, variations))

    def loop() -> None:
        for number, name in enumerate(names):
            histogram.fill(name, values, weight=weights[:, number])

    return 1e6 * seconds(lambda: fill_weighted(histogram, values, weights), 20), 1e6 * seconds(loop, 3)


def muon_shifts(path: Path) -> tuple[float, float]:
    """Seconds of the D_s selection of a file, nominal and with three variations, reading included."""

    def process(systematics: str) -> Any:
        events = NanoEventsFactory.from_root(
            {str(path): TREE}, schemaclass=T3MSchema, metadata={"dataset": "ds", "era": "2017"}
        ).events()
        return DsPhiPi(systematics=systematics).process(events)

    process("muon")  # compiles
    return seconds(lambda: process("none"), 1), seconds(lambda: process("muon"), 1)


def main() -> None:
    """Print a table of each."""
    computed, shared = quantity_overhead()
    print(f"overhead of a quantity: {computed:.1f} us computed, {shared:.1f} us shared with nominal")
    for variations, events in ((1, 5000), (51, 10), (51, 5000), (200, 5000)):
        ours, loop = weight_filling(variations, events)
        print(
            f"{variations:4} weights of {events:5} events: fill_weighted {ours:7.0f} us, hist in a loop {loop:7.0f} us, "
            f"ratio {loop / ours:.1f}"
        )
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    nominal, varied = muon_shifts(path)
    each = (varied - nominal) / 3
    print(
        f"{path.name}: nominal {nominal:.2f} s, each of 3 muon variations {each:.2f} s, {100 * each / nominal:.0f} % of it"
    )


if __name__ == "__main__":
    main()
