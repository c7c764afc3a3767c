"""Time a fit of a stop-search model with pyhf's own Minuit optimizer and with the gradient of ours, in one run.

python benchmarks/stop_fit.py [--nuisances 50] [--repeat 5]

The model has two control, two validation and two signal regions, six backgrounds and a signal, every nuisance parameter on all of
them. Printed are the median times of a fit with free signal strength, and of the whole limit (asymptotic) on the signal.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyhf

from columnar_af.statistics.building import ModelOptions, build_model
from columnar_af.statistics.by_hand import counted
from columnar_af.statistics.fitting import pyhf_data, pyhf_model
from columnar_af.statistics.limits import upper_limit
from columnar_af.statistics.model import Model
from columnar_af.statistics.pyhf_backend import gradient_minuit

REGIONS = ("CRtop", "CRDib", "VRtop", "VRDib", "SRA", "SRB")
SAMPLES = ("ttbar", "VV", "Wt", "Zjets", "other", "FNP", "signal")


def model(nuisances: int) -> Model:
    """The model, with data as expected."""
    generator = np.random.default_rng(1)
    expected: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for region in REGIONS:
        expected[region] = {}
        for sample in SAMPLES:
            value = float(generator.uniform(5, 50))
            cell = {"Nominal": (value, 0.03 * value)}
            for number in range(nuisances):
                for side in ("__1up", "__1down"):
                    cell[f"np{number}{side}"] = (value * float(1 + generator.normal(0, 0.05)), 0.0)
            expected[region][sample] = cell
    observed = {
        region: float(round(sum(cell["Nominal"][0] for name, cell in row.items() if name != "signal")))
        for region, row in expected.items()
    }
    table = counted(expected, observed, signals=["signal"], data_driven=["FNP"])
    return build_model(table, ModelOptions(), "signal")


def median(function: Callable[[], object], repeat: int) -> float:
    """Median wall time in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nuisances", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    chosen = model(options.nuisances)
    built = pyhf_model(chosen)
    data = pyhf_data(chosen, built)

    def fit() -> object:
        return pyhf.infer.mle.fit(data, built, return_fitted_val=True)

    with gradient_minuit():
        fit()  # compiles
        ours = median(fit, options.repeat)
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer())
    theirs = median(fit, options.repeat)
    limit = median(lambda: upper_limit(chosen), options.repeat)
    print(f"{built.config.npars} parameters, {len(REGIONS)} regions, {len(SAMPLES)} samples")
    print(f"fit: pyhf {theirs:.3f} s, with gradient {ours:.3f} s, ratio {theirs / ours:.1f}")
    print(f"limit with gradient: {limit:.2f} s")


if __name__ == "__main__":
    main()
