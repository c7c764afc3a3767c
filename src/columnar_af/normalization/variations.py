"""Uncertainties of the normalization that the simulation's own systematic variations give.

What a variation changes of the efficiency of the control channel, it changes of the expected τ → 3μ, the other way round. The
search's simulation is not varied together with it, so that nothing cancels that both channels have in common: the
uncertainty is on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from columnar_af.normalization.control_channel import EraYield
from columnar_af.normalization.uncertainties import PARENTS, Nuisance
from columnar_af.results.run_result import RunResult
from columnar_af.systematics import nuisance_and_direction

YIELD = "signal_window"


def varied_efficiencies(result: RunResult, dataset: str) -> dict[str, float]:
    """Variation -> efficiency over nominal of a simulated dataset; empty where it was run without variations."""
    yields = result.yields.get(dataset, {})
    nominal = yields[YIELD]["value"] if YIELD in yields else 0.0
    prefix = f"{YIELD}_"
    return {
        name.removeprefix(prefix): entry["value"] / nominal
        for name, entry in yields.items()
        if name.startswith(prefix) and nominal > 0
    }


def measured_nuisances(eras: Iterable[EraYield], simulation: RunResult) -> tuple[Nuisance, ...]:
    """One nuisance per parameter that the simulation was varied by; none where it was run without variations.

    Its effect is the larger one of up and down, in the era of a year where it is largest; a variation that leaves nothing
    counts as 99 per cent.
    """
    effects: dict[str, dict[str, float]] = {}
    for era in eras:
        for variation, ratio in varied_efficiencies(simulation, era.efficiency.dataset).items():
            change = min(abs(1.0 / ratio - 1.0), 0.99) if ratio > 0 else 0.99
            years = effects.setdefault(nuisance_and_direction(variation)[0], {})
            years[era.year] = max(years.get(era.year, 0.0), change)
    return tuple(_nuisance(name, effect) for name, effect in effects.items())


def _nuisance(name: str, effect: Mapping[str, float]) -> Nuisance:
    return Nuisance(
        name=name,
        meaning=f"{name.replace('_', ' ')}, efficiency of the control channel",
        affects=PARENTS,
        across_years=True,
        effect=effect,
        source="variations of the simulation of the control channel",
    )
