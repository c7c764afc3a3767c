"""Samples, campaigns, luminosities and cross-sections of the simulated stop search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from columnar_af.errors import ConfigError


@dataclass(frozen=True)
class Campaign:
    """A simulation campaign and the data taking that it stands for.

    Attributes:
        name: ``mc16a``, ``mc16d`` or ``mc16e``.
        luminosity: Integrated luminosity in fb⁻¹.
        pileup: Mean number of interactions per crossing; ATLAS public Run-2 luminosity results: 2015 and 2016 together
            about 24, 2017 38, 2018 36.
        runs: First and last run number.
        share: Share of the events of a sample; the entries of the three files of
            adonofri/INFN_na_interactive_analysis, Sept_DistributedClient_Selector.ipynb.
    """

    name: str
    luminosity: float
    pileup: float
    runs: tuple[int, int]
    share: int


CAMPAIGNS = (
    Campaign("mc16a", 3.2 + 33.0, 24.0, (276262, 311481), 48531),
    Campaign("mc16d", 44.3, 38.0, (325713, 340453), 62586),
    Campaign("mc16e", 58.45, 36.0, (348885, 364292), 53071),
)
"""Luminosities as in LoopSUSYFrame's LumiWeightCalc; run numbers of ATLAS' good-run lists of 2015 to 2018."""

TOTAL_LUMINOSITY = sum(campaign.luminosity for campaign in CAMPAIGNS)
"""138.95 fb⁻¹."""

DILEPTON_FRACTION = (2 * 0.1080) ** 2
"""Both W bosons to e or mu: PDG, B(W to l nu) = 10.80 % per flavour, as for the fermion pairs of a four-body decay."""


RECOIL_MINIMUM = 200.0
"""The generator's filter: transverse momentum in GeV that the recoil jets have together, at least."""

RECOIL_POWER = 5.0
RECOIL_SCALE = {"vv": 250.0, "ztautau": 250.0, "w_fake": 250.0, "four_body": 350.0}
RECOIL_SCALE_TOP = 300.0
"""The recoil falls as (1 + pT/scale)^-6; heavier systems are harder. Shapes chosen, not fitted."""


def recoil_scale(process: str) -> float:
    """Scale in GeV of the recoil spectrum of a process."""
    return RECOIL_SCALE.get(process, RECOIL_SCALE_TOP)


def recoil_fraction(process: str) -> float:
    """Share of the events of a process that the generator's filter keeps."""
    return float((1.0 + RECOIL_MINIMUM / recoil_scale(process)) ** -RECOIL_POWER)


@dataclass(frozen=True)
class Sample:
    """One sample of the search.

    Attributes:
        name: As in file and tree names.
        process: Which hard process is generated; empty for data, which is made of all processes.
        channel: Dataset number (DSID); for signals a number of ours outside the official range.
        cross_section: In pb, times branching fractions and the share that passes the generator's recoil filter.
        stop_mass: For signals, in GeV.
        mass_difference: For signals, m(stop) - m(neutralino) in GeV.
    """

    name: str
    process: str
    channel: int
    cross_section: float
    stop_mass: float = 0.0
    mass_difference: float = 0.0

    @property
    def is_data(self) -> bool:
        """True for collision data (that is, for the events that stand for them)."""
        return not self.process

    @property
    def is_signal(self) -> bool:
        """True for a four-body signal."""
        return self.process == "four_body"


BACKGROUNDS = (
    Sample("Wt", "wt", 410648, 0.045),
    Sample("ttbar", "ttbar", 410472, 0.16),
    Sample("VV", "vv", 364254, 0.07),
    Sample("Zjets", "ztautau", 364138, 0.015),
    Sample("ttZ", "ttz", 410156, 0.002),
    Sample("other", "triboson", 364243, 0.005),
    Sample("fakes", "w_fake", 364170, 0.032),
)
"""The cross-sections are not predictions: they include the probability that the recoil jets are as hard as the generator
asks (its filter), and are set so that the ntuples hold some 3,000 data events in 139 fb⁻¹ with ttbar, VV and fakes in
front, and the signal regions a handful, as the search has them."""

