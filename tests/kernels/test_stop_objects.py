"""Kernels that choose the objects of the stop search: against plain loops, on random and on nasty events."""

from __future__ import annotations

import math

import numpy as np
import pytest

from columnar_af.kernels.lepton_pair import LeptonPair, find_lepton_pair, taken
from columnar_af.kernels.lists_at import lists_at
from columnar_af.kernels.overlap_removal import overlap_removal
from columnar_af.kernels.signal_jets import SignalJets, find_signal_jets


def offsets_of(counts):
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def remove_overlaps(leptons, jets):
    """GAMBIT's order of steps, on dictionaries."""
    electrons = [one for one in leptons if abs(one["flavour"]) == 11]
    gone = [
        one
        for one in leptons
        if abs(one["flavour"]) == 13 and any(delta_r(one, electron) < 0.01 for electron in electrons)
    ]
    left = [one for one in leptons if one not in gone]
    for electron in electrons:
        close = [jet for jet in jets if delta_r(jet, electron) < 0.2]
        jets = [jet for jet in jets if jet not in close or (jet["tagged"] and electron["pt"] <= 100)]
    return [
        one for one in left if not any(delta_r(one, jet) < min(0.4, 0.04 + 10 / one["pt"]) for jet in jets)
    ], jets


def delta_r(one, other):
    return math.hypot(one["eta"] - other["eta"], math.remainder(one["phi"] - other["phi"], 2 * math.pi))


def crowded_event(rng, number):
    """Objects so close that every step has something to do."""
    leptons = [
        {
            "pt": float(rng.choice([5, 20, 99, 101, 300])),
            "eta": rng.choice([0.0, 0.005, 0.1, 0.3]),
            "phi": rng.choice([math.pi, -math.pi + 0.004, 3.0, 2.8]),
            "flavour": int(rng.choice([11, -11, 13, -13])),
            "number": (number, "l", index),
        }
        for index in range(rng.integers(0, 5))
    ]
    jets = [
        {
            "eta": rng.choice([0.0, 0.15, 0.35, 0.5]),
            "phi": rng.choice([math.pi, -3.1, 2.9, 2.6]),
            "tagged": bool(rng.random() < 0.5),
            "number": (number, "j", index),
        }
        for index in range(rng.integers(0, 5))
    ]
    return leptons, jets


def test_overlap_removal_equals_the_steps_one_by_one():
    rng = np.random.default_rng(4)
    events = [crowded_event(rng, number) for number in range(600)]
    leptons = [one for some, _ in events for one in some]
    jets = [one for _, some in events for one in some]
    kept_leptons, kept_jets = overlap_removal(
        np.array([one["pt"] for one in leptons]),
        np.array([one["eta"] for one in leptons]),
        np.array([one["phi"] for one in leptons]),
        np.array([one["flavour"] for one in leptons]),
        np.ones(len(leptons), np.bool_),
        offsets_of([len(some) for some, _ in events]),
        np.array([one["eta"] for one in jets]),
        np.array([one["phi"] for one in jets]),
        np.array([one["tagged"] for one in jets]),
        np.ones(len(jets), np.bool_),
        offsets_of([len(some) for _, some in events]),
    )
    expected = [remove_overlaps(*event) for event in events]
    wanted_leptons = {one["number"] for some, _ in expected for one in some}
    wanted_jets = {one["number"] for _, some in expected for one in some}
    assert [one["number"] in wanted_leptons for one in leptons] == kept_leptons.tolist()
    assert [one["number"] in wanted_jets for one in jets] == kept_jets.tolist()
    assert 0.1 < kept_leptons.mean() < 0.9
    assert 0.1 < kept_jets.mean() < 0.9


def remove_one_pair(lepton, jet, *, chosen=(True, True)):
    pt, flavour = lepton
    distance, tagged = jet
    leptons, jets = overlap_removal(
        np.array([pt]), np.zeros(1), np.zeros(1), np.array([flavour]), np.array(chosen[:1]), np.array([0, 1]),
        np.array([distance]), np.zeros(1), np.array([tagged]), np.array(chosen[1:]), np.array([0, 1]),
    )  # fmt: skip
    return bool(leptons[0]), bool(jets[0])


@pytest.mark.parametrize(
    ("lepton", "jet", "stay"),
    [
        ((50.0, 11), (0.19, False), (True, False)),
        ((50.0, 11), (0.20, False), (False, True)),  # cone of 0.24
        ((50.0, 11), (0.19, True), (False, True)),  # a soft electron spares a b-jet, and goes
        ((100.0, 11), (0.13, True), (False, True)),
        ((101.0, 11), (0.13, True), (True, False)),
        ((50.0, 13), (0.05, False), (False, True)),
        ((10.0, 13), (0.399, False), (False, True)),
        ((10.0, 13), (0.401, False), (True, True)),  # soft leptons: 0.4, not 1.04
        ((100.0, 13), (0.139, False), (False, True)),
        ((100.0, 13), (0.141, False), (True, True)),
    ],
)
def test_edges_of_the_cones(lepton, jet, stay):
    assert remove_one_pair(lepton, jet) == stay


