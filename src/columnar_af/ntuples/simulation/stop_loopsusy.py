"""The LoopSUSYFrame input layout: one tree ``myTree`` of objects in MeV, variations as column suffixes.

Columns and types are those that root-project/rootbench, root/tree/dataframe/LoopSUSYFrame, reads. A variation has only the
columns that it replaces (``stop_variations.FAMILIES``); a reader takes all others from ``_Nominal``. Each variation has lists
of its own length, because objects cross their thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.stop_blocks import Block
from columnar_af.ntuples.simulation.stop_events import Events, Generated
from columnar_af.ntuples.simulation.stop_reconstruction import View, reconstruct
from columnar_af.ntuples.simulation.stop_samples import MET_SLICE_EDGES, MET_SLICES, Sample
from columnar_af.ntuples.simulation.stop_theory import THEORY_WEIGHTS, theory_weights
from columnar_af.ntuples.simulation.stop_trigger import trigger_decisions
from columnar_af.ntuples.simulation.stop_variations import (
    JET_COLUMNS,
    LEPTON_COLUMNS,
    LEPTON_TRUTH,
    NOMINAL,
    NOMINAL_COLUMNS,
    WEIGHT_BRANCHES,
    replaced_columns,
)
from columnar_af.ntuples.simulation.stop_weights import nominal_factors, weight_branches
from columnar_af.ntuples.stop.trigger import CHAINS
from columnar_af.ntuples.tree_entries import Ragged, offsets_of

TREE = "myTree"

MEV = 1000.0

VECTOR_TYPES = {
    "flavlep": "vector<int>",
    "Originlep": "vector<int>",
    "Typelep": "vector<int>",
    "IFFTypelep": "vector<int>",
    "isSignallep": "vector<bool>",
    "isMediumlep": "vector<bool>",
    "LepIsoFCLoose": "vector<bool>",
    "LepIsoGradient": "vector<bool>",
    "passORlep": "vector<bool>",
    "passORjet": "vector<bool>",
    "isBjets": "vector<int>",
    "isWhichjet": "vector<int>",
    "labeljets_reco": "vector<int>",
}
"""Types of the object columns that are not ``vector<float>``."""

EVENT_TYPES = {
    "RunNumber": "unsigned int",
    "EventNumber": "unsigned long long",
    "ChannelNumber": "int",
    "NumPrimaryVertices": "int",
    "AverageInteractionsPerCrossing": "float",
    "cleaningVeto": "bool",
    "xsec": "double",
    "GenFiltMET": "float",
    "GenFiltHT": "float",
    "WeightEvents": "float",
}
"""Columns without a suffix."""


def _column_type(name: str) -> str:
    objects = (*LEPTON_COLUMNS, *LEPTON_TRUTH, *JET_COLUMNS, "passORlep", "passORjet")
    return VECTOR_TYPES.get(name, "vector<float>") if name in objects else "float"


def nominal_columns(sample: Sample) -> tuple[str, ...]:
    """Base columns with the suffix ``_Nominal``; data have no truth."""
    return tuple(name for name in NOMINAL_COLUMNS if not (sample.is_data and name in LEPTON_TRUTH))


def branch_types(
    sample: Sample, variations: Iterable[str], weights: bool, theory: bool = False
) -> dict[str, str]:
    """Branches of the tree and their C++ types, in order.

    Args:
        sample: Data have neither variations nor truth.
        variations: Kinematic variations.
        weights: With the 122 branches of varied weights.
        theory: With the 107 weights of scales and PDF replicas.
    """
    branches = dict(EVENT_TYPES)
    branches.update({f"{chain}_{NOMINAL}": "int" for chain in CHAINS})
    branches.update({f"{name}_{NOMINAL}": _column_type(name) for name in nominal_columns(sample)})
    if sample.is_data:
        return branches
    for variation in variations:
        branches.update({f"{name}_{variation}": _column_type(name) for name in replaced_columns(variation)})
    if weights:
        branches.update(dict.fromkeys(WEIGHT_BRANCHES, "float"))
    if theory:
        branches.update(dict.fromkeys(THEORY_WEIGHTS, "float"))
    return branches


def channel_numbers(sample: Sample, events: Events) -> NDArray[np.int32]:
    """Dataset number of each event: that of the slice it belongs to, for samples stitched from slices."""
    slices = MET_SLICES.get(sample.name)
    if slices is None:
        return np.full(len(events), sample.channel, np.int32)
    return np.array(slices, np.int32)[np.searchsorted(MET_SLICE_EDGES, events.generator_met, side="left")]


def _object_columns(view: View, chosen: Iterable[str]) -> dict[str, Any]:
    """The columns of leptons and jets that are asked for."""
    leptons, jets = view.leptons, view.jets
    sources: dict[str, NDArray[Any]] = {
        "ptleptons": leptons.pt * MEV,
        "etaleptons": leptons.eta,
        "phileptons": leptons.phi,
        "massleptons": leptons.mass * MEV,
        "flavlep": leptons.flavour,
        "isSignallep": leptons.signal,
        "isMediumlep": leptons.medium,
        "LepIsoFCLoose": leptons.fc_loose,
        "LepIsoGradient": leptons.gradient,
        "d0sig": leptons.d0_significance,
        "z0sinTheta": leptons.z0_sin_theta,
        "Originlep": leptons.origin,
        "Typelep": leptons.kind,
        "IFFTypelep": leptons.iff,
        "passORlep": view.lepton_passes,
        "ptjets": jets.pt * MEV,
        "etajets": jets.eta,
        "phijets": jets.phi,
        "massjets": jets.mass * MEV,
        "isBjets": jets.tag_bin,
        "BtagWeightjets": jets.tag_weight,
        "JVTjets": jets.jvt,
        "isWhichjet": jets.parent,
        "labeljets_reco": jets.flavour,
        "passORjet": view.jet_passes,
    }
    lepton_slots = np.arange(leptons.pt.shape[1]) < view.n_leptons[:, None]
    jet_slots = np.arange(jets.pt.shape[1]) < view.n_jets[:, None]
    lepton_offsets, jet_offsets = offsets_of(view.n_leptons), offsets_of(view.n_jets)
    columns = {}
    for name in chosen:
        if name in sources:
            is_jet = name in JET_COLUMNS or name == "passORjet"
            content = sources[name][jet_slots if is_jet else lepton_slots]
            columns[name] = Ragged(content, jet_offsets if is_jet else lepton_offsets)
    return columns


def _view_columns(events: Events, view: View, chosen: tuple[str, ...], is_data: bool) -> dict[str, Any]:
    """All base columns of a view that are asked for."""
    columns = _object_columns(view, chosen)
    numbers: dict[str, NDArray[Any]] = {
        "EtMiss_tst": view.met * MEV,
        "EtMiss_tstPhi": view.met_phi,
        "EtMiss_SigObj": view.met_significance,
        "Etmiss_PVSoftTrk": view.soft * MEV,
    }
    factors = nominal_factors(events, view)
    numbers.update({name: np.ones(len(view.met)) if is_data else value for name, value in factors.items()})
    columns.update({name: numbers[name] for name in chosen if name in numbers})
    return columns


def _event_columns(sample: Sample, events: Events) -> dict[str, Any]:
    size = len(events)
    return {
        "RunNumber": events.run,
        "EventNumber": events.number,
        "ChannelNumber": channel_numbers(sample, events),
        "NumPrimaryVertices": events.vertices,
        "AverageInteractionsPerCrossing": events.pileup,
        "cleaningVeto": np.zeros(size, np.bool_),
        "xsec": np.full(size, 1.0 if sample.is_data else sample.cross_section),
        "GenFiltMET": np.zeros(size) if sample.is_data else events.generator_met * MEV,
        "GenFiltHT": np.zeros(size) if sample.is_data else events.generator_ht * MEV,
        "WeightEvents": events.generator_weight,
    }


def columns_of_block(
    sample: Sample, block: Block, variations: Iterable[str], weights: bool, theory: bool = False
) -> dict[str, Any]:
    """The columns of one block, as :func:`branch_types` names them.

    Args:
        sample: What the events are.
        block: The events and their nominal view.
        variations: Kinematic variations; ignored for data.
        weights: With the 122 branches of varied weights; ignored for data.
        theory: With the 107 weights of scales and PDF replicas; ignored for data.
    """
    events, nominal = block.events, block.nominal
    columns = _event_columns(sample, events)
    decisions = trigger_decisions(events, nominal.met)
    columns.update({f"{chain}_{NOMINAL}": values for chain, values in decisions.items()})
    chosen = nominal_columns(sample)
    for name, values in _view_columns(events, nominal, chosen, sample.is_data).items():
        columns[f"{name}_{NOMINAL}"] = values
    if sample.is_data:
        return columns
    for variation in variations:
        view = reconstruct(events, variation)
        for name, values in _view_columns(events, view, replaced_columns(variation), is_data=False).items():
            columns[f"{name}_{variation}"] = values
    if weights:
        columns.update(weight_branches(events, nominal, nominal_factors(events, nominal)))
    if theory:
        columns.update(theory_weights(sample, Generated(events.generator_weight, events.generator_ht)))
    return columns
