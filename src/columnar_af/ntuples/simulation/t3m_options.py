"""What can be asked of the simulation of T3M ntuples, and the eras of the data that it can look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Protocol

import uproot

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation.output import check_counts

COMMAND = "t3m-ds-phi-pi"
"""Sub-command of ``columnar-af simulate`` that has these options."""


class Layout(StrEnum):
    """The ntuple layouts that can be simulated."""

    AOD_2017 = "aod-2017"
    """All pairs of muons with all tracks: 63 triplets per event, 174 branches."""
    MINI_2021 = "mini-2021"
    """Triplets of 0.8 to 3 GeV only, 295 branches, with refitted tracks and beam-spot distances."""


class Branches(StrEnum):
    """How much of a layout is written."""

    ANALYSIS = "analysis"
    """What the project's schema and processor read."""
    FULL = "full"
    """The whole layout."""


@dataclass(frozen=True)
class Era:
    """A data-taking era.

    Attributes:
        first_run, last_run: Runs that events are spread over. Approximate bounds of the era, from the public run
            numbers; 2017F ends where the 2018 trigger was deployed (run 306029), which the analysis leaves out.
        luminosity: fb-1 recorded by the control trigger: github fsimone91/Tau3Mu_Analysis_MVA; in 2018 prescaled.
        hlt_version: Version of HLT_DoubleMu3_Trk_Tau3mu at the start of the era.
    """

    first_run: int
    last_run: int
    luminosity: float
    hlt_version: int


ERAS: Mapping[str, Era] = {
    "2017B": Era(297047, 299329, 4.79, 1),
    "2017C": Era(299368, 302029, 9.63, 3),
    "2017D": Era(302031, 303434, 4.24, 7),
    "2017E": Era(303824, 304797, 9.3, 8),
    "2017F": Era(305040, 306028, 9.89, 9),
    "2018A": Era(315257, 316995, 0.7025, 10),
    "2018B": Era(317080, 319310, 0.3522, 11),
    "2018C": Era(319337, 320065, 0.3458, 11),
    "2018D": Era(320500, 325175, 1.58803, 12),
}

COMPRESSIONS = {"zlib": uproot.ZLIB, "lzma": uproot.LZMA, "lz4": uproot.LZ4, "zstd": uproot.ZSTD}

DS_FRACTION = 0.05
DPLUS_FRACTION = 0.02
"""Fraction of data-like events with a D_s, a D+ by default: visible peaks, the D+ smaller as in arXiv:2312.02371 Fig. 1."""


@dataclass(frozen=True)
class T3MOptions:
    """One sample of T3M ntuples.

    Attributes:
        events, files: Of the sample.
        seed: All random numbers follow from it.
        layout: Ntuple layout.
        branches: How many of the layout's branches.
        is_data: Data-like (background with D_s and D+ mixed in) or simulation (D_s with generated particles).
        era: One of :data:`ERAS`; simulation has its trigger names, but run 1.
        ds_yield, dplus_yield: Events with a D_s, a D+ decay; default for data a fraction of all events, for simulation all
            events and none.
        prompt_fraction: Fraction of D mesons from the primary vertex, the rest from B decays. Default: 92 of 124 in the
            public 2017 simulation file.
        pile_up: Mean number of interactions. Default: that of the same file.
        compression: ``algorithm-level``, such as ``zlib-1`` (as in the real files), ``zstd-5``, or ``none``.
    """

    events: int
    files: int = 1
    seed: int = 1
    layout: Layout = Layout.AOD_2017
    branches: Branches = Branches.ANALYSIS
    is_data: bool = False
    era: str = "2017F"
    ds_yield: int | None = None
    dplus_yield: int | None = None
    prompt_fraction: float = 0.74
    pile_up: float = 33.0
    compression: str = "zlib-1"

    def check(self) -> None:
        """Refuse what cannot be simulated.

        Raises:
            ConfigError: An option is outside its range; the message names it.
        """
        check_counts(self.events, self.files)
        signal = (self.injected_ds, self.injected_dplus)
        signal_fits = min(signal) >= 0 and sum(signal) <= self.events
        check_common(self, ERAS, COMMAND)
        require(
            signal_fits,
            "--ds-yield and --dplus-yield",
            signal,
            f"0 or more, together at most {self.events}",
            COMMAND,
        )
        self.uproot_compression()

    @property
    def injected_ds(self) -> int:
        """Number of events with a D_s."""
        if self.ds_yield is not None:
            return self.ds_yield
        return round(self.events * DS_FRACTION) if self.is_data else self.events - self.injected_dplus

    @property
    def injected_dplus(self) -> int:
        """Number of events with a D+."""
        if self.dplus_yield is not None:
            return self.dplus_yield
        return round(self.events * DPLUS_FRACTION) if self.is_data else 0

    def uproot_compression(self) -> Any:
        """The compression as uproot takes it; None for none."""
        return compression_named(self.compression, COMMAND)

    def file_name(self, number: int) -> str:
        """Name of one file of the sample."""
        kind = "data" if self.is_data else "mc"
        return f"ds_phi_pi_{self.era}_{kind}_{self.layout}_{number:03d}.root"

    def identity(self) -> str:
        """Everything that the content depends on, as one line."""
        return ", ".join(f"{item.name}={getattr(self, item.name)}" for item in fields(self))


class CommonOptions(Protocol):
    """What all samples of T3M ntuples have."""

    @property
    def seed(self) -> int:
        """All random numbers follow from it."""

    @property
    def era(self) -> str:
        """Data-taking era."""

    @property
    def prompt_fraction(self) -> float:
        """Fraction of D mesons from the primary vertex."""

    @property
    def pile_up(self) -> float:
        """Mean number of interactions."""


def check_common(options: CommonOptions, eras: Mapping[str, Era], command: str) -> None:
    """Refuse what no sample of T3M ntuples can have.

    Raises:
        ConfigError: An option is outside its range; the message names it.
    """
    require(options.seed >= 0, "--seed", options.seed, "a number of 0 or more", command)
    require(options.era in eras, "--era", options.era, f"one of {', '.join(eras)}", command)
    is_fraction = 0 <= options.prompt_fraction <= 1
    require(is_fraction, "--prompt-fraction", options.prompt_fraction, "a number from 0 to 1", command)
    require(
        0 < options.pile_up <= 200, "--pile-up", options.pile_up, "a number above 0, at most 200", command
    )


def compression_named(compression: str, command: str) -> Any:
    """A compression as uproot takes it, from ``algorithm-level``; None for ``none``.

    Raises:
        ConfigError: There is no such compression.
    """
    name, _, level = compression.partition("-")
    if name == "none" and not level:
        return None
    known = name in COMPRESSIONS and level.isdigit() and 1 <= int(level) <= 9
    require(
        known, "--compression", compression, "none, or zlib, lzma, lz4, zstd and a level: zlib-1", command
    )
    return COMPRESSIONS[name](int(level))


def require(holds: bool, option: str, value: object, expected: str, command: str) -> None:
    """Refuse the value of an option.

    Raises:
        ConfigError: The condition does not hold.
    """
    if not holds:
        msg = f"{option} is {value}; expected {expected}"
        raise ConfigError(msg, advice=f"see columnar-af simulate {command} --help")
