"""How uncertain a yield is before any fit: statistics and all variations, in quadrature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from columnar_af.statistics.yields import Floats, Template, YieldTable


@dataclass(frozen=True, eq=False)
class Band:
    """Uncertainty per bin.

    Attributes:
        nominal: Expected events.
        statistical: √(sum of squared weights).
        up, down: Systematic, both positive.
    """

    nominal: Floats
    statistical: Floats
    up: Floats
    down: Floats

    @property
    def total_up(self) -> Floats:
        """Statistical and systematic, upwards."""
        return np.hypot(self.statistical, self.up)

    @property
    def total_down(self) -> Floats:
        """Statistical and systematic, downwards."""
        return np.hypot(self.statistical, self.down)


def band(table: YieldTable, region: str, sample: str | None = None) -> Band:
    """The band of a sample, or of all backgrounds together: variations of one name move all samples together.

    Args:
        table: Yields.
        region: Name of a region.
        sample: Name of a sample; None for the sum of the backgrounds.
    """
    nominal = table.background(region) if sample is None else table.template(region, sample)
    changes = [
        _changes(nominal, up, down)
        for up, down in (
            table.background_up_and_down(region, nuisance)
            if sample is None
            else table.up_and_down(region, sample, nuisance)
            for nuisance in table.nuisances
        )
    ]
    return Band(
        nominal.values,
        np.sqrt(nominal.variances),
        _in_quadrature(nominal, (up for up, _ in changes)),
        _in_quadrature(nominal, (down for _, down in changes)),
    )


def _changes(nominal: Template, up: Floats, down: Floats) -> tuple[Floats, Floats]:
    """How far a parameter moves the yield upwards and downwards; both sides may go the same way."""
    sides = np.stack([up - nominal.values, down - nominal.values])
    return np.maximum(sides.max(axis=0), 0.0), np.maximum(-sides.min(axis=0), 0.0)


def _in_quadrature(nominal: Template, changes: Iterable[Floats]) -> Floats:
    return np.sqrt(sum((change**2 for change in changes), np.zeros_like(nominal.values)))


def impacts(table: YieldTable, region: str) -> list[tuple[str, float, float]]:
    """Parameter, and what +1 and -1 standard deviation of it do to the background of a region, relative to it.

    The largest come first; all bins together.
    """
    nominal = table.background(region).total.value
    found = []
    for nuisance in table.nuisances:
        up, down = table.background_up_and_down(region, nuisance)
        if nominal > 0:
            found.append((nuisance.name, float(up.sum()) / nominal - 1, float(down.sum()) / nominal - 1))
    return sorted(found, key=lambda item: -max(abs(item[1]), abs(item[2])))
