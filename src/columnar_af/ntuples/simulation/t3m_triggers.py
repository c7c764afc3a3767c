"""Trigger menus of the T3M ntuples: L1 seeds, HLT paths with their versions, and decisions with turn-on curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_options import ERAS, T3MOptions
from columnar_af.ntuples.tree_entries import Ragged, RaggedStrings, offsets_of

TAU3MU = "HLT_DoubleMu3_Trk_Tau3mu"
"""The control channel's path, without version."""

NO_L1_MASS = "HLT_DoubleMu3_Trk_Tau3mu_NoL1Mass"

# Names in the order of, and rates measured in, the public 2017 simulation file
# (github rvenditti/Tau3MuSearch, Tree_PhiPi_MC.root): 111 events. Seeds with None are made from the muons.
L1_RATES: dict[str, float | None] = {
    "L1_DoubleMu0": 1.0,
    "L1_DoubleMu_11_4": 0.36,
    "L1_DoubleMu_12_5": 0.288,
    "L1_DoubleMu_12_8": 0.198,
    "L1_DoubleMu_13_6": 0.216,
    "L1_DoubleMu_15_5": 0.18,
    "L1_DoubleMu_15_7": 0.153,
    "L1_DoubleMu18er2p1": 0.018,
    "L1_DoubleMu22er2p1": 0.0,
    "L1_TripleMu0": 0.207,
    "L1_TripleMu3": 0.162,
    "L1_TripleMu_4_4_4": 0.108,
    "L1_TripleMu_5_0_0": 0.198,
    "L1_TripleMu_5_3_3": 0.162,
    "L1_TripleMu_5_5_3": 0.144,
    "L1_DoubleMu0er2_SQ_dR_Max1p4": 0.946,
    "L1_DoubleMu0er1p5_SQ_dR_Max1p4": 0.892,
    "L1_DoubleMu3_SQ_ETMHF40_Jet60_OR_DoubleJet30": 0.099,
    "L1_DoubleMu3_SQ_ETMHF50_Jet60_OR_DoubleJet30": 0.027,
    "L1_DoubleMu3_SQ_ETMHF60_Jet60_OR_DoubleJet30": 0.027,
    "L1_DoubleMu3_SQ_ETMHF70_Jet60_OR_DoubleJet30": 0.009,
    "L1_DoubleMu3_SQ_ETMHF80_Jet60_OR_DoubleJet30": 0.0,
    "L1_DoubleMu3_SQ_HTT100er": 0.126,
    "L1_DoubleMu3_SQ_HTT200er": 0.036,
    "L1_DoubleMu3_SQ_HTT220er": 0.027,
    "L1_DoubleMu3_SQ_HTT240er": 0.018,
    "L1_DoubleMu_15_5_SQ": 0.18,
    "L1_DoubleMu_15_7_SQ": 0.153,
    "L1_DoubleMu_15_7_SQ_Mass_Min4": 0.018,
    "L1_TripleMu3_SQ": 0.162,
    "L1_DoubleMu7_SQ_EG7": 0.063,
    "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4": None,
    "L1_DoubleMu4p5er2p0_SQ_OS_Mass7to18": 0.018,
    "L1_DoubleMu4_SQ_OS_dR_Max1p2": None,
    "L1_DoubleMu5_SQ_OS_Mass7to18": 0.027,
    "L1_DoubleMu_20_2_SQ_Mass_Max20": 0.081,
    "L1_DoubleMu4_OS_EG12": 0.036,
    "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4": None,
    "L1_DoubleMu4p5_SQ_OS_dR_Max1p2": None,
    "L1_DoubleMu5_OS_EG12": 0.036,
    "L1_DoubleMu6_SQ_OS": 0.486,
    "L1_TripleMu_5_3p5_2p5_DoubleMu_5_2p5_OS_Mass_5to17": 0.072,
    "L1_TripleMu_5_4_2p5_DoubleMu_5_2p5_OS_Mass_5to17": 0.072,
    "L1_TripleMu_5SQ_3SQ_0OQ_DoubleMu_5_3_SQ_OS_Mass_Max9": 0.234,
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9": 0.189,
    "L1_DoubleMu8_SQ": 0.243,
    "L1_DoubleMu0_SQ": 1.0,
    "L1_DoubleMu0_SQ_OS": 0.991,
    "L1_DoubleMu4p5_SQ": 0.865,
    "L1_DoubleMu4p5_SQ_OS": 0.847,
    "L1_DoubleMu4p5er2p0_SQ_OS": 0.82,
    "L1_DoubleMu0er1p5_SQ_OS": 0.883,
    "L1_DoubleMu4_SQ_OS": 0.955,
    "L1_DoubleMu5_SQ_OS": 0.721,
    "L1_TripleMu_5_3p5_2p5": 0.171,
    "L1_TripleMu0_OQ": 0.252,
    "L1_TripleMu_5SQ_3SQ_0OQ": 0.234,
    "L1_DoubleMu5Upsilon_OS_DoubleEG3": 0.009,
    "L1_DoubleMu3_OS_DoubleEG7p5Upsilon": 0.009,
    "L1_TripleMu_5OQ_3p5OQ_2p5OQ_DoubleMu_5_2p5_OQ_OS_Mass_8to14": 0.045,
    "L1_TripleMu_5OQ_3p5OQ_2p5OQ_DoubleMu_5_2p5_OQ_OS_Mass_5to17": 0.054,
    "L1_DoubleMu7_EG7": 0.063,
    "L1_DoubleMu0_ETM40": 0.081,
    "L1_DoubleMu0_ETM55": 0.036,
    "L1_DoubleMu0_ETM60": 0.027,
    "L1_DoubleMu0_ETM65": 0.018,
    "L1_DoubleMu0_ETM70": 0.018,
    "L1_DoubleMu0er1p4_dEta_Max1p8_OS": 0.775,
    "L1_DoubleMu_10_0_dEta_Max1p8": 0.459,
}
L1_MUON_SEEDS = {
    "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4": (0.0, 1.5, 1.4),
    "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4": (0.0, 1.4, 1.4),
    "L1_DoubleMu4_SQ_OS_dR_Max1p2": (4.0, 2.5, 1.2),
    "L1_DoubleMu4p5_SQ_OS_dR_Max1p2": (4.5, 2.5, 1.2),
}
"""Seeds of the analysis: pt threshold of both muons (GeV), largest absolute eta, largest ΔR, as their names say."""

