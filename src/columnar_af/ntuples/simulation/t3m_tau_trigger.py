"""Trigger menus of the three-muon ntuples: fewer names than the real ones, those of the analysis among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_tau_options import TAU_ERAS, TauLayout, TauOptions
from columnar_af.ntuples.simulation.t3m_tau_physics import Triples
from columnar_af.ntuples.simulation.t3m_triggers import (
    HLT_PLATEAU,
    HLT_THRESHOLD,
    HLT_WIDTH,
    L1_INEFFICIENCY,
    L1_WIDTH,
    NO_L1_MASS,
    TAU3MU,
    turn_on,
)
from columnar_af.ntuples.tree_entries import Column, Ragged, RaggedStrings, offsets_of

Booleans = NDArray[np.bool_]

DS_TAU3MU = "HLT_DoubleMu3_TkMu_DsTau3Mu"
"""The signal path of 2018 and Run 3; in 2017 the signal is taken with that of the control channel."""
TRACKER_MUON_EFFICIENCY = 0.97
"""Of the third muon in the signal path, above its 1 GeV."""
L1_PLATEAU = 0.98
"""Of one muon of a Level-1 seed without threshold."""
NEWER_DS_VERSION = 8
"""HLT_DoubleMu3_Trk_Tau3mu_v16 goes with HLT_DoubleMu3_TkMu_DsTau3Mu_v8 in the real Run 3 file."""


@dataclass(frozen=True)
class Seed:
    """A Level-1 seed as its name says.

    Attributes:
        thresholds: pt of the muons that it asks for, GeV.
        opposite: Whether it asks for two muons of opposite charge.
        eta, delta_r: Largest absolute pseudorapidity and ΔR (Δη where the name says so: the muons are close) of the two.
        rate: Of events where it fires for another reason.
    """

    thresholds: tuple[float, ...]
    opposite: bool = False
    eta: float = 2.5
    delta_r: float = 9.0
    rate: float = 0.0


RUN2_SEEDS: Mapping[str, Seed] = {
    "L1_DoubleMu0": Seed((0.0, 0.0)),
    "L1_DoubleMu_12_5": Seed((12.0, 5.0)),
    "L1_DoubleMu_15_7": Seed((15.0, 7.0)),
    "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4": Seed((0.0, 0.0), opposite=True, eta=1.5, delta_r=1.4),
    "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4": Seed((0.0, 0.0), opposite=True, eta=1.4, delta_r=1.4),
    "L1_DoubleMu4_SQ_OS_dR_Max1p2": Seed((4.0, 4.0), opposite=True, delta_r=1.2),
    "L1_DoubleMu4p5_SQ_OS_dR_Max1p2": Seed((4.5, 4.5), opposite=True, delta_r=1.2),
    "L1_TripleMu_5_3_3": Seed((5.0, 3.0, 3.0)),
    "L1_TripleMu0": Seed((0.0, 0.0, 0.0)),
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9": Seed((5.0, 3.0, 0.0)),
}
RUN3_SEEDS: Mapping[str, Seed] = {
    **RUN2_SEEDS,
    "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p6": Seed((0.0, 0.0), opposite=True, eta=2.0, delta_r=1.6),
    "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p5": Seed((0.0, 0.0), opposite=True, eta=2.0, delta_r=1.5),
    "L1_TripleMu_2SQ_1p5SQ_0OQ_Mass_Max12": Seed((2.0, 1.5, 0.0)),
    "L1_TripleMu_3SQ_2p5SQ_0OQ_Mass_Max12": Seed((3.0, 2.5, 0.0)),
    "L1_TripleMu_5SQ_3SQ_0OQ_DoubleMu_5_3_SQ_OS_Mass_Max9": Seed((5.0, 3.0, 0.0)),
}
PRESCALES = {"L1_DoubleMu0": 2000, "L1_TripleMu0": 200}
"""In data; the final decision of Run 3 knows of them, the initial one of Run 2 does not."""
OTHER_PATHS: Mapping[str, float] = {
    "HLT_DoubleMu4_3_Bs": 0.0,
    "HLT_DoubleMu4_3_Jpsi_Displaced": 0.0,
    "HLT_DoubleMu4_LowMassNonResonantTrk_Displaced": 0.44,
}
"""Paths that nobody asks for, and their rates (t3m_triggers.HLT_RATES)."""


@dataclass(frozen=True)
class TauDecisions:
    """Trigger decisions of a block.

    Attributes:
        l1_initial, l1_final: ``(events, seeds)``, 0 or 1, before and after prescales.
        hlt: ``(events, paths)``.
    """

    l1_initial: NDArray[np.int32]
    l1_final: NDArray[np.int32]
    hlt: NDArray[np.int32]


def seeds_of(options: TauOptions) -> Mapping[str, Seed]:
    """Level-1 seeds of the menu."""
    return RUN3_SEEDS if options.layout is TauLayout.RUN3 else RUN2_SEEDS


def paths_of(options: TauOptions) -> tuple[str, ...]:
    """High-level paths of the menu, without version: 2017 has no signal path of its own."""
    signal = () if options.era.startswith("2017") else (DS_TAU3MU,)
    return (*OTHER_PATHS, TAU3MU, *signal, NO_L1_MASS)


def signal_path(options: TauOptions) -> str:
    """The path that the search asks for."""
    return TAU3MU if options.era.startswith("2017") else DS_TAU3MU


def decide(generator: Generator, options: TauOptions, triples: Triples) -> TauDecisions:
    """Decide for the events of these three muons each."""
    count = len(triples)
    seeds = seeds_of(options)
    initial = np.stack([_fires(generator, seed, triples) for seed in seeds.values()], axis=1)
    initial[generator.uniform(0, 1, count) < L1_INEFFICIENCY] = False
    prescales = np.array([PRESCALES.get(name, 1) if options.is_data else 1 for name in seeds])
    final = initial & (generator.uniform(0, 1, initial.shape) * prescales < 1)
    leading = HLT_PLATEAU * np.prod(turn_on(triples.legs[:2, 0], HLT_THRESHOLD, HLT_WIDTH), axis=0)
    rates = {
        **{name: np.full(count, rate) for name, rate in OTHER_PATHS.items()},
        TAU3MU: leading,
        DS_TAU3MU: leading * TRACKER_MUON_EFFICIENCY,
        NO_L1_MASS: np.full(count, 0.234),
    }
    paths = paths_of(options)
    hlt = np.stack([generator.uniform(0, 1, count) < rates[name] for name in paths], axis=1)
    fired = hlt[:, [paths.index(name) for name in (TAU3MU, signal_path(options))]].any(axis=1)
    hlt[:, paths.index(NO_L1_MASS)] |= ~fired  # the skim keeps an event only if one of the tau3mu paths fired
    return TauDecisions(initial.astype(np.int32), final.astype(np.int32), hlt.astype(np.int32))


def _fires(generator: Generator, seed: Seed, triples: Triples) -> Booleans:
    """Whether the muons pass a seed; one of two muons takes the first two, of opposite charge where it asks for that."""
    legs, rows = triples.legs, np.arange(len(triples))
    second = np.ones(len(triples), int)
    if seed.opposite:
        second = np.where(triples.charges[0] * triples.charges[1] < 0, 1, 2)
    chosen = np.stack([legs[0], legs[second, :, rows].T, legs[2]])[: len(seed.thresholds)]
    efficiency = np.ones(len(triples))
    for leg, threshold in zip(chosen, seed.thresholds, strict=True):
        efficiency *= turn_on(leg[0], threshold, L1_WIDTH) if threshold else L1_PLATEAU
    inside = (np.abs(chosen[:, 1]) < seed.eta).all(axis=0)
    apart = np.hypot(chosen[0, 1] - chosen[1, 1], np.angle(np.exp(1j * (chosen[0, 2] - chosen[1, 2]))))
    return np.asarray(inside & (apart < seed.delta_r) & (generator.uniform(0, 1, len(triples)) < efficiency))


def trigger_columns(options: TauOptions, decisions: TauDecisions) -> dict[str, Column]:
    """The trigger branches of a block."""
    count = len(decisions.hlt)
    seeds, paths = tuple(seeds_of(options)), _versioned(options)
    offsets = np.arange(count + 1) * len(seeds)
    prescales = np.tile([PRESCALES.get(name, 1) if options.is_data else 1 for name in seeds], count)
    columns: dict[str, Column] = {
        "Trigger_l1name": _names(seeds, count),
        "Trigger_l1prescale": Ragged(prescales, offsets),
        "Trigger_hltname": _names(paths, count),
        "Trigger_hltdecision": Ragged(decisions.hlt.reshape(-1), np.arange(count + 1) * len(paths)),
    }
    for name in ("decision", "Initialdecision"):  # Run 2 and Run 3
        columns[f"Trigger_l1{name}"] = Ragged(decisions.l1_initial.reshape(-1), offsets)
    columns["Trigger_l1Finaldecision"] = Ragged(decisions.l1_final.reshape(-1), offsets)
    return columns


def _versioned(options: TauOptions) -> tuple[str, ...]:
    version = TAU_ERAS[options.era].hlt_version
    versions = {DS_TAU3MU: max(1, version - NEWER_DS_VERSION)}
    return tuple(f"{name}_v{versions.get(name, version)}" for name in paths_of(options))


def _names(names: tuple[str, ...], count: int) -> RaggedStrings:
    """The same names in each event."""
    characters = np.tile(np.frombuffer("".join(names).encode(), np.uint8), count)
    lengths = np.tile([len(name) for name in names], count)
    return RaggedStrings(characters, offsets_of(lengths), np.arange(count + 1) * len(names))
