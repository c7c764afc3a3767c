"""Trigger: Level-1 seeds that were switched off or prescaled for a part of the data, as a weight of simulated events."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np

from columnar_af.corrections.event_weight import Factor
from columnar_af.kernels.trigger_names import any_fired


@dataclass(frozen=True)
class PrescaledSeeds:
    """Events that only the given seeds let in count with the fraction of the data in which these were active.

    The analysts drop such events at random instead, with a generator that cannot be repeated; the weight has the same mean.

    Attributes:
        seeds: Exact names of the seeds that were not always active.
        others: Exact names of the seeds that were.
        active: Fraction of the data with the seeds active.
        name: Name of the correction.
    """

    seeds: tuple[str, ...]
    others: tuple[str, ...]
    active: float
    name: str = "prescaled_seeds"

    def inputs(self, events: ak.Array) -> tuple[ak.Array, ...]:
        """Whether one of the seeds fired, and whether one of the others did."""
        trigger = events.trigger
        return tuple(
            any_fired(trigger.l1_name, trigger.l1_decision, names, exact=True)
            for names in (self.seeds, self.others)
        )

    def factor(self, *inputs: ak.Array) -> Factor:
        """Weights, ``(n_events,)``."""
        seeds, others = (np.asarray(mask, dtype=bool) for mask in inputs)
        only = seeds & ~others
        touched = {"events": len(only), "only_prescaled_seeds": int(np.count_nonzero(only))}
        return Factor(np.where(only, self.active, 1.0), touched=touched)


DOUBLE_MU_4_ONLY_2018 = PrescaledSeeds(
    seeds=("L1_DoubleMu4_SQ_OS_dR_Max1p2", "L1_DoubleMu4p5_SQ_OS_dR_Max1p2"),
    others=(
        "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4",
        "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4",
        "L1_TripleMu0",
        "L1_TripleMu_5_0_0",
        "L1_TripleMu_5_3_0_DoubleMu_5_3_OS_Mass_Max17",
        "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9",
    ),
    active=1 - 0.307,
)
"""2018 signal simulation: github fsimone91/Tau3Mu_Analysis_MVA, ntupleClass_tau3mu.C (commit 21ae055), drops 0.307."""
