"""Yields that no run made: published numbers, tests, uncertainties that are known as a percentage."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.statistics.variations import NOMINAL
from columnar_af.statistics.yields import Region, Sample, Template, Yield, YieldTable
from columnar_af.systematics.declaration import Systematics

Numbers = float | tuple[float, float] | Yield
"""A yield; a yield and its statistical uncertainty; or a whole one."""


def _template(numbers: Numbers) -> Template:
    if isinstance(numbers, Yield):
        return Template(np.array([numbers.value]), np.array([numbers.variance]), numbers.raw)
    value, error = numbers if isinstance(numbers, tuple) else (numbers, 0.0)
    return Template(np.array([float(value)]), np.array([float(error) ** 2]))


def counted(
    expected: Mapping[str, Mapping[str, Numbers | Mapping[str, Numbers]]],
    observed: Mapping[str, float] | None = None,
    *,
    signals: Collection[str] = (),
    data_driven: Collection[str] = (),
    unverified: Collection[str] = (),
    luminosity: float = math.nan,
) -> YieldTable:
    """A table of counted regions.

    Args:
        expected: Region -> sample -> yield, or variation -> yield with one that is called ``Nominal``.
        observed: Region -> events in data.
        signals, data_driven: Names of samples.
        unverified: Names of regions whose thresholds were not seen in a source.
        luminosity: In fb⁻¹.
    """
    templates = {}
    for region, row in expected.items():
        for sample, cell in row.items():
            by_variation = cell if isinstance(cell, Mapping) else {NOMINAL: cell}
            for variation, numbers in by_variation.items():
                templates[region, sample, variation] = _template(numbers)
    names = dict.fromkeys(sample for row in expected.values() for sample in row)
    return YieldTable(
        tuple(Region(name, verified=name not in unverified) for name in expected),
        tuple(Sample(name, name in signals, name in data_driven) for name in names),
        templates,
        {region: np.array([float(count)]) for region, count in (observed or {}).items()},
        luminosity,
    )


def with_normalization(
    table: YieldTable,
    name: str,
    sizes: Mapping[str, float | tuple[float, float]],
    regions: Collection[str] = (),
) -> YieldTable:
    """The table with one more nuisance parameter, which moves whole samples by known relative sizes.

    Args:
        table: Yields.
        name: Name of the parameter.
        sizes: Sample -> relative size, 0.06 for ±6 %; or (up, down), for example (0.10, -0.07).
        regions: Only in these; in all where none is named.

    Raises:
        ConfigError: There is no such sample, or a size takes away more than the sample has.
    """
    unknown = sorted(set(sizes) - {sample.name for sample in table.samples})
    if unknown:
        msg = f"the uncertainty {name} is given for {', '.join(unknown)}, which the yields do not have"
        raise ConfigError(msg, advice=f"samples: {', '.join(sample.name for sample in table.samples)}")
    templates = dict(table.templates)
    for region in table.regions:
        for sample, size in sizes.items():
            if (regions and region.name not in regions) or not table.has(region.name, sample):
                continue
            nominal = table.template(region.name, sample)
            up, down = size if isinstance(size, tuple) else (size, -size)
            for ending, relative in (("__1up", up), ("__1down", down)):
                if relative <= -1:
                    msg = f"the uncertainty {name} of {sample} takes away {-relative:.0%} of it"
                    raise ConfigError(msg, advice="give relative sizes below 100 %")
                scaled = Template(
                    nominal.values * (1 + relative), nominal.variances * (1 + relative) ** 2, nominal.raw
                )
                templates[region.name, sample, name + ending] = scaled
    return replace(table, templates=templates)


def with_declared(table: YieldTable, systematics: Systematics) -> YieldTable:
    """The table with the declared variations of kind ``normalization``, for the samples that it has.

    Args:
        table: Yields.
        systematics: Declared variations; those of other kinds are in the yields already.
    """
    samples = {sample.name for sample in table.samples}
    for variation in systematics.of_kind("normalization"):
        sizes = {name: (up, down) for name, (up, down) in variation.sizes.items() if name in samples}
        table = with_normalization(table, variation.correlation, sizes)
    return table


METHODS = ("envelope", "rms", "hessian")
"""How many variations become one parameter."""

THEORY = (("scale", "LHE3Weight_muR*", "envelope"), ("PDF", "LHE3Weight_*PDF261*", "rms"))
"""Theory variations of the stop search that are one parameter together: points of the renormalization and factorization
scales, and replicas of a set of parton distributions."""


def with_theory_combined(table: YieldTable) -> YieldTable:
    """The table with the points of scales and the replicas of parton distributions, where it has them, as one parameter each."""
    for name, pattern, method in THEORY:
        if fnmatch.filter(table.variations, pattern):
            table = combined(table, name, pattern, method)
    return table


def combined(table: YieldTable, name: str, pattern: str, method: str) -> YieldTable:
    """The table with many variations made one parameter, in each region and sample by itself.

    Args:
        table: Yields.
        name: Name of the parameter.
        pattern: Shell pattern of the variations that it takes the place of, ``*PDF261*``.
        method: ``envelope`` (largest and smallest bin contents), ``rms`` (root mean square of the differences to nominal,
            for replicas) or ``hessian`` (their root of the sum of squares, for symmetric eigenvectors).

    Raises:
        ConfigError: No variation fits, or the method is unknown.
    """
    members = fnmatch.filter(table.variations, pattern)
    if not members or method not in METHODS:
        msg = f"{name}: no variation is named like {pattern}" if not members else f"unknown method {method!r}"
        raise ConfigError(
            msg, advice=f"methods: {', '.join(METHODS)}; see the variations with columnar-af yields"
        )
    templates = {key: template for key, template in table.templates.items() if key[2] not in members}
    for region in table.regions:
        for sample in table.samples:
            if any((region.name, sample.name, member) in table.templates for member in members):
                _combine(table, (region.name, sample.name), members, method, name, templates)
    return replace(table, templates=templates)


def _combine(
    table: YieldTable,
    place: tuple[str, str],
    members: Sequence[str],
    method: str,
    name: str,
    templates: dict[tuple[str, str, str], Template],
) -> None:
    nominal = table.template(*place)
    values = np.stack([table.template(*place, member).values for member in members])
    if method == "envelope":
        up = np.maximum(values.max(axis=0), nominal.values)
        down = np.minimum(values.min(axis=0), nominal.values)
    else:
        squares = (values - nominal.values) ** 2
        spread = np.sqrt(squares.mean(axis=0) if method == "rms" else squares.sum(axis=0))
        up, down = nominal.values + spread, nominal.values - spread
    for ending, side in (("__1up", up), ("__1down", down)):
        templates[*place, name + ending] = replace(nominal, values=side)
