"""Physics of the simulated stop search, block by block, without files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from columnar_af.ntuples.simulation import stop_blocks
from columnar_af.ntuples.simulation.stop_blocks import data_events, seeded, simulate_block
from columnar_af.ntuples.simulation.stop_detector import generate
from columnar_af.ntuples.simulation.stop_fakes import fake_factor, fake_weight
from columnar_af.ntuples.simulation.stop_kinematics import boosted, from_transverse, mass, two_body
from columnar_af.ntuples.simulation.stop_processes import PROCESSES, TOP, Recoil, W
from columnar_af.ntuples.simulation.stop_reconstruction import SKIM_MET, overlap_removal, reconstruct
from columnar_af.ntuples.simulation.stop_samples import (
    BACKGROUNDS,
    CAMPAIGNS,
    TOTAL_LUMINOSITY,
    resolve_samples,
)
from columnar_af.ntuples.simulation.stop_shifts import shifted
from columnar_af.ntuples.simulation.stop_trigger import CHAINS, MET_CHAINS, trigger_decisions
from columnar_af.ntuples.simulation.stop_truth import event_classes
from columnar_af.ntuples.simulation.stop_variations import (
    KINEMATIC,
    NOMINAL,
    WEIGHT_BRANCHES,
    WEIGHT_FACTORS,
)
from columnar_af.ntuples.simulation.stop_weights import (
    FACTORS,
    LARGEST_WEIGHT,
    nominal_factors,
    product_of_factors,
    weight_branches,
)

SAMPLES = (*BACKGROUNDS, *resolve_samples(["stop4body_500_40"]))
BY_NAME = {sample.name: sample for sample in SAMPLES}


def block_of(name, wanted=600):
    def all_count(events, _):
        return np.ones(len(events), bool)

    return simulate_block(seeded(5, name), BY_NAME[name], CAMPAIGNS[1], wanted, all_count)


@pytest.fixture(scope="module")
def blocks():
    return {name: block_of(name) for name in BY_NAME}


@pytest.mark.parametrize("name", BY_NAME)
def test_the_hard_process_conserves_momentum(name):
    rng = np.random.default_rng(3)
    recoil = Recoil(rng.normal(0, 200, 500), rng.normal(0, 200, 500), rng.normal(0, 0.5, 500))
    hard = PROCESSES[BY_NAME[name].process](rng, recoil, BY_NAME[name])
    total = hard.leptons.sum(1) + hard.jets.sum(1) + hard.invisible
    assert total[:, 1] == pytest.approx(recoil.px, abs=1e-7)
    assert total[:, 2] == pytest.approx(recoil.py, abs=1e-7)
    assert (mass(total) > 0).all()
    assert mass(hard.leptons) == pytest.approx(0, abs=1e-3)


def test_two_body_decay_has_the_right_masses():
    rng = np.random.default_rng(4)
    parent = from_transverse(*rng.normal(0, 100, (3, 200)) / [[1], [1], [100]], np.full(200, TOP))
    w, b = two_body(rng, parent, W, 4.8)
    assert mass(w) == pytest.approx(W)
    assert mass(b) == pytest.approx(4.8, abs=1e-4)
    assert w + b == pytest.approx(parent)


def test_a_particle_at_rest_in_a_frame_moves_with_it():
    frame = np.array([[5.0, 1.0, 2.0, 3.0]])
    at_rest = np.array([[2.0, 0.0, 0.0, 0.0]])
    assert boosted(at_rest, frame) == pytest.approx(2 * frame / mass(frame)[:, None])


@pytest.mark.parametrize("variation", [NOMINAL, *KINEMATIC])
def test_met_balances_everything_that_is_seen(blocks, variation):
    events = blocks["ttbar"].events
    view = reconstruct(events, variation)
    seen = np.zeros((len(events), 2))
    for objects, used in (
        (view.leptons, np.arange(view.leptons.pt.shape[1]) < view.n_leptons[:, None]),
        (view.jets, view.jet_passes),
    ):
        momentum = np.where(used, objects.pt, 0)
        seen += np.stack([(momentum * f(objects.phi)).sum(1) for f in (np.cos, np.sin)], 1)
    met = np.stack([view.met * np.cos(view.met_phi), view.met * np.sin(view.met_phi)], 1)
    assert np.hypot(*(met + seen).T) == pytest.approx(view.soft, abs=1e-9)


def test_met_follows_the_invisible_particles(blocks):
    for name, block in blocks.items():
        ratio = np.median(block.nominal.met / block.events.generator_met)
        assert 0.9 < ratio < 1.15, name


def test_events_of_the_ntuples(blocks):
    for block in blocks.values():
        assert (block.nominal.met > SKIM_MET).all()
        assert len(block.events) == 600
        assert block.tried > 600


@pytest.mark.parametrize("variation", [NOMINAL, "EG_SCALE_ALL__1down", "JET_GroupedNP_1__1up"])
def test_objects_are_ordered_and_above_threshold(blocks, variation):
    for block in blocks.values():
        view = reconstruct(block.events, variation)
        for objects, count in ((view.leptons, view.n_leptons), (view.jets, view.n_jets)):
            there = np.arange(objects.pt.shape[1]) < count[:, None]
            falling = np.diff(np.where(there, objects.pt, 0), axis=1) <= 0
            assert falling.all()
        leptons, there = view.leptons, np.arange(3) < view.n_leptons[:, None]
        assert (leptons.pt[there] > np.where(leptons.is_electron, 4.5, 4.0)[there]).all()
        assert (view.jets.pt[np.arange(view.jets.pt.shape[1]) < view.n_jets[:, None]] > 20).all()


def test_soft_leptons_reach_their_thresholds(blocks):
    block = blocks["stop4body_500_40"]
    leptons, there = block.nominal.leptons, np.arange(3) < block.nominal.n_leptons[:, None]
    electrons, muons = there & leptons.is_electron, there & ~leptons.is_electron
    assert 4.5 < leptons.pt[electrons].min() < 5.0
    assert 4.0 < leptons.pt[muons].min() < 4.5
    assert np.median(leptons.pt[there]) < 20


def test_b_jets_by_process(blocks):
    tagged = {name: (block.nominal.jet_passes & (block.nominal.jets.tag_bin > 2)).sum(1).mean() for name, block in blocks.items()}  # fmt: skip
    assert tagged["ttbar"] > 1.2
    assert 0.6 < tagged["Wt"] < 1.1
    assert all(tagged[name] < 0.3 for name in ("VV", "Zjets", "fakes", "other"))


def test_charges_and_flavours(blocks):
    for name, block in blocks.items():
        first, second = block.events.leptons.flavour[:, :2].T
        if name == "fakes":
            third = block.events.leptons.flavour[:, 2]
            assert 0.3 < (first * third < 0).mean() < 0.7
        else:
            assert (first * second < 0).all()
        assert set(np.abs(first)) == {11, 13}


def test_only_fakes_lack_two_prompt_leptons(blocks):
    prompt = (10, 12, 13, 43, 22)
    for name, block in blocks.items():
        leptons = block.events.leptons
        number = (leptons.exists & np.isin(leptons.origin, prompt)).sum(1)
        assert number.max() == (1 if name == "fakes" else 2)


def brute_force_overlap(view_pt, events, leptons, jets, event):
    """The four rules, object by object."""
    le, je = events.leptons, events.jets
    lepton_left = [i for i in range(3) if leptons[event, i]]
    jet_left = [j for j in range(je.pt.shape[1]) if jets[event, j]]
    electrons = [i for i in lepton_left if le.is_electron[event, i]]

    def distance(i, j):
        return events.delta_r[event, i, j]

    def between(i, k):
        dphi = abs(le.phi[event, i] - le.phi[event, k])
        return np.hypot(le.eta[event, i] - le.eta[event, k], min(dphi, 2 * np.pi - dphi))

    lepton_left = [i for i in lepton_left if i in electrons or all(between(i, e) >= 0.01 for e in electrons)]
    for electron in electrons:
        jet_left = [
            j
            for j in jet_left
            if distance(electron, j) >= 0.2
            or (je.tag_bin[event, j] > 2 and abs(je.eta[event, j]) < 2.5 and view_pt[event, electron] <= 100)
        ]
    lepton_left = [
        i
        for i in lepton_left
        if all(distance(i, j) >= min(0.4, 0.04 + 10 / view_pt[event, i]) for j in jet_left)
    ]
    return lepton_left, jet_left


def test_overlap_removal_equals_a_loop_over_objects(blocks):
    events = blocks["ttbar"].events
    rng = np.random.default_rng(1)
    # shake the directions, so that all rules meet objects; some electrons above 100 GeV
    lepton_pt = events.leptons.pt * rng.choice([1.0, 8.0], events.leptons.pt.shape)
    events = replace(events, delta_r=events.delta_r * rng.choice([1.0, 0.1], events.delta_r.shape))
    leptons, jets = events.leptons.exists, events.jets.exists
    lepton_passes, jet_passes = overlap_removal(events, lepton_pt, leptons, jets)
    for event in range(200):
        expected = brute_force_overlap(lepton_pt, events, leptons, jets, event)
        assert list(np.flatnonzero(lepton_passes[event])) == expected[0]
        assert list(np.flatnonzero(jet_passes[event])) == expected[1]
    assert 0 < lepton_passes.sum() < leptons.sum()
    assert 0 < jet_passes.sum() < jets.sum()


@pytest.mark.parametrize("variation", KINEMATIC)
def test_every_variation_moves_met_and_only_its_own_objects(blocks, variation):
    events = blocks["Wt"].events
    shift = shifted(events, variation)
    is_lepton, is_jet = variation.startswith(("EG_", "MUON_")), variation.startswith("JET_")
    assert (shift.lepton_pt is events.leptons.pt) != is_lepton
    assert (shift.jet_pt is events.jets.pt) != is_jet
    assert (shift.soft is events.soft) != variation.startswith("MET_")
    moved = reconstruct(events, variation).met - reconstruct(events, NOMINAL).met
    assert (moved != 0).mean() > 0.01
    assert np.abs(moved).mean() < 10
    if variation.startswith("EG_"):
        muons = ~events.leptons.is_electron
        assert (shift.lepton_pt == events.leptons.pt)[muons].all()


@pytest.mark.parametrize("name", ["EG_SCALE_ALL", "JET_GroupedNP_1", "JET_JER_EffectiveNP_1", "MUON_SCALE"])
def test_up_and_down_are_opposite(blocks, name):
    events = blocks["VV"].events
    up, down = shifted(events, f"{name}__1up"), shifted(events, f"{name}__1down")
    assert up.lepton_pt + down.lepton_pt == pytest.approx(2 * events.leptons.pt)
    safe = events.jets.pt > 20  # softer jets may hit the floor of the response
    assert (up.jet_pt + down.jet_pt)[safe] == pytest.approx(2 * events.jets.pt[safe])


def test_weight_branches(blocks):
    block = blocks["Wt"]
    nominal = nominal_factors(block.events, block.nominal)
    branches = weight_branches(block.events, block.nominal, nominal)
    assert tuple(branches) == WEIGHT_BRANCHES
    product = product_of_factors(nominal)
    assert 0.3 < product.min() <= product.max() < LARGEST_WEIGHT
    for name, factors in WEIGHT_FACTORS:
        for direction in ("__1up", "__1down"):
            varied = {
                factor: branches.get(f"{factor}_{name}{direction}", nominal[factor]) for factor in FACTORS
            }
            assert not np.array_equal(product_of_factors(varied), product), name
        for factor in factors:
            up, down = branches[f"{factor}_{name}__1up"], branches[f"{factor}_{name}__1down"]
            assert up + down == pytest.approx(2 * nominal[factor])


def test_muon_low_pt_uncertainties_touch_only_soft_muons(blocks):
    block = blocks["Zjets"]
    nominal = nominal_factors(block.events, block.nominal)
    branches = weight_branches(block.events, block.nominal, nominal)
    moved = branches["WeightEventsmuSF_MUON_EFF_RECO_SYS_LOWPT__1up"] != nominal["WeightEventsmuSF"]
    view = block.nominal
    soft = view.lepton_passes & view.leptons.signal & ~view.leptons.is_electron & (view.leptons.pt < 15)
    assert (moved == soft.any(axis=1)).all()


def test_trigger_follows_the_run_number(blocks):
    block = blocks["VV"]
    decisions = trigger_decisions(block.events, block.nominal.met)
    assert tuple(decisions) == CHAINS
    any_fired = np.any(list(decisions.values()), axis=0)
    assert any_fired.mean() > 0.95
    firsts = [first for first, _ in MET_CHAINS]
    for event in range(100):
        period = max(i for i, first in enumerate(firsts) if first <= block.events.run[event])
        for chain, values in decisions.items():
            if chain not in MET_CHAINS[period][1]:
                assert values[event] == 0


def test_the_same_seed_gives_the_same_events():
    first, second = (
        generate(seeded(1, "x"), BY_NAME["VV"], CAMPAIGNS[0], 2000)[0].leptons.pt for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(
        first[:50], generate(seeded(2, "x"), BY_NAME["VV"], CAMPAIGNS[0], 2000)[0].leptons.pt[:50]
    )


def test_the_acceptance_estimate_is_unbiased(monkeypatch):
    monkeypatch.setattr(stop_blocks, "FEWEST_TRIES", 20)  # small steps, or most of the work is thrown away

    def all_count(events, _):
        return np.ones(len(events), bool)

    sample = BY_NAME["stop4body_500_40"]
    small = [
        2 / simulate_block(seeded(number, "small"), sample, CAMPAIGNS[0], 2, all_count).tried
        for number in range(400)
    ]
    large = simulate_block(seeded(0, "large"), sample, CAMPAIGNS[0], 4000, all_count)
    expected = len(large.events) / large.tried
    # stopping at the last success would give 2 / E ~ 1.6 times as much, far outside
    error = np.std(small) / np.sqrt(len(small))
    assert abs(np.mean(small) - expected) < 4 * error


def test_data_agree_with_the_weighted_simulation():
    expected, variance = 0.0, 0.0
    for sample in BACKGROUNDS:
        block = block_of(sample.name, 1500)
        weight = block.events.generator_weight * product_of_factors(
            nominal_factors(block.events, block.nominal)
        )
        scale = sample.cross_section * 1000 * CAMPAIGNS[1].luminosity / block.sum_of_weights
        expected += scale * weight.sum()
        variance += scale**2 * (weight**2).sum()
    events, numbers = data_events(7, [(sample, 1.0) for sample in BACKGROUNDS], CAMPAIGNS[1])
    assert len(events) == sum(numbers.values())
    assert abs(len(events) - expected) < 4 * np.sqrt(expected + variance)


def test_an_injected_signal_adds_its_yield():
    signal = BY_NAME["stop4body_500_40"]
    block = block_of(signal.name, 2000)
    weight = block.events.generator_weight * product_of_factors(nominal_factors(block.events, block.nominal))
    scale = signal.cross_section * 1000 * CAMPAIGNS[1].luminosity / block.sum_of_weights
    _, numbers = data_events(7, [(signal, 5.0)], CAMPAIGNS[1])
    expected = 5 * scale * weight.sum()
    assert abs(numbers[signal.name] - expected) < 4 * np.sqrt(expected * 1.2)
    assert data_events(7, [(signal, 5.0)], CAMPAIGNS[1])[1] == numbers


def test_luminosities():
    assert pytest.approx(138.95) == TOTAL_LUMINOSITY
    assert sum(campaign.share for campaign in CAMPAIGNS) == 164_188


def test_fake_weights_have_the_sign_of_the_method():
    factors = np.array([[0.5, 0.2, 0.3]] * 5)
    present = np.array([[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 0]], bool)
    identified = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]], bool)
    anti = present & ~identified
    anti[4, 1] = False  # neither identified nor anti-identified
    weight = fake_weight(factors, identified, anti, present)
    assert weight == pytest.approx([0, 0.2, -0.1, 0.03, 0])


def test_fake_factor_bins_are_half_open_and_clamped():
    pt = np.array([-1.0, 6.999, 7.0, 14.999, 15.0, 1e6])
    eta = np.array([0.0, 0.0, 0.0, 1.36, 1.37, -5.0])
    electron = np.ones(6, bool)
    assert fake_factor(pt, eta, electron) == pytest.approx([0.20, 0.20, 0.32, 0.32, 0.38, 0.45])


def test_the_fake_estimate_closes():
    block = block_of("fakes", 6000)
    classes = event_classes(block.nominal)
    weight = np.ones(len(block.events))
    identified = weight[classes["two_identified"][0]].sum()
    chosen, factor = classes["two_leptons_fake_estimate"]
    # one prompt and one non-prompt lepton: the prompt one fails, too, which the prompt correction would take off
    leptons = block.nominal.leptons
    prompt = np.isin(leptons.origin, (10, 12, 13, 43, 22))
    good = leptons.signal & np.where(leptons.is_electron, leptons.gradient, leptons.fc_loose)
    clean = chosen & ~(block.nominal.lepton_passes & prompt & ~good).any(axis=1)
    estimate = factor[clean].sum()
    error = np.sqrt(identified + (factor[clean] ** 2).sum())
    assert identified > 200
    assert abs(estimate - identified) < 4 * error
