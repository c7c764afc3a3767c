"""The HistFitter input layout: one tree of flat variables in GeV per variation.

Trees are named as LoopSUSYFrame names them: ``<sample>_WEIGHTS`` is nominal and holds the branches of varied weights,
``<sample>_<variation>`` is one of the others (with the variation's own suffix: ``__1up``, ``__1down``, and none, ``Up`` or
``Down`` for ETmiss), ``data_NONE`` is data. Each tree holds the events that pass the preselection under its variation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.boost import boost
from columnar_af.kernels.cos_theta_b import cos_theta_b
from columnar_af.kernels.dilepton_mass import dilepton_mass
from columnar_af.kernels.min_delta_r import min_delta_r
from columnar_af.kernels.r_2l import r_2l
from columnar_af.kernels.r_2l4j import r_2l4j
from columnar_af.kernels.super_razor import super_razor
from columnar_af.kernels.transverse_mass import transverse_mass
from columnar_af.ntuples.simulation.stop_events import Events, Flags, Floats, Jets, Leptons
from columnar_af.ntuples.simulation.stop_fakes import fake_factor, fake_weight
from columnar_af.ntuples.simulation.stop_reconstruction import TAGGED_BIN, TAGGED_ETA, View
from columnar_af.ntuples.simulation.stop_samples import Sample
from columnar_af.ntuples.simulation.stop_trigger import passes_trigger
from columnar_af.ntuples.simulation.stop_variations import NOMINAL
from columnar_af.ntuples.simulation.stop_weights import nominal_factors
from columnar_af.ntuples.tree_entries import offsets_of

PRESELECTION_MET = 250.0
PRESELECTION_LEADING, PRESELECTION_SECOND = 100.0, 50.0
"""Preselection of every tree in GeV: ETmiss trigger, two baseline leptons that pass the overlap removal and are soft, a
jet, and ETmiss on the trigger's plateau."""

PROMPT_ORIGINS = (10, 12, 13, 14, 43, 22)
"""Origins that LoopSUSYFrame counts as prompt: top, W, Z, Higgs, diboson, SUSY."""

NO_MOMENTUM, NO_ANGLE, NO_JET_DISTANCE = -1.0, -10.0, 10_000.0
"""What stands where there is no such lepton or jet; 10000 as in LoopSUSYFrame's GetDeltaRMin."""

FAKE_UNCERTAINTY = 0.2
"""Relative size of the total uncertainty in FNP_TOTAL_UP and _DOWN; chosen."""

LISTED_LEPTONS, LISTED_JETS, LISTED_B_JETS = 3, 4, 2


def tree_name(sample: Sample, variation: str) -> str:
    """Name of the tree of a variation (``Nominal`` or a kinematic variation)."""
    if sample.is_data:
        return f"{sample.name}_NONE"
    return f"{sample.name}_{'WEIGHTS' if variation == NOMINAL else variation}"


@dataclass(frozen=True)
class Selected:
    """Baseline leptons and jets after overlap removal, in falling order, slots beyond the counts meaningless.

    Attributes:
        leptons, jets: The objects.
        n_leptons, n_jets: Their number, shape (events,).
    """

    leptons: Leptons
    jets: Jets
    n_leptons: NDArray[np.int64]
    n_jets: NDArray[np.int64]


def _compacted(objects: Any, passes: Flags) -> Any:
    """The passing objects first, order kept."""
    order = np.argsort(~passes, axis=1, kind="stable")
    columns = {}
    for name, values in vars(objects).items():
        index = order[..., None] if values.ndim > order.ndim else order
        columns[name] = np.take_along_axis(values, index, axis=1)
    return type(objects)(**columns)


def selected_objects(view: View) -> Selected:
    """The objects of a view that pass the overlap removal."""
    return Selected(
        leptons=_compacted(view.leptons, view.lepton_passes),
        jets=_compacted(view.jets, view.jet_passes),
        n_leptons=view.lepton_passes.sum(axis=1),
        n_jets=view.jet_passes.sum(axis=1),
    )


def preselection(events: Events, nominal_met: Floats, view: View) -> Flags:
    """Events of the tree of a view. Trigger decisions are nominal under every variation."""
    falling = np.sort(np.where(view.lepton_passes, view.leptons.pt, 0.0), axis=1)[:, ::-1]
    soft = (falling[:, 0] < PRESELECTION_LEADING) & (falling[:, 1] < PRESELECTION_SECOND)
    enough = (view.lepton_passes.sum(axis=1) >= 2) & view.jet_passes.any(axis=1)
    return np.asarray(enough & soft & (view.met > PRESELECTION_MET) & passes_trigger(events, nominal_met))


