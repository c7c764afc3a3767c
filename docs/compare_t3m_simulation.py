"""Draws the simulation beside the real 2017 simulation file: docs/t3m_simulation.png.

    python docs/compare_t3m_simulation.py REAL_FILE [--events 2000]

REAL_FILE is the public Tree_PhiPi_MC.root of github rvenditti/Tau3MuSearch (111 events, AOD 2017 layout).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import matplotlib as mpl
import numpy as np
import uproot

from columnar_af.ntuples.simulation.t3m import simulate
from columnar_af.ntuples.simulation.t3m_options import Branches, T3MOptions

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter, ScalarFormatter

TREE = "Tree3Mu/ntuple"
PICTURE = Path(__file__).parent / "t3m_simulation.png"
GROUPS = ("GenParticle_", "Muon", "Track_", "Trigger_", "triplets")


@dataclass(frozen=True)
class Panel:
    """A histogram of one branch: per event its length, or all its values."""

    title: str
    branch: str
    bins: np.ndarray
    lengths: bool = False
    log_x: bool = False


PANELS = (
    Panel("triplets per event", "Triplet2_Mass", np.linspace(0, 300, 31), lengths=True),
    Panel("muons per event", "MuonPt", np.arange(1.5, 7), lengths=True),
    Panel("tracks per event", "Track_pt", np.linspace(0, 90, 31), lengths=True),
    Panel("m(μμπ), all triplets [GeV]", "Triplet2_Mass", np.geomspace(0.8, 300, 41), log_x=True),
    Panel("m(μμπ) [GeV]", "Triplet2_Mass", np.linspace(1.62, 2.3, 35)),
    Panel("vertex χ²", "TripletVtx2_Chi2", np.geomspace(0.1, 3e7, 41), log_x=True),
    Panel("3D flight distance [cm]", "FlightDistPVSV2", np.geomspace(3e-3, 50, 41), log_x=True),
    Panel("flight significance", "FlightDistPVSV2_Significance", np.geomspace(0.5, 6e3, 41), log_x=True),
    Panel("muon pT [GeV]", "MuonPt", np.geomspace(2, 60, 31), log_x=True),
    Panel("track pT [GeV]", "Track_pt", np.geomspace(2, 40, 31), log_x=True),
    Panel("refitted-PV tracks", "RefittedPV2_NTracks", np.geomspace(2, 150, 26), log_x=True),
)


def main(real: Path, events: int) -> None:
    """Simulate, read both files, draw."""
    with tempfile.TemporaryDirectory() as folder:
        options = T3MOptions(events=events, branches=Branches.FULL)
        simulate(options, Path(folder), workers=1)
        samples = {
            "real file (111 events)": real,
            f"simulation ({events})": next(Path(folder).glob("*.root")),
        }
        trees = {name: uproot.open(path)[TREE] for name, path in samples.items()}
        figure, axes = plt.subplots(3, 4, figsize=(17, 11), layout="constrained")
        for panel, axis in zip(PANELS, axes.flat, strict=False):
            draw(panel, axis, trees)
        draw_sizes(axes.flat[len(PANELS)], trees)
        axes.flat[0].legend()
        figure.suptitle("T3M ntuples, AOD 2017 layout, D_s → φπ simulation")
        figure.savefig(PICTURE, dpi=80)


def draw(panel: Panel, axis: plt.Axes, trees: dict[str, uproot.TTree]) -> None:
    """One panel: the real file as points, the simulation as a line, both as fractions of their entries."""
    for number, tree in enumerate(trees.values()):
        array = tree[panel.branch].array()
        values = ak.to_numpy(ak.num(array) if panel.lengths else ak.flatten(array))
        counts = np.histogram(values, panel.bins)[0]
        label = list(trees)[number]
        fractions, errors = counts / len(values), np.sqrt(counts) / len(values)
        if number:
            axis.stairs(fractions, panel.bins, color="tab:red", label=label)
        else:
            low, high = panel.bins[:-1], panel.bins[1:]
            centres = np.sqrt(low * high) if panel.log_x else (low + high) / 2
            axis.errorbar(centres, fractions, errors, fmt="k.", label=label)
    axis.set(xlabel=panel.title, ylabel="fraction", ylim=(0, None))
    if panel.log_x:
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter(NullFormatter())
        if panel.bins[0] == 2 and panel.bins[-1] < 100:
            axis.set_xticks([ticks for ticks in (2, 5, 10, 20, 50) if ticks <= panel.bins[-1]])
            axis.xaxis.set_major_formatter(ScalarFormatter())


def draw_sizes(axis: plt.Axes, trees: dict[str, uproot.TTree]) -> None:
    """Uncompressed (open) and stored (filled) bytes per event of each group of branches."""
    positions = np.arange(len(GROUPS))
    for number, (tree, color) in enumerate(zip(trees.values(), ("black", "tab:red"), strict=True)):
        sizes = np.zeros((2, len(GROUPS)))
        for branch in tree.branches:
            group = next(
                (i for i, name in enumerate(GROUPS) if branch.name.startswith(name)), len(GROUPS) - 1
            )
            sizes[:, group] += (
                np.array([branch.uncompressed_bytes, branch.compressed_bytes]) / tree.num_entries
            )
        where = positions + 0.4 * number - 0.2
        axis.bar(where, sizes[0], 0.38, fill=False, edgecolor=color)
        axis.bar(where, sizes[1], 0.38, color=color)
    axis.set_xticks(positions, [name.rstrip("_") for name in GROUPS])
    axis.set(ylabel="bytes per event (open: uncompressed)", xlabel="branch sizes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path)
    parser.add_argument("--events", type=int, default=2000)
    arguments = parser.parse_args()
    main(arguments.real, arguments.events)
