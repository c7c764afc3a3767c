"""Main distributions of the simulated stop-search ntuples, per sample, and the lengths of the variation trees.

python docs/plot_stop_simulation.py docs/stop_simulation.png
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import uproot

from columnar_af.ntuples.simulation.stop_options import StopOptions
from columnar_af.ntuples.simulation.stop_simulation import simulate_stop
from columnar_af.ntuples.simulation.stop_variations import KINEMATIC

mpl.use("Agg")
import matplotlib.pyplot as plt

BACKGROUNDS = ("Wt", "ttbar", "VV", "Zjets", "ttZ", "other", "fakes")
SIGNALS = ("stop4body_500_20", "stop4body_500_80")
EVENTS = 6000

PANELS = (
    ("MET", "ETmiss [GeV]", np.linspace(250, 900, 27), True),
    ("METsig", "ETmiss significance", np.linspace(5, 35, 31), False),
    ("lep1pT", "pT(l1) [GeV]", np.linspace(0, 100, 26), False),
    ("lep2pT", "pT(l2) [GeV]", np.linspace(0, 50, 26), False),
    ("jet1pT", "pT(j1) [GeV]", np.linspace(0, 900, 31), True),
    ("njet", "jets", np.arange(-0.5, 9), False),
    ("nbjet", "b-jets", np.arange(-0.5, 4), False),
    ("mll", "m(ll) [GeV]", np.linspace(0, 160, 33), False),
    ("METoverHTLep", "R_2l", np.linspace(0, 50, 26), True),
    ("R2l4j", "R_2l4j", np.linspace(0, 0.6, 31), False),
    ("pbll", "pT,boost [GeV]", np.linspace(200, 900, 29), True),
)


def simulated(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Nominal variables and weights of each sample, and data."""
    options = StopOptions(
        "histfitter",
        events=EVENTS,
        samples=(*BACKGROUNDS, "data", *SIGNALS),
        variations="none",
        weights=False,
        compression="none",
    )
    simulate_stop(options, folder)
    arrays: dict[str, dict[str, np.ndarray]] = {}
    names = [name for name, *_ in PANELS]
    factors = ["xsec", "WeightLumi", "WeightEvents", "WeightEventsPU", "WeightEventselSF", "WeightEventsmuSF"]
    factors += ["WeightEventsJVT", "WeightEventsbTag", "WeightEventsSF_global"]
    for sample in (*BACKGROUNDS, "data", *SIGNALS):
        tree = "data_NONE" if sample == "data" else f"{sample}_WEIGHTS"
        files = sorted(folder.glob(f"stop_histfitter_{sample}_mc16?.root"))
        columns = uproot.concatenate([f"{file}:{tree}" for file in files], names + factors, library="np")
        weight = np.prod([columns[name].astype(float) for name in factors], axis=0)
        columns["weight"] = weight if sample == "data" else weight * 1000 * 138.95
        arrays[sample] = columns
    return arrays


def tree_lengths(folder: Path) -> dict[str, float]:
    """Length of each variation's tree over that of the nominal tree, for Wt."""
    truth = simulate_stop(StopOptions("histfitter", 20_000, samples=("Wt",), compression="lz4"), folder)
    entries: dict[str, int] = {}
    for campaign in truth["samples"]["Wt"]["campaigns"].values():
        for tree, number in campaign["entries"].items():
            entries[tree] = entries.get(tree, 0) + number
    return {name: entries[f"Wt_{name}"] / entries["Wt_WEIGHTS"] - 1 for name in KINEMATIC}


def main(path: Path) -> None:
    """Simulate and draw."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        arrays, lengths = simulated(Path(first)), tree_lengths(Path(second))
    figure, axes = plt.subplots(3, 4, figsize=(20, 14))
    for axis, (name, label, edges, logarithmic) in zip(axes.flat, PANELS, strict=False):
        stack = [np.clip(arrays[sample][name], edges[0], edges[-1] - 1e-6) for sample in BACKGROUNDS]
        weights = [arrays[sample]["weight"] for sample in BACKGROUNDS]
        axis.hist(stack, edges, weights=weights, stacked=True, label=BACKGROUNDS)
        for sample in SIGNALS:
            axis.hist(
                np.clip(arrays[sample][name], edges[0], edges[-1] - 1e-6),
                edges,
                weights=10 * arrays[sample]["weight"],
                histtype="step",
                lw=2,
                label=f"10 x {sample}",
            )
        counts, _ = np.histogram(np.clip(arrays["data"][name], edges[0], edges[-1] - 1e-6), edges)
        centres = (edges[1:] + edges[:-1]) / 2
        axis.errorbar(centres, counts, np.sqrt(counts), fmt="k.", label="data-like")
        axis.set_xlabel(label)
        axis.set_ylabel("events in 139 fb$^{-1}$")
        if logarithmic:
            axis.set_yscale("log")
            axis.set_ylim(0.3, None)
    axes.flat[0].legend(fontsize=8)
    last = axes.flat[-1]
    last.barh(range(len(lengths)), [100 * value for value in lengths.values()])
    last.set_yticks(range(len(lengths)), list(lengths), fontsize=4)
    last.set_xlabel("variation's tree against nominal, Wt [%]")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
