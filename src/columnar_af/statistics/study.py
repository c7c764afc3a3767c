"""From yields to limits: background-only fit, exclusion of each signal, discovery fit of each region, contour."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from columnar_af.errors import ConfigError
from columnar_af.statistics.building import ModelOptions, build_model, fitted_controls
from columnar_af.statistics.contour import GridPoint, describe, grid
from columnar_af.statistics.fitting import Expectation, Fit, expectations, fit
from columnar_af.statistics.limits import Discovery, HypothesisOptions, UpperLimit, discovery, upper_limit
from columnar_af.statistics.model import Bins, Model
from columnar_af.statistics.yields import YieldTable


@dataclass(frozen=True)
class StudyOptions:
    """What to compute.

    Attributes:
        model: How yields become a model.
        hypotheses: How hypotheses are tested.
        signals: Signals to set limits on; all where none is named.
        signal_regions: Signal regions of the exclusion fit, together; all where none is named.
        with_exclusion, with_discovery: Whether to.
    """

    model: ModelOptions = field(default_factory=ModelOptions)
    hypotheses: HypothesisOptions = field(default_factory=HypothesisOptions)
    signals: tuple[str, ...] = ()
    signal_regions: tuple[str, ...] = ()
    with_exclusion: bool = True
    with_discovery: bool = True


@dataclass(frozen=True, eq=False)
class RegionComparison:
    """Data and background of a region.

    Attributes:
        region: Its name.
        role: ``control``, ``validation`` or ``signal``.
        observed: None while blinded, or without data.
        before, after: What is expected before and after the background-only fit; ``after`` is None where it failed.
    """

    region: str
    role: str
    observed: Bins | None
    before: Expectation
    after: Expectation | None

    @property
    def pull(self) -> float | None:
        """(observed - expected) / √(expected + uncertainty²), after the fit; None without data or fit."""
        if self.observed is None or self.after is None:
            return None
        value, error = self.after.total_all_bins
        return (sum(self.observed) - value) / math.sqrt(value + error**2)


@dataclass(frozen=True, eq=False)
class Study:
    """All that was found.

    Attributes:
        table: The yields.
        options: What was asked for.
        background_model: All regions, without signal.
        background: The fit of the control regions.
        regions: Data and background of each region.
        exclusions: Signal -> limit.
        discoveries: Signal region -> p0 and S95.
        points: Of the mass grid.
        notes: What a reader must know.
    """

    table: YieldTable
    options: StudyOptions
    background_model: Model
    background: Fit
    regions: tuple[RegionComparison, ...]
    exclusions: Mapping[str, UpperLimit]
    discoveries: Mapping[str, Discovery]
    points: tuple[GridPoint, ...]
    notes: tuple[str, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """What has no result, and why; a study without failures is one that succeeded."""
        found = [f"background-only fit: {self.background.failure}"] if self.background.failure else []
        found += [
            f"limit on {name}: {limit.failure}" for name, limit in self.exclusions.items() if limit.failure
        ]
        for name, result in self.discoveries.items():
            if result.failure or result.s95.failure:
                found.append(f"discovery fit of {name}: {result.failure or result.s95.failure}")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what failed has null in place of numbers, and the reason."""
        return {
            "luminosity": self.table.luminosity,
            "method": self.options.hypotheses.method,
            "background_fit": {
                "failure": self.background.failure,
                "parameters": [asdict(parameter) for parameter in self.background.parameters],
                "regions": [_region_json(region) for region in self.regions],
            },
            "exclusion": {name: asdict(limit) for name, limit in self.exclusions.items()},
            "grid": [
                {"signal": point.limit.signal, "stop_mass": point.stop_mass, "mass_difference": point.mass_difference}
                for point in self.points
            ],
            "discovery": {
                name: {
                    **asdict(result),
                    "significance": result.significance,
                    "visible_cross_section_observed": result.visible_cross_section[0],
                    "visible_cross_section_expected": result.visible_cross_section[1],
                }
                for name, result in self.discoveries.items()
            },
            "notes": list(self.notes),
        }  # fmt: skip


def _region_json(region: RegionComparison) -> dict[str, Any]:
    sides = {"before": region.before, "after": region.after}
    return {
        "region": region.region,
        "role": region.role,
        "observed": region.observed,
        "pull": region.pull,
        **{
            name: None
            if side is None
            else {"background": side.total_all_bins, "samples": dict(side.sample_all_bins)}
            for name, side in sides.items()
        },
    }


