"""The model of the μμπ mass spectrum: a D_s and a D⁺ peak on a background, each with its yield."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from particle import Particle

from columnar_af.fits.shapes import BACKGROUNDS, PEAKS, Parameter, Shape, Values, choice

GEV = 1e-3
"""``particle`` gives masses in MeV."""
DS_MASS = Particle.from_name("D(s)+").mass * GEV
DPLUS_MASS = Particle.from_name("D+").mass * GEV

DS_MEAN = Parameter("mean", DS_MASS, 1.94, 2.0)
"""Limits: MVA fit macros (github fsimone91/Tau3Mu_Analysis_MVA)."""
DS_SIGMA = Parameter("sigma", 0.016, 0.002, 0.06)
"""Start: the width of selected candidates of a real simulated file, 16 MeV; upper limit MVA."""
DPLUS_MEAN = Parameter("mean", DPLUS_MASS, 1.85, 1.89)
"""Limits: MVA fit macros."""
DPLUS_SIGMA = Parameter("sigma", 0.015, 0.002, 0.05)
"""Upper limit: SEED notebook (github fsimone91/BPH_interactive_analysis)."""


@dataclass(frozen=True)
class Component:
    """One summand of the model.

    Attributes:
        name: ``ds``, ``dplus`` or ``background``; the first part of its parameters' names.
        shape: Its normalized density.
    """

    name: str
    shape: Shape

    @property
    def names(self) -> tuple[str, ...]:
        """Its shape parameters as the fit names them, for example ``ds_mean``."""
        return tuple(f"{self.name}_{parameter.name}" for parameter in self.shape.parameters)

    @property
    def yield_name(self) -> str:
        """The name of its yield, for example ``ds_yield``."""
        return f"{self.name}_yield"


@dataclass(frozen=True)
class MassModel:
    """A sum of components on a mass range.

    Attributes:
        low, high: The range, GeV.
        components: Its summands.
    """

    low: float
    high: float
    components: tuple[Component, ...]

    @property
    def yield_names(self) -> tuple[str, ...]:
        """The names of the yields, in the order of the components."""
        return tuple(component.yield_name for component in self.components)

    @property
    def shape_parameters(self) -> dict[str, Parameter]:
        """Name in the fit -> parameter, for all components."""
        return {
            name: parameter
            for component in self.components
            for name, parameter in zip(component.names, component.shape.parameters, strict=True)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters, in the order that the model's functions take them: yields, then shapes."""
        return (*self.yield_names, *self.shape_parameters)

    def component(self, name: str) -> Component:
        """The component of a name."""
        return next(component for component in self.components if component.name == name)

    def _split(self, values: tuple[float, ...]) -> Iterator[tuple[Component, float, tuple[float, ...]]]:
        position = len(self.components)
        for component, number in zip(self.components, values, strict=False):
            count = len(component.shape.parameters)
            yield component, number, values[position : position + count]
            position += count

    def scaled_cdf(self, x: Values, *values: float) -> Values:
        """Expected events below each ``x``, ``(n_points,)``."""
        parts = [n * part.shape.cdf(x, *shape) for part, n, shape in self._split(values)]
        return np.asarray(np.sum(parts, axis=0))

    def scaled_pdf(self, x: Values, *values: float) -> tuple[float, Values]:
        """Expected events in the range, and events per GeV at each ``x``, ``(n_points,)``."""
        parts = [n * part.shape.pdf(x, *shape) for part, n, shape in self._split(values)]
        return float(sum(values[: len(self.components)])), np.asarray(np.sum(parts, axis=0))

    def component_counts(self, edges: Values, values: tuple[float, ...]) -> dict[str, Values]:
        """Expected events of each component between neighbouring edges, ``(n_edges - 1,)``."""
        return {
            part.name: np.diff(n * part.shape.cdf(edges, *shape)) for part, n, shape in self._split(values)
        }


def mass_model(
    low: float, high: float, *, peak: str = "crystal-ball", background: str = "exponential", with_dplus: bool = True
) -> MassModel:
    """The model of the normalization channel.

    Args:
        low, high: Mass range, GeV.
        peak: Shape of both peaks, a key of :data:`columnar_af.fits.shapes.PEAKS`.
        background: A key of :data:`columnar_af.fits.shapes.BACKGROUNDS`.
        with_dplus: False for simulation of the D_s alone.

    Raises:
        ConfigError: Unknown shape.
    """
    choice("peak", peak, PEAKS)
    choice("background", background, BACKGROUNDS)
    components = [Component("ds", PEAKS[peak](DS_MEAN, DS_SIGMA, low, high))]
    if with_dplus:
        components.append(Component("dplus", PEAKS[peak](DPLUS_MEAN, DPLUS_SIGMA, low, high)))
    components.append(Component("background", BACKGROUNDS[background](low, high)))
    return MassModel(low, high, tuple(components))
