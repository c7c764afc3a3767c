"""Fake and non-prompt leptons: the fake-factor method.

An event with anti-identified leptons weighs the product of their fake factors, with the sign (-1)^(n + 1) for n of them
(LoopSUSYFrame): one counts what non-prompt leptons add to the identified ones, two correct for having counted such events twice.
Prompt leptons of simulation are subtracted among them where yields are put together. Regions count all baseline leptons of
such events where they count signal leptons otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.corrections.table import Table

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

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


def pair_fake_weight(variables: Any, factors: FakeFactors, shift: str = NOMINAL_SHIFT) -> Values:
    """Weight of each event from its pair of leptons.

    Args:
        variables: Of the search.
        factors: The fake factors.
        shift: ``nominal``, ``up`` or ``down``.
    """
    identified = [variables.identified1, variables.identified2]
    anti = [variables.anti_identified1, variables.anti_identified2]
    values = []
    for n, chosen in enumerate(anti, start=1):
        factor = np.ones(len(chosen))
        pt, eta, electron = (getattr(variables, f"lep{n}_{what}") for what in ("pt", "eta", "is_electron"))
        flags = np.asarray(electron, np.bool_)[chosen]
        factor[chosen] = factors(pt[chosen], eta[chosen], flags, shift)
        values.append(factor)
    return fake_weight(values, identified, anti)


class AntiIdentified:
    """Variables of the search as the estimate of fakes sees them: every baseline lepton counts as a signal lepton.

    Args:
        variables: Those of the search.
    """

    def __init__(self, variables: Any) -> None:
        self._variables = variables

    def __getattr__(self, name: str) -> Any:
        """A variable."""
        return getattr(self._variables, _renamed(name))

    def why_missing(self, name: str) -> str | None:
        """Why there is no such variable; None where there is one."""
        reason: str | None = self._variables.why_missing(_renamed(name))
        return reason

    def shares(self, name: str) -> bool:
        """Whether a variable is nominal's."""
        return bool(self._variables.shares(_renamed(name)))


def _renamed(name: str) -> str:
    return "n_baseline_leptons" if name == "n_leptons" else name
