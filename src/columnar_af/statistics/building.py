"""From yields to a statistical model: which region has which role, which sample is normalized where, what moves it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.statistics.model import (
    FREE_RANGE,
    LUMINOSITY_UNCERTAINTY,
    SIGNAL_STRENGTH,
    Channel,
    Model,
    ModelSample,
    Scaling,
    Shifting,
)
from columnar_af.statistics.variations import Nuisance
from columnar_af.statistics.yields import CUTS, Floats, Region, Sample, Template, YieldTable

NORMALIZED = ("ttbar", "VV")
"""Samples with a free normalization: mu_tt and mu_VV of the four-body fit (stop search, 139 fb⁻¹)."""

SMALLEST_FACTOR = 0.01
"""A factor of a nuisance parameter is at least this: symmetrization gives 0 where a variation doubles a yield or more, and
no exponential interpolation goes through 0."""

EMPTY_BIN = 1e-4
"""Expected events of a bin in which no background is: as in adonofri/INFN_na_interactive_analysis,
Sept_DistributedClient_Selector.ipynb, so that a logarithm exists."""


@dataclass(frozen=True)
class Roles:
    """What each region is for, as shell patterns of its name.

    The defaults are those of the four-body search. Its signal regions have no event in common; those of a fit must not.

    Attributes:
        control: Normalize backgrounds there.
        validation: Compare there; never in a fit.
        signal: Look for a signal there.
    """

    control: tuple[str, ...] = ("CR*",)
    validation: tuple[str, ...] = ("VR*",)
    signal: tuple[str, ...] = ("SRA", "SRB")

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns together."""
        return (*self.control, *self.validation, *self.signal)

    def of(self, region: str) -> str | None:
        """``control``, ``validation`` or ``signal``; None for a region without a role."""
        for role in ("control", "validation", "signal"):
            if any(fnmatch.fnmatchcase(region, pattern) for pattern in getattr(self, role)):
                return role
        return None

    def select(self, table: YieldTable, *roles: str) -> tuple[str, ...]:
        """Names of the regions of a table that have one of some roles, role after role."""
        return tuple(
            region.name for role in roles for region in table.regions if self.of(region.name) == role
        )


@dataclass(frozen=True)
class ModelOptions:
    """How yields become a model.

    Attributes:
        roles: What each region is for.
        normalized: Samples with a free normalization, where a control region has them.
        luminosity_uncertainty: Relative; not on normalized and data-driven samples.
        prune: Nuisance parameters that move a sample in a region by less than this, relative to it, are left out there.
        left_out: Samples that are left out.
    """

    roles: Roles = field(default_factory=Roles)
    normalized: tuple[str, ...] = NORMALIZED
    luminosity_uncertainty: float = LUMINOSITY_UNCERTAINTY
    prune: float = 0.0
    left_out: tuple[str, ...] = ()


def build_model(
    table: YieldTable,
    options: ModelOptions,
    signal: str | None = None,
    regions: Iterable[str] | None = None,
) -> Model:
    """The model of some regions, with one signal or none.

    Args:
        table: Yields.
        options: How.
        signal: Name of a signal sample.
        regions: Their names; all with a role where none are named.

    Raises:
        ConfigError: There is no such signal, region or sample, or one is to be normalized that no control region has.
    """
    if signal is not None and signal not in table.signals:
        msg = f"there is no signal {signal!r} in these yields"
        raise ConfigError(msg, advice=f"there are {', '.join(table.signals) or 'none'}")
    _require_samples(table, options)
    chosen = (
        options.roles.select(table, "control", "validation", "signal") if regions is None else tuple(regions)
    )
    free = _free(table, options)
    notes: list[str] = []
    channels = tuple(_channel(table, table.region(name), options, signal, free, notes) for name in chosen)
    used = {factor for channel in channels for sample in channel.samples for factor in sample.factors}
    return Model(
        channels,
        {f"mu_{name}": FREE_RANGE for name in free if f"mu_{name}" in used},
        signal,
        options.luminosity_uncertainty,
        tuple(dict.fromkeys((*table.notes, *notes))),
    )  # fmt: skip


def _require_samples(table: YieldTable, options: ModelOptions) -> None:
    """Whoever names a sample that is not there expects something else; the default names those of the four-body search."""
    normalized = () if options.normalized == NORMALIZED else options.normalized
    for what, names, known in (
        ("left out", options.left_out, (*table.backgrounds, *table.signals)),
        ("normalized", normalized, table.backgrounds),
    ):
        unknown = [name for name in names if name not in known]
        if unknown:
            msg = f"the sample {unknown[0]!r} is to be {what}, and is not in these yields"
            raise ConfigError(msg, advice=f"there are {', '.join(known)}")


def fitted_controls(table: YieldTable, roles: Roles) -> tuple[str, ...]:
    """The control regions of a fit: those with data; all of them where no data were run at all, for expected limits."""
    names = roles.select(table, "control")
    return tuple(name for name in names if name in table.observed) if table.observed else names


