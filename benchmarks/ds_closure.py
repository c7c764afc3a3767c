"""Pulls of the D_s yield in pseudo-experiments of a small simulated sample.

    python benchmarks/ds_closure.py [--toys 200] [--seed 5] [--simulated 1200]

Three ways to know the tails of the peaks: from simulated D_s, other ones in each pseudo-experiment, with the covariance of
their fit (the default of `columnar-af fit ds-mass`); a loose expectation (its default without simulation); and nothing, where
the fit fixes what it cannot measure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import hist
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.fits.constraint import Constraint, loose_tails
from columnar_af.fits.mass_fit import FitOptions, fit_spectrum, tails_from_simulation
from columnar_af.fits.mass_model import mass_model
from columnar_af.fits.spectrum import Spectrum

LOW, HIGH, BINS = 1.65, 2.01, 62
MODEL = mass_model(LOW, HIGH, peak="double-gaussian")
EDGES = np.linspace(LOW, HIGH, BINS + 1)
TRUTH = {
    "ds_yield": 1420.0,
    "dplus_yield": 550.0,
    "background_yield": 1500.0,
    "ds_mean": 1.9685,
    "ds_sigma": 0.0125,
    "dplus_mean": 1.8695,
    "dplus_sigma": 0.0125,
    "tail_width_ratio": 1.66,
    "tail_wide_fraction": 0.15,
    "background_slope": -2.0,
}
"""20,000 events of `columnar-af simulate t3m-ds-phi-pi --data` after the selection; the shape is that of large samples."""


def simulated_peak(generator: Generator, number: int) -> hist.Hist:
    """Masses of simulated D_s."""
    wide = generator.random(number) < TRUTH["tail_wide_fraction"]
    widths = TRUTH["ds_sigma"] * np.where(wide, TRUTH["tail_width_ratio"], 1.0)
    filled = hist.Hist(hist.axis.Regular(BINS, LOW, HIGH, name="mass"), storage=hist.storage.Weight())
    filled.fill(generator.normal(TRUTH["ds_mean"], widths))
    return filled


def pulls(generator: Generator, toys: int, tails: Callable[[], Constraint]) -> NDArray[np.float64]:
    """``(toys, 3)``: pulls of the D_s in the window, in the range, and of the D⁺; NaN where the fit failed."""
    true = [TRUTH[name] for name in MODEL.names]
    expected = np.diff(MODEL.scaled_cdf(EDGES, *true))
    in_window = MODEL.component_counts(np.array([1.93, 2.01]), true)["ds"][0]
    found = np.full((toys, 3), np.nan)
    for row in found:
        counts = generator.poisson(expected).astype(float)
        result = fit_spectrum(Spectrum(counts, counts, EDGES), MODEL, FitOptions(tails=tails(), minos=False))
        if result.succeeded:
            window, ds, dplus = result.window("ds"), result.total("ds"), result.total("dplus")
            row[0] = (window.value - in_window) / window.error
            row[1] = (ds.value - TRUTH["ds_yield"]) / ds.error
            row[2] = (dplus.value - TRUTH["dplus_yield"]) / dplus.error
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--toys", type=int, default=200)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--simulated", type=int, default=1200)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    ways: dict[str, Callable[[], Constraint]] = {
        "simulation": lambda: tails_from_simulation(simulated_peak(generator, options.simulated), MODEL),
        "expectation": lambda: loose_tails(MODEL),
        "nothing": Constraint,
    }
    for name, tails in ways.items():
        start = time.perf_counter()
        found = pulls(generator, options.toys, tails)
        good = found[~np.isnan(found[:, 0])]
        numbers = "  ".join(
            f"{what} {mean:+.3f} {width:.3f}"
            for what, mean, width in zip(
                ("window", "D_s", "D+"), good.mean(axis=0), good.std(axis=0), strict=True
            )
        )
        seconds = time.perf_counter() - start
        sys.stdout.write(
            f"{name:<12} mean and width of the pulls: {numbers}  failed {len(found) - len(good)}  {seconds:.0f} s\n"
        )


if __name__ == "__main__":
    main()
