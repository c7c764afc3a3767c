"""What an analysis sees under one variation: lists of leptons and jets, overlap removal, ETmiss and its significance."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.stop_detector import SOFT_RESOLUTION, jet_resolution
from columnar_af.ntuples.simulation.stop_events import EventColumns, Events, Flags, Floats, Jets, Leptons
from columnar_af.ntuples.simulation.stop_shifts import Shifted, shifted

ELECTRON_PT, MUON_PT, JET_PT = 4.5, 4.0, 20.0
"""Thresholds of baseline leptons and jets in GeV (GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp)."""

TAGGED_BIN = 2
"""A jet in a bin above this one is b-tagged at the 77 % working point (LoopSUSYFrame)."""

TAGGED_ETA = 2.5

SKIM_MET = 230.0
SKIM_LEPTON = 0.9
SKIM_LEADING, SKIM_SECOND = 110.0, 60.0
"""The ntuples keep events with nominal ETmiss above 230 GeV and two leptons above 0.9 of their thresholds, of which the
leading ones are soft (below 110 and 60 GeV). This is looser than the search's 250, 100 and 50 GeV, so that no variation
loses events at the search's thresholds."""


@dataclass(frozen=True)
class View(EventColumns):
    """Events under one variation. Objects are in falling order of their momentum, those in the lists first.

    Attributes:
        leptons, jets: The objects with the variation's momenta; slots beyond the counts are meaningless.
        n_leptons, n_jets: Length of each event's lists, shape (events,).
        lepton_passes, jet_passes: Flags of the overlap removal, shape (events, slots); False beyond the counts.
        met, met_phi: Missing transverse momentum in GeV and radians.
        met_significance: ETmiss over the resolution along it.
        soft: Modulus of the soft term in GeV.
    """

    leptons: Leptons
    jets: Jets
    n_leptons: NDArray[np.int64]
    n_jets: NDArray[np.int64]
    lepton_passes: Flags
    jet_passes: Flags
    met: Floats
    met_phi: Floats
    met_significance: Floats
    soft: Floats


def listed_leptons(leptons: Leptons, momentum: Floats, threshold_factor: float = 1.0) -> Flags:
    """Leptons that are in the list: reconstructed, and above the threshold of their flavour."""
    threshold = np.where(leptons.is_electron, ELECTRON_PT, MUON_PT) * threshold_factor
    return leptons.exists & (momentum > threshold)


def overlap_removal(events: Events, lepton_pt: Floats, leptons: Flags, jets: Flags) -> tuple[Flags, Flags]:
    """Leptons and jets that survive, in the order of Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp.

    Muons within 0.01 of an electron go; then jets within 0.2 of an electron, b-tagged ones only when the electron has more
    than 100 GeV; then leptons within min(0.4, 0.04 + 10 GeV / pT) of a jet that is left.

    Args:
        events: Events, for directions and tags.
        lepton_pt: Lepton momenta under the variation, GeV.
        leptons, jets: Objects in the lists.
    """
    electron = leptons & events.leptons.is_electron
    muon = leptons & ~events.leptons.is_electron
    eta, phi = events.leptons.eta, events.leptons.phi
    dphi = (phi[:, :, None] - phi[:, None, :] + np.pi) % (2 * np.pi) - np.pi
    near = np.hypot(eta[:, :, None] - eta[:, None, :], dphi) < 0.01
    muon &= ~(near & electron[:, None, :]).any(axis=2)
    tagged = (events.jets.tag_bin > TAGGED_BIN) & (np.abs(events.jets.eta) < TAGGED_ETA)
    counts = electron[:, :, None] & (~tagged[:, None, :] | (lepton_pt > 100.0)[:, :, None])
    jets = jets & ~(counts & (events.delta_r < 0.2)).any(axis=1)
    cone = np.minimum(0.4, 0.04 + 10.0 / np.maximum(lepton_pt, 0.1))
    close = (events.delta_r < cone[:, :, None]) & jets[:, None, :]
    return (electron | muon) & ~close.any(axis=2), jets


