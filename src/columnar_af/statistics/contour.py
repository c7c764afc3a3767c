"""The exclusion in the plane of stop mass and mass difference: where the limit on the signal strength is 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import QhullError

from columnar_af.statistics.limits import UpperLimit
from columnar_af.statistics.yields import Floats

STEPS = 200
"""Points of the interpolation along each axis."""

FEWEST_POINTS = 3
"""A triangle: fewer points, or points on a line, leave nothing to interpolate in."""

CURVES = ("observed", "expected", "expected -1σ", "expected +1σ")


@dataclass(frozen=True)
class GridPoint:
    """A signal of the grid.

    Attributes:
        stop_mass, mass_difference: In GeV; the neutralino is so much lighter than the stop.
        limit: On its strength.
    """

    stop_mass: float
    mass_difference: float
    limit: UpperLimit

    def strength(self, curve: str) -> float | None:
        """The limit of a curve; None where there is none."""
        if curve == "observed":
            return self.limit.observed
        if not self.limit.band:
            return None
        return self.limit.band[{"expected": 2, "expected -1σ": 1, "expected +1σ": 3}[curve]]


@dataclass(frozen=True, eq=False)
class Surface:
    """Limits between the points of the grid.

    Attributes:
        stop_masses, mass_differences: Axes, shape (points,).
        logarithms: log10 of the limit on the strength, shape (differences, masses); NaN outside the points. The contour is
            where it is 0.
    """

    stop_masses: Floats
    mass_differences: Floats
    logarithms: Floats

    @property
    def has_contour(self) -> bool:
        """Whether some of the plane is excluded and some is not."""
        known = self.logarithms[np.isfinite(self.logarithms)]
        return bool(len(known) and known.min() < 0 < known.max())


def surface(points: Sequence[GridPoint], curve: str) -> Surface | None:
    """log10 of the limit, linear in the triangles between the points; None where the points span no triangle.

    Args:
        points: The grid.
        curve: One of :data:`CURVES`.
    """
    limits = [(point, point.strength(curve)) for point in points]
    known = [(point, limit) for point, limit in limits if limit is not None and math.isfinite(limit)]
    places = np.array([(point.stop_mass, point.mass_difference) for point, _ in known]).reshape(-1, 2)
    if len(known) < FEWEST_POINTS:
        return None
    values = np.array([math.log10(max(strength, 1e-6)) for _, strength in known])
    try:
        interpolate = LinearNDInterpolator(places, values, rescale=True)
    except QhullError:  # all on a line
        return None
    masses, differences = (np.linspace(axis.min(), axis.max(), STEPS) for axis in places.T)
    return Surface(masses, differences, interpolate(*np.meshgrid(masses, differences)))


def grid(
    limits: Mapping[str, UpperLimit], points: Mapping[str, tuple[float, float]]
) -> tuple[GridPoint, ...]:
    """The points of the signals whose masses are known, in order of the masses."""
    found = [GridPoint(*points[name], limit) for name, limit in limits.items() if name in points]
    return tuple(sorted(found, key=lambda point: (point.stop_mass, point.mass_difference)))


def describe(points: Sequence[GridPoint]) -> tuple[str, ...]:
    """What the contour is, and is not: how many points, which failed, and what is missing."""
    failed = [point for point in points if point.limit.failure]
    notes = [
        f"{len(points) - len(failed)} signal points; log(limit) is linear between them, and nothing is said outside"
    ]
    notes += [
        f"m(stop) {point.stop_mass:g} GeV, Δm {point.mass_difference:g} GeV: NO LIMIT, {point.limit.failure}"
        for point in failed
    ]
    for curve in ("observed", "expected"):
        found = surface(points, curve)
        if found is None and any(point.strength(curve) is not None for point in points):
            notes.append(f"{curve}: too few points for a contour, at least three that are not on a line")
        elif found is not None and not found.has_contour:
            low = np.nanmin(found.logarithms)
            notes.append(
                f"{curve}: {'none' if low > 0 else 'all'} of the points between them are excluded, so there is no contour"
            )
    return tuple(notes)
