"""The quantities that follow from the lepton pair and ETmiss, whatever the pair comes from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from columnar_af.errors import ConfigError
from columnar_af.kernels.delta_x import delta_x
from columnar_af.kernels.r_2l import r_2l
from columnar_af.kernels.stransverse_mass import stransverse_mass
from columnar_af.kernels.stransverse_mass_bound import stransverse_mass_bound
from columnar_af.kernels.transverse_mass import transverse_mass
from columnar_af.stop.fakes import NOMINAL_SHIFT, FakeFactors, pair_fake_weight
from columnar_af.stop.pair_functions import (
    Flags,
    Floats,
    Leptons,
    SuperRazor,
    as_floats,
    pair_boost,
    pair_cos_theta_b,
    pair_mass,
    pair_pt,
    pair_super_razor,
)
from columnar_af.systematics import Quantities, partial_quantity, quantity

ELECTRON = 11


class PairVariables(Quantities):
    """Variables of two leptons and ETmiss, one value per event: GeV, radians, NaN without a pair (False for flags).

    The pair is the two signal leptons where there are exactly two, else the two leading baseline leptons.
    """

    fake_factors: FakeFactors | None = None
    """For the weight of anti-identified leptons."""

    _asked: Flags | None = None

    def narrow(self, where: Flags) -> None:
        """Tell that only some events are of interest from now on: what is walked for afterwards may leave out all others.

        Args:
            where: Shape (events,).
        """
        self._asked = where

    def _lepton(self, which: int, what: str) -> Floats:
        """A property of the pair's harder (0) or softer (1) lepton: ``pt, eta, phi, mass, flavour``."""
        raise NotImplementedError  # each layout has its own

    @quantity
    def leptons(self) -> Leptons:
        """The pair."""
        first = (self.lep1_pt, self.lep1_eta, self.lep1_phi, self._lepton(0, "mass"), self.lep1_flavour)
        second = (self.lep2_pt, self.lep2_eta, self.lep2_phi, self._lepton(1, "mass"), self.lep2_flavour)
        return Leptons(*first, *second)

    def _leptons_at(self, where: Flags, wanted: Sequence[str]) -> Leptons:
        """The pair of some events; what is not wanted of ``pt, eta, phi, mass, flavour`` may be left empty."""
        del wanted
        return self.leptons.at(where)

    @quantity
    def lep1_pt(self) -> Floats:
        """p_T of the harder lepton, GeV."""
        return self._lepton(0, "pt")

    @quantity
    def lep2_pt(self) -> Floats:
        """p_T of the softer lepton, GeV."""
        return self._lepton(1, "pt")

    @quantity
    def lep1_eta(self) -> Floats:
        """Pseudorapidity of the harder lepton."""
        return self._lepton(0, "eta")

    @quantity
    def lep2_eta(self) -> Floats:
        """Pseudorapidity of the softer lepton."""
        return self._lepton(1, "eta")

    @quantity
    def lep1_phi(self) -> Floats:
        """Azimuth of the harder lepton."""
        return self._lepton(0, "phi")

    @quantity
    def lep2_phi(self) -> Floats:
        """Azimuth of the softer lepton."""
        return self._lepton(1, "phi")

    @quantity
    def lep1_flavour(self) -> Floats:
        """11 or 13 with the sign of the charge, of the harder lepton."""
        return self._lepton(0, "flavour")

    @quantity
    def lep2_flavour(self) -> Floats:
        """11 or 13 with the sign of the charge, of the softer lepton."""
        return self._lepton(1, "flavour")

    @quantity
    def lep1_is_electron(self) -> Flags:
        """Whether the harder lepton is an electron."""
        return np.asarray(np.abs(self.lep1_flavour) == ELECTRON)

    @quantity
    def lep2_is_electron(self) -> Flags:
        """Whether the softer lepton is an electron."""
        return np.asarray(np.abs(self.lep2_flavour) == ELECTRON)

    @quantity
    def opposite_charge(self) -> Flags:
        """Whether the charges differ."""
        return np.asarray(self.lep1_flavour * self.lep2_flavour < 0)

    @quantity
    def same_flavour(self) -> Flags:
        """Whether both are electrons or both are muons."""
        return np.asarray(np.abs(self.lep1_flavour) == np.abs(self.lep2_flavour))

    @quantity
    def met(self) -> Floats:
        """ETmiss, GeV."""
        return as_floats(self.column("met"))

    @quantity
    def met_phi(self) -> Floats:
        """Azimuth of ETmiss."""
        return as_floats(self.column("met_phi"))

    @quantity
    def met_significance(self) -> Floats:
        """Object-based ETmiss significance."""
        return as_floats(self.column("met_significance"))

    @quantity
    def r_2l(self) -> Floats:
        """ETmiss over the sum of lepton p_T."""
        return r_2l(self.met, self.lep1_pt, self.lep2_pt)

    @partial_quantity
    def m_ll_where(self, where: Flags) -> Floats:
        """Invariant mass of the pair, GeV, only for some events."""
        return pair_mass(self._leptons_at(where, ("pt", "eta", "phi", "mass")))

    @quantity
    def m_ll(self) -> Floats:
        """Invariant mass of the pair, GeV."""
        return self.m_ll_where(self._all)

    @quantity
    def pair_pt(self) -> tuple[Floats, Floats]:
        """p_T of the pair, and the opening in azimuth."""
        return pair_pt(self.leptons)

    @quantity
    def pt_ll(self) -> Floats:
        """p_T of the pair, GeV."""
        return self.pair_pt[0]

    @quantity
    def dphi_ll(self) -> Floats:
        """Opening of the pair in azimuth, in [0, pi]."""
        return self.pair_pt[1]

    @partial_quantity
    def pair_boost_where(self, where: Flags) -> tuple[Floats, Floats]:
        """p_T,boost and dphi_boost, only for some events."""
        return pair_boost(self._leptons_at(where, ("pt", "phi")), *self._met_at(where))

    @quantity
    def pair_boost(self) -> tuple[Floats, Floats]:
        """p_T,boost and dphi_boost."""
        modulus, angle = self.pair_boost_where(self._all)
        return modulus, angle

    def pt_boost_where(self, where: Flags) -> Floats:
        """p_T,boost of ETmiss and the pair, GeV, only for some events."""
        return as_floats(self.pair_boost_where(where)[0])

    def dphi_boost_where(self, where: Flags) -> Floats:
        """Angle in azimuth between ETmiss and p_T,boost, in [0, pi], only for some events."""
        return as_floats(self.pair_boost_where(where)[1])

    def met_over_pt_boost_where(self, where: Flags) -> Floats:
        """ETmiss over p_T,boost, only for some events."""
        return np.asarray(self.met / self.pt_boost_where(where))

    @quantity
    def pt_boost(self) -> Floats:
        """p_T,boost of ETmiss and the pair, GeV."""
        return self.pair_boost[0]

    @quantity
    def dphi_boost(self) -> Floats:
        """Angle in azimuth between ETmiss and p_T,boost, in [0, pi]."""
        return self.pair_boost[1]

    @quantity
    def met_over_pt_boost(self) -> Floats:
        """ETmiss over p_T,boost."""
        return np.asarray(self.met / self.pt_boost)

    @quantity
    def m_t_lep1(self) -> Floats:
        """Transverse mass of the harder lepton and ETmiss, GeV."""
        return transverse_mass(self.lep1_pt, self.lep1_phi, self.met, self.met_phi)

    @quantity
    def m_t_lep2(self) -> Floats:
        """Transverse mass of the softer lepton and ETmiss, GeV."""
        return transverse_mass(self.lep2_pt, self.lep2_phi, self.met, self.met_phi)

    @partial_quantity
    def m_t2_ll_where(self, where: Flags) -> Floats:
        """Stransverse mass of the pair with massless invisible particles, GeV, only for some events."""
        pair = self._leptons_at(where, ("pt", "phi", "mass"))
        met, met_phi = self._met_at(where)
        return stransverse_mass(
            pair.pt1, pair.phi1, pair.mass1, pair.pt2, pair.phi2, pair.mass2, met, met_phi
        )

    @partial_quantity
    def m_t2_bound_where(self, where: Flags) -> Floats:
        """What the stransverse mass of the pair does not exceed, GeV, only for some events."""
        pair = self._leptons_at(where, ("pt", "phi", "mass"))
        met, met_phi = self._met_at(where)
        return stransverse_mass_bound(
            pair.pt1, pair.phi1, pair.mass1, pair.pt2, pair.phi2, pair.mass2, met, met_phi
        )

    @quantity
    def m_t2_ll(self) -> Floats:
        """Stransverse mass of the pair, GeV, of all events; a microsecond each: see :attr:`m_t2_ll_where`."""
        return self.m_t2_ll_where(self._all)

    @quantity
    def super_razor(self) -> SuperRazor:
        """The super-razor variables."""
        return SuperRazor(*self.super_razor_where(self._all))

    @quantity
    def m_delta_r(self) -> Floats:
        """M_Delta^R, GeV."""
        return self.super_razor.m_delta_r

    @quantity
    def r_pt(self) -> Floats:
        """R_pT."""
        return self.super_razor.r_pt

    @quantity
    def inverse_gamma(self) -> Floats:
        """1/gamma_R+1."""
        return self.super_razor.inverse_gamma

    @quantity
    def dphi_beta(self) -> Floats:
        """dphi_beta^R, in [0, pi]."""
        return self.super_razor.dphi_beta

    @quantity
    def cos_theta_b(self) -> Floats:
        """\\|cos(theta_b)\\|."""
        return pair_cos_theta_b(self.leptons)

    @quantity
    def delta_x(self) -> Floats:
        """2 \\|p_z(l1) + p_z(l2)\\| / sqrt(s)."""
        pair = self.leptons
        return delta_x(pair.pt1, pair.eta1, pair.pt2, pair.eta2)

    @partial_quantity
    def super_razor_where(self, where: Flags) -> SuperRazor:
        """The super-razor variables, only for some events."""
        return pair_super_razor(self._leptons_at(where, ("pt", "eta", "phi")), *self._met_at(where))

    def m_delta_r_where(self, where: Flags) -> Floats:
        """M_Delta^R, GeV, only for some events."""
        return as_floats(self.super_razor_where(where)[0])

    def r_pt_where(self, where: Flags) -> Floats:
        """R_pT, only for some events."""
        return as_floats(self.super_razor_where(where)[1])

    def inverse_gamma_where(self, where: Flags) -> Floats:
        """1/gamma_R+1, only for some events."""
        return as_floats(self.super_razor_where(where)[2])

    def dphi_beta_where(self, where: Flags) -> Floats:
        """dphi_beta^R, in [0, pi], only for some events."""
        return as_floats(self.super_razor_where(where)[3])

    def _met_at(self, where: Flags) -> tuple[Floats, Floats]:
        """ETmiss of some events and its azimuth."""
        events = np.flatnonzero(where)
        return self.met[events], self.met_phi[events]

    @partial_quantity
    def fake_weight_where(self, where: Flags) -> Floats:
        """Weight of the fake factors, only for some events."""
        return self._fake_weight(NOMINAL_SHIFT, where)

    @partial_quantity
    def fake_weight_up_where(self, where: Flags) -> Floats:
        """The same with fake factors shifted up."""
        return self._fake_weight("up", where)

    @partial_quantity
    def fake_weight_down_where(self, where: Flags) -> Floats:
        """The same with fake factors shifted down."""
        return self._fake_weight("down", where)

    def _fake_weight(self, shift: str, where: Flags) -> Floats:
        if self.fake_factors is None:
            msg = "the weight of fake leptons needs fake factors, and none were given"
            raise ConfigError(msg)
        return pair_fake_weight(self, self.fake_factors, where, shift)

    @property
    def _all(self) -> Flags:
        return np.ones(len(self.lep1_pt), np.bool_)
