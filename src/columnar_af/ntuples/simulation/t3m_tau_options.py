"""What can be asked of the simulation of three-muon T3M ntuples (τ → 3μ), and the eras that it can look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from columnar_af.ntuples.simulation.output import check_counts
from columnar_af.ntuples.simulation.t3m_options import (
    ERAS,
    Era,
    check_common,
    compression_named,
    require,
)

COMMAND = "t3m-tau3mu"
"""Sub-command of ``columnar-af simulate`` that has these options."""


class TauLayout(StrEnum):
    """The three-muon layouts that can be simulated."""

    MINI = "mini"
    """2017 and 2018: one Level-1 decision, before the prescale."""
    RUN3 = "run3"
    """2022 and 2023: initial and final Level-1 decisions."""


class Parent(StrEnum):
    """What a simulated τ comes from."""

    DS = "Ds"
    B0 = "B0"
    BP = "Bp"


RUN3_ERAS: Mapping[str, Era] = {
    "2022preEE": Era(355862, 357900, 7.952, 14),
    "2022postEE": Era(359022, 362760, 26.573, 14),
    "2023preBPix": Era(366403, 369802, 18.334, 16),
    "2023postBPix": Era(369803, 372415, 9.412, 16),
}
"""Parts of Run 3. Approximate runs; luminosities of the signal triggers from github Ma128-bit/Tau3muRun3, cpp_library.h; the
version of HLT_DoubleMu3_Trk_Tau3mu is that of a real file of 2023, less 2 in 2022 (a guess)."""

FULL_LUMINOSITY = {"2018A": 13.98, "2018B": 7.06, "2018C": 6.90, "2018D": 31.75}
"""fb-1 behind the unprescaled signal trigger where the control trigger was prescaled (MVA_2018/T3M_common.h)."""

TAU_ERAS: Mapping[str, Era] = {
    **{
        name: Era(era.first_run, era.last_run, FULL_LUMINOSITY.get(name, era.luminosity), era.hlt_version)
        for name, era in ERAS.items()
    },
    **RUN3_ERAS,
}
"""Eras with the luminosity of the search's trigger."""


@dataclass(frozen=True)
class TauOptions:
    """One sample of three-muon ntuples.

    Attributes:
        events, files: Of the sample.
        seed: All random numbers follow from it.
        is_data: Data-like (background, with τ → 3μ mixed in where asked) or simulation (τ → 3μ in every event).
        parent: What the τ of simulation comes from; those in data come from D_s.
        era: One of :data:`TAU_ERAS`; it decides the layout. Simulation has its trigger names, but run 1.
        signal_yield: Events of data with a τ → 3μ.
        prompt_fraction: Fraction of D_s from the primary vertex, the rest from B decays; as in the control channel.
        pile_up: Mean number of interactions.
        compression: ``algorithm-level``, such as ``zlib-1``, or ``none``.
    """

    events: int
    files: int = 1
    seed: int = 1
    is_data: bool = False
    parent: Parent = Parent.DS
    era: str = "2018D"
    signal_yield: int = 0
    prompt_fraction: float = 0.74
    pile_up: float = 33.0
    compression: str = "zlib-1"

    def check(self) -> None:
        """Refuse what cannot be simulated.

        Raises:
            ConfigError: An option is outside its range; the message names it.
        """
        check_counts(self.events, self.files)
        check_common(self, TAU_ERAS, COMMAND)
        fits = 0 <= self.signal_yield <= (self.events if self.is_data else 0)
        expected = f"0 to {self.events} for data, 0 for simulation, whose events are all signal"
        require(fits, "--signal-yield", self.signal_yield, expected, COMMAND)
        self.uproot_compression()

    @property
    def layout(self) -> TauLayout:
        """The layout of the era."""
        return TauLayout.RUN3 if self.era in RUN3_ERAS else TauLayout.MINI

    @property
    def injected(self) -> int:
        """Events with a τ → 3μ."""
        return self.signal_yield if self.is_data else self.events

    @property
    def tree(self) -> str:
        """Path of the tree: the tree makers of data and simulation differ in it."""
        return "TreeMakerBkg/ntuple" if self.is_data else "Tree3Mu/ntuple"

    def uproot_compression(self) -> Any:
        """The compression as uproot takes it; None for none."""
        return compression_named(self.compression, COMMAND)

    def file_name(self, number: int) -> str:
        """Name of one file of the sample."""
        kind = "data" if self.is_data else str(self.parent)
        return f"tau_to_3mu_{self.era}_{kind}_{self.layout}_{number:03d}.root"

    def identity(self) -> str:
        """Everything that the content depends on, as one line."""
        return ", ".join(f"{item.name}={getattr(self, item.name)}" for item in fields(self))
