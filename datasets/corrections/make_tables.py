"""Make the tables of corrections of the demo: simulated, with the traps of real tables, from a fixed seed.

    python datasets/corrections/make_tables.py

No number is measured: the factors scatter around a smooth curve near 1, and the pile-up weights are the ratio of two
normal distributions. Like real tables they begin with bins without measurement (0), have an absurd one, and a tail of
pile-up weights without meaning.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from columnar_af.corrections.conversion import BinnedFactors, muon_correction, pile_up_correction, write
from columnar_af.corrections.fake_factor import fake_factor_correction
from columnar_af.ntuples.simulation import stop_fakes
from columnar_af.ntuples.simulation.stop_histfitter import FAKE_UNCERTAINTY

SEED = 20261120
ETA_EDGES = np.array([0.0, 0.9, 1.2, 2.1, 2.4])
PT_EDGES = np.array([2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0, 40.0])


def muon_factors(random: np.random.Generator) -> BinnedFactors:
    """Near 1, rising with pt; errors of 0.5 to 3 %."""
    shape = (len(ETA_EDGES) - 1, len(PT_EDGES) - 1)
    errors = np.broadcast_to(np.geomspace(0.03, 0.005, shape[1]), shape).copy()
    values = 0.97 + 0.03 * (1 - np.exp(-PT_EDGES[:-1] / 5)) + random.normal(0, errors / 2)
    values[:2, :2] = errors[:2, :2] = 0.0  # barrel muons below 3 GeV do not reach the muon stations
    values[1, 2], errors[1, 2] = 9.5, 1e7  # a fit that failed
    return BinnedFactors(ETA_EDGES, PT_EDGES, values.round(5), errors.round(5))


def pile_up_weights() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Ratio of normal distributions with means 32 and 33 (± 1.5), in 100 bins around whole numbers."""
    edges = np.arange(-0.5, 100.0)
    number = np.arange(100)

    def ratio(mean: float) -> np.ndarray:
        weights = np.exp(-((number - mean) ** 2) / 200 + (number - 33.0) ** 2 / 200)
        weights[[0, 79, 80, 81, 82, 99]] = 0.0
        weights[[84, 85, 89, 91, 97]] = 1e150
        return np.asarray(weights.round(6))

    return edges, {"nominal": ratio(32.0), "up": ratio(33.5), "down": ratio(30.5)}


def fake_factors(by_pt_and_eta: tuple[tuple[float, ...], ...]) -> BinnedFactors:
    """Those of the simulation of the stop search; upper ends of the last bins are of no meaning, since values are clamped."""
    eta_edges, pt_edges = np.array([*stop_fakes.ETA_EDGES, 2.7]), np.array([*stop_fakes.PT_EDGES, 1000.0])
    values = np.array(by_pt_and_eta).T
    return BinnedFactors(eta_edges, pt_edges, values, FAKE_UNCERTAINTY * values)


def main() -> None:
    """Write the tables beside this script."""
    folder = Path(__file__).parent
    simulated = "simulated for the demo by make_tables.py; no measurement"
    random = np.random.default_rng(SEED)
    corrections = [
        muon_correction("muon_id", muon_factors(random), simulated),
        muon_correction("muon_trigger", muon_factors(random), simulated),
        pile_up_correction("pile_up", *pile_up_weights(), simulated),
    ]
    write(folder / "demo_corrections.json", corrections, simulated)
    tables = {"electron": stop_fakes.ELECTRON_FACTORS, "muon": stop_fakes.MUON_FACTORS}
    factors = {flavour: fake_factors(table) for flavour, table in tables.items()}
    simulated = "fake factors of the simulated stop search, from make_tables.py; no measurement"
    write(folder / "stop_fake_factors.json", [fake_factor_correction(factors, simulated)], simulated)


if __name__ == "__main__":
    main()
