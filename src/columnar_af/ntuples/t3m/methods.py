"""Record names of T3M events: coffea's Lorentz vectors whose stored coordinates are read as they are stored.

vector computes ``pt`` or ``mass`` from the whole vector even where the record holds them, so that reading one coordinate
would read up to four columns. Here a stored coordinate is its column and nothing else.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents.methods import base, candidate, vector

VECTOR = "T3MLorentzVector"
"""A leg: ``pt, eta, phi, mass``."""
CHARGED_VECTOR = "T3MCandidate"
"""A particle or a triplet: ``pt, eta, phi, mass, charge``; sums add the charges."""

behavior: dict[Any, Any] = {**base.behavior, **candidate.behavior}
"""Behaviors of the events: coffea's, and the two records above."""


class StoredCoordinates:
    """The coordinates that the record holds."""

    @property
    def pt(self) -> ak.Array:
        """Transverse momentum [GeV]."""
        return self["pt"]  # type: ignore[index]

    @property
    def eta(self) -> ak.Array:
        """Pseudorapidity."""
        return self["eta"]  # type: ignore[index]

    @property
    def phi(self) -> ak.Array:
        """Azimuth [rad]."""
        return self["phi"]  # type: ignore[index]

    @property
    def mass(self) -> ak.Array:
        """Mass [GeV]."""
        return self["mass"]  # type: ignore[index]


@ak.mixin_class(behavior)
class T3MLorentzVector(StoredCoordinates, vector.PtEtaPhiMLorentzVector):
    """A leg of a candidate."""


@ak.mixin_class(behavior)
class T3MCandidate(StoredCoordinates, candidate.PtEtaPhiMCandidate):
    """A candidate, a muon or a track."""


def _inherit(name: str, parent: str, projection4d: type) -> None:
    """Overloads of the parent for operands of our record, and what vector makes of projections and sums."""
    for key, value in ak._util.copy_behaviors(parent, name, behavior).items():
        behavior.setdefault(key, value)
    array = behavior["*", name]
    array.ProjectionClass2D = vector.TwoVectorArray
    array.ProjectionClass3D = vector.ThreeVectorArray
    array.ProjectionClass4D = projection4d
    array.MomentumClass = vector.LorentzVectorArray


_inherit(VECTOR, "PtEtaPhiMLorentzVector", vector.LorentzVectorArray)
_inherit(CHARGED_VECTOR, "PtEtaPhiMCandidate", vector.LorentzVectorArray)

for _pair in ((VECTOR, CHARGED_VECTOR), (CHARGED_VECTOR, VECTOR)):
    behavior[(np.add, *_pair)] = vector.LorentzVector.add  # the charge is known of one operand only
    behavior[(np.subtract, *_pair)] = vector.LorentzVector.subtract
