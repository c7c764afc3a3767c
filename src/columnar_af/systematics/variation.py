"""A systematic variation: its name, what it shifts, and the nuisance parameter that it belongs to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from columnar_af.errors import ConfigError

NOMINAL = "nominal"
"""What nominal is called; no variation may have this name, in whatever case."""

Direction = Literal["up", "down", "one-sided", "both"]
Kind = Literal["columns", "tree", "weight-replaces", "weight-multiplies", "sample", "normalization"]
DIRECTIONS: tuple[str, ...] = get_args(Direction)
KINDS: tuple[str, ...] = get_args(Kind)
WEIGHT_KINDS = ("weight-replaces", "weight-multiplies")

ENDINGS: tuple[tuple[str, Direction, str], ...] = (
    ("__1up", "up", ""),
    ("__1down", "down", ""),
    ("_up", "up", ""),
    ("_down", "down", ""),
    ("ScaleUp", "up", "Scale"),
    ("ScaleDown", "down", "Scale"),
)
"""How names end that tell their direction, and what of it belongs to the name of the nuisance parameter: ``__1up`` is
ATLAS' (LoopSUSYFrame; its ETmiss scale has ``ScaleUp`` instead), ``_up`` that of this project's corrections."""


def nuisance_and_direction(name: str) -> tuple[str, Direction]:
    """What the name of a variation says: ``JET_GroupedNP_1__1up`` is ``JET_GroupedNP_1``, up; others are one-sided."""
    for ending, direction, kept in ENDINGS:
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending) + kept, direction
    return name, "one-sided"


@dataclass(frozen=True)
class Variation:
    """One variation.

    Attributes:
        name: As in the ntuple and in the result, for example ``JET_GroupedNP_1__1up``.
        kind: What it shifts: ``columns`` of the same tree, a whole ``tree``, a weight that ``weight-replaces`` a factor or
            ``weight-multiplies`` it, the ``sample`` (other files), or the ``normalization`` by given sizes.
        nuisance: Name of the nuisance parameter; by default what the name says (:func:`nuisance_and_direction`).
        direction: ``up``, ``down``, ``one-sided`` (its other side is mirrored), or ``both`` for a normalization, whose sizes
            hold both sides; by default what the name says.
        factors: For weights, factor of the event weight -> column that replaces it or multiplies it.
        correlation: Nuisances of the same correlation move together; by default each its own.
        samples: For the kind ``sample``, sample -> the one that replaces it.
        sizes: For the kind ``normalization``, sample -> relative changes (up, down), for example ``(0.017, -0.017)``.
    """

    name: str
    kind: Kind = "columns"
    nuisance: str = ""
    direction: Direction | None = None
    factors: Mapping[str, str] = field(default_factory=dict)
    correlation: str = ""
    samples: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_words()
        nuisance, direction = nuisance_and_direction(self.name)
        if self.kind == "normalization":
            nuisance, direction = self.name, "both"
        object.__setattr__(self, "nuisance", self.nuisance or nuisance)
        object.__setattr__(self, "direction", self.direction or direction)
        object.__setattr__(self, "correlation", self.correlation or self.nuisance)
        self._check_contents()

    @property
    def is_weight(self) -> bool:
        """Whether it moves the weights of events and nothing else."""
        return self.kind in WEIGHT_KINDS

    @property
    def side(self) -> str:
        """``up`` or ``down``; what is one-sided or holds both counts as up."""
        return "down" if self.direction == "down" else "up"

    def _check_words(self) -> None:
        if not self.name or self.name.lower() == NOMINAL:
            msg = f"a variation is called {self.name!r}: expected a name that is not {NOMINAL!r}"
            raise ConfigError(msg)
        for what, word, known in (("kind", self.kind, KINDS), ("direction", self.direction, DIRECTIONS)):
            if word is not None and word not in known:
                msg = f"variation {self.name}: unknown {what} {word!r}, expected one of {', '.join(known)}"
                raise ConfigError(msg)

    def _check_contents(self) -> None:
        for name, given, kinds in (
            ("factors", self.factors, WEIGHT_KINDS),
            ("samples", self.samples, ("sample",)),
            ("sizes", self.sizes, ("normalization",)),
        ):
            if bool(given) != (self.kind in kinds):
                needs = "has no" if not given else "must not have"
                msg = f"variation {self.name} of kind {self.kind} {needs} {name}"
                raise ConfigError(msg, advice=f"{name} belong to the kind {' and '.join(kinds)}")
        if (self.direction == "both") != (self.kind == "normalization"):
            msg = f"variation {self.name}: direction {self.direction!r} does not fit the kind {self.kind}"
            raise ConfigError(msg, advice="a normalization holds both sides, all other kinds one")
        for sample, sizes in self.sizes.items():
            if len(list(sizes)) != 2 or not all(math.isfinite(size) and size > -1 for size in sizes):
                msg = f"variation {self.name}: sizes {sizes} of {sample}, expected two relative changes above -1"
                raise ConfigError(msg, advice="write for example [0.017, -0.017]")
