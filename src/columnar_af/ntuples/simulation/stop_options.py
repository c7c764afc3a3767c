"""What a user can choose for the simulated stop search, and the files that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import uproot

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation.output import check_counts, share_events
from columnar_af.ntuples.simulation.stop_samples import (
    BACKGROUNDS,
    CAMPAIGNS,
    Campaign,
    Sample,
    resolve_campaigns,
    resolve_samples,
)
from columnar_af.ntuples.simulation.stop_variations import chosen_variations

Layout = Literal["loopsusy", "histfitter"]

COMPRESSIONS: dict[str, Any] = {
    "zlib1": uproot.ZLIB(1),
    "zlib9": uproot.ZLIB(9),
    "lz4": uproot.LZ4(4),
    "lzma": uproot.LZMA(6),
    "none": None,
}
"""Name -> uproot compression; zlib 1 is what ROOT writes by default."""


@dataclass(frozen=True)
class StopOptions:
    """Choices for one set of simulated stop-search ntuples.

    Attributes:
        layout: ``loopsusy`` (variations as column suffixes) or ``histfitter`` (one tree per variation).
        events: Events per simulated sample, over all campaigns: entries of ``myTree``, or of the nominal trees. The number
            of data events follows from the luminosity.
        files: Files per sample and campaign; data have one per campaign.
        seed: Fixes every value in every file.
        samples: Names as in ``stop_samples.resolve_samples``.
        campaigns: Names of campaigns; the luminosity of those that are left out is missing in data and simulation alike.
        variations: As in ``stop_variations.chosen_variations``.
        weights: Write the 122 branches of varied weights.
        theory: Write the 107 weights of scales and PDF replicas, each with its sum of weights; of the layout loopsusy only.
        signal: Signal that is mixed into data, if any.
        signal_strength: Its strength in units of its cross-section.
        compression: One of :data:`COMPRESSIONS`.
    """

    layout: Layout
    events: int
    files: int = 1
    seed: int = 1
    samples: tuple[str, ...] = ("all",)
    campaigns: tuple[str, ...] = tuple(campaign.name for campaign in CAMPAIGNS)
    variations: str = "all"
    weights: bool = True
    theory: bool = False
    signal: str | None = None
    signal_strength: float = 1.0
    compression: str = "zlib1"

    def __post_init__(self) -> None:
        """Refuse what cannot be made, before any work is done.

        Raises:
            ConfigError: A count, seed, name, strength or compression is not possible.
        """
        check_counts(self.events, self.files * len(self.chosen_campaigns))
        resolve_samples(self.samples)
        chosen_variations(self.variations)
        if self.theory and self.layout != "loopsusy":
            msg = f"the simulation has no theory weights in the layout {self.layout}"
            raise ConfigError(msg, advice="simulate stop-loopsusy with --theory-weights")
        if self.seed < 0:
            msg = f"--seed is {self.seed}; a seed is zero or more"
            raise ConfigError(msg, advice="give --seed a number that is not negative")
        if self.compression not in COMPRESSIONS:
            msg = f"unknown compression {self.compression!r}"
            raise ConfigError(msg, advice=f"use one of {', '.join(COMPRESSIONS)}")
        if self.signal is not None and not resolve_samples([self.signal])[0].is_signal:
            msg = f"--signal {self.signal} is not a signal sample"
            raise ConfigError(msg, advice="name one such as stop4body_500_40, or leave --signal out")
        if self.signal_strength < 0:
            msg = f"--signal-strength is {self.signal_strength}; data cannot hold less than no signal"
            raise ConfigError(msg, advice="give zero or a positive number")

    @property
    def chosen_campaigns(self) -> tuple[Campaign, ...]:
        """The campaigns."""
        return resolve_campaigns(self.campaigns)

    @property
    def chosen_samples(self) -> tuple[Sample, ...]:
        """The samples."""
        return resolve_samples(self.samples)

    @property
    def kinematic_variations(self) -> tuple[str, ...]:
        """The kinematic variations."""
        return chosen_variations(self.variations)

    @property
    def data_processes(self) -> tuple[tuple[Sample, float], ...]:
        """What data are made of: samples and their strengths."""
        processes = [(sample, 1.0) for sample in BACKGROUNDS]
        if self.signal is not None:
            processes.append((resolve_samples([self.signal])[0], self.signal_strength))
        return tuple(processes)


@dataclass(frozen=True)
class FileTask:
    """One file to make.

    Attributes:
        sample, campaign: What goes in.
        number: Number of the file among those of sample and campaign, from 0.
        events: Counted events; 0 for data, whose number is drawn.
        name: File name.
    """

    sample: Sample
    campaign: Campaign
    number: int
    events: int
    name: str

    def path(self, directory: Path) -> Path:
        """Where the file goes."""
        return directory / self.name


def campaign_events(events: int, campaigns: tuple[Campaign, ...]) -> tuple[int, ...]:
    """Events of each campaign, in proportion to their shares; the sum is ``events``."""
    total = sum(campaign.share for campaign in campaigns)
    bounds = [0]
    for campaign in campaigns:
        bounds.append(bounds[-1] + campaign.share)
    edges = [round(events * bound / total) for bound in bounds]
    return tuple(after - before for before, after in pairwise(edges))


def plan_files(options: StopOptions) -> tuple[FileTask, ...]:
    """The files of a set of ntuples, sample by sample, campaign by campaign."""
    tasks = []
    campaigns = options.chosen_campaigns
    shares = campaign_events(options.events, campaigns)
    for sample in options.chosen_samples:
        for campaign, share in zip(campaigns, shares, strict=True):
            counts = (0,) if sample.is_data else share_events(share, options.files)
            for number, count in enumerate(counts):
                part = f"_{number}" if len(counts) > 1 else ""
                name = f"stop_{options.layout}_{sample.name}_{campaign.name}{part}.root"
                tasks.append(FileTask(sample, campaign, number, count, name))
    return tuple(tasks)
