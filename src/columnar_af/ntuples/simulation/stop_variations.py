"""Which variations a simulation has; what they are is in :mod:`columnar_af.ntuples.stop.variations`."""

from __future__ import annotations

from columnar_af.errors import ConfigError
from columnar_af.ntuples.stop.variations import (
    DOWN,
    FAMILIES,
    JET_COLUMNS,
    JET_RESOLUTION,
    KINEMATIC,
    LEPTON_COLUMNS,
    LEPTON_TRUTH,
    MET_COLUMNS,
    NOMINAL,
    NOMINAL_COLUMNS,
    NOTEBOOK,
    UP,
    WEIGHT_BRANCHES,
    WEIGHT_FACTORS,
    WEIGHTS,
    replaced_columns,
)

__all__ = [
    "DOWN",
    "FAMILIES",
    "JET_COLUMNS",
    "JET_RESOLUTION",
    "KINEMATIC",
    "LEPTON_COLUMNS",
    "LEPTON_TRUTH",
    "MET_COLUMNS",
    "NOMINAL",
    "NOMINAL_COLUMNS",
    "NOTEBOOK",
    "UP",
    "WEIGHTS",
    "WEIGHT_BRANCHES",
    "WEIGHT_FACTORS",
    "chosen_variations",
    "replaced_columns",
]


def chosen_variations(choice: str) -> tuple[str, ...]:
    """The kinematic variations that a command line asks for.

    Args:
        choice: ``all`` (48), ``none``, ``notebook`` (the 40 of the notebook), a number N (the first N of the 48), or
            names separated by commas.

    Returns:
        Names out of :data:`KINEMATIC`, each once.

    Raises:
        ConfigError: The choice is none of these, or a name is unknown.
    """
    sets = {"all": KINEMATIC, "none": (), "notebook": NOTEBOOK}
    if choice in sets:
        return sets[choice]
    if choice.isdecimal() and int(choice) <= len(KINEMATIC):
        return KINEMATIC[: int(choice)]
    names = tuple(dict.fromkeys(name.strip() for name in choice.split(",")))
    unknown = [name for name in names if name not in KINEMATIC]
    if unknown:
        msg = f"--variations {choice}: {unknown[0]!r} is not a kinematic variation"
        advice = f"use all, none, notebook, a number up to {len(KINEMATIC)}, or names such as {', '.join(KINEMATIC[:2])}"
        raise ConfigError(msg, advice=advice)
    return names