HLT_RATES: dict[str, tuple[int, float]] = {
    "HLT_DoubleMu4_3_Bs": (12, 0.0),
    "HLT_DoubleMu4_3_Jpsi_Displaced": (13, 0.0),
    "HLT_DoubleMu4_JpsiTrk_Displaced": (12, 0.0),
    "HLT_DoubleMu4_LowMassNonResonantTrk_Displaced": (12, 0.441),
    TAU3MU: (9, 0.982),
    "HLT_DoubleMu4_PsiPrimeTrk_Displaced": (12, 0.0),
    "HLT_DoubleMu4_Mass8_DZ_PFHT350": (5, 0.0),
    "HLT_DoubleMu8_Mass8_PFHT350": (5, 0.0),
    "HLT_DoubleMu3_DZ_PFMET50_PFMHT60": (6, 0.0),
    "HLT_DoubleMu3_DZ_PFMET70_PFMHT70": (6, 0.0),
    "HLT_DoubleMu3_DZ_PFMET90_PFMHT90": (6, 0.0),
    NO_L1_MASS: (4, 0.234),
    "HLT_DoubleMu4_Jpsi_Displaced": (5, 0.0),
    "HLT_DoubleMu4_Jpsi_NoVertexing": (5, 0.0),
    "HLT_DoubleMu4_JpsiTrkTrk_Displaced": (4, 0.0),
    "HLT_DoubleMu43NoFiltersNoVtx": (3, 0.0),
    "HLT_DoubleMu48NoFiltersNoVtx": (3, 0.0),
    "HLT_DoubleMu20_7_Mass0to30_L1_DM4": (5, 0.045),
    "HLT_DoubleMu20_7_Mass0to30_L1_DM4EG": (5, 0.0),
    "HLT_DoubleMu20_7_Mass0to30_Photon23": (5, 0.0),
    "HLT_DoubleMu2_Jpsi_DoubleTrk1_Phi": (3, 0.0),
    "HLT_DoubleMu2_Jpsi_DoubleTkMu0_Phi": (2, 0.0),
    "HLT_DoubleMu3_DCA_PFMET50_PFMHT60": (6, 0.0),
}
"""Path without version -> version and rate in the same file; the version counts back from there in earlier eras."""

HLT_THRESHOLD, HLT_WIDTH, HLT_PLATEAU = 3.0, 0.25, 0.985
"""Turn-on of one muon of HLT_DoubleMu3 (GeV); the plateau is that of the whole path: 109 of 111 in the file above."""

L1_WIDTH = 0.6
"""Width of an L1 muon's turn-on (GeV): half a GeV of L1 granularity, and a few percent."""

L1_INEFFICIENCY = 0.01
"""Events whose L1 muons were both missed, so that only another path kept them."""

PRESCALED = {
    "L1_DoubleMu0": 2000,
    "L1_DoubleMu0_SQ": 3000,
    "L1_DoubleMu0_SQ_OS": 1500,
    "L1_TripleMu0_OQ": 200,
}
"""Prescales in data-like samples; the stored decision is the one before the prescale, as in the real ntuples."""


@dataclass(frozen=True)
class Menu:
    """The trigger names of a range of runs."""

    l1_names: tuple[str, ...]
    hlt_names: tuple[str, ...]


@dataclass(frozen=True)
class Decisions:
    """Trigger decisions of a block: ``(events, names)`` of the first menu's names, 0 or 1."""

    l1: NDArray[np.int32]
    hlt: NDArray[np.int32]

    @property
    def tau3mu(self) -> NDArray[np.bool_]:
        """Whether the control channel's path fired."""
        return self.hlt[:, list(HLT_RATES).index(TAU3MU)] == 1


