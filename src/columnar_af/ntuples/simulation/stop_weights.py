"""Scale factors of an event, nominal and under the 50 weight variations.

Their sizes are of the usual order (per cent; more for soft leptons) and otherwise chosen. What matters is their structure:
a factor depends on the objects of the view, and a variation moves the factors that LoopSUSYFrame has branches for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation.stop_events import Events, Flags, Floats
from columnar_af.ntuples.simulation.stop_reconstruction import TAGGED_BIN, TAGGED_ETA, View
from columnar_af.ntuples.simulation.stop_samples import TOTAL_LUMINOSITY, Campaign
from columnar_af.ntuples.simulation.stop_variations import DOWN, UP, WEIGHT_FACTORS

JVT_PT, JVT_ETA = 120.0, 2.5
"""Jets below and inside are subject to the jet vertex tagger (Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp)."""

LOW_PT_MUON = 15.0
"""GeV; muons below have their own reconstruction uncertainty (MUON_EFF_RECO_*_LOWPT)."""

FACTORS = (
    "WeightEventsPU",
    "WeightEventselSF",
    "WeightEventsmuSF",
    "WeightEventsJVT",
    "WeightEventsbTag",
    "WeightEventsSF_global",
)
"""The factors that multiply ``WeightEvents``, ``xsec`` and ``WeightLumi`` to the weight of an event. The search triggers on
ETmiss, so ``WeightEvents_trigger_single`` stays out."""

LARGEST_WEIGHT = 2.0
"""No product of the factors comes near this; data are drawn by hit or miss below it."""

LEPTON_SIZES = {
    "EL_EFF_ID": (0.010, 0.020),
    "EL_EFF_Iso": (0.004, 0.030),
    "EL_EFF_Reco": (0.003, 0.010),
    "EL_EFF_ChargeIDSel": (0.002, 0.0),
    "EL_EFF_Trigger": (0.003, 0.0),
    "EL_EFF_TriggerEff": (0.002, 0.0),
    "MUON_EFF_RECO_STAT": (0.001, 0.0),
    "MUON_EFF_RECO_SYS": (0.004, 0.0),
    "MUON_EFF_RECO_STAT_LOWPT": (0.004, 0.0),
    "MUON_EFF_RECO_SYS_LOWPT": (0.010, 0.0),
    "MUON_EFF_ISO_STAT": (0.001, 0.004),
    "MUON_EFF_ISO_SYS": (0.003, 0.020),
    "MUON_EFF_TTVA_STAT": (0.001, 0.003),
    "MUON_EFF_TTVA_SYS": (0.001, 0.005),
    "MUON_EFF_BADMUON_STAT": (0.0002, 0.0),
    "MUON_EFF_BADMUON_SYS": (0.0005, 0.0),
    "MUON_EFF_TrigStatUncertainty": (0.002, 0.0),
    "MUON_EFF_TrigSystUncertainty": (0.004, 0.0),
}
"""Relative size per lepton: constant part, and what comes on top for pT -> 0."""

TRIGGER_NAMES = ("ChargeIDSel", "Trig")
"""Variations with these in their name move the global and the trigger factor; all others the flavour's own."""

FLAVOUR_SIZES = {
    "FT_EFF_B_systematics": (5, 0.020),
    "FT_EFF_C_systematics": (4, 0.060),
    "FT_EFF_Light_systematics": (0, 0.150),
    "FT_EFF_extrapolation": (5, 0.010),
    "FT_EFF_extrapolation_from_charm": (4, 0.010),
}
"""Quark flavour that it concerns, and the relative size for a tagged jet; untagged jets get a tenth of it, negative."""


@dataclass(frozen=True)
class _Objects:
    """What the factors depend on, from one view; flags over slots."""

    electrons: Flags
    muons: Flags
    lepton_pt: Floats
    jets: Flags
    tagged: Flags
    vertex_jets: Flags


def _objects(view: View) -> _Objects:
    leptons, jets = view.leptons, view.jets
    signal = view.lepton_passes & leptons.signal
    central = view.jet_passes & (np.abs(jets.eta) < TAGGED_ETA)
    return _Objects(
        electrons=signal & leptons.is_electron,
        muons=signal & ~leptons.is_electron,
        lepton_pt=np.maximum(leptons.pt, 0.0),
        jets=central,
        tagged=central & (jets.tag_bin > TAGGED_BIN),
        vertex_jets=view.jet_passes & (jets.pt < JVT_PT) & (np.abs(jets.eta) < JVT_ETA),
    )


def _product(chosen: Flags, factor: Floats | float) -> Floats:
    return np.asarray(np.where(chosen, factor, 1.0).prod(axis=1))


