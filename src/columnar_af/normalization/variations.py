"""Uncertainties of the control channel's efficiency that a run with systematic variations measured."""

from __future__ import annotations

from collections.abc import Iterable

from columnar_af.normalization.control_channel import EraYield
from columnar_af.normalization.uncertainties import PARENTS, Nuisance
from columnar_af.results.run_result import RunResult

WINDOW = "signal_window"
"""Yield of the processor; that with a variation ``v`` is ``signal_window_v``."""
DIRECTIONS = ("_up", "_down")


def measured_variations(eras: Iterable[EraYield], simulation: RunResult) -> tuple[Nuisance, ...]:
    """One parameter for each variation of the simulation, ``NAME_up`` and ``NAME_down`` together.

    The number of produced D_s is divided by the efficiency, so it changes by as much. Where the efficiencies of τ → 3μ are
    not varied alike, nothing cancels between the channels and the effect is an upper bound.

    Args:
        eras: Control channel.
        simulation: Run of ds_phi_pi over simulation; its yields hold the variations, if there are any.
    """
    effects: dict[str, dict[str, float]] = {}
    for era in eras:
        yields = simulation.yields[era.efficiency.dataset]
        nominal = float(yields[WINDOW]["value"])
        for key, entry in yields.items():
            if key.startswith(f"{WINDOW}_") and nominal:
                name = _nuisance_name(key.removeprefix(f"{WINDOW}_"))
                effect = abs(float(entry["value"]) / nominal - 1)
                years = effects.setdefault(name, {})
                years[era.year] = max(years.get(era.year, 0.0), effect)
    return tuple(
        Nuisance(
            name=name,
            meaning="efficiency of the control channel with this variation of its simulation, the larger direction",
            affects=PARENTS,
            across_years=True,
            effect=effect,
            source="this simulation",
        )
        for name, effect in effects.items()
        if any(effect.values())
    )


def _nuisance_name(variation: str) -> str:
    for direction in DIRECTIONS:
        variation = variation.removesuffix(direction)
    return f"simulation_{variation}"
