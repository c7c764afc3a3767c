"""From the hard process to what the detector sees: recoil jets, non-prompt leptons, response, flags, pile-up.

Resolutions and efficiencies have the size of the ATLAS detector's and no more; they are chosen, not measured.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.stop_events import (
    Events,
    Flags,
    Floats,
    Generated,
    Integers,
    Jets,
    Leptons,
)
from columnar_af.ntuples.simulation.stop_fakes import fake_factor
from columnar_af.ntuples.simulation.stop_kinematics import FourVectors, eta, lomax, phi, pt
from columnar_af.ntuples.simulation.stop_processes import (
    B_JET,
    C_JET,
    ELECTRON,
    LIGHT_JET,
    MUON,
    PROCESSES,
    HardEvents,
    Recoil,
)
from columnar_af.ntuples.simulation.stop_samples import (
    RECOIL_MINIMUM,
    RECOIL_POWER,
    Campaign,
    Sample,
    recoil_scale,
)

ELECTRON_MASS, MUON_MASS = 0.000511, 0.10566
ELECTRON_ETA, MUON_ETA, JET_ETA = 2.47, 2.4, 2.8
"""Acceptance of baseline objects (GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp; muons of signal leptons)."""

HARD_JETS, RECOIL_JETS = 2, 3
RECOIL_SHARES = (8.0, 1.5, 0.7)
RECOIL_FLAVOURS = ((LIGHT_JET, C_JET, B_JET), (0.88, 0.08, 0.04))
EXTRA_LEPTON_RATE = 0.03
"""Share of events with a third, non-prompt lepton."""

SOFT_ACTIVITY, SOFT_RESOLUTION = 5.0, 7.0
"""GeV per component: true soft activity, and what its measurement adds."""

MINIMUM_JET_PT = 5.0
"""GeV; softer partons belong to the soft term whatever their measured momentum."""

GENERATOR_MET = 150.0
"""GeV of true missing momentum below which an event is not measured: it could not reach the ntuples."""

NEGATIVE_WEIGHTS = 0.02
"""Share of events with generator weight -1."""

TAG_EFFICIENCIES = {
    B_JET: (0.85, 0.77, 0.70, 0.60),
    C_JET: (1 / 2.7, 1 / 4.9, 1 / 8.9, 1 / 23),
    LIGHT_JET: (1 / 25, 1 / 110, 1 / 300, 1 / 1200),
}
"""Efficiencies of the four working points that separate the five bins. The 77 % ones are those of
Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp; the others are close to ATLAS' MV2c10 at the same working points."""

NONPROMPT_ORIGINS = ((26, 25, 23), (0.6, 0.25, 0.15))
"""MCTruthClassifier: bottom meson, charm meson, light meson."""

NONPROMPT_IFF = {26: 9, 25: 10, 23: 11}
"""IFF classes: b hadron, c hadron, light hadron."""

MUON_SIGNAL_NONPROMPT = 0.8
"""Share of non-prompt muons that pass signal identification; isolation then decides between ID and anti-ID."""


def _vectors(size: int, momentum: Floats, azimuth: Floats, rapidity: Floats) -> FourVectors:
    """Massless four-vectors of shape (events, 4)."""
    return np.stack(
        [
            momentum * np.cosh(rapidity),
            momentum * np.cos(azimuth),
            momentum * np.sin(azimuth),
            momentum * np.sinh(rapidity),
        ],
        axis=-1,
    ).reshape(size, 4)


def _recoil_jets(rng: np.random.Generator, size: int, process: str) -> FourVectors:
    """Recoil jets (events, 3, 4) whose sum passes the generator's filter."""
    scale = recoil_scale(process) + RECOIL_MINIMUM  # a Lomax above a threshold is a Lomax of larger scale
    total = RECOIL_MINIMUM + lomax(rng, size, scale, RECOIL_POWER)
    azimuth = rng.uniform(-np.pi, np.pi, size)
    along = rng.dirichlet(RECOIL_SHARES, size) * total[:, None]
    across = rng.normal(0.0, 0.12, (size, RECOIL_JETS)) * total[:, None]
    across -= across.mean(axis=1, keepdims=True)
    cosine, sine = np.cos(azimuth)[:, None], np.sin(azimuth)[:, None]
    px, py = along * cosine - across * sine, along * sine + across * cosine
    rapidity = np.clip(rng.normal(0.0, 1.1, (size, RECOIL_JETS)), -2.75, 2.75)
    transverse = np.hypot(px, py)
    return np.stack([transverse * np.cosh(rapidity), px, py, transverse * np.sinh(rapidity)], axis=-1)


