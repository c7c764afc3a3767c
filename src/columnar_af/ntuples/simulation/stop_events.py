"""Events as the detector sees them before any variation: padded arrays of leptons and jets, and the soft term, in GeV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class EventColumns:
    """Arrays (or groups of arrays) whose first axis is the event."""

    def take(self, which: Flags | Integers | NDArray[np.intp] | slice) -> Self:
        """The chosen events."""
        return type(self)(
            **{
                field.name: value.take(which) if isinstance(value, EventColumns) else value[which]
                for field in fields(self)
                for value in (getattr(self, field.name),)
            }
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """The events of all parts, in order."""
        joined = {}
        for field in fields(cls):
            values = [getattr(part, field.name) for part in parts]
            first = values[0]
            joined[field.name] = (
                type(first).join(values) if isinstance(first, EventColumns) else np.concatenate(values)
            )
        return cls(**joined)

    def __len__(self) -> int:
        """Number of events."""
        return len(getattr(self, fields(self)[0].name))


@dataclass(frozen=True)
class Generated(EventColumns):
    """What the generator says of its events, whether they are measured or not; shape (events,) each.

    Attributes:
        weight: +1 or -1.
        ht: Sum of the transverse momenta of partons and charged leptons, in GeV.
    """

    weight: Floats
    ht: Floats


@dataclass(frozen=True)
class Leptons(EventColumns):
    """Lepton candidates, shape (events, slots).

    Attributes:
        pt, eta, phi, mass: As measured, before the thresholds; GeV and radians.
        exists: The slot holds a reconstructed lepton within acceptance.
        flavour: 11 or 13 times the charge.
        origin, kind, iff: MCTruthClassifier origin and type, and IFF class.
        signal, medium, gradient, fc_loose: Identification and isolation flags.
        d0_significance, z0_sin_theta: Impact parameters; the latter in mm.
        noise: Fixed standard normal numbers for the variations, shape (events, slots, 2).
    """

    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    exists: Flags
    flavour: Integers
    origin: Integers
    kind: Integers
    iff: Integers
    signal: Flags
    medium: Flags
    gradient: Flags
    fc_loose: Flags
    d0_significance: Floats
    z0_sin_theta: Floats
    noise: Floats

    @property
    def is_electron(self) -> Flags:
        """Electrons; all others are muons."""
        return np.asarray(np.abs(self.flavour) == 11)


@dataclass(frozen=True)
class Jets(EventColumns):
    """Jets, shape (events, slots).

    Attributes:
        pt, eta, phi, mass: As measured, before the threshold; GeV and radians.
        exists: The slot holds a jet within acceptance.
        flavour: 5 b, 4 c, 0 light.
        parent: PDG ID of what it comes from; 0 for recoil jets.
        tag_bin: Pseudo-continuous b-tagging bin, 1 to 5; above 2 is the 77 % working point.
        tag_weight: Discriminant, -1 to 1.
        jvt: Jet vertex tagger, 0.59 to 1.
        of_electron: The jet is the calorimeter cluster of an electron that is also in the list of leptons.
        noise: Fixed standard normal numbers for the variations, shape (events, slots, 2).
    """

    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    exists: Flags
    flavour: Integers
    parent: Integers
    tag_bin: Integers
    tag_weight: Floats
    jvt: Floats
    of_electron: Flags
    noise: Floats


@dataclass(frozen=True)
class Events(EventColumns):
    """Events before any variation.

    Attributes:
        leptons, jets: The objects.
        soft: Soft term of the missing momentum (x, y), shape (events, 2), without objects that are below threshold.
        axis: Unit vector of the hard recoil, along which the soft term's scale and resolution vary, shape (events, 2).
        soft_noise: Fixed standard normal numbers along and across it, shape (events, 2).
        candidate: Number of the generated event among all that were tried, from 0.
        generator_met, generator_ht: Filters of the generator in GeV.
        generator_weight: +1 or -1.
        delta_r: Distance of each lepton slot to each jet slot, shape (events, leptons, jets).
        trigger: Uniform number that decides on the ETmiss trigger.
        pileup: Interactions per crossing.
        vertices: Primary vertices.
        run, number: Run and event number.
        pileup_mean: Mean of ``pileup`` in the campaign.
    """

    leptons: Leptons
    jets: Jets
    soft: Floats
    axis: Floats
    soft_noise: Floats
    candidate: NDArray[np.int64]
    generator_met: Floats
    generator_ht: Floats
    generator_weight: Floats
    delta_r: Floats
    trigger: Floats
    pileup: Floats
    vertices: Integers
    run: NDArray[np.uint32]
    number: NDArray[np.uint64]
    pileup_mean: Floats

    def __len__(self) -> int:
        """Number of events."""
        return len(self.soft)