def _transverse(momentum: Floats, phi: Floats) -> Floats:
    """Vector sum over the slots, shape (events, 2)."""
    return np.stack([(momentum * np.cos(phi)).sum(axis=1), (momentum * np.sin(phi)).sum(axis=1)], axis=1)


def _significance(
    events: Events, shift: Shifted, leptons: Flags, jets: Flags, met: Floats, met_phi: Floats
) -> Floats:
    """ETmiss over the resolution of all objects along it; the correlation term of ATLAS' definition is left out."""
    variance = np.full(len(met), SOFT_RESOLUTION**2)
    along = np.cos(events.jets.phi - met_phi[:, None])
    variance += (np.where(jets, shift.jet_pt * jet_resolution(shift.jet_pt) * along, 0.0) ** 2).sum(axis=1)
    along = np.cos(events.leptons.phi - met_phi[:, None])
    variance += (np.where(leptons, 0.03 * shift.lepton_pt * along, 0.0) ** 2).sum(axis=1)
    return met / np.sqrt(variance)


_Objects = TypeVar("_Objects", Leptons, Jets)


def _ordered(objects: _Objects, momentum: Floats, listed: Flags) -> tuple[_Objects, NDArray[np.intp]]:
    """The objects in falling order of ``momentum``, listed ones first, and the order."""
    order = np.argsort(np.where(listed, -momentum, np.inf), axis=1, kind="stable")
    columns = {}
    for field in fields(objects):
        values = momentum if field.name == "pt" else getattr(objects, field.name)
        index = order[..., None] if values.ndim > order.ndim else order
        columns[field.name] = np.take_along_axis(values, index, axis=1)
    return type(objects)(**columns), order


def reconstruct(events: Events, variation: str) -> View:
    """The lists, flags and missing momentum under one variation.

    ETmiss is minus the vector sum of the listed leptons, the listed jets that pass the overlap removal, and the soft term;
    objects below threshold join the soft term with their nominal momentum.

    Args:
        events: Events before any variation.
        variation: A kinematic variation or ``Nominal``.
    """
    shift = shifted(events, variation)
    leptons = listed_leptons(events.leptons, shift.lepton_pt)
    jets = events.jets.exists & (shift.jet_pt > JET_PT)
    lepton_passes, jet_passes = overlap_removal(events, shift.lepton_pt, leptons, jets)
    soft = shift.soft + _transverse(
        np.where(events.leptons.exists & ~leptons, events.leptons.pt, 0.0), events.leptons.phi
    )
    below = events.jets.exists & ~jets & ~events.jets.of_electron
    soft = soft + _transverse(np.where(below, events.jets.pt, 0.0), events.jets.phi)
    seen = _transverse(np.where(leptons, shift.lepton_pt, 0.0), events.leptons.phi)
    seen += _transverse(np.where(jet_passes, shift.jet_pt, 0.0), events.jets.phi)
    missing = -(seen + soft)
    met, met_phi = np.hypot(*missing.T), np.arctan2(missing[:, 1], missing[:, 0])
    sorted_leptons, lepton_order = _ordered(events.leptons, shift.lepton_pt, leptons)
    sorted_jets, jet_order = _ordered(events.jets, shift.jet_pt, jets)
    return View(
        leptons=sorted_leptons,
        jets=sorted_jets,
        n_leptons=leptons.sum(axis=1),
        n_jets=jets.sum(axis=1),
        lepton_passes=np.take_along_axis(lepton_passes, lepton_order, axis=1),
        jet_passes=np.take_along_axis(jet_passes, jet_order, axis=1),
        met=met,
        met_phi=met_phi,
        met_significance=_significance(events, shift, leptons, jet_passes, met, met_phi),
        soft=np.hypot(*soft.T),
    )


def passes_skim(events: Events, nominal: View) -> Flags:
    """Events that the ntuples keep."""
    listed = listed_leptons(events.leptons, events.leptons.pt, SKIM_LEPTON)
    falling = np.sort(np.where(listed, events.leptons.pt, 0.0), axis=1)[:, ::-1]
    soft = (falling[:, 0] < SKIM_LEADING) & (falling[:, 1] < SKIM_SECOND)
    return np.asarray((nominal.met > SKIM_MET) & (listed.sum(axis=1) >= 2) & soft)