def _spectators(rng: np.random.Generator, size: int, process: str) -> tuple[FourVectors, Integers]:
    """Non-prompt leptons (events, 4) that do not come from the heavy system, and their |PDG ID|; 0 where there is none."""
    momentum = 3.0 + rng.exponential(7.0, size)
    if process != "w_fake":
        momentum[rng.random(size) >= EXTRA_LEPTON_RATE] = 0.0
    rapidity = np.clip(rng.normal(0.0, 1.2, size), -2.6, 2.6)
    flavour = rng.choice(np.array([ELECTRON, MUON], np.int32), size)
    p4 = _vectors(size, momentum, rng.uniform(-np.pi, np.pi, size), rapidity)
    return p4, np.where(momentum > 0, flavour, 0).astype(np.int32)


def _charges(rng: np.random.Generator, size: int, process: str) -> Integers:
    """Charges of the three lepton slots: the first two opposite, the non-prompt one random."""
    first, third = rng.choice(np.array([-1, 1], np.int32), (2, size))
    second = np.zeros_like(first) if process == "w_fake" else -first
    return np.stack([first, second, third], axis=1)


def _isolation(rng: np.random.Generator, momentum: Floats, at_zero: float) -> Flags:
    """Pass with a probability that rises from ``at_zero`` to 0.98 with the transverse momentum."""
    return np.asarray(
        rng.random(momentum.shape) < 0.98 - (0.98 - at_zero) * np.exp(-np.maximum(momentum, 0.0) / 12.0)
    )


def _lepton_flags(
    rng: np.random.Generator, momentum: Floats, pseudorapidity: Floats, electron: Flags, prompt: Flags
) -> tuple[Flags, Flags, Flags, Flags]:
    """isSignallep, isMediumlep, LepIsoGradient, LepIsoFCLoose.

    Non-prompt leptons are ID with probability F / (1 + F), where F is the simulation's fake factor.
    """
    signal = _isolation(rng, momentum, 0.75)
    isolated = _isolation(rng, momentum, 0.70)
    factor = fake_factor(momentum, pseudorapidity, electron)
    identified = rng.random(momentum.shape) < factor / (1.0 + factor)
    split = rng.random(momentum.shape)
    # an anti-identified electron fails identification, isolation, or both; an anti-identified muon is signal
    fake_signal = np.where(electron, identified | (split < 0.4), split < MUON_SIGNAL_NONPROMPT)
    fake_isolated = np.where(electron, identified | (split > 0.8), identified)
    signal = np.where(prompt, signal, fake_signal)
    isolated = np.where(prompt, isolated, fake_isolated)
    looser = isolated | (rng.random(momentum.shape) < 0.3)
    medium = signal | (rng.random(momentum.shape) < 0.5)
    gradient, fc_loose = np.where(electron, isolated, looser), np.where(electron, looser, isolated)
    return signal, medium, gradient, fc_loose


def _leptons(
    rng: np.random.Generator, hard: HardEvents, spectator: FourVectors, flavour: Integers, process: str
) -> tuple[Leptons, FourVectors]:
    """Leptons as measured, and the four-momenta of those that are lost."""
    true = np.concatenate([hard.leptons, spectator[:, None]], axis=1)
    kinds = np.concatenate([hard.flavours, flavour[:, None]], axis=1)
    size, slots = kinds.shape
    true_pt, true_eta = pt(true), eta(true)
    electron = kinds == ELECTRON
    relative = np.where(
        electron,
        np.sqrt(0.1**2 / np.maximum(true_pt, 1.0) + 0.3**2 / np.maximum(true_pt, 1.0) ** 2 + 0.01**2),
        np.hypot(0.025, 1e-4 * true_pt),
    )
    momentum = true_pt * np.maximum(1.0 + relative * rng.normal(size=(size, slots)), 0.1)
    found = rng.random((size, slots)) < np.where(electron, 0.95 - 0.2 * np.exp(-true_pt / 10.0), 0.95)
    exists = (
        found & (kinds != 0) & (true_pt > 0) & (np.abs(true_eta) < np.where(electron, ELECTRON_ETA, MUON_ETA))
    )
    prompt = np.tile(np.arange(slots) < slots - 1, (size, 1))
    nonprompt_origin = rng.choice(NONPROMPT_ORIGINS[0], (size, 1), p=NONPROMPT_ORIGINS[1])
    origin = np.concatenate([hard.origin, nonprompt_origin], axis=1).astype(np.int32)
    nonprompt_iff = np.select([origin == code for code in NONPROMPT_IFF], list(NONPROMPT_IFF.values()), 0)
    signal, medium, gradient, fc_loose = _lepton_flags(rng, momentum, true_eta, electron, prompt)
    leptons = Leptons(
        pt=momentum,
        eta=true_eta,
        phi=phi(true),
        mass=np.where(electron, ELECTRON_MASS, MUON_MASS),
        exists=exists,
        flavour=(kinds * _charges(rng, size, process)).astype(np.int32),
        origin=origin,
        # MCTruthClassifier: isolated and non-isolated electron 2 and 3, muon 6 and 7
        kind=(np.where(electron, 2, 6) + ~prompt).astype(np.int32),
        iff=np.where(prompt, np.where(electron, 2, 5), nonprompt_iff).astype(np.int32),
        signal=signal,
        medium=medium,
        gradient=gradient,
        fc_loose=fc_loose,
        d0_significance=rng.normal(0.0, np.where(prompt, 1.0, 2.5)),
        z0_sin_theta=rng.normal(0.0, 0.08, (size, slots)),
        noise=rng.normal(size=(size, slots, 2)),
    )
    return leptons, np.where(exists[..., None], 0.0, true).sum(axis=1)


