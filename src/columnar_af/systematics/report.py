"""What became of the declared variations: which are missing, fell back, changed nothing, or are the same as another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.systematics.declaration import Systematics
from columnar_af.systematics.filling import VARIATION_AXIS
from columnar_af.systematics.variation import NOMINAL

if TYPE_CHECKING:
    import hist

Yields = Mapping[str, NDArray[np.float64]]
"""Variation (or nominal) -> one array, first the yields of all regions, then as many variances."""

EVENT_KINDS = ("columns", "tree", "weight-replaces", "weight-multiplies")
"""Variations that a pass over the events computes; the others are made from results."""


@dataclass(frozen=True)
class SystematicsReport:
    """What is wrong, or worth to know, about the variations of a result.

    Attributes:
        missing: Declared, and not in the result.
        without_effect: In the result with nominal's numbers in every region.
        fell_back: Variation -> columns or trees that were absent, so that nominal was taken.
        same: Groups of variations with the same numbers in every region, which differ from nominal's.
        same_side: Nuisance parameters whose up and down variation move the sum of all regions to the same side.
        undeclared: In the result, and not declared.
        places: Variation -> where it is declared.
    """

    missing: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()
    fell_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    same: tuple[tuple[str, ...], ...] = ()
    same_side: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """One line per finding, with the place of the declaration; none where all is well."""
        found = [(name, "is declared, and not in the result") for name in self.missing]
        found += [(name, "changes nothing in any region") for name in self.without_effect]
        found += [
            (name, f"fell back to nominal, for want of {', '.join(columns)}")
            for name, columns in self.fell_back.items()
        ]
        found += [(group[0], f"has the same numbers as {', '.join(group[1:])}") for group in self.same]
        found += [(name, "moves the yields to the same side up and down") for name in self.same_side]
        found += [(name, "is in the result, and not declared") for name in self.undeclared]
        return [f"{name} {what}{self._place(name)}" for name, what in found]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _place(self, name: str) -> str:
        return f" ({self.places[name]})" if name in self.places else ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def report_of(
    systematics: Systematics,
    yields: hist.Hist | Yields,
    fallbacks: Mapping[str, Collection[str]] | None = None,
    nominal: str = NOMINAL,
) -> SystematicsReport:
    """Compare the variations of a result with each other, and with what was declared.

    Args:
        systematics: What was declared.
        yields: A weighted histogram with an axis of variations, or the numbers by variation.
        fallbacks: Variation -> columns or trees that were absent.
        nominal: Name of nominal in ``yields``.

    Raises:
        ConfigError: The result has no nominal yields.
    """
    numbers = yields if isinstance(yields, Mapping) else numbers_of(yields)
    if nominal not in numbers:
        msg = f"the yields have no {nominal!r}; they have {', '.join(numbers) or 'nothing'}"
        raise ConfigError(msg)
    found = [name for name in numbers if name != nominal]
    fell_back = {name: tuple(sorted(columns)) for name, columns in (fallbacks or {}).items() if columns}
    declared = [variation.name for variation in systematics if variation.kind in EVENT_KINDS]
    idle = [name for name in found if np.array_equal(numbers[name], numbers[nominal])]
    return SystematicsReport(
        missing=tuple(name for name in declared if name not in numbers),
        without_effect=tuple(idle),
        fell_back=fell_back,
        same=_groups({name: numbers[name] for name in found if name not in idle}),
        same_side=_same_side(systematics, numbers, nominal),
        undeclared=tuple(name for name in found if name not in systematics.names),
        places=dict(systematics.places),
    )


def numbers_of(histogram: hist.Hist) -> dict[str, NDArray[np.float64]]:
    """Variation -> contents and variances of all its bins, flow included."""
    names = [axis.name for axis in histogram.axes]
    position = names.index(VARIATION_AXIS)
    view = np.moveaxis(histogram.view(flow=True), position, 0)
    return {
        name: np.concatenate([view[part][number].ravel() for part in ("value", "variance")])
        for number, name in enumerate(histogram.axes[position])
    }


def _groups(numbers: Yields) -> tuple[tuple[str, ...], ...]:
    groups: dict[bytes, list[str]] = {}
    for name, values in numbers.items():
        groups.setdefault(values.tobytes(), []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _same_side(systematics: Systematics, numbers: Yields, nominal: str) -> tuple[str, ...]:
    found = []
    for nuisance in systematics.nuisances().values():
        if nuisance.down is None or not {nuisance.up.name, nuisance.down.name} <= set(numbers):
            continue
        up, down = (
            _sum_of(numbers[one.name]) - _sum_of(numbers[nominal]) for one in (nuisance.up, nuisance.down)
        )
        if up * down > 0:
            found.append(nuisance.name)
    return tuple(found)


def _sum_of(numbers: NDArray[np.float64]) -> float:
    """Sum of the contents, which are the first half; the second half are variances."""
    return float(numbers[: len(numbers) // 2].sum())
