"""Yields of a run: campaigns summed, scaled by what was really processed, fakes taken from data."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from columnar_af.errors import ConfigError, IncompleteRunError
from columnar_af.results.normalization import processed
from columnar_af.results.remarks import remarks_of
from columnar_af.statistics.filled import YIELDS, Filled, filled, shape_histogram, sums_of_weights
from columnar_af.statistics.variations import NOMINAL
from columnar_af.statistics.yields import CUTS, FAKES, Key, Region, Sample, Template, YieldTable

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult

Templates = dict[Key, Template]

DATA = "data"

MASSES = re.compile(r"_(?P<mass>\d+)_(?P<difference>\d+)$")
"""A signal's name ends with its masses, ``stop4body_500_40``, where its metadata do not name them."""

FB_PER_PB = 1000.0


@dataclass(frozen=True)
class Part:
    """One dataset of a sample.

    Attributes:
        dataset, sample, era: Names.
        is_data, is_signal: Whether it is collision data; whether it is a signal.
        hists: Its histograms.
        scale: Variation -> factor that makes its sums of weights stand for the luminosity; 1 for data. Variations that are
            not in it take the one of ``Nominal``.
        luminosity: In fb⁻¹, of the data, or what simulation is scaled to.
    """

    dataset: str
    sample: str
    era: str
    is_data: bool
    is_signal: bool
    hists: Mapping[str, Any]
    scale: Mapping[str, float]
    luminosity: float

    def factor(self, variation: str) -> float:
        """What its sums of weights of a variation are multiplied with."""
        return self.scale.get(variation, self.scale[NOMINAL])


def assemble(
    result: RunResult,
    shapes: Mapping[str, str],
    *,
    allow_incomplete: bool = False,
    allow_missing_campaigns: bool = False,
    only: Collection[str] = (),
) -> YieldTable:
    """The yields of a run of the stop search, or of any processor with the same output.

    Each simulated dataset is scaled with cross-section x luminosity of its campaign / sum of weights of the files that were
    processed; the datasets of one sample (campaigns, slices) are summed. The fakes ``FNP`` are the weighted anti-identified
    data minus the prompt leptons in them from simulation. The luminosity of a campaign is the one of the data that were
    really processed, else that in the metadata of the simulation.

    Args:
        result: The result of a run.
        shapes: Region -> variable that it is histogrammed in; all other regions are counted.
        allow_incomplete: Go on where entries are missing; simulation is then scaled by what was processed.
        only: Shell patterns of the regions; all where none is given.
        allow_missing_campaigns: Go on where a sample lacks a campaign that the data, or other samples, have.

    Raises:
        ConfigError: No dataset has yields, an unknown region or variable is asked for, or a campaign is missing.
        IncompleteRunError: A run that did not close or is not complete, a dataset without cross-section, luminosity or sum
            of weights.
    """
    parts = _parts(result, allow_incomplete)
    missing = _missing_campaigns(parts)
    if missing and not allow_missing_campaigns:
        msg = f"the campaigns do not match: {'; '.join(missing)}"
        advice = (
            "run the datasets that are missing, or say that they may be missing (--allow-missing-campaigns)"
        )
        raise ConfigError(msg, advice=advice)
    regions = tuple(_regions(result, parts, shapes, only))
    simulated = [part for part in parts if not part.is_data]
    data = [part for part in parts if part.is_data]
    templates: Templates = {}
    observed = {}
    for region in regions:
        for sample in dict.fromkeys(part.sample for part in simulated):
            chosen = [part for part in simulated if part.sample == sample]
            templates |= {(region.name, sample, name): t for name, t in _summed(region, chosen).items()}
        templates |= {(region.name, FAKES, name): t for name, t in _fakes(region, data, simulated).items()}
        counted = _summed(region, data).get(NOMINAL)
        if counted is not None and not region.blinded:
            observed[region.name] = counted.values
    measured = {part.era: 0.0 for part in data}
    for part in data:
        measured[part.era] += part.luminosity
    luminosity = sum(({part.era: part.luminosity for part in simulated} | measured).values())
    samples = tuple(_samples(result, parts, templates))
    notes = (
        *(f"the campaigns do not match: {what}" for what in missing),
        *remarks_of(result),
        *_unavailable(result, only),
        *_notes(regions, {key[:2] for key in templates}, data),
    )
    return YieldTable(regions, samples, templates, observed, luminosity, notes)


