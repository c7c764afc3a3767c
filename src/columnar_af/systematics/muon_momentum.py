"""Scale and resolution of the muons' momentum, as shifts of T3M events with two muons and a track.

A shifted muon is shifted wherever it occurs: in the collection, as a leg, and as a refitted leg. The mass and momentum of
the candidate, which come from a fit of the vertex that cannot be made again, are multiplied by what the shift does to the sum
of the legs.

Source: RUN3 = github Ma128-bit/Tau3muRun3 (commit bbcc114), Combine/datacards_2022 and datacards_2023; MVA = github
fsimone91/Tau3Mu_Analysis_MVA (commit 21ae055).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.kernels.reproducible_normal import reproducible_normal
from columnar_af.systematics.shifts import Shift

MUON_LEGS = ("mu1", "mu2")

Factor = Callable[[ak.Array, ak.Array], ak.Array]
"""Events and muons -> what the momentum of each muon is multiplied by."""


@dataclass(frozen=True)
class MuonMomentum:
    """How well the momentum of muons is known.

    Attributes:
        scale: Relative uncertainty of the momentum scale. RUN3: the mean of the mass peak is known to 0.15 %, and a common
            factor of all momenta moves it as much.
        resolution: Relative momentum resolution of simulated muons, 1 %: in MVA, candidates whose muons' errors give the mass
            to 0.7 % are the best category, beyond 1.05 % the worst.
        broadening: How much worse the resolution may be than simulated. RUN3: the width of the mass peak is known to 8 %.
        seed: Of the random numbers of the smearing, which else depend on run, event and muon alone.
    """

    scale: float = 0.0015
    resolution: float = 0.01
    broadening: float = 0.08
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("scale", "resolution", "broadening"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value < 1):
                msg = f"the {name} of the muon momentum is {value!r}, expected a relative size from 0 to 1"
                raise ConfigError(msg)

    @classmethod
    def of(cls, given: Any) -> MuonMomentum:
        """From sizes by name, as a command line gives them; the defaults where there are none.

        Raises:
            ConfigError: A name is unknown, or a size cannot be.
        """
        if isinstance(given, MuonMomentum):
            return given
        known = [field.name for field in fields(cls)]
        if given is not None and not (isinstance(given, Mapping) and set(given) <= set(known)):
            msg = f"the muon momentum is given by {given!r}, expected sizes by name: {', '.join(known)}"
            raise ConfigError(msg, advice='write for example -p muon_momentum="{scale: 0.002}"')
        return cls(**(given or {}))

    @property
    def smearing(self) -> float:
        """Relative smearing that makes the resolution worse by the broadening, in quadrature."""
        return self.resolution * math.sqrt((1.0 + self.broadening) ** 2 - 1.0)

    def shifts(self) -> dict[str, Shift]:
        """Variation -> shift: the scale up and down, and a resolution that is worse (one-sided: nothing can be unsmeared)."""
        factors: dict[str, Factor] = {
            "muon_scale_up": partial(_scaled, 1.0 + self.scale),
            "muon_scale_down": partial(_scaled, 1.0 - self.scale),
            "muon_resolution": partial(_smeared, self.smearing, self.seed),
        }
        return {name: partial(shifted_muons, factor=factor) for name, factor in factors.items()}


def _scaled(factor: float, events: ak.Array, muons: ak.Array) -> ak.Array:
    del events
    return ak.ones_like(muons.pt, dtype=np.float64) * factor


def _smeared(width: float, seed: int, events: ak.Array, muons: ak.Array) -> ak.Array:
    return 1.0 + width * reproducible_normal(events, muons, seed)


def shifted_muons(events: ak.Array, factor: Factor) -> Mapping[str, ak.Array]:
    """The fields of T3M events that change when the momentum of each muon is multiplied by a factor."""
    triplet = events.triplet
    factors = {leg: factor(events, triplet[leg]) for leg in MUON_LEGS}
    shifted = {leg: ak.with_field(triplet[leg], triplet[leg].pt * factors[leg], "pt") for leg in MUON_LEGS}
    before, after = (legs["mu1"] + legs["mu2"] + triplet.track for legs in (triplet, shifted))
    fields = {
        # The muons are stored as float, their copies in the legs as double: only a double product stays equal.
        "muon.pt": ak.values_astype(events.muon.pt, np.float64) * factor(events, events.muon),
        "triplet.mass": triplet.mass * (after.mass / before.mass),
        "triplet.pt": triplet.pt * (after.pt / before.pt),
    }
    for leg in MUON_LEGS:
        fields[f"triplet.{leg}.pt"] = shifted[leg].pt
        fields[f"triplet.{leg}_refitted.pt"] = triplet[f"{leg}_refitted"].pt * factors[leg]
    return fields
