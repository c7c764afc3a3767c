"""Yields per region, sample and variation, scaled to the luminosity: what every fit, table and picture starts from."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError
from columnar_af.statistics.variations import NOMINAL, Nuisance, is_nominal, nuisances
from columnar_af.systematics.symmetrization import mirrored

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult

Floats = NDArray[np.float64]

CUTS = "cuts"
CUTS_EDGES = (0.5, 1.5)
"""A counted region is a histogram of the variable ``cuts`` with one bin, as HistFitter has it."""

FAKES = "FNP"
"""Name of the data-driven sample: fake and non-prompt leptons."""


@dataclass(frozen=True)
class Yield:
    """What is expected of a sample in a region.

    Attributes:
        value: Sum of weights, scaled to the luminosity.
        variance: Sum of squared weights, scaled alike.
        raw: Number of events; NaN where nobody counted them.
    """

    value: float
    variance: float = 0.0
    raw: float = math.nan

    @property
    def error(self) -> float:
        """Statistical uncertainty."""
        return math.sqrt(self.variance)

    def __add__(self, other: Yield) -> Yield:
        """The sum, statistically independent."""
        return Yield(self.value + other.value, self.variance + other.variance, self.raw + other.raw)


@dataclass(frozen=True, eq=False)
class Template:
    """A histogram of one sample in one region; a counted region has one bin.

    Attributes:
        values, variances: Sum of weights and of squared weights, shape (bins,).
        raw: Number of events, all bins together; NaN where nobody counted them.
    """

    values: Floats
    variances: Floats
    raw: float = math.nan

    @property
    def total(self) -> Yield:
        """All bins together."""
        return Yield(float(self.values.sum()), float(self.variances.sum()), self.raw)


@dataclass(frozen=True)
class Region:
    """A region and how it is binned.

    Attributes:
        name: Its name.
        variable: What is histogrammed; ``cuts`` for a counted region.
        edges: Edges of the bins.
        label: Of the variable, with its unit, for figures; empty where it has none.
        verified: False where thresholds of its selection were not seen in a source.
        blinded: Whether data in it were kept out of the result.
    """

    name: str
    variable: str = CUTS
    edges: tuple[float, ...] = CUTS_EDGES
    verified: bool = True
    blinded: bool = False
    label: str = ""

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1


@dataclass(frozen=True)
class Sample:
    """A sample of the prediction.

    Attributes:
        name: Its name.
        is_signal: Whether it is a signal.
        is_data_driven: Whether it comes from data, so that no luminosity uncertainty belongs to it.
        point: For signals, stop mass and mass difference to the neutralino in GeV, where they are known.
    """

    name: str
    is_signal: bool = False
    is_data_driven: bool = False
    point: tuple[float, float] | None = None


Key = tuple[str, str, str]
"""Region, sample, variation."""


@dataclass(frozen=True, eq=False)
class YieldTable:
    """Region, sample, variation -> what is expected; region -> what was observed.

    Attributes:
        regions, samples: In the order of the tables.
        templates: What is expected. Where a sample has no template of a variation, the variation does not move it.
        observed: Region -> counts per bin; a region without data (blinded, or no data were run) is not in it.
        luminosity: In fb⁻¹.
        notes: What a reader must know.
    """

    regions: tuple[Region, ...]
    samples: tuple[Sample, ...]
    templates: Mapping[Key, Template]
    observed: Mapping[str, Floats] = field(default_factory=dict)
    luminosity: float = math.nan
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Every template has as many bins as its region, every region and sample is named once."""
        bins = {region.name: region.bins for region in self.regions}
        names = {sample.name for sample in self.samples}
        if len(bins) != len(self.regions) or len(names) != len(self.samples):
            msg = "a region or a sample of the yields is named twice"
            raise ConfigError(msg)
        for (region, sample, variation), template in self.templates.items():
            if region not in bins or sample not in names:
                msg = f"the yield of {sample} in {region} ({variation}) belongs to no region or sample of the table"
                raise ConfigError(msg)
            if len(template.values) != bins[region]:
                msg = f"{sample} has {len(template.values)} bins in {region} ({variation}), expected {bins[region]}"
                raise ConfigError(msg)

    @classmethod
    def of(
        cls,
        result: RunResult,
        shapes: Mapping[str, str] | None = None,
        *,
        allow_incomplete: bool = False,
        allow_missing_campaigns: bool = False,
        only: Collection[str] = (),
    ) -> YieldTable:
        """The yields of a run; see :func:`columnar_af.statistics.assembly.assemble`."""
        from columnar_af.statistics.assembly import assemble  # noqa: PLC0415  (it builds on this module)

        return assemble(
            result, shapes or {}, allow_incomplete=allow_incomplete,
            allow_missing_campaigns=allow_missing_campaigns, only=only,
        )  # fmt: skip

    def __getitem__(self, key: Key) -> Yield:
        """The yield of a region, sample and variation; the nominal one where the variation does not move the sample."""
        return self.template(*key).total

    def template(self, region: str, sample: str, variation: str = NOMINAL) -> Template:
        """The histogram of a region, sample and variation.

        Raises:
            ConfigError: The table has no such region or sample.
        """
        if is_nominal(variation):
            variation = NOMINAL
        found = self.templates.get((region, sample, variation))
        found = self.templates.get((region, sample, NOMINAL)) if found is None else found
        if found is None:
            msg = f"there is no yield of sample {sample!r} in region {region!r}"
            advice = (
                f"regions: {', '.join(r.name for r in self.regions)}; "
                f"samples: {', '.join(s.name for s in self.samples)}"
            )
            raise ConfigError(msg, advice=advice)
        return found

    def region(self, name: str) -> Region:
        """The region of a name.

        Raises:
            ConfigError: There is none.
        """
        for region in self.regions:
            if region.name == name:
                return region
        msg = f"there is no region {name!r} in these yields"
        raise ConfigError(msg, advice=f"there are {', '.join(region.name for region in self.regions)}")

    def has(self, region: str, sample: str) -> bool:
        """Whether the sample is expected in the region at all, be it with nothing."""
        return (region, sample, NOMINAL) in self.templates

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals."""
        return tuple(sample.name for sample in self.samples if sample.is_signal)

    @property
    def backgrounds(self) -> tuple[str, ...]:
        """Names of all samples that are no signal."""
        return tuple(sample.name for sample in self.samples if not sample.is_signal)

    def samples_like(self, patterns: Collection[str]) -> tuple[str, ...]:
        """Names of the samples that shell patterns fit, backgrounds first; none for no pattern.

        Raises:
            ConfigError: A pattern fits no sample.
        """
        names = (*self.backgrounds, *self.signals)
        for pattern in patterns:
            if not fnmatch.filter(names, pattern):
                msg = f"there is no sample {pattern!r} in these yields"
                raise ConfigError(msg, advice=f"there are {', '.join(names)}")
        return tuple(
            name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        )

    @property
    def variations(self) -> tuple[str, ...]:
        """All variations but the nominal one, in the order in which they first come."""
        return tuple(dict.fromkeys(key[2] for key in self.templates if key[2] != NOMINAL))

    @property
    def nuisances(self) -> tuple[Nuisance, ...]:
        """The nuisance parameters of the variations."""
        return nuisances(self.variations)

    def background(self, region: str, variation: str = NOMINAL) -> Template:
        """The sum of all backgrounds of a region."""
        parts = [
            self.template(region, name, variation) for name in self.backgrounds if self.has(region, name)
        ]
        zero = np.zeros(self.region(region).bins)
        return Template(
            sum((part.values for part in parts), zero),
            sum((part.variances for part in parts), zero),
            sum(part.raw for part in parts),
        )

    def up_and_down(self, region: str, sample: str, nuisance: Nuisance) -> tuple[Floats, Floats]:
        """Both sides of a nuisance parameter, shape (bins,) each; a missing side is made by :func:`~columnar_af.systematics.mirrored`."""
        return self._sides(nuisance, lambda variation: self.template(region, sample, variation).values)

    def background_up_and_down(self, region: str, nuisance: Nuisance) -> tuple[Floats, Floats]:
        """The same for the sum of all backgrounds, each sample symmetrized by itself."""
        zero = np.zeros(self.region(region).bins)
        sides = [
            self.up_and_down(region, name, nuisance) for name in self.backgrounds if self.has(region, name)
        ]
        return sum((up for up, _ in sides), zero), sum((down for _, down in sides), zero)

    def _sides(self, nuisance: Nuisance, values: Callable[[str], Floats]) -> tuple[Floats, Floats]:
        nominal = values(NOMINAL)
        if nuisance.up is None and nuisance.down is not None:
            down = values(nuisance.down)
            return mirrored(nominal, down), down
        up = values(nuisance.up or NOMINAL)
        return up, mirrored(nominal, up) if nuisance.down is None else values(nuisance.down)

    def with_notes(self, *notes: str) -> YieldTable:
        """The same with more notes."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))
