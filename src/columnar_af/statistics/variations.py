"""Names of variations: which nuisance parameter a variation moves, and to which side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from columnar_af.errors import ConfigError
from columnar_af.systematics.variation import nuisance_and_direction

NOMINAL = "Nominal"


def is_nominal(variation: str) -> bool:
    """Whether this is the name of no variation: ``Nominal`` or ``nominal``."""
    return variation.lower() == NOMINAL.lower()


def split(variation: str) -> tuple[str, str]:
    """Nuisance parameter and direction, ``up`` or ``down``, that a name says; a one-sided variation counts as up."""
    name, direction = nuisance_and_direction(variation)
    return name, "down" if direction == "down" else "up"


@dataclass(frozen=True)
class Nuisance:
    """A nuisance parameter and the variations that stand for one standard deviation of it.

    Attributes:
        name: Its name; parameters of the same name in several regions and samples are the same parameter.
        up, down: Names of the variations; one of them is None where the variation has one side only.
    """

    name: str
    up: str | None
    down: str | None

    @property
    def is_one_sided(self) -> bool:
        """Whether the other side has to be made by symmetrization."""
        return self.up is None or self.down is None


def nuisances(variations: Iterable[str]) -> tuple[Nuisance, ...]:
    """The nuisance parameters of some variations, in the order in which they first come.

    Raises:
        ConfigError: Two variations are the same side of one parameter.
    """
    sides: dict[str, dict[str, str]] = {}
    for variation in variations:
        if is_nominal(variation):
            continue
        name, direction = split(variation)
        found = sides.setdefault(name, {})
        if found.setdefault(direction, variation) != variation:
            msg = f"{found[direction]} and {variation} are both the {direction} side of the parameter {name}"
            raise ConfigError(msg, advice="rename one of the variations")
    return tuple(Nuisance(name, found.get("up"), found.get("down")) for name, found in sides.items())
