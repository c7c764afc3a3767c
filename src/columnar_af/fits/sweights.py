"""sPlot weights from a mass fit: they unfold the components in any variable that is independent of the mass."""

from __future__ import annotations

from dataclasses import dataclass, field

import hist
import numpy as np
from sweights import Cow
from sweights.util import pdf_from_histogram

from columnar_af.errors import ConfigError
from columnar_af.fits.fit_result import FitResult
from columnar_af.fits.mass_model import BACKGROUND
from columnar_af.fits.shapes import Values


@dataclass(frozen=True)
class SWeights:
    """Weights per bin of the mass.

    Attributes:
        components: Names, in the order of the rows of ``weights``.
        weights: ``(n_components, n_bins)``; the weights of a bin add up to 1 over the components, and those of all events
            of the fit add up to the yield of the component.
        edges: ``(n_bins + 1,)``, GeV.
    """

    components: tuple[str, ...]
    weights: Values = field(repr=False)
    edges: Values = field(repr=False)

    def of(self, component: str) -> Values:
        """The weight of each bin for a component, ``(n_bins,)``."""
        return self.weights[self.components.index(component)]

    def at(self, masses: Values, component: str) -> Values:
        """The weight of each mass [GeV], ``(n,)``; 0 outside of the range of the fit."""
        bins = np.searchsorted(self.edges, masses, side="right") - 1
        inside = (masses >= self.edges[0]) & (masses < self.edges[-1])
        return np.where(inside, self.of(component)[np.clip(bins, 0, len(self.edges) - 2)], 0.0)


def sweights(result: FitResult) -> SWeights:
    """The weights of a fit (Pivk and Le Diberder, NIM A 555 (2005) 356; Dembinski et al., NIM A 1040 (2022) 167270).

    The fit was one of bins, so the densities that make the weights are its expectations per bin. Only then do the weights
    of all events add up exactly to the fitted yields.

    Args:
        result: A mass fit that succeeded.

    Raises:
        ConfigError: The fit failed, or it has no background to unfold the D_s from.
    """
    if not result.succeeded:
        msg = f"there are no sWeights of a fit that failed: {'; '.join(result.problems)}"
        raise ConfigError(msg)
    parts = result.model.component_counts(result.spectrum.edges, result.values)
    present = [name for name in parts if _takes_part(name, result)]
    if BACKGROUND not in present:
        msg = "the fit found no background: there is nothing to unfold"
        raise ConfigError(msg, advice="take the distribution itself instead of a weighted one")
    edges = result.spectrum.edges
    total = np.sum([parts[name] for name in present], axis=0)
    densities = [pdf_from_histogram(parts[name] / parts[name].sum(), edges) for name in present]
    shapes = {"gs": densities[:1], "gb": densities[1:]}
    cow = Cow((float(edges[0]), float(edges[-1])), **shapes, Im=(total, edges), renorm=False)
    centres = result.spectrum.centres
    weights = np.array([cow.get_weight(index, centres) for index in range(len(present))])
    return SWeights(tuple(present), weights, edges)


def _takes_part(component: str, result: FitResult) -> bool:
    """A yield of zero or less has no density that could be told from the others."""
    return component == "ds" or result.total(component).value > 0


def weighted_projection(plane: hist.Hist, weights: SWeights, component: str) -> tuple[Values, Values]:
    """A variable's distribution for one component.

    Args:
        plane: Mass against the variable; its mass axis has the bins of the fit.
        weights: Of the fit.
        component: Such as ``ds``.

    Returns:
        Sums of weights and of their squares, ``(n_bins,)`` each, with the overflow in the last bin.

    Raises:
        ConfigError: The mass axis is another one.
    """
    edges = np.asarray(plane.axes[0].edges)
    if len(edges) < len(weights.edges):
        raise _other_bins(edges, weights)
    first = int(np.argmin(np.abs(edges - weights.edges[0])))
    last = first + len(weights.edges) - 1
    if last >= len(edges) or not np.allclose(edges[first : last + 1], weights.edges, rtol=0, atol=1e-9):
        raise _other_bins(edges, weights)
    view = plane.view(flow=True)
    inside = view[1:-1][first:last]  # without the underflow and overflow of the mass
    weight = weights.of(component)[:, np.newaxis]
    values = np.sum(weight * inside["value"], axis=0)
    variances = np.sum(weight**2 * inside["variance"], axis=0)
    return _with_overflow(values), _with_overflow(variances)


def _with_overflow(content: Values) -> Values:
    """Bins with the overflow added to the last one, and the underflow to the first."""
    inside = content[1:-1].copy()
    inside[0] += content[0]
    inside[-1] += content[-1]
    return inside


def _other_bins(edges: Values, weights: SWeights) -> ConfigError:
    msg = (
        f"the mass axis goes from {edges[0]:.6g} to {edges[-1]:.6g} GeV in {len(edges) - 1} bins, the fit from "
        f"{weights.edges[0]:.6g} to {weights.edges[-1]:.6g} in {len(weights.edges) - 1}"
    )
    return ConfigError(msg, advice="fit the mass with the bins of the histogram")