def nominal_factors(events: Events, view: View) -> dict[str, Floats]:
    """All factors of a view, ``WeightEvents_trigger_single`` among them, each of shape (events,)."""
    objects = _objects(view)
    soft = np.exp(-objects.lepton_pt / 12.0)
    excess = (events.pileup - events.pileup_mean) / 8.0
    leptons = objects.electrons | objects.muons
    return {
        "WeightEventsPU": np.clip(1.0 + 0.10 * excess, 0.6, 1.4),
        "WeightEventselSF": _product(objects.electrons, 0.98 - 0.06 * soft),
        "WeightEventsmuSF": _product(objects.muons, 0.99 - 0.03 * soft),
        "WeightEventsJVT": _product(objects.vertex_jets, 0.995),
        "WeightEventsbTag": _product(objects.tagged, np.where(view.jets.flavour == 5, 0.97, 1.10))
        * _product(objects.jets & ~objects.tagged & (view.jets.flavour == 5), 1.03),
        "WeightEventsSF_global": _product(leptons, 0.997),
        "WeightEvents_trigger_single": _product(leptons, 0.985 - 0.02 * soft),
    }


def _lepton_shift(objects: _Objects, name: str) -> Floats:
    short = name.removesuffix("_TOTAL_1NPCOR_PLUS_UNCOR")
    constant, at_zero = LEPTON_SIZES[short]
    chosen = objects.electrons if name.startswith("EL_") else objects.muons
    if short.endswith("LOWPT"):
        chosen = chosen & (objects.lepton_pt < LOW_PT_MUON)
    elif "RECO" in short:
        chosen = chosen & (objects.lepton_pt >= LOW_PT_MUON)
    size = constant + at_zero * np.exp(-objects.lepton_pt / 10.0)
    return np.asarray(np.where(chosen, size, 0.0).sum(axis=1))


def _jet_shift(objects: _Objects, view: View, name: str) -> Floats:
    flavour, size = FLAVOUR_SIZES[name]
    per_jet = np.where(objects.tagged, size, -0.1 * size)
    return np.asarray(np.where(objects.jets & (view.jets.flavour == flavour), per_jet, 0.0).sum(axis=1))


def _moves(name: str, factor: str) -> bool:
    """Whether a nuisance parameter moves a factor of which it has branches."""
    if not name.startswith(("EL_", "MUON_")):
        return True
    own = factor in ("WeightEventselSF", "WeightEventsmuSF")
    return own != any(part in name for part in TRIGGER_NAMES)


def weight_branches(events: Events, view: View, nominal: dict[str, Floats]) -> dict[str, Floats]:
    """The 122 branches of varied factors, in the order of ``stop_variations.WEIGHT_BRANCHES``.

    Args:
        events: Events before any variation.
        view: The nominal view.
        nominal: Its factors.

    Returns:
        Branch -> varied factor, which replaces the nominal one; a branch whose factor does not move repeats it.
    """
    objects = _objects(view)
    branches = {}
    for name, factors in WEIGHT_FACTORS:
        if name.startswith(("EL_", "MUON_")):
            shift = _lepton_shift(objects, name)
        elif name in FLAVOUR_SIZES:
            shift = _jet_shift(objects, view, name)
        elif name == "JET_JvtEfficiency":
            shift = 0.004 * objects.vertex_jets.sum(axis=1)
        else:  # PRW_DATASF
            shift = 0.01 + 0.03 * np.clip((events.pileup - events.pileup_mean) / 8.0, -2.0, 2.0)
        for factor in factors:
            for direction, sign in ((UP, 1.0), (DOWN, -1.0)):
                moved = 1.0 + sign * shift if _moves(name, factor) else 1.0
                branches[f"{factor}_{name}{direction}"] = nominal[factor] * moved
    return branches


def product_of_factors(factors: dict[str, Floats]) -> Floats:
    """Product of :data:`FACTORS`, shape (events,)."""
    return np.asarray(np.prod([factors[name] for name in FACTORS], axis=0))


def luminosity_weight(campaign: Campaign, sum_of_weights: float) -> float:
    """WeightLumi of LoopSUSYFrame: 1 / sumOfWeights times the campaign's share of the luminosity.

    The product with ``xsec`` in pb, 1000 and the total luminosity in fb⁻¹ normalizes a sample.

    Args:
        campaign: The campaign.
        sum_of_weights: Of all its generated events, from all its files.

    Raises:
        ConfigError: The sum is not positive, so the sample cannot be normalized.
    """
    if not sum_of_weights > 0:
        msg = f"campaign {campaign.name} has the sum of weights {sum_of_weights:g}; it must be positive"
        raise ConfigError(msg, advice="simulate more events")
    return campaign.luminosity / TOTAL_LUMINOSITY / sum_of_weights