def _parts(result: RunResult, allow_incomplete: bool) -> list[Part]:
    """Data first, because their luminosities scale the simulation."""
    has_yields = {
        name: part["hists"]
        for name, part in result.output.items()
        if isinstance(part, Mapping) and YIELDS in part.get("hists", {})
    }
    if not has_yields and result.ledger.planned and not result.ledger.done:
        msg = f"nothing of this run was done: {result.ledger.planned} entries were planned"
        raise IncompleteRunError(msg, advice="look at its errors with columnar-af show, and run again")
    if not has_yields:
        msg = f"no dataset of this result has a histogram {YIELDS!r} with the axes region and variation"
        raise ConfigError(msg, advice="run stop_search, or a processor with its output")
    names = sorted(has_yields, key=lambda name: not result.datasets[name].metadata.get("is_data", False))
    luminosities: dict[str, float] = {}
    parts: list[Part] = []
    for name in names:
        part = _part(result, name, has_yields[name], luminosities, allow_incomplete)
        if part.is_data:
            luminosities[part.era] = luminosities.get(part.era, 0.0) + part.luminosity
        parts.append(part)
    order = list(result.datasets)
    return sorted(parts, key=lambda part: order.index(part.dataset))


def _part(
    result: RunResult,
    name: str,
    hists: Mapping[str, Any],
    luminosities: Mapping[str, float],
    allow_incomplete: bool,
) -> Part:
    metadata = result.datasets[name].metadata
    done = processed(result, name, allow_incomplete=allow_incomplete)
    era = str(metadata.get("era"))
    is_data = bool(metadata.get("is_data"))
    luminosity = done.luminosity if is_data else luminosities.get(era, metadata.get("luminosity"))
    if luminosity is None or not luminosity > 0:
        what = "its metadata name none" if luminosity is None else f"its metadata say {luminosity:g} fb⁻¹"
        msg = f"dataset {name} has no luminosity: {what}"
        raise IncompleteRunError(msg, advice="give luminosity (fb⁻¹) in the fileset, and run again")
    sample = DATA if is_data else str(metadata.get("sample") or name)
    if is_data:
        return Part(name, sample, era, True, False, hists, {NOMINAL: 1.0}, float(luminosity))
    if done.cross_section is None:
        msg = f"dataset {name} cannot be scaled: its cross-section is not known"
        raise IncompleteRunError(msg, advice="give cross_section (pb) in the fileset, and run again")
    sums = sums_of_weights(result.output[name], name)
    # Entries that are missing take their share of the sum of weights of their files with them, on average.
    fraction = 1.0 if done.fraction is None else done.fraction
    size = done.cross_section * FB_PER_PB * float(luminosity) / fraction
    scale = {variation: size / value for variation, value in sums.items()}
    return Part(name, sample, era, False, _is_signal(metadata), hists, scale, float(luminosity))


def _missing_campaigns(parts: Iterable[Part]) -> list[str]:
    eras = {part.era for part in parts}
    by_sample: dict[str, set[str]] = {}
    for part in parts:
        by_sample.setdefault(part.sample, set()).add(part.era)
    return [
        f"{sample} lacks {', '.join(sorted(eras - found))}"
        for sample, found in by_sample.items()
        if eras - found
    ]


def _regions(
    result: RunResult, parts: Iterable[Part], shapes: Mapping[str, str], only: Collection[str]
) -> Iterator[Region]:
    there = list(dict.fromkeys(name for part in parts for name in part.hists[YIELDS].axes["region"]))
    unknown = sorted(set(shapes) - set(there))
    names = [
        name for name in there if not only or any(fnmatch.fnmatchcase(name, pattern) for pattern in only)
    ]
    if unknown or not names:
        msg = (
            f"there is no region {unknown[0]!r} in this result"
            if unknown
            else f"no region is named {', '.join(only)}"
        )
        raise ConfigError(msg, advice=f"there are {', '.join(there)}")
    blinded, unverified = _marked(result, "blinded"), _marked(result, "unverified")
    unavailable = _marked(result, "unavailable")
    for name in names:
        if name in unavailable:  # its counts are 0 because nobody could count
            continue
        region = Region(name, verified=name not in unverified, blinded=name in blinded)
        if name not in shapes:
            yield region
            continue
        histogram = shape_histogram([part.hists for part in parts], name, shapes[name])
        axis = next(axis for axis in histogram.axes if axis.name != "variation")
        edges = tuple(float(edge) for edge in axis.edges)
        yield Region(name, shapes[name], edges, region.verified, region.blinded, axis.label)


def _marked(result: RunResult, mark: str) -> set[str]:
    """Regions that any dataset of the result marks so: a list of names, or name -> whether, why or how many."""
    marked: set[str] = set()
    for part in result.output.values():
        found = part.get(mark) if isinstance(part, Mapping) else None
        if isinstance(found, Mapping):
            marked |= {str(name) for name, value in found.items() if value}
        elif found and not isinstance(found, str | bool):
            marked |= {str(name) for name in found}
    return marked


