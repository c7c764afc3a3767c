"""Knowledge of parameters from elsewhere, with its covariance, as a Gaussian term of the likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from iminuit.cost import NormalConstraint

from columnar_af.fits.mass_model import BACKGROUND, TAIL, MassModel
from columnar_af.fits.shapes import Values


@dataclass(frozen=True)
class Constraint:
    """Parameters that are known from elsewhere.

    A parameter that is only fixed there does as if it were known exactly: its uncertainty is missing in what is fitted. A
    constraint carries it over.

    Attributes:
        names: Parameters, in the fit's names.
        values: What is known of them, ``(n,)``.
        covariance: ``(n, n)``, positive definite.
    """

    names: tuple[str, ...] = ()
    values: Values = field(default_factory=lambda: np.zeros(0), repr=False)
    covariance: Values = field(default_factory=lambda: np.zeros((0, 0)), repr=False)

    def __len__(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def errors(self) -> Values:
        """``(n,)``."""
        return np.sqrt(np.diag(self.covariance))

    def without(self, names: Sequence[str] | Mapping[str, float]) -> Constraint:
        """What is known of the other parameters."""
        kept = [index for index, name in enumerate(self.names) if name not in names]
        return Constraint(
            tuple(self.names[index] for index in kept),
            self.values[kept],
            self.covariance[np.ix_(kept, kept)],
        )

    def cost(self) -> NormalConstraint:
        """-2 log of the Gaussian."""
        return NormalConstraint(self.names, self.values, self.covariance)

    def text(self) -> str:
        """``name = value ± error``, one after the other."""
        pairs = zip(self.names, self.values, self.errors, strict=True)
        return ", ".join(f"{name} = {value:.3g} ± {error:.2g}" for name, value, error in pairs)


def loose_tails(model: MassModel) -> Constraint:
    """What is known of the tails of a model before any data: the spreads of its shapes' parameters.

    Without this, a tail that the data cannot measure would have to be fixed, and would no longer count in the error.
    """
    known = {
        name: parameter
        for name, parameter in model.shape_parameters.items()
        if parameter.spread is not None and not name.startswith(BACKGROUND)
    }
    values = np.array([parameter.start for parameter in known.values()])
    spreads = np.array([parameter.spread for parameter in known.values()], dtype=float)
    return Constraint(tuple(known), values, np.diag(spreads**2))


def for_model(constraint: Constraint, model: MassModel) -> Constraint:
    """Knowledge of the shared tails, in the names of a model; each peak has its own copy where the tails are not shared."""
    if all(name in model.names for name in constraint.names):
        return constraint
    peaks = [part.name for part in model.components if part.name != BACKGROUND]
    names = tuple(f"{peak}{name.removeprefix(TAIL)}" for peak in peaks for name in constraint.names)
    covariance = np.asarray(np.kron(np.eye(len(peaks)), constraint.covariance), dtype=np.float64)
    return Constraint(names, np.tile(constraint.values, len(peaks)), covariance)