@lru_cache
def menus(era: str, is_data: bool) -> tuple[Menu, ...]:
    """The menus that follow each other in a file: one in simulation, two in data.

    The second menu of an era has newer versions of the tau3mu paths and the last two L1 seeds are gone from it.
    """
    shift = ERAS[era].hlt_version - HLT_RATES[TAU3MU][0]
    first = Menu(tuple(L1_RATES), _versioned(shift))
    if not is_data:
        return (first,)
    return first, Menu(tuple(L1_RATES)[:-2], _versioned(shift + 1))


def _versioned(shift: int) -> tuple[str, ...]:
    return tuple(f"{name}_v{max(1, version + shift)}" for name, (version, _) in HLT_RATES.items())


def turn_on(value: NDArray[np.float64], threshold: float, width: float) -> NDArray[np.float64]:
    """A logistic efficiency curve."""
    return 1 / (1 + np.exp(np.clip(-(value - threshold) / width, -50, 50)))


def decide(
    generator: Generator,
    muon_pt: NDArray[np.float64],
    muon_eta: NDArray[np.float64],
    delta_r: NDArray[np.float64],
) -> Decisions:
    """Decide for each event.

    Args:
        generator: Random numbers.
        muon_pt, muon_eta: ``(2, events)``, of the two muons that the trigger looks at.
        delta_r: ΔR of the two.
    """
    count = muon_pt.shape[1]
    uniform = generator.uniform(0, 1, (count, len(L1_RATES)))
    rates = np.array([0.0 if rate is None else rate for rate in L1_RATES.values()])
    l1 = uniform < rates
    for name, (pt, eta, separation) in L1_MUON_SEEDS.items():
        index = list(L1_RATES).index(name)
        efficiency = np.prod(turn_on(muon_pt, pt, L1_WIDTH), axis=0) if pt else np.full(count, 0.98)
        inside = (np.abs(muon_eta) < eta).all(axis=0) & (delta_r < separation)
        l1[:, index] = inside & (uniform[:, index] < efficiency)
    l1[generator.uniform(0, 1, count) < L1_INEFFICIENCY] = False
    hlt = generator.uniform(0, 1, (count, len(HLT_RATES))) < np.array(
        [rate for _, rate in HLT_RATES.values()]
    )
    efficiency = HLT_PLATEAU * np.prod(turn_on(muon_pt, HLT_THRESHOLD, HLT_WIDTH), axis=0)
    tau3mu, other = list(HLT_RATES).index(TAU3MU), list(HLT_RATES).index(NO_L1_MASS)
    hlt[:, tau3mu] = generator.uniform(0, 1, count) < efficiency
    hlt[:, other] |= ~hlt[:, tau3mu]  # the skim keeps an event only if one of the tau3mu paths fired
    return Decisions(l1.astype(np.int32), hlt.astype(np.int32))


def trigger_columns(
    options: T3MOptions, decisions: Decisions, menu: NDArray[np.int64]
) -> dict[str, Ragged | RaggedStrings]:
    """The five trigger branches of a block; ``menu`` is the number of each event's menu."""
    books = menus(options.era, options.is_data)
    l1_counts = np.array([len(book.l1_names) for book in books])[menu]
    kept = np.arange(len(L1_RATES)) < l1_counts[:, None]
    prescales = np.array([PRESCALED.get(name, 1) if options.is_data else 1 for name in L1_RATES], np.int32)
    if options.era.startswith("2018") and options.is_data:
        # disabled in run 316569 of the real 2018 data, where its initial decision is 1 all the same
        prescales[list(L1_RATES).index("L1_DoubleMu4_SQ_OS_dR_Max1p2")] = 0
    offsets = offsets_of(l1_counts)
    hlt_offsets = np.arange(len(menu) + 1) * len(HLT_RATES)
    return {
        "Trigger_l1name": _names([book.l1_names for book in books], menu),
        "Trigger_l1decision": Ragged(decisions.l1[kept], offsets),
        "Trigger_l1prescale": Ragged(np.broadcast_to(prescales, kept.shape)[kept], offsets),
        "Trigger_hltname": _names([book.hlt_names for book in books], menu),
        "Trigger_hltdecision": Ragged(decisions.hlt.reshape(-1), hlt_offsets),
    }


def _names(lists: list[tuple[str, ...]], menu: NDArray[np.int64]) -> RaggedStrings:
    """The names of each event's menu; events with the same menu follow each other."""
    characters, lengths, counts = [], [], []
    for number, names in enumerate(lists):
        events = int(np.sum(menu == number))
        encoded = np.frombuffer("".join(names).encode(), np.uint8)
        characters.append(np.tile(encoded, events))
        lengths.append(np.tile(np.array([len(name) for name in names]), events))
        counts.append(np.full(events, len(names)))
    return RaggedStrings(
        np.concatenate(characters), offsets_of(np.concatenate(lengths)), offsets_of(np.concatenate(counts))
    )