def _lepton_columns(leptons: Leptons, number: NDArray[np.int64], is_data: bool) -> dict[str, Any]:
    """Columns of the leading leptons."""
    columns: dict[str, Any] = {}
    for index in range(LISTED_LEPTONS):
        there, n = number > index, index + 1
        columns[f"lep{n}pT"] = np.where(there, leptons.pt[:, index], NO_MOMENTUM)
        columns[f"lep{n}eta"] = np.where(there, leptons.eta[:, index], NO_ANGLE)
        columns[f"lep{n}phi"] = np.where(there, leptons.phi[:, index], NO_ANGLE)
        columns[f"lep{n}mass"] = np.where(there, leptons.mass[:, index], NO_MOMENTUM)
        columns[f"lepflav{n}"] = np.where(there, leptons.flavour[:, index], 0)
        columns[f"isSignalLep{n}"] = there & leptons.signal[:, index]
        columns[f"isMediumlep{n}"] = there & leptons.medium[:, index]
        columns[f"LepIsoGradient{n}"] = there & leptons.gradient[:, index]
        columns[f"LepIsoFCLoose{n}"] = there & leptons.fc_loose[:, index]
        columns[f"lep{n}d0sig"] = np.where(there, leptons.d0_significance[:, index], NO_ANGLE)
        columns[f"lep{n}z0sinTheta"] = np.where(there, leptons.z0_sin_theta[:, index], NO_ANGLE)
        truth = there & (not is_data)
        columns[f"IFFTypeLep{n}"] = np.where(truth, leptons.iff[:, index], 0)
        columns[f"lep{n}Origin"] = np.where(truth, leptons.origin[:, index], 0)
    return columns


def _jet_columns(jets: Jets, number: NDArray[np.int64]) -> dict[str, Any]:
    """Columns of the leading jets."""
    columns: dict[str, Any] = {}
    for index in range(LISTED_JETS):
        there, n = number > index, index + 1
        columns[f"jet{n}pT"] = np.where(there, jets.pt[:, index], NO_MOMENTUM)
        columns[f"jet{n}eta"] = np.where(there, jets.eta[:, index], NO_ANGLE)
        columns[f"jet{n}phi"] = np.where(there, jets.phi[:, index], NO_ANGLE)
        columns[f"jet{n}mass"] = np.where(there, jets.mass[:, index], NO_MOMENTUM)
        columns[f"jet{n}bTagBin"] = np.where(there, jets.tag_bin[:, index], 0)
        columns[f"jet{n}BtagWeight"] = np.where(there, jets.tag_weight[:, index], NO_ANGLE)
        columns[f"jet{n}JVT"] = np.where(there, jets.jvt[:, index], NO_MOMENTUM)
    return columns


def _b_jet_columns(jets: Jets, tagged: Flags) -> dict[str, Any]:
    """Columns of the leading b-jets."""
    b_jets = _compacted(jets, tagged)
    number = tagged.sum(axis=1)
    columns: dict[str, Any] = {"nbjet": number}
    for index in range(LISTED_B_JETS):
        there, n = number > index, index + 1
        columns[f"bjet{n}pT"] = np.where(there, b_jets.pt[:, index], NO_MOMENTUM)
        columns[f"bjet{n}eta"] = np.where(there, b_jets.eta[:, index], NO_ANGLE)
        columns[f"bjet{n}phi"] = np.where(there, b_jets.phi[:, index], NO_ANGLE)
        columns[f"bjet{n}mass"] = np.where(there, b_jets.mass[:, index], NO_MOMENTUM)
    return columns


def _pair_columns(chosen: Selected, view: View) -> dict[str, Any]:
    """Variables of the two leading leptons and ETmiss."""
    leptons = chosen.leptons
    pt1, eta1, phi1, mass1 = (getattr(leptons, name)[:, 0] for name in ("pt", "eta", "phi", "mass"))
    pt2, eta2, phi2, mass2 = (getattr(leptons, name)[:, 1] for name in ("pt", "eta", "phi", "mass"))
    flavours = leptons.flavour[:, :2]
    positive_first = flavours[:, 0] > 0
    p_boost, dphi_boost = boost(view.met, view.met_phi, pt1, phi1, pt2, phi2)
    m_delta, r_pt, inverse_gamma, dphi_beta = super_razor(
        pt1, eta1, phi1, pt2, eta2, phi2, view.met, view.met_phi
    )
    dphi = np.abs((phi1 - phi2 + np.pi) % (2 * np.pi) - np.pi)
    return {
        "isOS": flavours[:, 0] * flavours[:, 1] < 0,
        "isSF": np.abs(flavours[:, 0]) == np.abs(flavours[:, 1]),
        "mll": dilepton_mass(pt1, eta1, phi1, mass1, pt2, eta2, phi2, mass2),
        "ptll": np.sqrt(np.maximum(pt1**2 + pt2**2 + 2 * pt1 * pt2 * np.cos(dphi), 0.0)),
        "dphill": dphi,
        "phill": np.arctan2(pt1 * np.sin(phi1) + pt2 * np.sin(phi2), pt1 * np.cos(phi1) + pt2 * np.cos(phi2)),
        "detall": np.abs(eta1 - eta2),
        "DPhiLep1MET": np.abs((phi1 - view.met_phi + np.pi) % (2 * np.pi) - np.pi),
        "DPhiLep2MET": np.abs((phi2 - view.met_phi + np.pi) % (2 * np.pi) - np.pi),
        "mT1": transverse_mass(pt1, phi1, view.met, view.met_phi),
        "mT2": transverse_mass(pt2, phi2, view.met, view.met_phi),
        "pbll": p_boost,
        "DPhib": dphi_boost,
        "METoverPbll": view.met / p_boost,
        "METoverHTLep": r_2l(view.met, pt1, pt2),
        "MDR": m_delta,
        "RPT": r_pt,
        "gamInvRp1": inverse_gamma,
        "DPB_vSS": dphi_beta,
        "cosTheta_b": cos_theta_b(np.where(positive_first, eta1, eta2), np.where(positive_first, eta2, eta1)),
    }