def jet_resolution(momentum: Floats) -> Floats:
    """Relative resolution of the jet transverse momentum (GeV): noise, sampling and constant term."""
    safe = np.maximum(momentum, 1.0)
    return np.sqrt((3.5 / safe) ** 2 + 0.7**2 / safe + 0.04**2)


def _tags(rng: np.random.Generator, flavour: Integers) -> tuple[Integers, Floats]:
    """Pseudo-continuous bin, and a discriminant that falls with the same random number."""
    uniform = rng.random(flavour.shape)
    tag_bin = np.ones(flavour.shape, np.int32)
    for kind, efficiencies in TAG_EFFICIENCIES.items():
        passed = (uniform[..., None] < np.array(efficiencies)).sum(axis=-1)
        tag_bin += np.where(flavour == kind, passed, 0).astype(np.int32)
    return tag_bin, 1.0 - 2.0 * uniform


def _padded(hard: HardEvents) -> tuple[FourVectors, Integers, Integers]:
    """Partons of the hard process in the same number of slots for every process, so that events can be joined."""
    empty = ((0, 0), (0, HARD_JETS - hard.jets.shape[1]))
    jets = np.pad(hard.jets, (*empty, (0, 0)))
    return jets, np.pad(hard.jet_flavours, empty), np.pad(hard.jet_parent, empty)


def _jets(
    rng: np.random.Generator, hard: HardEvents, recoil: FourVectors, leptons: Leptons
) -> tuple[Jets, FourVectors]:
    """Jets as measured, electrons' clusters among them, and the four-momenta of partons that make no jet."""
    size = len(recoil)
    hard_jets, hard_flavours, hard_parents = _padded(hard)
    true = np.concatenate([hard_jets, recoil], axis=1)
    partons = true.shape[1]
    flavours = rng.choice(np.array(RECOIL_FLAVOURS[0], np.int32), (size, RECOIL_JETS), p=RECOIL_FLAVOURS[1])
    true_pt, true_eta = pt(true), eta(true)
    measured = true_pt * np.maximum(1.0 + jet_resolution(true_pt) * rng.normal(size=true_pt.shape), 0.05)
    exists = (np.abs(true_eta) < JET_ETA) & (true_pt > MINIMUM_JET_PT)
    clusters = leptons.exists & leptons.is_electron
    cluster_pt = leptons.pt * rng.normal(1.0, 0.03, leptons.pt.shape)
    blank = np.zeros(leptons.pt.shape, np.int32)
    momentum = np.concatenate([measured, cluster_pt], axis=1)
    flavour = np.concatenate([hard_flavours, flavours, blank], axis=1)
    tag_bin, tag_weight = _tags(rng, flavour)
    slots = momentum.shape
    jets = Jets(
        pt=momentum,
        eta=np.concatenate([true_eta, leptons.eta], axis=1),
        phi=np.concatenate([phi(true), leptons.phi], axis=1),
        mass=momentum * rng.uniform(0.05, 0.15, slots),
        exists=np.concatenate([exists, clusters], axis=1),
        flavour=flavour,
        parent=np.concatenate([hard_parents, np.zeros_like(flavours), blank], axis=1),
        tag_bin=tag_bin,
        tag_weight=tag_weight,
        jvt=1.0 - 0.41 * rng.random(slots) ** 4,
        of_electron=np.tile(np.arange(slots[1]) >= partons, (size, 1)),
        noise=rng.normal(size=(*slots, 2)),
    )
    return jets, np.where(exists[..., None], 0.0, true).sum(axis=1)


