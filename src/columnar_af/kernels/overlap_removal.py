"""Overlap removal of leptons and jets: which of the objects that share a direction stay."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray

ELECTRON = 11

SHARED_TRACK = 0.01
"""A muon this close to an electron shares its track."""

ELECTRON_CONE = 0.2
"""A jet this close to an electron is the electron."""

TAGGED_JET_YIELDS = 100.0
"""Above this p_T (GeV) an electron also removes b-tagged jets."""

LARGEST_CONE, CONE_CONSTANT, CONE_SLOPE = 0.4, 0.04, 10.0
"""A lepton within min(0.4, 0.04 + 10 GeV / p_T) of a jet comes from the jet."""


@nb.njit(nogil=True, cache=True)
def _delta_r(eta1: float, phi1: float, eta2: float, phi2: float) -> float:
    dphi = (phi1 - phi2 + math.pi) % (2 * math.pi) - math.pi
    return math.hypot(eta1 - eta2, dphi)


@nb.njit(nogil=True, cache=True)
def overlap_removal(
    lepton_pt: NDArray[np.floating],
    lepton_eta: NDArray[np.floating],
    lepton_phi: NDArray[np.floating],
    lepton_flavour: NDArray[np.integer],
    lepton_chosen: NDArray[np.bool_],
    lepton_offsets: NDArray[np.int64],
    jet_eta: NDArray[np.floating],
    jet_phi: NDArray[np.floating],
    jet_tagged: NDArray[np.bool_],
    jet_chosen: NDArray[np.bool_],
    jet_offsets: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Objects that stay, after these steps in order (GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp):

    1. muons within 0.01 of an electron go;
    2. jets within 0.2 of an electron go, b-tagged ones only where the electron has more than 100 GeV;
    3. leptons within min(0.4, 0.04 + 10 GeV / p_T) of a jet that is left go.

    Distances are in pseudorapidity, as there; the tools of ATLAS take the rapidity of jets.

    Args:
        lepton_pt, lepton_eta, lepton_phi: Of the leptons of all events, p_T in GeV.
        lepton_flavour: PDG number, whatever its sign.
        lepton_chosen: Leptons that take part (baseline).
        lepton_offsets: Where each event's leptons start, shape (events + 1,).
        jet_eta, jet_phi, jet_tagged, jet_chosen, jet_offsets: The jets.

    Returns:
        Flags of leptons and of jets; False for those that did not take part.
    """
    leptons, jets = lepton_chosen.copy(), jet_chosen.copy()
    for event in range(len(lepton_offsets) - 1):
        first, last = lepton_offsets[event], lepton_offsets[event + 1]
        first_jet, last_jet = jet_offsets[event], jet_offsets[event + 1]
        for electron in range(first, last):
            if not lepton_chosen[electron] or abs(lepton_flavour[electron]) != ELECTRON:
                continue
            eta, phi = np.float64(lepton_eta[electron]), np.float64(lepton_phi[electron])
            for muon in range(first, last):
                if leptons[muon] and abs(lepton_flavour[muon]) != ELECTRON:
                    leptons[muon] = _delta_r(eta, phi, lepton_eta[muon], lepton_phi[muon]) >= SHARED_TRACK
            for jet in range(first_jet, last_jet):
                if jets[jet] and (not jet_tagged[jet] or lepton_pt[electron] > TAGGED_JET_YIELDS):
                    jets[jet] = _delta_r(eta, phi, jet_eta[jet], jet_phi[jet]) >= ELECTRON_CONE
        for lepton in range(first, last):
            if not leptons[lepton]:
                continue
            cone = min(LARGEST_CONE, CONE_CONSTANT + CONE_SLOPE / np.float64(lepton_pt[lepton]))
            eta, phi = np.float64(lepton_eta[lepton]), np.float64(lepton_phi[lepton])
            for jet in range(first_jet, last_jet):
                if jets[jet] and _delta_r(eta, phi, jet_eta[jet], jet_phi[jet]) < cone:
                    leptons[lepton] = False
    return leptons, jets
