"""The truth of a simulated stop search: what was generated, and the yields that an analysis must find."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from columnar_af.ntuples.simulation.stop_events import Events, Flags, Floats
from columnar_af.ntuples.simulation.stop_histfitter import event_fake_weight, selected_objects
from columnar_af.ntuples.simulation.stop_options import FileTask, StopOptions
from columnar_af.ntuples.simulation.stop_reconstruction import TAGGED_BIN, TAGGED_ETA, View
from columnar_af.ntuples.simulation.stop_samples import TOTAL_LUMINOSITY, Sample
from columnar_af.ntuples.simulation.stop_weights import nominal_factors, product_of_factors


@dataclass
class FileTruth:
    """What one file holds.

    Attributes:
        tried: Generated events behind the file; 0 for data.
        sum_of_weights: Sum of their generator weights; 0 for data.
        entries: Tree -> number of entries.
        sums: Class of events -> sum of weights (generator weight times all factors) and raw count, nominal.
        processes: For data: process -> number of events in the ntuple.
        theory_sums: Weight of the theory -> number of generated events, sum of weights and of their squares; empty unless
            the file has these weights.
    """

    tried: int = 0
    sum_of_weights: float = 0.0
    entries: dict[str, int] = field(default_factory=dict)
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    theory_sums: dict[str, Floats] = field(default_factory=dict)

    def add_theory(self, sums: Mapping[str, Floats]) -> None:
        """Add the sums of a block."""
        for name, values in sums.items():
            self.theory_sums[name] = values + self.theory_sums.get(name, 0.0)

    def add_events(self, sample: Sample, events: Events, view: View) -> None:
        """Count the nominal events of a block."""
        weight = events.generator_weight
        if not sample.is_data:
            weight = weight * product_of_factors(nominal_factors(events, view))
        for name, (chosen, factor) in event_classes(view).items():
            value, raw = self.sums.get(name, (0.0, 0))
            self.sums[name] = (value + float((weight * factor)[chosen].sum()), raw + int(chosen.sum()))

    def __add__(self, other: Self) -> FileTruth:
        """Both files together."""
        return FileTruth(
            self.tried + other.tried,
            self.sum_of_weights + other.sum_of_weights,
            _added(self.entries, other.entries),
            {
                name: (
                    self.sums.get(name, (0.0, 0))[0] + other.sums.get(name, (0.0, 0))[0],
                    self.sums.get(name, (0.0, 0))[1] + other.sums.get(name, (0.0, 0))[1],
                )
                for name in {**self.sums, **other.sums}
            },
            _added(self.processes, other.processes),
            {name: values + other.theory_sums[name] for name, values in self.theory_sums.items()},
        )


def _added(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def event_classes(view: View) -> dict[str, tuple[Flags, Floats]]:
    """Classes of events that need no region's thresholds: name -> (events, factor on their weight)."""
    chosen = selected_objects(view)
    leptons = chosen.leptons
    size = len(view.met)
    one = np.ones(size)
    fakes = event_fake_weight(chosen)
    pair = chosen.n_leptons == 2
    identified = pair & (fakes == 0.0) & leptons.signal[:, :2].all(axis=1)
    opposite = leptons.flavour[:, 0] * leptons.flavour[:, 1] < 0
    central = view.jet_passes & (np.abs(view.jets.eta) < TAGGED_ETA)
    tagged = (central & (view.jets.tag_bin > TAGGED_BIN)).any(axis=1)
    return {
        "all": (np.ones(size, np.bool_), one),
        "two_identified": (identified, one),
        "two_identified_opposite_sign": (identified & opposite, one),
        "two_identified_b_tagged": (identified & tagged, one),
        "two_leptons_fake_estimate": (pair, fakes),
    }


def _yields(sample: Sample, task: FileTask, truth: FileTruth) -> dict[str, dict[str, float]]:
    """Yields in the campaign's luminosity."""
    scale = 1.0
    if not sample.is_data:
        scale = sample.cross_section * 1000.0 * task.campaign.luminosity / truth.sum_of_weights
    return {name: {"yield": value * scale, "raw": raw} for name, (value, raw) in truth.sums.items()}


def _of_sample(sample: Sample, parts: Iterable[tuple[FileTask, FileTruth]]) -> dict[str, Any]:
    campaigns: dict[str, tuple[FileTask, FileTruth]] = {}
    for task, truth in parts:
        name = task.campaign.name
        campaigns[name] = (task, campaigns[name][1] + truth if name in campaigns else truth)
    record: dict[str, Any] = {"is_data": sample.is_data, "campaigns": {}}
    if not sample.is_data:
        record.update(channel=sample.channel, cross_section_pb=sample.cross_section)
    if sample.is_signal:
        record.update(stop_mass_gev=sample.stop_mass, mass_difference_gev=sample.mass_difference)
    totals: dict[str, float] = {}
    for name, (task, truth) in campaigns.items():
        yields = _yields(sample, task, truth)
        record["campaigns"][name] = {
            "luminosity_fb": task.campaign.luminosity,
            "generated": truth.tried,
            "sum_of_weights": truth.sum_of_weights,
            "entries": truth.entries,
            "yields": yields,
            **({"processes": truth.processes} if sample.is_data else {}),
        }
        for key, value in yields.items():
            totals[key] = totals.get(key, 0.0) + value["yield"]
    record["yields"] = totals
    return record


def truth_record(
    options: StopOptions, tasks: Sequence[FileTask], truths: Sequence[FileTruth], names: Sequence[str]
) -> dict[str, Any]:
    """The truth file's content.

    Args:
        options: What was asked for.
        tasks, truths: The files and what each holds.
        names: All files written, the fileset among them.
    """
    parts = list(zip(tasks, truths, strict=True))
    return {
        "files": list(names),
        "layout": options.layout,
        "seed": options.seed,
        "events": options.events,
        "files_per_sample_and_campaign": options.files,
        "variations": list(options.kinematic_variations),
        "weight_variations": options.weights,
        **({"theory_variations": True} if options.theory else {}),
        "total_luminosity_fb": TOTAL_LUMINOSITY,
        "injected_signal": None
        if options.signal is None
        else {"sample": options.signal, "strength": options.signal_strength},
        "samples": {
            sample.name: _of_sample(sample, (part for part in parts if part[0].sample == sample))
            for sample in options.chosen_samples
        },
        "entries_by_file": {task.name: truth.entries for task, truth in parts},
        "sum_of_weights_by_file": {task.name: truth.sum_of_weights for task, truth in parts},
    }