def _distances(leptons: Leptons, jets: Jets) -> Floats:
    """Distance in (eta, phi) of every lepton slot to every jet slot."""
    deta = leptons.eta[:, :, None] - jets.eta[:, None, :]
    dphi = leptons.phi[:, :, None] - jets.phi[:, None, :]
    return np.hypot(deta, (dphi + np.pi) % (2 * np.pi) - np.pi)


def generate(
    rng: np.random.Generator, sample: Sample, campaign: Campaign, size: int
) -> tuple[Events, Generated]:
    """Candidate events of a process, before any selection but the generator's filters.

    Args:
        rng: The only source of chance; the same state gives the same events.
        sample: What to generate; not data.
        campaign: Pile-up and run numbers.
        size: Number of events to try, all of which pass the recoil filter.

    Returns:
        The events with enough true missing momentum (their numbers are set by the caller), and the generator's weights and
        HT of all that were tried, shape (size,).
    """
    process = sample.process
    recoil_jets = _recoil_jets(rng, size, process)
    spectator, spectator_flavour = _spectators(rng, size, process)
    soft_true = rng.normal(0.0, SOFT_ACTIVITY, (size, 2))
    system = -recoil_jets[..., 1:3].sum(axis=1) - spectator[:, 1:3] - soft_true
    recoil = Recoil(system[:, 0], system[:, 1], np.clip(rng.normal(0.0, 0.8, size), -2.0, 2.0))
    hard = PROCESSES[process](rng, recoil, sample)
    weights = np.where(rng.random(size) < NEGATIVE_WEIGHTS, -1.0, 1.0)
    kept = pt(hard.invisible) > GENERATOR_MET
    events = _detected(
        rng,
        hard.take(kept),
        recoil_jets[kept],
        _leptons(rng, hard.take(kept), spectator[kept], spectator_flavour[kept], process),
        soft_true[kept],
    )
    generated = Generated(weights, _generator_ht(hard, recoil_jets))
    return _with_conditions(rng, events, campaign, np.flatnonzero(kept), weights[kept]), generated


def _generator_ht(hard: HardEvents, recoil_jets: FourVectors) -> Floats:
    jets = pt(hard.jets).sum(axis=1) + pt(recoil_jets).sum(axis=1)
    return np.asarray(jets + pt(hard.leptons).sum(axis=1))


def _detected(
    rng: np.random.Generator,
    hard: HardEvents,
    recoil_jets: FourVectors,
    measured: tuple[Leptons, FourVectors],
    soft_true: Floats,
) -> Events:
    """Jets and soft term beside the measured leptons; running conditions are left at zero."""
    leptons, lost_leptons = measured
    jets, lost_jets = _jets(rng, hard, recoil_jets, leptons)
    size = len(recoil_jets)
    soft = soft_true + rng.normal(0.0, SOFT_RESOLUTION, (size, 2)) + (lost_leptons + lost_jets)[:, 1:3]
    recoil = -recoil_jets[..., 1:3].sum(axis=1)
    zeros = np.zeros(size)
    return Events(
        leptons=leptons,
        jets=jets,
        soft=soft,
        axis=recoil / np.hypot(*recoil.T)[:, None],
        soft_noise=rng.normal(size=(size, 2)),
        generator_met=pt(hard.invisible),
        generator_ht=_generator_ht(hard, recoil_jets),
        generator_weight=zeros,
        delta_r=_distances(leptons, jets),
        trigger=zeros,
        pileup=zeros,
        vertices=zeros.astype(np.int32),
        run=zeros.astype(np.uint32),
        number=zeros.astype(np.uint64),
        pileup_mean=zeros,
        candidate=zeros.astype(np.int64),
    )


def _with_conditions(
    rng: np.random.Generator,
    events: Events,
    campaign: Campaign,
    candidate: NDArray[np.int64],
    weight: Floats,
) -> Events:
    """The events with pile-up, trigger, run number and weight."""
    size = len(events)
    pileup = np.clip(rng.normal(campaign.pileup, 8.0, size), 5.0, 80.0)
    return replace(
        events,
        generator_weight=weight,
        trigger=rng.random(size),
        pileup=pileup,
        vertices=(1 + rng.poisson(0.55 * pileup)).astype(np.int32),
        run=rng.integers(*campaign.runs, size, dtype=np.uint32, endpoint=True),
        pileup_mean=np.full(size, campaign.pileup),
        candidate=candidate,
    )
