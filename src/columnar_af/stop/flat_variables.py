"""FlatStopVariables: what the search cuts on, from flat variables that the ntuple has computed already.

The tree holds the variables of the two leading leptons. The pair of the search is another one in few events (exactly two
signal leptons, and a third lepton above one of them): these are computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.kernels.min_delta_r import min_delta_r
from columnar_af.kernels.r_2l2j import r_2l2j
from columnar_af.kernels.r_2l4j import r_2l4j
from columnar_af.kernels.transverse_mass import transverse_mass
from columnar_af.ntuples.stop.columns import TAGGED_BIN
from columnar_af.stop.flat_pair import LISTED_JETS, NO_JET_DISTANCE, FlatPair
from columnar_af.stop.pair_functions import (
    Flags,
    Floats,
    as_floats,
    pair_boost,
    pair_cos_theta_b,
    pair_mass,
    pair_pt,
)
from columnar_af.stop.prompt import PROMPT_ORIGINS
from columnar_af.systematics import quantity


def _whole(name: str) -> Any:
    """A variable for some events only: reading it for all is as fast."""

    def where(variables: Any, asked: Flags) -> Floats:
        del asked
        return as_floats(getattr(variables, name))

    return where


class FlatStopVariables(FlatPair):
    """The variables of :class:`~columnar_af.stop.StopVariables`, with the same names and meaning, from a flat ntuple.

    Differences: signal leptons are counted among the three leading ones, and where the pair is not the two leading leptons,
    ``min_dr_l2_jets`` looks at the four leading jets. The trees hold events that are triggered and clean, so that ``trigger``
    and ``cleaning`` are true. Their objects are those of the 139 fb⁻¹ search: no other thresholds can be had.

    Args:
        source: Columns of nominal; see :func:`columnar_af.ntuples.stop.stop_source`. Variations: :meth:`varied`.
        objects: Thresholds that regions are defined with; :meth:`why_missing` tells where the tree has others.
    """

    prompt_where = _whole("prompt")
    m_ll_where = _whole("m_ll")
    pt_boost_where = _whole("pt_boost")
    dphi_boost_where = _whole("dphi_boost")
    met_over_pt_boost_where = _whole("met_over_pt_boost")
    r_2l4j_where = _whole("r_2l4j")
    min_dr_l2_jets_where = _whole("min_dr_l2_jets")
    m_delta_r_where = _whole("m_delta_r")
    r_pt_where = _whole("r_pt")
    inverse_gamma_where = _whole("inverse_gamma")
    dphi_beta_where = _whole("dphi_beta")

    @quantity
    def n_leptons(self) -> Floats:
        """Signal leptons among the three leading ones."""
        return as_floats(self.chosen.n_signal)

    @quantity
    def n_baseline_leptons(self) -> Floats:
        """Baseline leptons."""
        return as_floats(self.column("nlep"))

    @quantity
    def identified1(self) -> Flags:
        """Whether the harder lepton is ID."""
        return self._flag(0, self.identification.identified)

    @quantity
    def identified2(self) -> Flags:
        """Whether the softer lepton is ID."""
        return self._flag(1, self.identification.identified)

    @quantity
    def anti_identified1(self) -> Flags:
        """Whether the harder lepton is anti-ID."""
        return self._flag(0, self.identification.anti_identified)

    @quantity
    def anti_identified2(self) -> Flags:
        """Whether the softer lepton is anti-ID."""
        return self._flag(1, self.identification.anti_identified)

    @quantity
    def prompt(self) -> Flags:
        """Whether both leptons of the pair are prompt by their origin in simulation; the tree does not tell the sample, so
        that leptons of unknown origin are never prompt."""
        origins = (self._listed_lepton(which, "lep{}Origin") for which in (0, 1))
        return np.logical_and(*(np.isin(origin, PROMPT_ORIGINS) for origin in origins))

    @quantity
    def m_ll(self) -> Floats:
        """Invariant mass of the pair, GeV."""
        return self._of_pair("mll", pair_mass)

    @quantity
    def pt_ll(self) -> Floats:
        """p_T of the pair, GeV."""
        return self._of_pair("ptll", lambda pair: pair_pt(pair)[0])

    @quantity
    def dphi_ll(self) -> Floats:
        """Opening of the pair in azimuth, in [0, pi]."""
        return self._of_pair("dphill", lambda pair: pair_pt(pair)[1])

    @quantity
    def pt_boost(self) -> Floats:
        """p_T,boost of ETmiss and the pair, GeV."""
        return self._of_pair_and_met("pbll", lambda *inputs: pair_boost(*inputs)[0])

    @quantity
    def dphi_boost(self) -> Floats:
        """Angle in azimuth between ETmiss and p_T,boost, in [0, pi]."""
        return self._of_pair_and_met("DPhib", lambda *inputs: pair_boost(*inputs)[1])

    @quantity
    def m_t_lep1(self) -> Floats:
        """Transverse mass of the harder lepton and ETmiss, GeV."""
        return self._of_pair_and_met(
            "mT1", lambda pair, met, phi: transverse_mass(pair.pt1, pair.phi1, met, phi), needed=1
        )

    @quantity
    def m_t_lep2(self) -> Floats:
        """Transverse mass of the softer lepton and ETmiss, GeV (the branch mT2 is not the stransverse mass)."""
        return self._of_pair_and_met(
            "mT2", lambda pair, met, phi: transverse_mass(pair.pt2, pair.phi2, met, phi)
        )

    @quantity
    def m_delta_r(self) -> Floats:
        """M_Delta^R, GeV."""
        return self._super_razor("MDR", "m_delta_r")

    @quantity
    def r_pt(self) -> Floats:
        """R_pT."""
        return self._super_razor("RPT", "r_pt")

    @quantity
    def inverse_gamma(self) -> Floats:
        """1/gamma_R+1."""
        return self._super_razor("gamInvRp1", "inverse_gamma")

    @quantity
    def dphi_beta(self) -> Floats:
        """dphi_beta^R, in [0, pi]."""
        return self._super_razor("DPB_vSS", "dphi_beta")

    @quantity
    def cos_theta_b(self) -> Floats:
        """\\|cos(theta_b)\\|."""
        return np.abs(self._of_pair("cosTheta_b", pair_cos_theta_b))

    @quantity
    def n_jets(self) -> Floats:
        """Signal jets."""
        return as_floats(self.column("njet"))

    @quantity
    def n_b_jets(self) -> Floats:
        """b-jets."""
        return as_floats(self.column("nbjet"))

    @quantity
    def jet1_pt(self) -> Floats:
        """p_T of the leading jet, GeV."""
        return self._jet(1)

    @quantity
    def jet2_pt(self) -> Floats:
        """p_T of the second jet, GeV."""
        return self._jet(2)

    @quantity
    def jet3_pt(self) -> Floats:
        """p_T of the third jet, GeV."""
        return self._jet(3)

    @quantity
    def jet1_is_b(self) -> Flags:
        """Whether the leading jet is b-tagged; False without a jet."""
        return self._jet_is_b(1)

    @quantity
    def jet2_is_b(self) -> Flags:
        """Whether the second jet is b-tagged; False without one."""
        return self._jet_is_b(2)

    @quantity
    def jet3_pt_over_met(self) -> Floats:
        """p_T of the third jet over ETmiss; 0 with fewer than three jets, so that a cut from above passes."""
        return np.asarray(np.where(self.n_jets < 3, 0.0, self.jet3_pt) / self.met)

    @quantity
    def r_2l4j(self) -> Floats:
        """ETmiss over the sum of ETmiss, lepton p_T and p_T of up to four leading jets."""
        values, others = self._flat("R2l4j"), self.chosen.others
        if len(others):
            content, offsets = self._listed(others, "jet{}pT", LISTED_JETS)
            met, pt1, pt2 = (array[others] for array in (self.met, self.lep1_pt, self.lep2_pt))
            values[others] = r_2l4j(met, pt1, pt2, content, offsets)
        values[self.chosen.second < 0] = np.nan
        return values

    @quantity
    def r_2l2j(self) -> Floats:
        """ETmiss over the sum of ETmiss, lepton p_T and p_T of up to two leading jets."""
        content, offsets = self._listed(slice(None), "jet{}pT", 2)
        return r_2l2j(self.met, self.lep1_pt, self.lep2_pt, content, offsets)

    @quantity
    def min_dr_l2_jets(self) -> Floats:
        """Smallest distance of the softer lepton to a signal jet; +inf without jets, NaN without a second lepton."""
        values, others = self._flat("minDRlep2jets"), self.chosen.others
        values[values >= NO_JET_DISTANCE] = np.inf
        if len(others):
            eta, offsets = self._listed(others, "jet{}eta", LISTED_JETS)
            phi, _ = self._listed(others, "jet{}phi", LISTED_JETS)
            values[others] = min_delta_r(self.lep2_eta[others], self.lep2_phi[others], eta, phi, offsets)
        values[self.chosen.second < 0] = np.nan
        return values

    @quantity
    def trigger(self) -> Flags:
        """True: the trees hold triggered events only."""
        return np.ones(len(self.column("met")), np.bool_)

    @quantity
    def cleaning(self) -> Flags:
        """True: the trees hold clean events only."""
        return np.ones(len(self.column("met")), np.bool_)

    @quantity
    def gen_filt_met(self) -> Floats:
        """ETmiss of the generator filter, GeV."""
        return as_floats(self.column("gen_filt_met"))

    @quantity
    def run(self) -> NDArray[Any]:
        """Run."""
        return np.asarray(self.column("run"))

    @quantity
    def event(self) -> NDArray[Any]:
        """Number of the event."""
        return np.asarray(self.column("event"))

    def _jet(self, number: int) -> Floats:
        """p_T of a listed jet, counted from 1; NaN where there is none."""
        values = self._flat(f"jet{number}pT")
        values[self.n_jets < number] = np.nan
        return values

    def _jet_is_b(self, number: int) -> Flags:
        tagged = self.column(f"jet{number}bTagBin") > TAGGED_BIN
        central = np.abs(self.column(f"jet{number}eta")) < self.objects.b_jet_eta
        return np.asarray((self.n_jets >= number) & tagged & central)

    def _listed(self, events: Any, branch: str, n_jets: int) -> tuple[Floats, NDArray[np.int64]]:
        """A property of the leading jets of some events, as content and offsets."""
        counts = np.minimum(self.n_jets[events], n_jets).astype(np.int64)
        columns = np.stack(
            [as_floats(self.column(branch.format(n + 1)))[events] for n in range(n_jets)], axis=1
        )
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return columns[np.arange(n_jets) < counts[:, None]], offsets
