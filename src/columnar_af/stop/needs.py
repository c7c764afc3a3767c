"""Which columns each variable needs, to say why a layout lacks it before anything is read."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from columnar_af.errors import ConfigError
from columnar_af.ntuples.stop.sources import StopSource

LEPTONS = ("lepton_pt", "lepton_eta", "lepton_phi", "lepton_mass", "lepton_flavour")
"""Columns of the pair, in the order of :class:`~columnar_af.stop.pair_variables.Leptons`."""

PAIR = (*LEPTONS, "lepton_identified")
JETS = ("jet_pt", "jet_eta", "jet_phi", "jet_is_tagged")
MET = ("met", "met_phi")

RAZOR = ("m_delta_r", "r_pt", "inverse_gamma", "dphi_beta")

COLUMNS = {
    "met": ("met",),
    "met_phi": ("met_phi",),
    "met_significance": ("met_significance",),
    "trigger": ("met_trigger",),
    "cleaning": ("cleaning_veto",),
    **dict.fromkeys(("prompt", "prompt_where"), (*PAIR, "lepton_origin", "channel_number")),
    **dict.fromkeys(
        (
            *("anti_identified1", "anti_identified2"),
            *("fake_weight_where", "fake_weight_up_where", "fake_weight_down_where"),
        ),
        (*PAIR, "lepton_anti_identified"),
    ),
    "gen_filt_met": ("gen_filt_met",),
    "channel_number": ("channel_number",),
    "run": ("run",),
    "event": ("event",),
    "overlap": (*PAIR, *JETS),
    **dict.fromkeys(
        ("jets", "n_jets", "n_b_jets", "jet1_pt", "jet2_pt", "jet3_pt", "jet1_is_b", "jet2_is_b"), JETS
    ),
    "jet3_pt_over_met": (*JETS, "met"),
    **dict.fromkeys(("r_2l4j", "r_2l4j_where", "r_2l2j"), (*PAIR, *JETS, "met")),
    **dict.fromkeys(("min_dr_l2_jets", "min_dr_l2_jets_where"), (*PAIR, *JETS)),
    **dict.fromkeys(
        (
            *("r_2l", "pair_boost", "pt_boost", "dphi_boost", "met_over_pt_boost", "m_t_lep1", "m_t_lep2"),
            *(
                "m_t2_ll",
                "super_razor",
                *RAZOR,
                "pair_boost_where",
                "m_t2_ll_where",
                "m_t2_bound_where",
                "super_razor_where",
            ),
        ),
        (*PAIR, *MET),
    ),
}
"""Columns that each variable may read, without those of the overlap removal; variables that are not listed: :data:`PAIR`."""


def why_missing(variable: str, known: Collection[str], source: StopSource) -> str | None:
    """Why there is no such variable in a ntuple of objects.

    Args:
        variable: Its name.
        known: All names.
        source: The columns.

    Raises:
        ConfigError: There is no variable of this name.
    """
    require_known(variable, known)
    reasons = (source.why_missing(column) for column in COLUMNS.get(variable, PAIR))
    return next((reason for reason in reasons if reason is not None), None)


def require_known(variable: str, known: Collection[str]) -> None:
    """Raise ConfigError unless this is the name of a variable."""
    if variable not in known:
        close = get_close_matches(variable, known, n=3)
        advice = f"close to it: {', '.join(close)}" if close else f"variables are {', '.join(known)}"
        msg = f"the stop search has no variable {variable!r}"
        raise ConfigError(msg, advice=advice)