def study(table: YieldTable, options: StudyOptions | None = None) -> Study:
    """Fit, and set limits.

    Args:
        table: Yields.
        options: What to compute.

    Raises:
        ConfigError: No region has a role, or a named signal or region does not exist.
        MissingModuleError: pyhf or iminuit is not installed.
    """
    options = options or StudyOptions()
    roles = options.model.roles
    model = build_model(table, options.model)
    fitted, regions = background_fit(model, options.model, fitted_controls(table, roles))
    signal_regions = options.signal_regions or roles.select(table, "signal")
    if not signal_regions:
        msg = "no region has the role of a signal region"
        regions_known = ", ".join(region.name for region in table.regions)
        raise ConfigError(msg, advice=f"name one with --signal-region; there are {regions_known}")
    in_fit = (*fitted_controls(table, roles), *signal_regions)
    stand_in = _stand_ins(regions)
    exclusions = {
        name: _exclude(table, options, name, in_fit, stand_in)
        for name in (options.signals or table.signals if options.with_exclusion else ())
    }
    discoveries = {
        name: _discover(table, options, model, name, in_fit, signal_regions, stand_in)
        for name in (signal_regions if options.with_discovery else ())
    }
    masses = {sample.name: sample.point for sample in table.samples if sample.point is not None}
    points = grid(exclusions, masses)
    notes = (*model.notes, *_fit_notes(fitted), *_blinded_notes(model), *(describe(points) if points else ()))
    return Study(table, options, model, fitted, regions, exclusions, discoveries, points, notes)


def background_fit(
    model: Model, options: ModelOptions, control: Collection[str]
) -> tuple[Fit, tuple[RegionComparison, ...]]:
    """Fit the control regions, and compare data and background in all regions.

    Without a control region there is nothing to fit: the prediction is the one of the simulation.
    """
    fitted = fit(model.only(control)) if control else Fit(failure="there is no control region")
    before = expectations(model)
    after = expectations(model, fitted) if fitted.succeeded else {}
    return fitted, tuple(
        RegionComparison(
            channel.name,
            options.roles.of(channel.name) or "signal",
            channel.observed,
            before[channel.name],
            after.get(channel.name),
        )
        for channel in model.channels
    )


def _stand_ins(regions: Iterable[RegionComparison]) -> dict[str, Bins]:
    """What stands for the data of blinded regions: the background after the fit, or before where there is none."""
    return {
        region.region: tuple(float(value) for value in (region.after or region.before).total[0])
        for region in regions
        if region.observed is None
    }


def _exclude(
    table: YieldTable, options: StudyOptions, signal: str, in_fit: Iterable[str], stand_in: Mapping[str, Bins]
) -> UpperLimit:
    try:
        model = build_model(table, options.model, signal, in_fit)
    except ConfigError as error:
        if signal not in table.signals:
            raise
        return UpperLimit(signal, method=options.hypotheses.method, failure=error.message)
    limit = upper_limit(model.with_observed(stand_in), options.hypotheses)
    return replace(limit, observed=None, cls_observed=None) if model.blinded else limit


def _discover(
    table: YieldTable,
    options: StudyOptions,
    model: Model,
    region: str,
    in_fit: Iterable[str],
    signal_regions: Iterable[str],
    stand_in: Mapping[str, Bins],
) -> Discovery:
    others = set(signal_regions) - {region}
    chosen = model.only([name for name in in_fit if name not in others])
    found = discovery(chosen.with_observed(stand_in), region, table.luminosity, options.hypotheses)
    if not chosen.blinded:
        return found
    return replace(found, p0=None, s95=replace(found.s95, observed=None, cls_observed=None))


def _fit_notes(fitted: Fit) -> list[str]:
    if not fitted.succeeded:
        return [
            f"the background-only fit has no result: {fitted.failure}; backgrounds are those of the simulation"
        ]
    return [
        f"{parameter.name} was fitted to the limit of its range, {parameter.value:g}: its error means nothing"
        for parameter in fitted.parameters
        if parameter.at_limit
    ]


def _blinded_notes(model: Model) -> list[str]:
    if not model.blinded:
        return []
    names = ", ".join(model.blinded)
    return [
        f"nothing is observed in {names}: the background after the fit stands for data in expected limits"
    ]
