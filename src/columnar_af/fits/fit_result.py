"""The outcome of a fit: parameters and covariance, and whether they may be used at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from columnar_af.fits.constraint import Constraint
from columnar_af.fits.mass_model import MassModel
from columnar_af.fits.shapes import Values
from columnar_af.fits.spectrum import Spectrum

ENTRIES_PER_BIN = 10.0
"""With fewer events per bin on average the saturated likelihood is not distributed as χ²."""


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
    """Expected events of one component in a mass window, with the uncertainty from the full covariance.

    Attributes:
        component: ``ds``, ``dplus`` or ``background``.
        low, high: The window, GeV.
        value, error: Events and their uncertainty.
    """

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
        parameters: Name -> value and uncertainty; empty where no fit was tried.
        covariance: Of the parameters in their order, ``(n_parameters, n_parameters)``; 0 for fixed ones.
        windows: Yields in the signal window.
        goodness: How well the model describes the data; None for a failed fit.
        model: What was fitted.
        spectrum: The data in the range of the fit, in bins.
        tails: What was known of the free tails before.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    parameters: Mapping[str, FittedParameter]
    covariance: Values = field(repr=False)
    windows: tuple[WindowYield, ...]
    goodness: GoodnessOfFit | None
    model: MassModel = field(repr=False)
    spectrum: Spectrum = field(repr=False)
    tails: Constraint = field(default_factory=Constraint, repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether parameters and yields may be used."""
        return not self.problems

    @property
    def p_value(self) -> float | None:
        """Of the goodness of fit; None for a failed fit, and where the bins have too few entries for χ²."""
        enough = self.spectrum.entries >= ENTRIES_PER_BIN * len(self.spectrum.counts)
        if self.goodness is None or not (enough or self.goodness.method == "toys"):
            return None
        return self.goodness.p_value

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the parameters in the order of the model."""
        return tuple(self.parameters[name].value for name in self.model.names)

    def window(self, component: str) -> WindowYield:
        """The yield of a component in the signal window.

        Raises:
            ValueError: The fit failed; a yield of a failed fit is no number.
        """
        self._refuse_failed()
        return next(window for window in self.windows if window.component == component)

    def total(self, component: str) -> FittedParameter:
        """The yield of a component in the whole range of the fit.

        Raises:
            ValueError: The fit failed.
        """
        self._refuse_failed()
        return self.parameters[f"{component}_yield"]

    def _refuse_failed(self) -> None:
        if self.problems:
            msg = f"the fit failed and has no yield: {'; '.join(self.problems)}"
            raise ValueError(msg)

    def to_json(self) -> dict[str, Any]:
        """Plain values; NumPy arrays are lists."""
        shapes = {part.name: part.shape.name for part in self.model.components}
        return {
            "succeeded": self.succeeded,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "model": shapes,
            "mass_range": [self.model.low, self.model.high],
            "entries": self.spectrum.entries,
            "parameters": {name: asdict(parameter) for name, parameter in self.parameters.items()},
            "covariance": {"names": list(self.parameters), "matrix": np.asarray(self.covariance).tolist()},
            "tails_known_before": {
                name: {"value": float(value), "error": float(error)}
                for name, value, error in zip(
                    self.tails.names, self.tails.values, self.tails.errors, strict=True
                )
            },
            "windows": [asdict(window) for window in self.windows],
            "goodness": None if self.goodness is None else asdict(self.goodness),
            "data": {
                "edges": self.spectrum.edges.tolist(),
                "counts": self.spectrum.counts.tolist(),
                "variances": self.spectrum.variances.tolist(),
            },
        }