def test_objects_that_take_no_part_remove_none():
    assert remove_one_pair((50.0, 11), (0.1, False), chosen=(False, True)) == (False, True)
    assert remove_one_pair((50.0, 13), (0.1, False), chosen=(True, False)) == (True, False)


# ---------------------------------------------------------------- lepton pair
def pair_of(pts, *, flavours=None, passes=None, identified=None, etas=None):
    size = len(pts)
    pair = LeptonPair.none(1)
    find_lepton_pair(
        pair,
        np.array([0]),
        np.array(pts, float),
        np.array(etas or [0.0] * size, float),
        np.array(flavours or [11] * size, np.int64),
        np.array(passes or [True] * size, np.bool_),
        np.array(identified or [True] * size, np.bool_),
        np.array([0, size]),
        (4.5, 2.47),
        (4.0, 2.4),
    )
    return pair


def places(pair):
    return int(pair.first[0]), int(pair.second[0])


def test_pair_needs_no_order_and_of_equals_takes_the_first():
    assert places(pair_of([10, 30, 20], identified=[True, False, True])) == (2, 0)
    assert places(pair_of([10, 30, 20])) == (1, 2)
    assert places(pair_of([20, 20, 20])) == (0, 1)
    assert places(pair_of([20])) == (0, -1)
    assert places(pair_of([])) == (-1, -1)


def test_thresholds_are_those_of_the_flavour_and_are_not_reached_by_equality():
    pair = pair_of([4.5, 4.4, 4.1, 4.0], flavours=[11, -11, 13, -13])
    assert (pair.n_baseline[0], places(pair)) == (1, (2, -1))
    pair = pair_of([9, 9, 9, 9], flavours=[11, -11, 13, -13], etas=[2.47, -2.46, 2.4, -2.39])
    assert (pair.n_baseline[0], places(pair)) == (2, (1, 3))


def test_nan_is_no_lepton():
    pair = pair_of([math.nan, 10, 20], etas=[0, 0, math.nan])
    assert (pair.n_baseline[0], places(pair)) == (1, (1, -1))


def test_taken():
    assert taken(np.array([5, 7], np.int32), np.array([1, -1, 0])) == pytest.approx(
        [7, math.nan, 5], nan_ok=True
    )
    assert taken(np.zeros(0, np.float32), np.array([-1])) == pytest.approx([math.nan], nan_ok=True)


# ---------------------------------------------------------------- jets
def test_lists_of_some_events():
    offsets = np.array([0, 2, 2, 5])
    places, starts = lists_at(offsets, np.array([2, 1, 0]))
    assert (places.tolist(), starts.tolist()) == ([2, 3, 4, 0, 1], [0, 3, 3, 5])
    assert [values.tolist() for values in lists_at(offsets, np.array([], np.int64))] == [[], [0]]


def test_events_that_are_not_asked_for_keep_what_they_had():
    jets = SignalJets.none(2)
    one, flag, offsets = np.array([50.0, 60.0]), np.ones(2, np.bool_), np.array([0, 1, 2])
    find_signal_jets(jets, np.array([1]), one, 0 * one, flag, flag, offsets, 20.0, 2.8, 2.5)
    assert (jets.number.tolist(), jets.n_tagged.tolist()) == ([0, 1], [0, 1])
    copy = jets.copy()
    find_signal_jets(copy, np.array([1]), one, 0 * one, flag, ~flag, offsets, 20.0, 2.8, 2.5)
    assert (copy.number.tolist(), jets.number.tolist()) == ([0, 0], [0, 1])
    assert np.isnan(copy.leading_pt).all()
    assert not copy.leading_tagged.any()


def test_signal_jets_equal_a_plain_loop():
    rng = np.random.default_rng(8)
    counts = rng.integers(0, 9, 500)
    counts[:3] = [0, 1, 8]
    size = counts.sum()
    pt = rng.choice([20.0, 25.0, 30.0, 50.0, 50.0, 200.0], size) + rng.choice([0.0, 1.5], size)
    eta = rng.uniform(-3, 3, size)
    tagged, passes = rng.random(size) < 0.4, rng.random(size) < 0.8
    offsets = offsets_of(counts)
    jets = SignalJets.none(500)
    for events in (np.arange(500), rng.integers(0, 500, 40)):  # what was found before does not matter
        find_signal_jets(jets, events, pt, eta, tagged, passes, offsets, 20.0, 2.8, 2.5)
    for event in range(len(counts)):
        chosen = [
            jet
            for jet in range(offsets[event], offsets[event + 1])
            if passes[jet] and pt[jet] > 20 and abs(eta[jet]) < 2.8
        ]
        chosen.sort(key=lambda jet: -pt[jet])  # stable: of equals the first one stays first
        is_b = [bool(tagged[jet] and abs(eta[jet]) < 2.5) for jet in chosen]
        assert jets.number[event] == len(chosen)
        assert jets.n_tagged[event] == sum(is_b)
        leading = [*pt[chosen], *[math.nan] * 4][:4]
        assert jets.leading_pt[:, event].tolist() == pytest.approx(leading, nan_ok=True)
        assert jets.leading_tagged[:, event].tolist() == [*is_b, *[False] * 4][:4]