def _free(table: YieldTable, options: ModelOptions) -> tuple[str, ...]:
    """Samples whose normalization is free: there must be at least as many observed control regions as samples."""
    names = [name for name in options.normalized if name in table.backgrounds]
    control = fitted_controls(table, options.roles)
    for name in names:
        if not any(table[region, name, "Nominal"].value > 0 for region in control if table.has(region, name)):
            msg = f"{name} is to be normalized in control regions, but is expected in none that has data"
            advice = f"control regions with data: {', '.join(control) or 'none'}; name them, or take {name} from simulation"
            raise ConfigError(msg, advice=advice)
    if len(control) < len(names):
        msg = f"{len(names)} samples are to be normalized ({', '.join(names)}) in {len(control)} control regions"
        raise ConfigError(msg, advice="normalize fewer, or give more control regions")
    return tuple(names)


def _channel(
    table: YieldTable,
    region: Region,
    options: ModelOptions,
    signal: str | None,
    free: tuple[str, ...],
    notes: list[str],
) -> Channel:
    samples = []
    for sample in table.samples:
        wanted = sample.name == signal if sample.is_signal else sample.name not in options.left_out
        if wanted and table.has(region.name, sample.name):
            built = _sample(table, region, sample, options, free, notes)
            samples += [built] if built is not None else []
    samples = _without_empty_bins(region, samples, notes)
    observed = table.observed.get(region.name)
    counts = None if observed is None else tuple(float(count) for count in observed)
    return Channel(region.name, region.variable, region.edges, counts, tuple(samples))


def _sample(
    table: YieldTable,
    region: Region,
    sample: Sample,
    options: ModelOptions,
    free: tuple[str, ...],
    notes: list[str],
) -> ModelSample | None:
    """The sample in the region; None where nothing is expected of it."""
    template = table.template(region.name, sample.name)
    if (template.values < 0).any():
        notes.append(f"{sample.name} is negative in a bin of {region.name} and counts as 0 there")
    values = np.maximum(template.values, 0.0)
    if not values.any():
        return None
    effects = [
        (nuisance.name, *_sides(table, region, sample, nuisance))
        for nuisance in table.nuisances
        if _moves(table, region, sample, nuisance)
    ]
    effects = [effect for effect in effects if _is_relevant(values, effect[1], effect[2], options.prune)]
    is_free = sample.name in free
    factors = (f"mu_{sample.name}",) if is_free else (SIGNAL_STRENGTH,) if sample.is_signal else ()
    counted = region.variable == CUTS
    scalings = [_scaling(values, *effect) for effect in effects] if counted else []
    if sample.is_signal:
        scalings += _signal_statistics(region, template)
    return ModelSample(
        sample.name,
        _bins(values),
        _bins(np.where(values > 0, np.sqrt(template.variances), 0.0)),
        factors,
        tuple(scalings),
        () if counted else tuple(Shifting(name, _bins(up), _bins(down)) for name, up, down in effects),
        has_luminosity=not (is_free or sample.is_data_driven) and options.luminosity_uncertainty > 0,
        is_signal=sample.is_signal,
    )


def _signal_statistics(region: Region, template: Template) -> list[Scaling]:
    """The statistics of the simulated signal are a parameter of its own: ``staterror`` would tie it to the background."""
    total = template.total
    if not (total.variance > 0 and total.value > 0):
        return []
    relative = total.error / total.value
    return [Scaling(f"signal_statistics_{region.name}", 1 + relative, max(1 - relative, SMALLEST_FACTOR))]


def _moves(table: YieldTable, region: Region, sample: Sample, nuisance: Nuisance) -> bool:
    return any(
        (region.name, sample.name, variation) in table.templates
        for variation in (nuisance.up, nuisance.down)
        if variation is not None
    )


def _sides(table: YieldTable, region: Region, sample: Sample, nuisance: Nuisance) -> tuple[Floats, Floats]:
    up, down = table.up_and_down(region.name, sample.name, nuisance)
    return np.maximum(up, 0.0), np.maximum(down, 0.0)


def _is_relevant(nominal: Floats, up: Floats, down: Floats, threshold: float) -> bool:
    largest = max(np.abs(up - nominal).max(), np.abs(down - nominal).max())
    return bool(largest > threshold * nominal.max())


def _scaling(nominal: Floats, name: str, up: Floats, down: Floats) -> Scaling:
    factors = [max(float(side[0] / nominal[0]), SMALLEST_FACTOR) for side in (up, down)]
    return Scaling(name, *factors)


def _without_empty_bins(region: Region, samples: list[ModelSample], notes: list[str]) -> list[ModelSample]:
    """Give a background to bins that have none."""
    backgrounds = [sample for sample in samples if not sample.is_signal]
    totals = sum((np.array(sample.values) for sample in backgrounds), np.zeros(region.bins))
    if (totals > 0).all():
        return samples
    notes.append(
        f"no background is expected in a bin of {region.name}; {EMPTY_BIN:g} events stand for it, with 100 % uncertainty"
    )
    filled = np.where(totals > 0, 0.0, EMPTY_BIN)
    return [*samples, ModelSample("empty", _bins(filled), _bins(filled))]


def _bins(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
