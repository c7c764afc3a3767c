"""Results of a run as the processor ds_phi_pi gives them, made of toys with known truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hist
import numpy as np
from numpy.random import Generator

from columnar_af.results.ledger import Ledger, LedgerEntry
from columnar_af.results.run_result import DatasetSummary, RunResult
from tests.fits.spectra import BINS, HIGH, LOW, background, histogram, peak

DATA = {"era": "2017B", "is_data": True, "luminosity": 2.0}
SIMULATION = {"era": "2017B", "is_data": False}


def lengths(generator: Generator, prompt: int, from_b: int) -> np.ndarray:
    """Proper decay lengths, mm; prompt ones first."""
    values = generator.exponential(0.15, prompt + from_b)
    values[prompt:] += generator.exponential(0.45, from_b)
    return values


def length_histogram(values: np.ndarray) -> hist.Hist:
    """As the processor fills it."""
    filled = hist.Hist(hist.axis.Regular(25, 0, 1, name="decay_length"), storage=hist.storage.Weight())
    return filled.fill(values)


def fine(masses: np.ndarray) -> hist.Hist:
    """As the processor fills it."""
    filled = hist.Hist(hist.axis.Regular(1000, 1.6, 2.1, name="mass"), storage=hist.storage.Weight())
    return filled.fill(masses)


def data_masses(generator: Generator, ds: int, dplus: int, other: int) -> np.ndarray:
    """Masses of data."""
    return np.concatenate(
        [peak(generator, 1.9685, ds), peak(generator, 1.8695, dplus), background(generator, other)]
    )


def candidates(seed: int, ds: int, dplus: int, other: int) -> dict[str, np.ndarray]:
    """The candidates of :func:`data_hists` one by one."""
    masses = data_masses(np.random.default_rng(seed), ds, dplus, other)
    return {"tripletMass": masses, "weight": np.ones_like(masses)}


def data_hists(seed: int, ds: int, dplus: int, other: int) -> dict[str, hist.Hist]:
    """Histograms of data; 30 % of the D_s are from B."""
    generator = np.random.default_rng(seed)
    masses = data_masses(generator, ds, dplus, other)
    from_b = round(0.3 * ds)
    flights = np.concatenate(
        [
            lengths(generator, ds - from_b, from_b),
            lengths(generator, 0, dplus),
            generator.exponential(0.3, other),
        ]
    )
    plane = hist.Hist(
        hist.axis.Regular(BINS, LOW, HIGH, name="mass"),
        hist.axis.Regular(25, 0, 1, name="decay_length"),
        storage=hist.storage.Weight(),
    )
    plane.fill(masses, flights)
    return {"mass": histogram(masses), "mass_fine": fine(masses), "mass_decay_length_xy": plane}


def simulation_hists(seed: int, number: int = 8_000) -> dict[str, hist.Hist]:
    """Histograms of simulated D_s; half of them are from B."""
    generator = np.random.default_rng(seed)
    masses = peak(generator, 1.9685, number)
    return {
        "mass": histogram(masses),
        "mass_fine": fine(masses),
        "mass_gen_matched": histogram(masses),
        "decay_length_xy_prompt": length_histogram(lengths(generator, number // 2, 0)),
        "decay_length_xy_from_b": length_histogram(lengths(generator, 0, number // 2)),
    }


def run_result(
    parts: Mapping[str, tuple[dict[str, Any], dict[str, hist.Hist]]],
    columns: Mapping[str, dict[str, np.ndarray]] | None = None,
) -> RunResult:
    """A result from dataset -> (metadata, histograms), and dataset -> columns of its candidates."""
    entries = tuple(
        LedgerEntry(number, name, f"/nowhere/{name}.root", "t", 0, 100, "u", "done", 100)
        for number, name in enumerate(parts)
    )
    ledger = Ledger(entries)
    output = {
        name: {"hists": hists, "candidates": (columns or {}).get(name, {})}
        for name, (_, hists) in parts.items()
    }
    datasets = {name: DatasetSummary.of(name, metadata, ledger) for name, (metadata, _) in parts.items()}
    return RunResult(output, datasets, ledger)


def two_eras() -> RunResult:
    """Two eras of data with the same number of D_s per fb⁻¹, and simulation."""
    return run_result(
        {
            "data_B": (DATA, data_hists(1, 1_500, 600, 2_000)),
            "data_C": (DATA | {"era": "2017C", "luminosity": 4.0}, data_hists(2, 3_000, 1_200, 4_000)),
            "mc": (SIMULATION, simulation_hists(3)),
        },
        {"data_B": candidates(1, 1_500, 600, 2_000), "data_C": candidates(2, 3_000, 1_200, 4_000)},
    )
