"""The variables of the stop search that cuts may use, with their kinds and units."""

from __future__ import annotations

from collections.abc import Mapping

from columnar_af.selection.cut_expressions import Variable

OBJECT_SETS = ("139fb", "36fb")
"""Sets of objects that regions are defined on: those of SUSY-2018-08 and of SUSY-2016-17."""

PARTIAL: Mapping[str, str] = {
    name: f"{name}_where"
    for name in (
        *("m_ll", "pt_boost", "dphi_boost", "met_over_pt_boost", "r_2l4j", "min_dr_l2_jets"),
        *("m_delta_r", "r_pt", "inverse_gamma", "dphi_beta", "m_t2_bound", "m_t2_ll"),
    )
}
"""Variable that takes long to compute -> what computes it for events that the other cuts leave open."""

_OF_EVENTS = ("met", "met_significance", "trigger", "cleaning")
_OF_JETS = (
    *("n_jets", "n_b_jets", "jet1_pt", "jet2_pt", "jet3_pt", "jet1_is_b", "jet2_is_b"),
    *("jet3_pt_over_met", "r_2l2j"),
)
_LATE = {
    **dict.fromkeys(("m_ll", "pt_boost", "dphi_boost", "met_over_pt_boost", "r_2l4j"), 3),
    **dict.fromkeys(("min_dr_l2_jets", "m_delta_r", "r_pt", "inverse_gamma", "dphi_beta", "m_t2_bound"), 4),
    "m_t2_ll": 5,
}

BOUNDS: Mapping[str, str] = {"m_t2_ll": "m_t2_bound"}
"""Variable -> what it never exceeds, and what is found sooner."""

_GEV = Variable("number", "GeV")
_RAD = Variable("number", "rad")
_RATIO = Variable("number")
_COUNT = Variable("count")
_FLAG = Variable("flag")

VARIABLES: Mapping[str, Variable] = {
    "n_leptons": _COUNT,
    "n_baseline_leptons": _COUNT,
    "opposite_charge": _FLAG,
    "same_flavour": _FLAG,
    "lep1_pt": _GEV,
    "lep2_pt": _GEV,
    "lep1_eta": _RATIO,
    "lep2_eta": _RATIO,
    "lep1_is_electron": _FLAG,
    "lep2_is_electron": _FLAG,
    "m_ll": _GEV,
    "pt_ll": _GEV,
    "dphi_ll": _RAD,
    "met": _GEV,
    "met_significance": _RATIO,
    "n_jets": _COUNT,
    "n_b_jets": _COUNT,
    "jet1_pt": _GEV,
    "jet2_pt": _GEV,
    "jet3_pt": _GEV,
    "jet1_is_b": _FLAG,
    "jet2_is_b": _FLAG,
    "jet3_pt_over_met": _RATIO,
    "r_2l": _RATIO,
    "r_2l4j": _RATIO,
    "r_2l2j": _RATIO,
    "delta_x": _RATIO,
    "pt_boost": _GEV,
    "dphi_boost": _RAD,
    "met_over_pt_boost": _RATIO,
    "min_dr_l2_jets": _RATIO,
    "m_t_lep1": _GEV,
    "m_t_lep2": _GEV,
    "m_t2_ll": _GEV,
    "m_delta_r": _GEV,
    "r_pt": _RATIO,
    "inverse_gamma": _RATIO,
    "dphi_beta": _RAD,
    "cos_theta_b": _RATIO,
    "trigger": _FLAG,
    "cleaning": _FLAG,
}

STAGES: Mapping[str, int] = {
    **dict.fromkeys(VARIABLES, 1),
    **dict.fromkeys(_OF_EVENTS, 0),
    **dict.fromkeys(_OF_JETS, 2),
    **_LATE,
}
"""Variable -> when it is looked at where only regions are wanted: numbers of the event, walks over its leptons, over its jets,
then what takes trigonometry, more of it, and a search."""
