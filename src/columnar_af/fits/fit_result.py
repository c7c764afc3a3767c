"""The outcome of a fit: parameters and covariance, and whether they may be used at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FittedParameter:
    """A parameter after the fit.

    Attributes:
        value: Where the likelihood is largest.
        error: Symmetric uncertainty from the second derivatives (HESSE); 0 where fixed.
        lower, upper: Asymmetric uncertainties from the likelihood profile (MINOS), signed; None where not computed.
        fixed: Whether the fit could not change it.
    """

    value: float
    error: float = 0.0
    lower: float | None = None
    upper: float | None = None
    fixed: bool = False


@dataclass(frozen=True)
class WindowYield:
    """Expected events of one component in a mass window, with the uncertainty from the full covariance."""

    component: str
    low: float
    high: float
    value: float
    error: float


@dataclass(frozen=True)
class GoodnessOfFit:
    """How well the model describes the data.

    Attributes:
        method: ``saturated`` (likelihood ratio to the saturated model, χ² in the limit of large counts) or ``toys``.
        statistic: Value of the test statistic.
        ndof: Bins less free parameters.
        p_value: Probability of a worse agreement if the model is true.
    """

    method: str
    statistic: float
    ndof: int
    p_value: float


@dataclass(frozen=True)
class FitResult:
    """The outcome of a mass fit.

    Attributes:
        problems: Why the fit must not be used; empty for a good fit. A fit with problems has no yields.
        notes: What a reader should know, for example a shape that was fixed.
        parameters: Name -> value and uncertainty.
        covariance: Of the parameters in their order, ``(n_parameters, n_parameters)``; 0 for fixed ones.
        windows: Yields in mass windows.
        goodness: How well the model describes the data; None for a failed fit.
        entries: Events in the range that were fitted.
        mass_range: GeV.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    parameters: Mapping[str, FittedParameter]
    covariance: NDArray[np.float64] = field(repr=False)
    windows: tuple[WindowYield, ...]
    goodness: GoodnessOfFit | None
    entries: float
    mass_range: tuple[float, float]

    @property
    def succeeded(self) -> bool:
        """Whether parameters and yields may be used."""
        return not self.problems

    def window(self, component: str) -> WindowYield:
        """The yield of a component in the signal window.

        Raises:
            ValueError: The fit failed; a yield of a failed fit is no number.
        """
        if self.problems:
            msg = f"the fit failed and has no yield: {'; '.join(self.problems)}"
            raise ValueError(msg)
        return next(window for window in self.windows if window.component == component)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "succeeded": self.succeeded,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "parameters": {name: asdict(parameter) for name, parameter in self.parameters.items()},
            "covariance": self.covariance.tolist(),
            "windows": [asdict(window) for window in self.windows],
            "goodness": None if self.goodness is None else asdict(self.goodness),
            "entries": self.entries,
            "mass_range": list(self.mass_range),
        }