MET_SLICES = {
    "Wt": (410648, 411193, 411194, 411195),
    "ttbar": (410472, 407345, 407346, 407347),
}
"""Dataset numbers of samples that are stitched from slices in the generator's ETmiss: up to 200, 300, 400 GeV, above
(LoopSUSYFrame, MCFiltMET and MCFiltMETWt; upper edges belong to the slice)."""

MET_SLICE_EDGES = (200.0, 300.0, 400.0)

DATA = Sample("data", "", 0, 0.0)

SIGNAL_NAME = re.compile(r"stop4body_(?P<mass>\d+)_(?P<difference>\d+)")
SIGNAL_CHANNEL = 900_000
STOP_MASSES = (200, 1000)
MASS_DIFFERENCES = (8, 80)
"""Ranges in GeV that a signal's name may ask for; 8 to 80 GeV is the four-body range of arXiv:2102.01444's grid."""

DEFAULT_SIGNALS = tuple(
    f"stop4body_{mass}_{difference}" for mass in (400, 450, 500, 550) for difference in (20, 40, 80)
)
"""The default grid: it crosses the expected exclusion of SUSY-2018-08, near 550 GeV for 40 to 50 GeV."""

STOP_CROSS_SECTION = 0.609
STOP_REFERENCE_MASS = 500.0
STOP_CROSS_SECTION_POWER = 5.9
"""Stop pair production at 13 TeV: 0.609 pb at 500 GeV and 0.347 pb at 550 GeV (LHC SUSY cross-section working group,
NNLO+NNLL, quoted from memory); the power between the two is taken everywhere."""


def stop_cross_section(mass: float) -> float:
    """Cross-section of stop pair production at 13 TeV in pb.

    Args:
        mass: Stop mass in GeV.
    """
    return STOP_CROSS_SECTION * (STOP_REFERENCE_MASS / mass) ** STOP_CROSS_SECTION_POWER


def _signal(name: str) -> Sample:
    match = SIGNAL_NAME.fullmatch(name)
    if match is None:
        msg = f"unknown sample {name!r}"
        known = ", ".join(sample.name for sample in (*BACKGROUNDS, DATA))
        advice = (
            f"the samples are {known}, and signals such as {DEFAULT_SIGNALS[0]} (stop mass, mass difference)"
        )
        raise ConfigError(msg, advice=advice)
    mass, difference = int(match["mass"]), int(match["difference"])
    for value, (low, high), what in (
        (mass, STOP_MASSES, "stop mass"),
        (difference, MASS_DIFFERENCES, "mass difference"),
    ):
        if not low <= value <= high:
            msg = f"sample {name!r}: {what} {value} GeV is outside {low} to {high} GeV"
            raise ConfigError(msg, advice="choose a signal inside the range")
    channel = SIGNAL_CHANNEL + mass * 100 + difference
    cross_section = stop_cross_section(mass) * DILEPTON_FRACTION * recoil_fraction("four_body")
    return Sample(name, "four_body", channel, cross_section, float(mass), float(difference))


def resolve_samples(names: Sequence[str]) -> tuple[Sample, ...]:
    """The samples of the given names, each once.

    Args:
        names: Names of backgrounds, ``data``, signals ``stop4body_<stop mass>_<mass difference>``; ``all`` stands for all
            backgrounds, data and the default signal grid.

    Raises:
        ConfigError: A name is unknown, or no name is given.
    """
    known = {sample.name: sample for sample in (*BACKGROUNDS, DATA)}
    every = [*known, *DEFAULT_SIGNALS]
    asked = [name for given in names for name in (every if given == "all" else [given])]
    if not asked:
        msg = "no sample is asked for"
        raise ConfigError(msg, advice="name at least one with --samples, or use all")
    return tuple(known.get(name) or _signal(name) for name in dict.fromkeys(asked))


def resolve_campaigns(names: Sequence[str]) -> tuple[Campaign, ...]:
    """The campaigns of the given names, in the order of time.

    Raises:
        ConfigError: A name is unknown, or no name is given.
    """
    known = {campaign.name: campaign for campaign in CAMPAIGNS}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        msg = f"unknown campaign {unknown[0]!r}" if unknown else "no campaign is asked for"
        raise ConfigError(msg, advice=f"the campaigns are {', '.join(known)}")
    return tuple(campaign for campaign in CAMPAIGNS if campaign.name in names)
