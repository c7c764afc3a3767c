"""Weights of the generator under 7 points of the renormalization and factorization scales and 100 replicas of a PDF set.

Names as in LoopSUSYFrame (root-project/rootbench) and the SusySkim-style skimmer. A weight is absolute: it takes the place of
the generator's weight, and the file has a histogram of its name with its sum over all generated events. The sizes are of the
usual order and otherwise chosen: the running of the strong coupling, and replicas that scatter more the harder the event is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from columnar_af.ntuples.simulation.stop_events import Floats, Generated
from columnar_af.ntuples.simulation.stop_samples import Sample

SCALES = {"05": 0.5, "10": 1.0, "20": 2.0}
POINTS = (
    ("05", "05"),
    ("05", "10"),
    ("10", "05"),
    ("10", "10"),
    ("10", "20"),
    ("20", "10"),
    ("20", "20"),
)
"""Renormalization and factorization scale in units of the nominal one; the two opposite corners are left out, as usual."""

FIRST_REPLICA, REPLICAS = 261001, 100
"""LHAPDF numbers of the replicas of NNPDF30_nnlo_as_0118."""

SCALE_NAMES = tuple(
    f"LHE3Weight_muR{renormalization}muF{factorization}" for renormalization, factorization in POINTS
)
PDF_NAMES = tuple(f"LHE3Weight_MUR1_MUF1_PDF{FIRST_REPLICA + number}" for number in range(REPLICAS))
THEORY_WEIGHTS = (*SCALE_NAMES, *PDF_NAMES)

ALPHA_S, Z_MASS = 0.118, 91.19
"""The strong coupling at the mass of the Z boson, in GeV (Particle Data Group)."""

BETA_0 = (33 - 2 * 5) / (12 * np.pi)
"""Of one loop with five flavours."""

POWERS = {"ttbar": 3, "ttz": 3, "four_body": 3, "wt": 2}
"""Powers of the strong coupling in the rate, the recoil jet among them; 1 for all other processes."""

FACTORIZATION_SLOPE = 0.15
REPLICA_SPREAD = 0.03
REFERENCE_HT = 500.0
"""GeV; here the factorization scale does nothing, and the replicas scatter by their spread."""


def _coupling(scale: Floats) -> Floats:
    return np.asarray(ALPHA_S / (1 + 2 * BETA_0 * ALPHA_S * np.log(scale / Z_MASS)))


def _replicas() -> Floats:
    """Offset and slope of each replica, shape (replicas, 2); the same for every seed, as a PDF set is."""
    return REPLICA_SPREAD * np.random.default_rng(FIRST_REPLICA).normal(size=(REPLICAS, 2))


def theory_weights(sample: Sample, generated: Generated) -> Iterator[tuple[str, Floats]]:
    """The varied weights of generated events, one name after the other.

    Args:
        sample: What the events are.
        generated: Their nominal weights and hardness.

    Yields:
        Name and weights, shape (events,), in the order of :data:`THEORY_WEIGHTS`.
    """
    ht = np.maximum(generated.ht, Z_MASS)
    hardness = np.log(ht / REFERENCE_HT)
    nominal, power = _coupling(ht), POWERS.get(sample.process, 1)
    for name, (renormalization, factorization) in zip(SCALE_NAMES, POINTS, strict=True):
        rate = (_coupling(SCALES[renormalization] * ht) / nominal) ** power
        yield name, generated.weight * rate * SCALES[factorization] ** (FACTORIZATION_SLOPE * hardness)
    for name, (offset, slope) in zip(PDF_NAMES, _replicas(), strict=True):
        yield name, generated.weight * (1 + offset + slope * hardness)


def theory_sums(sample: Sample, generated: Generated) -> dict[str, Floats]:
    """Name -> number of generated events, sum of their varied weights, and sum of squares: the bins of its histogram."""
    return {
        name: np.array([len(weights), weights.sum(), (weights**2).sum()])
        for name, weights in theory_weights(sample, generated)
    }