def _read(part: Part, region: Region, *, fakes: bool = False) -> dict[str, Template]:
    """Variation -> histogram of one dataset in a region, scaled; empty where it has none.

    A shape that was filled for nominal only is scaled by what a variation does to the number of events in the region.
    """
    counts = filled(part.hists, region.name, None, fakes=fakes)
    if region.variable == CUTS:
        return {name: _scaled(part, name, content) for name, content in counts.items()}
    found = filled(part.hists, region.name, region.variable, fakes=fakes)
    templates = {name: _scaled(part, name, content) for name, content in found.items()}
    if NOMINAL not in templates or NOMINAL not in counts or not counts[NOMINAL].values.any():
        return templates
    nominal, before = templates[NOMINAL], float(_scaled(part, NOMINAL, counts[NOMINAL]).values.sum())
    for name in counts.keys() - found.keys():
        ratio = float(_scaled(part, name, counts[name]).values.sum()) / before
        templates[name] = Template(ratio * nominal.values, ratio**2 * nominal.variances)
    return templates


def _scaled(part: Part, variation: str, content: Filled) -> Template:
    factor = part.factor(variation)
    return Template(factor * content.values, factor**2 * content.variances, content.raw)


def _summed(region: Region, parts: Sequence[Part], *, fakes: bool = False) -> dict[str, Template]:
    """The sum over datasets; one that lacks a variation of another contributes its nominal histogram to it."""
    found = [templates for part in parts if (templates := _read(part, region, fakes=fakes))]
    variations = dict.fromkeys(name for templates in found for name in templates)
    return {
        variation: _sum([templates.get(variation, templates[NOMINAL]) for templates in found])
        for variation in variations
    }


def _sum(templates: Sequence[Template]) -> Template:
    return Template(
        np.sum([template.values for template in templates], axis=0),
        np.sum([template.variances for template in templates], axis=0),
        sum(template.raw for template in templates),
    )


def _fakes(region: Region, data: Sequence[Part], simulated: Sequence[Part]) -> dict[str, Template]:
    """Fake and non-prompt leptons: weighted anti-identified data, minus the prompt leptons among them from simulation.

    Signals are not subtracted. Empty where there are no anti-identified data (no data were run, or they are blinded).
    """
    measured = _summed(region, data, fakes=True)
    if NOMINAL not in measured or (region.blinded and not measured[NOMINAL].variances.any()):
        return {}
    prompt = _summed(region, [part for part in simulated if not part.is_signal], fakes=True)
    nothing = Template(np.zeros(region.bins), np.zeros(region.bins), 0.0)
    found = {}
    for variation in dict.fromkeys((*measured, *prompt)):
        anti = measured.get(variation, measured[NOMINAL])
        known = prompt.get(variation, prompt.get(NOMINAL, nothing))
        found[variation] = Template(anti.values - known.values, anti.variances + known.variances, anti.raw)
    return found


def _samples(result: RunResult, parts: Sequence[Part], templates: Templates) -> Iterator[Sample]:
    for name in dict.fromkeys(key[1] for key in templates):
        if name == FAKES:
            yield Sample(name, is_data_driven=True)
            continue
        part = next(part for part in parts if part.sample == name and not part.is_data)
        yield Sample(name, part.is_signal, point=_point(name, result.datasets[part.dataset].metadata))


def _is_signal(metadata: Mapping[str, Any]) -> bool:
    return bool(metadata.get("is_signal", "stop_mass" in metadata))


def _point(name: str, metadata: Mapping[str, Any]) -> tuple[float, float] | None:
    if not _is_signal(metadata):
        return None
    if "stop_mass" in metadata and "mass_difference" in metadata:
        return float(metadata["stop_mass"]), float(metadata["mass_difference"])
    match = MASSES.search(name)
    return None if match is None else (float(match["mass"]), float(match["difference"]))


def _unavailable(result: RunResult, only: Collection[str]) -> Iterator[str]:
    reasons: dict[str, set[str]] = {}
    for part in result.output.values():
        found = part.get("unavailable") if isinstance(part, Mapping) else None
        for name, reason in found.items() if isinstance(found, Mapping) else ():
            texts = [reason] if isinstance(reason, str) else reason
            reasons.setdefault(name, set()).update(str(text) for text in texts)
    wanted = {name for pattern in only for name in fnmatch.filter(reasons, pattern)} if only else set(reasons)
    for name, texts in ((name, reasons[name]) for name in reasons if name in wanted):
        yield f"{name} is not available in this ntuple: {'; '.join(sorted(texts))}"


def _notes(
    regions: Sequence[Region], places: Collection[tuple[str, str]], data: Sequence[Part]
) -> Iterator[str]:
    without = [region.name for region in regions if (region.name, FAKES) not in places]
    if data and 0 < len(without) < len(regions):
        yield f"no fakes from data in {', '.join(without)}: no anti-identified data there, or no histogram of them"
    unverified = [region.name for region in regions if not region.verified]
    if unverified:
        yield f"thresholds of {', '.join(unverified)} are not verified in a published source"
    blinded = [region.name for region in regions if region.blinded]
    if blinded:
        yield f"data in {', '.join(blinded)} are blinded: kept out of the result"
    if not data:
        yield "no data were run: nothing is observed, and there are no fakes from data"
    elif not any(sample == FAKES for _, sample in places):
        yield "the result holds no anti-identified data: there are no fakes from data"
