"""The experimental variations of the stop search, and which columns each of them replaces.

Names, directions and branches are those of LoopSUSYFrame (root-project/rootbench, root/tree/dataframe/LoopSUSYFrame:
main.cxx for the 48 kinematic variations, GenericHelpers.cxx for the weight branches, SystematicAliases.h for the
columns that fall back to nominal).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from columnar_af.errors import ConfigError

NOMINAL = "Nominal"

UP, DOWN = "__1up", "__1down"

EGAMMA = ("EG_RESOLUTION_ALL", "EG_SCALE_ALL")
JET_SCALE = (
    "JET_GroupedNP_1",
    "JET_GroupedNP_2",
    "JET_GroupedNP_3",
    "JET_Flavor_Response",
    "JET_EtaIntercalibration_NonClosure_highE",
    "JET_EtaIntercalibration_NonClosure_negEta",
    "JET_EtaIntercalibration_NonClosure_posEta",
)
JET_RESOLUTION = (
    "JET_JER_DataVsMC_MC16",
    *(f"JET_JER_EffectiveNP_{number}" for number in range(1, 7)),
    "JET_JER_EffectiveNP_7restTerm",
)
MET_ONE_SIDED = ("MET_SoftTrk_ResoPara", "MET_SoftTrk_ResoPerp")
MET_SCALE = ("MET_SoftTrk_ScaleUp", "MET_SoftTrk_ScaleDown")
MUON = ("MUON_ID", "MUON_MS", "MUON_SCALE", "MUON_SAGITTA_RESBIAS", "MUON_SAGITTA_RHO")


def _both(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name + direction for name in names for direction in (UP, DOWN))


KINEMATIC = (
    *_both(EGAMMA),
    *_both(JET_SCALE),
    *_both(JET_RESOLUTION),
    *MET_ONE_SIDED,
    *MET_SCALE,
    *_both(MUON),
)
"""The 48 variations that shift objects (25 nuisance parameters), by the names of their columns and trees."""

NOTEBOOK = (
    *MET_ONE_SIDED,
    *(name + UP for name in JET_RESOLUTION),
    *_both(EGAMMA),
    *_both(JET_SCALE),
    *_both(MUON),
    *MET_SCALE,
)
"""The 40 variation trees of adonofri/INFN_na_interactive_analysis, Sept_DistributedClient_Selector.ipynb: 10 one-sided
(two of ETmiss, eight of jet resolution, up only) and 15 two-sided."""

ELECTRON_WEIGHTS = tuple(
    f"EL_EFF_{name}_TOTAL_1NPCOR_PLUS_UNCOR"
    for name in ("ID", "Iso", "Reco", "ChargeIDSel", "Trigger", "TriggerEff")
)
MUON_WEIGHTS = (
    *(f"MUON_EFF_{name}_{kind}" for name in ("RECO", "ISO", "TTVA", "BADMUON") for kind in ("STAT", "SYS")),
    "MUON_EFF_RECO_STAT_LOWPT",
    "MUON_EFF_RECO_SYS_LOWPT",
    "MUON_EFF_TrigStatUncertainty",
    "MUON_EFF_TrigSystUncertainty",
)
FLAVOUR_WEIGHTS = (
    *(f"FT_EFF_{name}_systematics" for name in ("B", "C", "Light")),
    "FT_EFF_extrapolation",
    "FT_EFF_extrapolation_from_charm",
)

WEIGHT_FACTORS = (
    *(
        (name, ("WeightEventselSF", "WeightEventsSF_global", "WeightEvents_trigger_single"))
        for name in ELECTRON_WEIGHTS
    ),
    *(
        (name, ("WeightEventsmuSF", "WeightEventsSF_global", "WeightEvents_trigger_single"))
        for name in MUON_WEIGHTS
    ),
    *((name, ("WeightEventsbTag",)) for name in FLAVOUR_WEIGHTS),
    ("JET_JvtEfficiency", ("WeightEventsJVT",)),
    ("PRW_DATASF", ("WeightEventsPU",)),
)
"""The 25 nuisance parameters of weights, each with the factors of which it has branches of its own."""

WEIGHTS = _both([name for name, _ in WEIGHT_FACTORS])
"""The 50 weight variations."""

WEIGHT_BRANCHES = tuple(
    f"{factor}_{name}{direction}"
    for name, factors in WEIGHT_FACTORS
    for factor in factors
    for direction in (UP, DOWN)
)
"""The 122 branches that hold them. A branch replaces its factor; it does not multiply it."""

LEPTON_KINEMATICS = ("ptleptons", "etaleptons", "phileptons", "massleptons")
LEPTON_COLUMNS = (
    *LEPTON_KINEMATICS,
    "flavlep",
    "isSignallep",
    "isMediumlep",
    "LepIsoFCLoose",
    "LepIsoGradient",
    "d0sig",
    "z0sinTheta",
)
LEPTON_TRUTH = ("Originlep", "Typelep", "IFFTypelep")
JET_COLUMNS = (
    "ptjets",
    "etajets",
    "phijets",
    "massjets",
    "isBjets",
    "BtagWeightjets",
    "JVTjets",
    "isWhichjet",
    "labeljets_reco",
)
OVERLAP = ("passORlep", "passORjet")
MET_COLUMNS = ("EtMiss_tst", "EtMiss_tstPhi", "EtMiss_SigObj", "Etmiss_PVSoftTrk")
LEPTON_FACTORS = (
    "WeightEventselSF",
    "WeightEventsmuSF",
    "WeightEventsSF_global",
    "WeightEvents_trigger_single",
)
JET_FACTORS = ("WeightEventsJVT", "WeightEventsbTag")
PILEUP_FACTOR = "WeightEventsPU"

NOMINAL_COLUMNS = (
    *LEPTON_COLUMNS,
    *LEPTON_TRUTH,
    *JET_COLUMNS,
    *OVERLAP,
    *MET_COLUMNS,
    *LEPTON_FACTORS,
    *JET_FACTORS,
    PILEUP_FACTOR,
)
"""Every column that exists with the suffix ``_Nominal`` (the trigger decisions ``HLT_*`` come on top)."""


@dataclass(frozen=True)
class Family:
    """Variations that shift the same kind of object.

    Attributes:
        prefixes: How the names of its variations start.
        replaced: Base columns that exist for each of its variations; all others fall back to nominal.
    """

    prefixes: tuple[str, ...]
    replaced: tuple[str, ...]


FAMILIES = (
    Family(
        ("EG_", "MUON_"),
        (*LEPTON_COLUMNS, *LEPTON_TRUTH, *OVERLAP, *MET_COLUMNS, *LEPTON_FACTORS),
    ),
    Family(("JET_",), (*JET_COLUMNS, *OVERLAP, *MET_COLUMNS, *JET_FACTORS)),
    Family(("MET_",), MET_COLUMNS),
)
"""Lepton variations leave jets, pile-up, JVT and b-tag weights nominal; jet variations leave leptons, their scale factors
and pile-up nominal; ETmiss variations leave everything else nominal. Trigger decisions are always nominal."""


def replaced_columns(variation: str) -> tuple[str, ...]:
    """Base columns that a kinematic variation replaces; readers take all others from ``_Nominal``.

    Args:
        variation: One of :data:`KINEMATIC`.

    Raises:
        ConfigError: No family has a variation of this name.
    """
    for family in FAMILIES:
        if variation.startswith(family.prefixes):
            return family.replaced
    msg = f"unknown variation {variation!r}: expected a name that starts with EG_, MUON_, JET_ or MET_"
    raise ConfigError(msg, advice="see columnar_af.ntuples.stop.variations.KINEMATIC")
