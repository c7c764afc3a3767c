"""Fake and non-prompt leptons: the fake-factor method.

An event with anti-identified leptons weighs the product of their fake factors, with the sign (-1)^(n + 1) for n of them
(LoopSUSYFrame): one counts what non-prompt leptons add to the identified ones, two correct for having counted such events twice.
Prompt leptons of simulation are subtracted among them where yields are put together. Regions count all baseline leptons of
such events where they count signal leptons otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.corrections.table import Table
from columnar_af.selection.cut_renaming import renamed
from columnar_af.selection.regions import Region, RegionSet

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

FAKE = "fake_"
"""How the names of what is made of anti-identified leptons begin."""

BASELINE = {"n_leptons": "n_baseline_leptons"}
"""Variable of identified leptons -> what stands in its place where leptons are anti-identified."""

NOMINAL_SHIFT, SHIFTS = "nominal", ("up", "down")

STORED_WEIGHT = "FNP_WEIGHTS"
STORED_SHIFTS = {"up": "FNP_TOTAL_UP", "down": "FNP_TOTAL_DOWN"}
"""Columns of the layout ``histfitter``, which holds the weight of the fake factors ready (LoopSUSYFrame's names)."""


@dataclass(frozen=True)
class FakeFactors:
    """Fake factors by flavour, |eta| and transverse momentum.

    Attributes:
        table: With the inputs ``flavour`` (electron, muon), ``abseta``, ``pt`` (GeV) and ``shift`` (nominal, up, down).
    """

    table: Table

    @classmethod
    def load(cls, path: str | Path) -> FakeFactors:
        """Read a correctionlib file with the correction ``fake_factor``.

        Raises:
            ConfigError: It cannot be read, or has no such correction.
        """
        return cls(Table.load(path, "fake_factor"))

    def __call__(self, pt: Values, eta: Values, is_electron: Flags, shift: str = NOMINAL_SHIFT) -> Values:
        """The factor of each lepton; half-open bins, values outside of the table take the nearest bin.

        Args:
            pt: GeV, shape (leptons,); NaN where there is none.
            eta: Pseudorapidity, same shape.
            is_electron: Else it is a muon, same shape.
            shift: ``nominal``, ``up`` or ``down``.

        Returns:
            Same shape, 1 where there is no lepton.
        """
        factors = np.ones(len(pt))
        for flavour, chosen in (("electron", is_electron), ("muon", ~is_electron)):
            here = chosen & ~np.isnan(pt)
            values: dict[str, Any] = {
                "flavour": flavour,
                "shift": shift,
                "abseta": np.abs(eta[here]),
                "pt": pt[here],
            }
            factors[here] = self.table.evaluate(values)
        return factors


def fake_weight(factors: Sequence[Values], identified: Sequence[Flags], anti: Sequence[Flags]) -> Values:
    """Weight of each event.

    Args:
        factors, identified, anti: Per lepton of the event: its fake factor, whether it is identified, and whether it is
            anti-identified; shape (events,) each.

    Returns:
        Shape (events,); 0 where all leptons are identified, or one is neither.
    """
    weight = -np.ones(len(factors[0]))
    some, usable = np.zeros(len(weight), np.bool_), np.ones(len(weight), np.bool_)
    for factor, good, loose in zip(factors, identified, anti, strict=True):
        weight = np.where(loose, -weight * factor, weight)
        some |= loose
        usable &= good | loose
    return np.where(some & usable, weight, 0.0)


def pair_fake_weight(
    variables: Any, factors: FakeFactors, where: Flags, shift: str = NOMINAL_SHIFT
) -> Values:
    """Weight of some events from their pair of leptons.

    Args:
        variables: Of the search.
        factors: The fake factors.
        where: Which events, shape (events,).
        shift: ``nominal``, ``up`` or ``down``.

    Returns:
        Of these events, shape (where.sum(),).
    """
    events = np.flatnonzero(where)
    identified = [variables.identified1[events], variables.identified2[events]]
    anti = [variables.anti_identified1[events], variables.anti_identified2[events]]
    loose = np.concatenate(anti)
    pt, eta, electron = (
        np.concatenate([getattr(variables, f"lep{n}_{what}")[events] for n in (1, 2)])[loose]
        for what in ("pt", "eta", "is_electron")
    )
    found = np.ones(len(loose))
    found[loose] = factors(pt, eta, np.asarray(electron, np.bool_), shift)
    return fake_weight([found[: len(events)], found[len(events) :]], identified, anti)


def anti_identified(regions: RegionSet) -> RegionSet:
    """The regions as the estimate of fakes sees them: every baseline lepton counts as a signal lepton.

    Args:
        regions: Those of identified leptons.

    Returns:
        Regions whose names begin with :data:`FAKE`.
    """
    return replace(
        regions, regions={FAKE + region.name: _anti_identified(region) for region in regions}, exclusive=(),
        checked_on_events=(),
    )  # fmt: skip


def _anti_identified(region: Region) -> Region:
    cuts = (replace(cut, expression=renamed(cut.expression, BASELINE)) for cut in region.cuts)
    return replace(region, name=FAKE + region.name, cuts=tuple(cuts))
