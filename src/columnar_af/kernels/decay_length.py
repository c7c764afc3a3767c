"""Decay length in the rest frame of the particle that decays: its flight distance divided by βγ."""

from __future__ import annotations

from typing import Any

MM_PER_CM = 10.0


def proper_decay_length(distance: Any, mass: Any, momentum: Any) -> Any:
    """``distance · mass / momentum``, exponentially distributed with the mean cτ for particles that start at 0.

    Args:
        distance: Flight distance, cm: transverse or in space.
        mass: Mass of the particle, GeV.
        momentum: The component of its momentum along ``distance``, GeV: transverse or the magnitude.

    Returns:
        mm, of the shape of the arguments.
    """
    return distance * mass / momentum * MM_PER_CM
