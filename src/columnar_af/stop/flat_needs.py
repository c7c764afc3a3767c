"""Which branches of a flat ntuple each variable needs, to say why it is missing before anything is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from columnar_af.ntuples.stop.sources import StopSource
from columnar_af.stop.needs import require_known
from columnar_af.stop.objects import OBJECTS_139, Objects

LISTED_LEPTONS, LISTED_JETS = range(1, 4), range(1, 5)

OBJECT_FREE = frozenset(
    {"met", "met_phi", "met_significance", "trigger", "cleaning", "gen_filt_met", "run", "event"}
)
"""Variables that do not depend on the thresholds of leptons and jets."""


def _lepton(*branches: str) -> tuple[str, ...]:
    return tuple(branch.format(number) for branch in branches for number in LISTED_LEPTONS)


def _jet(numbers: Iterable[int], *branches: str) -> tuple[str, ...]:
    return tuple(branch.format(number) for branch in branches for number in numbers)


CHOICE = ("nlep", *_lepton("lepflav{}", "isSignalLep{}", "LepIsoGradient{}", "LepIsoFCLoose{}"))
KINEMATICS = _lepton("lep{}pT", "lep{}eta", "lep{}phi", "lep{}mass")
MET = ("met", "met_phi")
PAIR = (*CHOICE, *KINEMATICS)
PAIR_AND_MET = (*PAIR, *MET)

BRANCHES: dict[str, tuple[str, ...]] = {
    "met": ("met",),
    "met_phi": ("met_phi",),
    "met_significance": ("met_significance",),
    "gen_filt_met": ("gen_filt_met",),
    "run": ("run",),
    "event": ("event",),
    "trigger": ("met",),
    "cleaning": ("met",),
    "n_baseline_leptons": ("nlep",),
    **dict.fromkeys(
        (
            "identification",
            "chosen",
            "n_leptons",
            "identified1",
            "identified2",
            "anti_identified1",
            "anti_identified2",
        ),
        CHOICE,
    ),
    "prompt": (*CHOICE, *_lepton("lep{}Origin")),
    "r_2l": (*CHOICE, *_lepton("lep{}pT"), "met"),
    **{
        f"lep{which}_{what}": (*CHOICE, *_lepton(f"lep{{}}{branch}"))
        for which in (1, 2)
        for what, branch in (("pt", "pT"), ("eta", "eta"), ("phi", "phi"))
    },
    **dict.fromkeys(
        (
            *("lep1_flavour", "lep2_flavour", "lep1_is_electron", "lep2_is_electron"),
            *("opposite_charge", "same_flavour"),
        ),
        CHOICE,
    ),
    **dict.fromkeys(("leptons", "delta_x", "pair_pt"), PAIR),
    "m_ll": ("mll", *PAIR),
    "pt_ll": ("ptll", *PAIR),
    "dphi_ll": ("dphill", *PAIR),
    "cos_theta_b": ("cosTheta_b", *PAIR),
    **dict.fromkeys(
        (
            *("m_t2_ll", "m_t2_ll_where", "super_razor", "super_razor_where"),
            *("pair_boost", "pair_boost_where", "m_t2_bound_where"),
        ),
        PAIR_AND_MET,
    ),
    **dict.fromkeys(
        ("fake_weight_where", "fake_weight_up_where", "fake_weight_down_where"),
        (*CHOICE, *_lepton("lep{}pT", "lep{}eta")),
    ),
    "pt_boost": ("pbll", *PAIR_AND_MET),
    "met_over_pt_boost": ("pbll", *PAIR_AND_MET),
    "dphi_boost": ("DPhib", *PAIR_AND_MET),
    "m_t_lep1": ("mT1", *PAIR_AND_MET),
    "m_t_lep2": ("mT2", *PAIR_AND_MET),
    "m_delta_r": ("MDR", *PAIR_AND_MET),
    "r_pt": ("RPT", *PAIR_AND_MET),
    "inverse_gamma": ("gamInvRp1", *PAIR_AND_MET),
    "dphi_beta": ("DPB_vSS", *PAIR_AND_MET),
    "n_jets": ("njet",),
    "n_b_jets": ("nbjet",),
    **{f"jet{n}_pt": ("njet", f"jet{n}pT") for n in (1, 2, 3)},
    **{f"jet{n}_is_b": ("njet", f"jet{n}bTagBin", f"jet{n}eta") for n in (1, 2)},
    "jet3_pt_over_met": ("njet", "jet3pT", "met"),
    "r_2l4j": ("R2l4j", "njet", "met", *CHOICE, *_lepton("lep{}pT"), *_jet(LISTED_JETS, "jet{}pT")),
    "r_2l2j": ("njet", "met", *CHOICE, *_lepton("lep{}pT"), *_jet((1, 2), "jet{}pT")),
    "min_dr_l2_jets": (
        *("minDRlep2jets", "njet", *CHOICE, *_lepton("lep{}eta", "lep{}phi")),
        *_jet(LISTED_JETS, "jet{}eta", "jet{}phi"),
    ),
}
"""Branches, or columns of another name, that each variable may read."""


def why_missing(variable: str, known: Collection[str], source: StopSource, objects: Objects) -> str | None:
    """Why there is no such variable in a flat ntuple.

    Args:
        variable: Its name.
        known: All names.
        source: The columns.
        objects: Thresholds that the variable is wanted for.

    Raises:
        ConfigError: There is no variable of this name.
    """
    if variable == "channel_number":
        return source.why_missing(variable)
    require_known(variable, known)
    reasons = (source.why_missing(branch) for branch in BRANCHES[variable])
    reason = next((reason for reason in reasons if reason is not None), None)
    if reason is None and variable not in OBJECT_FREE and objects != OBJECTS_139:
        return f"the tree's objects are those of {OBJECTS_139.name}, not of {objects.name}"
    return reason