def _jet_variables(chosen: Selected, view: View) -> dict[str, Any]:
    """Variables of jets, leptons and ETmiss together."""
    leptons, jets = chosen.leptons, chosen.jets
    there = np.arange(jets.pt.shape[1]) < chosen.n_jets[:, None]
    offsets = offsets_of(chosen.n_jets)
    pt, eta, phi = (getattr(jets, name)[there] for name in ("pt", "eta", "phi"))
    ht = np.where(there, jets.pt, 0.0).sum(axis=1)
    distance = min_delta_r(leptons.eta[:, 1], leptons.phi[:, 1], eta, phi, offsets)
    to_met = np.abs((jets.phi - view.met_phi[:, None] + np.pi) % (2 * np.pi) - np.pi)
    tagged = there & (jets.tag_bin > TAGGED_BIN) & (np.abs(jets.eta) < TAGGED_ETA)
    return {
        "njet": chosen.n_jets,
        **_b_jet_columns(jets, tagged),
        "HT": ht,
        "Meff": ht + view.met + leptons.pt[:, 0] + leptons.pt[:, 1],
        "R2l4j": r_2l4j(view.met, leptons.pt[:, 0], leptons.pt[:, 1], pt, offsets),
        "minDRlep2jets": np.where(np.isfinite(distance), distance, NO_JET_DISTANCE),
        "dPhimin": np.where(there, to_met, np.inf).min(axis=1),
    }


def event_fake_weight(chosen: Selected) -> Floats:
    """Fake-factor weight of each event, from the simulation's own factors."""
    leptons = chosen.leptons
    electron = leptons.is_electron
    identified = leptons.signal & np.where(electron, leptons.gradient, leptons.fc_loose)
    anti = ~identified & (electron | leptons.signal)
    present = np.arange(leptons.pt.shape[1]) < chosen.n_leptons[:, None]
    return fake_weight(fake_factor(leptons.pt, leptons.eta, electron), identified, anti, present)


def flat_columns(sample: Sample, events: Events, view: View, luminosity_weight: float) -> dict[str, Any]:
    """The flat variables of events that pass the preselection.

    Args:
        sample: What the events are; for data weights are 1 and truth is 0.
        events: The events.
        view: Their view under the tree's variation.
        luminosity_weight: WeightLumi.

    Returns:
        Branch -> values, shape (events,); lengths in GeV and radians.
    """
    size, is_data = len(events), sample.is_data
    chosen = selected_objects(view)
    fakes = event_fake_weight(chosen)
    prompt = np.isin(chosen.leptons.origin, PROMPT_ORIGINS)
    beyond = np.arange(prompt.shape[1]) >= chosen.n_leptons[:, None]
    columns: dict[str, Any] = {
        "EventNumber": events.number,
        "RunNumber": events.run,
        "nVx": events.vertices,
        "mu": events.pileup,
        "xsec": np.full(size, 1.0 if is_data else sample.cross_section),
        "WeightLumi": np.full(size, luminosity_weight),
        "WeightEvents": events.generator_weight,
        **{
            name: np.ones(size) if is_data else values
            for name, values in nominal_factors(events, view).items()
        },
        "FNP_WEIGHTS": fakes,
        "FNP_TOTAL_UP": fakes * (1.0 + FAKE_UNCERTAINTY),
        "FNP_TOTAL_DOWN": fakes * (1.0 - FAKE_UNCERTAINTY),
        "GenFiltMET": np.zeros(size) if is_data else events.generator_met * 1000.0,
        "GenFiltHT": np.zeros(size) if is_data else events.generator_ht * 1000.0,
        "nlep": chosen.n_leptons,
        "AllOrigin": (prompt | beyond).all(axis=1) & (not is_data),
        "MET": view.met,
        "METphi": view.met_phi,
        "METsig": view.met_significance,
        "MET_soft": view.soft,
    }
    columns.update(_lepton_columns(chosen.leptons, chosen.n_leptons, is_data))
    columns.update(_jet_columns(chosen.jets, chosen.n_jets))
    columns.update(_pair_columns(chosen, view))
    columns.update(_jet_variables(chosen, view))
    return columns


TYPES = {
    "EventNumber": "unsigned long long",
    "RunNumber": "unsigned int",
    "xsec": "double",
    "WeightLumi": "double",
}
"""Branches whose type does not follow from their values."""


def branch_type(name: str, values: NDArray[Any]) -> str:
    """C++ type of a flat branch: as named above, bool and int as they are, all others float."""
    return TYPES.get(name) or {"b": "bool", "i": "int"}.get(values.dtype.kind, "float")
