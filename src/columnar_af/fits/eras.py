"""From the result of a run to what is fitted: one spectrum per era of data, its luminosity, and the simulation beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import hist
import numpy as np

from columnar_af.datasets.luminosity import luminosity as published_luminosity
from columnar_af.errors import ConfigError
from columnar_af.fits.shapes import Values
from columnar_af.fits.spectrum import ON_EDGE, Spectrum
from columnar_af.results.run_result import DatasetSummary, RunResult

MASS, FINE_MASS = "mass", "mass_fine"
"""Histograms of the processor: with the bins of the seed's notebook, and with bins of 0.5 MeV."""
CANDIDATE_COLUMNS = ("tripletMass", "weight")
"""Columns of the candidates that an unbinned fit takes: mass in GeV, weight of the event."""
COARSE = 0.005
"""GeV; width of bins made from the fine histogram (WCH DsPhiMuMuPi_fit.py: 5 MeV)."""


@dataclass(frozen=True)
class EraData:
    """The data of an era.

    Attributes:
        era: Name; that of the dataset where its metadata name no era.
        datasets: Its datasets.
        spectrum: Masses in the range of the fit.
        masses: The same one by one for an unbinned fit, GeV; else None.
        luminosity: fb⁻¹; None where unknown.
        luminosity_source: Where that comes from.
    """

    era: str
    datasets: tuple[str, ...]
    spectrum: Spectrum
    masses: Values | None = field(repr=False)
    luminosity: float | None
    luminosity_source: str


def data_eras(
    result: RunResult,
    mass_range: tuple[float, float],
    *,
    datasets: Sequence[str] = (),
    eras: Sequence[str] = (),
    unbinned: bool = False,
    variation: str = "",
) -> tuple[EraData, ...]:
    """The eras of a result, in the order of their names.

    Args:
        result: Of the processor ``ds_phi_pi``.
        mass_range: Of the fit, GeV.
        datasets: Take these only; by default those whose metadata say ``is_data: true``, or all where none says so.
        eras: Take these only.
        unbinned: Whether to give the masses one by one.
        variation: Systematic variation, of the datasets that have it.

    Raises:
        ConfigError: No such dataset or era; no histogram of the mass; a range that its bins do not allow.
    """
    chosen = _chosen(result, datasets)
    groups: dict[str, list[DatasetSummary]] = {}
    for summary in chosen:
        groups.setdefault(str(summary.metadata.get("era") or summary.name), []).append(summary)
    if missing := [era for era in eras if era not in groups]:
        msg = f"no data of the era {', '.join(missing)} in this result"
        raise ConfigError(msg, advice=f"there is: {', '.join(sorted(groups)) or 'none'}")
    return tuple(
        _era_data(result, era, groups[era], mass_range, unbinned, variation) for era in sorted(eras or groups)
    )


def simulated_datasets(result: RunResult) -> tuple[str, ...]:
    """The datasets whose metadata say ``is_data: false``."""
    return tuple(name for name, each in result.datasets.items() if each.metadata.get("is_data") is False)


def summed(
    result: RunResult, histogram: str, datasets: Iterable[str], variation: str = ""
) -> hist.Hist | None:
    """A histogram summed over those of the datasets that have it; None where none has.

    A dataset that has the histogram for the variation (``mass_fine_muon_scale_up``) gives that, any other its nominal one.
    """
    found = _of_datasets(result, histogram)
    if variation:
        found |= _of_datasets(result, f"{histogram}_{variation}")
    parts = [found[name] for name in datasets if name in found]
    return reduce(add, parts) if parts else None


def _of_datasets(result: RunResult, histogram: str) -> dict[str, hist.Hist]:
    return dict(result.hists(histogram)) if histogram in result.hist_names else {}


def variations_in(result: RunResult) -> tuple[str, ...]:
    """The systematic variations for which a result has the fine mass histogram."""
    prefix = f"{FINE_MASS}_"
    return tuple(name.removeprefix(prefix) for name in result.hist_names if name.startswith(prefix))


def require_variation(result: RunResult, variation: str) -> None:
    """Raise unless the result has a variation; the empty name is nominal.

    Raises:
        ConfigError: It has no such variation.
    """
    if variation and variation not in variations_in(result):
        msg = f"the simulation has no variation {variation!r}; it has {', '.join(variations_in(result)) or 'none'}"
        raise ConfigError(msg, advice="run ds_phi_pi over simulation with -p systematics=all")


