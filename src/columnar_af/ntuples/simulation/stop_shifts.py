"""What each kinematic variation does to lepton momenta, jet momenta and the soft term.

Sizes are of the order of ATLAS' calibrations: per cent for soft jets, per mille for leptons, about a GeV for the soft term.
They are chosen, not measured. With them the trees of the variations differ by up to 2 % in length; the public notebook of
adonofri/INFN_na_interactive_analysis shows 163,003 to 165,298 entries around 164,188, which is 0.7 %.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation.stop_detector import jet_resolution
from columnar_af.ntuples.simulation.stop_events import Events, Floats, Jets, Leptons
from columnar_af.ntuples.stop.variations import JET_RESOLUTION, NOMINAL

VARIATION = re.compile(r"(?P<name>.+?)(?P<direction>__1up|__1down|Up|Down)?")


@dataclass(frozen=True)
class Shifted:
    """Momenta under one variation, GeV.

    Attributes:
        lepton_pt: Shape (events, slots); the nominal array itself where nothing changes.
        jet_pt: Likewise.
        soft: Soft term (x, y), shape (events, 2); likewise.
    """

    lepton_pt: Floats
    jet_pt: Floats
    soft: Floats


def _electron_shift(leptons: Leptons, name: str) -> Floats:
    if name == "EG_SCALE_ALL":
        return np.where(leptons.is_electron, 0.003 + 0.02 / np.maximum(leptons.pt, 1.0), 0.0)
    return np.where(leptons.is_electron, 0.01 * leptons.noise[..., 0], 0.0)


def _muon_shift(leptons: Leptons, name: str) -> Floats:
    charge = np.sign(leptons.flavour)
    shift = {
        "MUON_ID": 0.004 * leptons.noise[..., 0],
        "MUON_MS": 0.003 * leptons.noise[..., 1],
        "MUON_SCALE": np.full(leptons.pt.shape, 0.002),
        "MUON_SAGITTA_RESBIAS": charge * (0.001 + 1e-4 * leptons.pt),
        "MUON_SAGITTA_RHO": charge * (0.0005 + 5e-5 * leptons.pt),
    }[name]
    return np.where(leptons.is_electron, 0.0, shift)


def _jet_scale_shift(jets: Jets, name: str) -> Floats:
    eta = np.abs(jets.eta)
    soft = np.maximum(jets.pt, 15.0)
    # a larger gluon response means a smaller correction, so the flavour response goes the other way
    flavour = np.where(jets.flavour == 5, -0.002, -0.004 - 0.06 / soft)
    return {
        "JET_GroupedNP_1": 0.003 + 0.10 / soft,
        "JET_GroupedNP_2": 0.002 + 0.002 * eta,
        "JET_GroupedNP_3": 0.001 + 2e-6 * soft,
        "JET_Flavor_Response": flavour,
        "JET_EtaIntercalibration_NonClosure_highE": np.where((eta > 1.5) & (jets.pt > 100.0), 0.02, 0.0),
        "JET_EtaIntercalibration_NonClosure_negEta": np.where(np.abs(jets.eta + 2.5) < 0.2, 0.04, 0.0),
        "JET_EtaIntercalibration_NonClosure_posEta": np.where(np.abs(jets.eta - 2.5) < 0.2, 0.04, 0.0),
    }[name]


JET_RESOLUTION_SIZES = (0.10, 0.30, 0.22, 0.18, 0.15, 0.12, 0.10, 0.16)
"""Extra smearing of each jet resolution variation, as a share of the resolution."""


def _jet_resolution_shift(jets: Jets, name: str) -> Floats:
    number = JET_RESOLUTION.index(name)
    angle = (
        np.pi * number / len(JET_RESOLUTION)
    )  # mixes two fixed numbers into one of unit width per variation
    noise = np.cos(angle) * jets.noise[..., 0] + np.sin(angle) * jets.noise[..., 1]
    return JET_RESOLUTION_SIZES[number] * jet_resolution(jets.pt) * noise


SOFT_PARALLEL, SOFT_ACROSS, SOFT_SCALE = 1.5, 1.2, 0.6
"""GeV; size of the soft-term variations."""


def _soft_shift(events: Events, name: str) -> Floats:
    """Displacement (x, y) along or across the hard recoil."""
    along = events.axis
    if name == "MET_SoftTrk_ResoPara":
        return SOFT_PARALLEL * events.soft_noise[:, :1] * along
    if name == "MET_SoftTrk_ResoPerp":
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        return SOFT_ACROSS * events.soft_noise[:, 1:] * across
    return SOFT_SCALE * along


def shifted(events: Events, variation: str) -> Shifted:
    """The momenta under a variation.

    Args:
        events: Events before any variation.
        variation: A name of ``stop_variations.KINEMATIC``, or ``Nominal``.

    Raises:
        ConfigError: The name has none of the known prefixes.
    """
    leptons, jets = events.leptons, events.jets
    if variation == NOMINAL:
        return Shifted(leptons.pt, jets.pt, events.soft)
    match = VARIATION.fullmatch(variation)
    name = match["name"] if match else variation
    sign = -1.0 if match and match["direction"] in ("__1down", "Down") else 1.0
    if name.startswith("EG_"):
        return Shifted(leptons.pt * (1.0 + sign * _electron_shift(leptons, name)), jets.pt, events.soft)
    if name.startswith("MUON_"):
        return Shifted(leptons.pt * (1.0 + sign * _muon_shift(leptons, name)), jets.pt, events.soft)
    if name.startswith("JET_"):
        shift = _jet_resolution_shift if name in JET_RESOLUTION else _jet_scale_shift
        return Shifted(leptons.pt, jets.pt * np.maximum(1.0 + sign * shift(jets, name), 0.1), events.soft)
    if name.startswith("MET_"):
        return Shifted(leptons.pt, jets.pt, events.soft + sign * _soft_shift(events, name))
    msg = f"unknown variation {variation!r}: expected a name that starts with EG_, MUON_, JET_ or MET_"
    raise ConfigError(msg, advice="see columnar_af.ntuples.stop.variations.KINEMATIC")
