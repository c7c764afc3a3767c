"""The model of the μμπ mass spectrum: a D_s and a D⁺ peak on a background, each with its yield."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from particle import Particle

from columnar_af.errors import ConfigError
from columnar_af.fits.shapes import BACKGROUNDS, PEAKS, Parameter, Shape, Simplification, Values, choice

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

BACKGROUND = "background"
TAIL = "tail"
"""First part of the names of parameters that both peaks share."""


@dataclass(frozen=True)
class Component:
    """One summand of the model.

    Attributes:
        name: ``ds``, ``dplus`` or ``background``.
        shape: Its normalized density.
        names: Its shape parameters as the fit names them: ``ds_mean``, or ``tail_alpha`` where both peaks have one.
    """

    name: str
    shape: Shape
    names: tuple[str, ...]

    @property
    def yield_name(self) -> str:
        """The name of its yield, for example ``ds_yield``."""
        return f"{self.name}_yield"

    @property
    def own_names(self) -> tuple[str, ...]:
        """Its shape parameters that no other component has."""
        return tuple(name for name in self.names if name.startswith(f"{self.name}_"))

    @property
    def simplifications(self) -> tuple[Simplification, ...]:
        """Those of the shape, in the fit's names."""
        to_fit = dict(zip((p.name for p in self.shape.parameters), self.names, strict=True))
        who = "both peaks" if any(name.startswith(f"{TAIL}_") for name in self.names) else self.name
        return tuple(
            Simplification({to_fit[key]: value for key, value in step.fixed.items()}, f"{who}: {step.note}")
            for step in self.shape.simplifications
        )


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

    @cached_property
    def shape_parameters(self) -> dict[str, Parameter]:
        """Name in the fit -> parameter, for all components; shared ones once."""
        return {
            name: parameter
            for component in self.components
            for name, parameter in zip(component.names, component.shape.parameters, strict=True)
        }

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All parameters, in the order that the model's functions take them: yields, then shapes."""
        return (*self.yield_names, *self.shape_parameters)

    @property
    def simplifications(self) -> tuple[Simplification, ...]:
        """What to fix, in this order, when the data do not measure it."""
        unique = {
            tuple(step.fixed.items()): step for part in self.components for step in part.simplifications
        }
        return tuple(unique.values())

    def component(self, name: str) -> Component:
        """The component of a name."""
        return next(component for component in self.components if component.name == name)

    @cached_property
    def _positions(self) -> tuple[tuple[int, ...], ...]:
        """For each component, where its shape parameters stand in :attr:`names`."""
        return tuple(tuple(self.names.index(name) for name in part.names) for part in self.components)

    def _split(self, values: Sequence[float]) -> Iterator[tuple[Component, float, list[float]]]:
        for part, number, positions in zip(self.components, values, self._positions, strict=False):
            yield part, number, [values[position] for position in positions]

    def scaled_cdf(self, x: Values, *values: float) -> Values:
        """Expected events below each ``x``, ``(n_points,)``."""
        parts = [n * part.shape.cdf(x, *shape) for part, n, shape in self._split(values)]
        return np.asarray(np.sum(parts, axis=0))

    def scaled_pdf(self, x: Values, *values: float) -> tuple[float, Values]:
        """Expected events in the range, and events per GeV at each ``x``, ``(n_points,)``."""
        parts = [n * part.shape.pdf(x, *shape) for part, n, shape in self._split(values)]
        return float(sum(values[: len(self.components)])), np.asarray(np.sum(parts, axis=0))

    def component_counts(self, edges: Values, values: Sequence[float]) -> dict[str, Values]:
        """Expected events of each component between neighbouring edges, ``(n_edges - 1,)``."""
        return {
            part.name: np.diff(n * part.shape.cdf(edges, *shape)) for part, n, shape in self._split(values)
        }


def mass_model(
    low: float,
    high: float,
    *,
    peak: str = "crystal-ball",
    background: str = "exponential",
    with_dplus: bool = True,
    shared_tails: bool = True,
) -> MassModel:
    """The model of the normalization channel.

    Args:
        low, high: Mass range, GeV.
        peak: Shape of both peaks, a key of :data:`columnar_af.fits.shapes.PEAKS`.
        background: A key of :data:`columnar_af.fits.shapes.BACKGROUNDS`.
        with_dplus: False for simulation of the D_s alone.
        shared_tails: Whether both peaks have the same tails. They do in the detector: the same final state at nearly the
            same mass. False for the model of the seed's notebook.

    Raises:
        ConfigError: Unknown shape, or a range that does not hold the D_s.
    """
    choice("peak", peak, PEAKS)
    choice("background", background, BACKGROUNDS)
    if not low < DS_MASS < high:
        msg = f"the fit range {low} to {high} GeV does not hold the D_s at {DS_MASS:.4f} GeV"
        raise ConfigError(msg, advice="take for example 1.65 to 2.01")
    peaks = [("ds", PEAKS[peak](DS_MEAN, DS_SIGMA, low, high))]
    if with_dplus:
        peaks.append(("dplus", PEAKS[peak](DPLUS_MEAN, DPLUS_SIGMA, low, high)))
    components = [Component(name, shape, _peak_names(name, shape, shared_tails)) for name, shape in peaks]
    flat = BACKGROUNDS[background](low, high)
    names = tuple(f"{BACKGROUND}_{parameter.name}" for parameter in flat.parameters)
    return MassModel(low, high, (*components, Component(BACKGROUND, flat, names)))


def _peak_names(peak: str, shape: Shape, shared_tails: bool) -> tuple[str, ...]:
    """Mean and width are each peak's own; the rest is the tail."""
    own = ("mean", "sigma")
    return tuple(
        f"{TAIL if shared_tails and parameter.name not in own else peak}_{parameter.name}"
        for parameter in shape.parameters
    )