def spectrum_in(
    result: RunResult, datasets: Sequence[str], mass_range: tuple[float, float], variation: str = ""
) -> Spectrum:
    """The mass in a range: in the processor's bins where their edges allow it, else in bins of 5 MeV.

    Raises:
        ConfigError: There is no histogram of the mass, or neither binning has the range.
    """
    coarse, fine = (summed(result, name, datasets, variation) for name in (MASS, FINE_MASS))
    if coarse is None:
        msg = f"the result has no histogram {MASS!r}"
        raise ConfigError(msg, advice="fit a result of the processor ds_phi_pi")
    low, high = mass_range
    edges = np.asarray(coarse.axes[0].edges)
    if fine is None or all(np.min(np.abs(edges - edge)) < ON_EDGE for edge in mass_range):
        return Spectrum.of_histogram(coarse, low, high)
    spectrum = Spectrum.of_histogram(fine, low, high)
    group = round(COARSE / (spectrum.edges[1] - spectrum.edges[0]))
    if len(spectrum.counts) % group:
        msg = f"the range {low} to {high} GeV is not a multiple of {1000 * COARSE:g} MeV wide"
        raise ConfigError(msg, advice="take for example 1.72 to 2.01")
    return spectrum.rebinned(group)


def _chosen(result: RunResult, datasets: Sequence[str]) -> list[DatasetSummary]:
    if unknown := [name for name in datasets if name not in result.datasets]:
        msg = f"no dataset {', '.join(unknown)} in this result"
        raise ConfigError(msg, advice=f"there is: {', '.join(result.datasets)}")
    if datasets:
        return [result.datasets[name] for name in datasets]
    marked = [each for each in result.datasets.values() if each.metadata.get("is_data")]
    return marked or [each for each in result.datasets.values() if each.metadata.get("is_data") is None]


def _era_data(
    result: RunResult,
    era: str,
    summaries: Sequence[DatasetSummary],
    mass_range: tuple[float, float],
    unbinned: bool,
    variation: str,
) -> EraData:
    names = tuple(each.name for each in summaries)
    value, source = processed_luminosity(era, summaries)
    return EraData(
        era=era,
        datasets=names,
        spectrum=spectrum_in(result, names, mass_range, variation),
        masses=_single_masses(result, names, mass_range, variation) if unbinned else None,
        luminosity=value,
        luminosity_source=source,
    )


def _single_masses(
    result: RunResult, datasets: Sequence[str], mass_range: tuple[float, float], variation: str
) -> Values:
    """The masses of the selected candidates in a range, as the processor wrote them down one by one."""
    if any(name in _of_datasets(result, f"{FINE_MASS}_{variation}") for name in datasets):
        msg = f"the masses of the variation {variation} are there in bins only, not one by one"
        raise ConfigError(msg, advice="fit in bins")
    low, high = mass_range
    tables = [_candidates(result, name) for name in datasets]
    masses, weights = (
        np.concatenate([np.asarray(table[column], dtype=np.float64) for table in tables])
        for column in CANDIDATE_COLUMNS
    )
    inside = (masses >= low) & (masses < high)  # as the bins of a histogram
    if np.any(weights[inside] != 1):
        msg = "an unbinned fit needs events of weight 1, and these are weighted"
        raise ConfigError(msg, advice="fit in bins")
    return masses[inside]


def _candidates(result: RunResult, dataset: str) -> Mapping[str, Any]:
    part = result.output.get(dataset, {})
    columns = part.get("candidates", {}) if isinstance(part, Mapping) else {}
    if not set(CANDIDATE_COLUMNS) <= set(columns):
        msg = f"an unbinned fit needs the masses of the candidates, which dataset {dataset} of this result does not have"
        raise ConfigError(msg, advice="run the processor ds_phi_pi again, or fit in bins")
    return {name: getattr(values, "value", values) for name, values in columns.items()}


def processed_luminosity(era: str, summaries: Sequence[DatasetSummary]) -> tuple[float | None, str]:
    """Luminosity of the events of an era that were really processed, and where it comes from.

    That of the era, times the processed fraction of its entries: exact where all were processed; where some failed, were
    skipped or not asked for, it holds on average. None where a file of unknown length is missing.
    """
    value, source = era_luminosity(era, [each.metadata for each in summaries])
    if value is None or all(each.fraction == 1 for each in summaries):
        return value, source
    if any(each.fraction is None for each in summaries):
        return None, "unknown: a file whose entries nobody knows is missing"
    processed = sum(each.processed for each in summaries)
    whole = sum(each.entries if each.available is None else each.available for each in summaries)
    return value * processed / whole, f"{source}, for {processed} of {whole} entries"


def era_luminosity(era: str, metadata: Sequence[Mapping[str, Any]]) -> tuple[float | None, str]:
    """Luminosity of an era and where it comes from: its datasets' metadata, else the published tables.

    Datasets that all state the same luminosity are streams of the same data, which share it; different ones add up.

    Args:
        era: Name of the era.
        metadata: Of its datasets.

    Returns:
        fb⁻¹, or None where nobody knows it, and the source.
    """
    stated = [each["luminosity"] for each in metadata if each.get("luminosity") is not None]
    if stated and len(stated) == len(metadata):
        return math.fsum(set(stated)), "fileset"
    try:
        return published_luminosity(era, "control"), "published, control trigger"
    except ConfigError:
        return None, "unknown"
