"""The stop search's variables at the golden numbers: one soft and one hard event, computed by two independent codes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from columnar_af.kernels.boost import boost
from columnar_af.kernels.cos_theta_b import cos_theta_b
from columnar_af.kernels.delta_x import delta_x
from columnar_af.kernels.dilepton_mass import dilepton_mass
from columnar_af.kernels.dilepton_pt import dilepton_pt
from columnar_af.kernels.min_delta_r import min_delta_r
from columnar_af.kernels.r_2l import r_2l
from columnar_af.kernels.r_2l2j import r_2l2j
from columnar_af.kernels.r_2l4j import r_2l4j
from columnar_af.kernels.stransverse_mass import stransverse_mass
from columnar_af.kernels.stransverse_mass_bound import stransverse_mass_bound
from columnar_af.kernels.super_razor import super_razor
from columnar_af.kernels.transverse_mass import transverse_mass
from columnar_af.kernels.weighted_sums import weighted_sums

PT1, ETA1, PHI1 = np.array([22.0, 110.0]), np.array([0.5, 0.8]), np.array([2.9, 0.4])
PT2, ETA2, PHI2 = np.array([8.0, 65.0]), np.array([-0.3, -0.6]), np.array([-2.6, 2.7])
MET, MET_PHI = np.array([450.0, 180.0]), np.array([3.0, -1.9])
JETS = np.array(
    [
        (380, 0.2, -0.1), (60, -1.1, 0.6), (30, 1.5, -1.5),
        (90, 0.3, 1.2), (50, -1, -0.5), (35, 2, 2), (25, -2.2, -2.8), (22, 0.1, 0.9),
    ]
)  # fmt: skip
OFFSETS = np.array([0, 3, 8])
MASSLESS = np.zeros(2)


def test_r_2l():
    assert r_2l(MET, PT1, PT2) == pytest.approx([15.0, 1.02857], abs=5e-6)


def test_r_2l_without_lepton_momentum_is_infinite():
    assert np.isinf(r_2l(MET, 0 * PT1, 0 * PT2)).all()


def test_r_2l4j():
    assert r_2l4j(MET, PT1, PT2, JETS[:, 0], OFFSETS) == pytest.approx([0.473684, 0.324324], abs=5e-7)


def test_r_2l4j_without_jets_counts_leptons_only():
    expected = MET / (MET + PT1 + PT2)
    assert r_2l4j(MET, PT1, PT2, JETS[:0, 0], np.zeros(3, int)) == pytest.approx(expected)


def test_r_2l_with_one_lepton_is_undefined():
    assert np.isnan(r_2l(MET, PT1, np.full(2, np.nan))).all()


def test_r_2l2j_takes_two_jets():
    assert r_2l2j(MET, PT1, PT2, JETS[:, 0], OFFSETS) == pytest.approx([450 / 920, 180 / 495])


def test_delta_x():
    z = PT1 * np.sinh(ETA1) + PT2 * np.sinh(ETA2)
    assert delta_x(PT1, ETA1, PT2, ETA2) == pytest.approx(2 * np.abs(z) / 13000)
    assert delta_x(PT1, ETA1, PT1, -ETA1) == pytest.approx([0, 0])


def test_pair_momentum():
    momentum, opening = dilepton_pt(PT1, PHI1, PT2, PHI2)
    x, y = PT1 * np.cos(PHI1) + PT2 * np.cos(PHI2), PT1 * np.sin(PHI1) + PT2 * np.sin(PHI2)
    assert momentum == pytest.approx(np.hypot(x, y))
    assert opening == pytest.approx([2 * math.pi - 5.5, 2.3])
    back_to_back = dilepton_pt(PT1, np.zeros(2), PT1, np.full(2, math.pi))
    assert np.array(back_to_back) == pytest.approx(np.array([[0, 0], [math.pi, math.pi]]), abs=1e-5)
    assert np.isnan(dilepton_pt(PT1, PHI1, np.full(2, np.nan), PHI2)[0]).all()


def test_stransverse_mass():
    masses = stransverse_mass(PT1, PHI1, MASSLESS, PT2, PHI2, MASSLESS, MET, MET_PHI)
    assert masses == pytest.approx([0, 107.15179], abs=5e-6)


def test_stransverse_mass_of_half_the_events():
    second = np.array([np.nan, 65.0])
    masses = stransverse_mass(PT1, PHI1, MASSLESS, second, PHI2, MASSLESS, MET, MET_PHI)
    assert masses == pytest.approx([np.nan, 107.15179], nan_ok=True, abs=5e-6)
    none = np.zeros(0)
    assert len(stransverse_mass(none, none, none, none, none, none, none, none)) == 0


def test_stransverse_mass_is_at_most_the_larger_transverse_mass():
    """With massless invisibles one choice of sharing gives one lepton all of the missing momentum."""
    rng = np.random.default_rng(5)
    pt1, pt2, met = rng.exponential(40, (3, 500)) + 5
    phi1, phi2, phi = rng.uniform(-math.pi, math.pi, (3, 500))
    zero = np.zeros(500)
    largest = np.maximum(transverse_mass(pt1, phi1, met, phi), transverse_mass(pt2, phi2, met, phi))
    masses = stransverse_mass(pt1, phi1, zero, pt2, phi2, zero, met, phi)
    assert (masses <= largest + 1e-6).all()
    assert (masses > 1).mean() > 0.3


def test_boost():
    modulus, angle = boost(MET, MET_PHI, PT1, PHI1, PT2, PHI2)
    assert modulus == pytest.approx([478.1031, 100.9374], abs=5e-5)
    assert angle == pytest.approx([0.00597, 0.17363], abs=5e-6)
    assert modulus / MET == pytest.approx([1 / 0.94122, 1 / 1.78328], rel=1e-5)


def test_min_delta_r():
    assert min_delta_r(ETA2, PHI2, JETS[:, 1], JETS[:, 2], OFFSETS) == pytest.approx(
        [2.10950, 1.74929], abs=5e-6
    )


def test_min_delta_r_without_jets_is_infinite():
    assert np.isinf(min_delta_r(ETA2, PHI2, JETS[:0, 1], JETS[:0, 2], np.zeros(3, int))).all()


def test_min_delta_r_goes_around_the_circle():
    near = min_delta_r(np.zeros(1), np.array([3.1]), np.zeros(1), np.array([-3.1]), np.array([0, 1]))
    assert near == pytest.approx([2 * math.pi - 6.2])


def test_dilepton_mass():
    mass = dilepton_mass(PT1, ETA1, PHI1, MASSLESS, PT2, ETA2, PHI2, MASSLESS)
    assert mass == pytest.approx([14.8770, 200.7127], abs=5e-5)


def test_dilepton_mass_of_one_direction_is_the_sum_of_masses():
    pt = np.array([10.0])
    same = dilepton_mass(pt, MASSLESS[:1], MASSLESS[:1], pt, pt, MASSLESS[:1], MASSLESS[:1], pt)
    assert same == pytest.approx([20.0])


def test_super_razor():
    m_delta, r_pt, inverse_gamma, dphi_beta = super_razor(PT1, ETA1, PHI1, PT2, ETA2, PHI2, MET, MET_PHI)
    assert m_delta == pytest.approx([20.58842, 119.53206], abs=5e-6)
    assert r_pt == pytest.approx([0.96838, 0.45893], abs=5e-6)
    assert 1 / inverse_gamma == pytest.approx([1.51656, 1.99112], abs=5e-6)
    assert dphi_beta == pytest.approx([3.04359, 2.89601], abs=5e-6)


def test_super_razor_does_not_see_a_boost_along_the_beam():
    before = super_razor(PT1, ETA1, PHI1, PT2, ETA2, PHI2, MET, MET_PHI)
    after = super_razor(PT1, ETA1 + 1.3, PHI1, PT2, ETA2 + 1.3, PHI2, MET, MET_PHI)
    assert np.array(after) == pytest.approx(np.array(before), rel=1e-9)


def test_transverse_mass():
    assert transverse_mass(PT1, PHI1, PT1, PHI1 + math.pi) == pytest.approx(2 * PT1)
    assert transverse_mass(PT1, PHI1, MET, PHI1) == pytest.approx([0, 0])


def test_cos_theta_b():
    assert cos_theta_b(ETA1, ETA2) == pytest.approx(np.tanh((ETA1 - ETA2) / 2))
    assert cos_theta_b(ETA1, ETA1) == pytest.approx([0, 0])


def test_the_bound_of_the_stransverse_mass_is_never_exceeded():
    random = np.random.default_rng(21)
    size = 20_000
    pt1, pt2, met = (random.exponential(scale, size) + 3.0 for scale in (40, 20, 200))
    phi1, phi2, met_phi = (random.uniform(-math.pi, math.pi, size) for _ in range(3))
    mass1, mass2 = (random.choice([0.000511, 0.10566, 30.0], size) for _ in range(2))
    pair = (pt1, phi1, mass1, pt2, phi2, mass2, met, met_phi)
    exact, bound = stransverse_mass(*pair), stransverse_mass_bound(*pair)
    assert (bound >= exact).all()
    assert np.count_nonzero(bound < exact + 1.0) > 500  # it is of use
    nothing = [np.full(1, math.nan)] * 8
    assert np.isnan(stransverse_mass_bound(*nothing)).all()


def test_sums_of_weights_do_not_depend_on_what_else_is_there():
    random = np.random.default_rng(22)
    weights = random.normal(1, 2, (300, 4))
    rows = np.flatnonzero(random.random(300) < 0.4)
    sums, squares = weighted_sums(weights, rows)
    for number in range(4):
        alone = weighted_sums(np.ascontiguousarray(weights[rows][:, [number]]), np.arange(len(rows)))
        assert (sums[number], squares[number]) == (alone[0][0], alone[1][0])
    assert sums == pytest.approx(weights[rows].sum(axis=0))
    assert squares == pytest.approx((weights[rows] ** 2).sum(axis=0))
