"""Fake factors: look-up in the table, sign and size of the weight, and the demo's table against the simulation."""

from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation import stop_fakes
from columnar_af.selection.region_file import load_regions
from columnar_af.stop import StopVariables
from columnar_af.stop.fakes import FakeFactors, anti_identified, fake_weight, pair_fake_weight
from columnar_af.stop.variable_table import OBJECT_SETS, VARIABLES
from tests.conftest import PROJECT
from tests.stop.plain_events import PlainSource, random_events


@pytest.fixture(scope="module")
def factors():
    return FakeFactors.load(PROJECT / "datasets" / "corrections" / "stop_fake_factors.json")


def test_the_demo_table_is_the_one_of_the_simulation(factors):
    pt = np.array([0.0, 4.5, 6.999, 7.0, 15.0, 29.99, 30.0, 5000.0])
    eta = np.array([-1.37, 1.36, 0.0, -2.4, 2.9, -0.1, 1.37, 1.0])
    for electron in (True, False):
        flags = np.full(len(pt), electron)
        wanted = stop_fakes.fake_factor(pt, eta, flags)
        np.testing.assert_array_equal(factors(pt, eta, flags), wanted)
        np.testing.assert_allclose(factors(pt, eta, flags, "up"), 1.2 * wanted)
        np.testing.assert_allclose(factors(pt, eta, flags, "down"), 0.8 * wanted)


def test_what_is_not_there_has_the_factor_one(factors):
    assert factors(np.array([np.nan]), np.array([np.nan]), np.array([False])).tolist() == [1.0]


def test_the_sign_alternates_with_the_number_of_anti_identified_leptons():
    yes, no = np.array([True]), np.array([False])
    half, third = np.array([0.5]), np.array([0.3])
    assert fake_weight([half, third], [no, yes], [yes, no]) == pytest.approx([0.5])
    assert fake_weight([half, third], [no, no], [yes, yes]) == pytest.approx([-0.15])
    assert fake_weight([half, third, half], [no, no, no], [yes, yes, yes]) == pytest.approx([0.075])
    assert fake_weight([half, third], [yes, yes], [no, no]) == [0.0]
    assert fake_weight([half, third], [no, no], [yes, no]) == [0.0]  # a muon that is neither


def test_the_weight_is_that_of_the_simulation_on_random_leptons(factors):
    random = np.random.default_rng(4)
    pt, eta = random.exponential(15, (200, 2)), random.normal(0, 1.5, (200, 2))
    electron, identified, usable = (random.random((200, 2)) < share for share in (0.5, 0.4, 0.8))
    anti = ~identified & usable
    table = [factors(pt[:, n], eta[:, n], electron[:, n]) for n in (0, 1)]
    found = fake_weight(table, [identified[:, n] for n in (0, 1)], [anti[:, n] for n in (0, 1)])
    present = np.ones((200, 2), bool)
    wanted = stop_fakes.fake_weight(stop_fakes.fake_factor(pt, eta, electron), identified, anti, present)
    np.testing.assert_allclose(found, wanted)


def test_all_baseline_leptons_count_in_the_estimate():
    regions = load_regions(PROJECT / "processors" / "stop_regions.yaml", VARIABLES, OBJECT_SETS)
    seen = anti_identified(regions)
    assert seen.names == tuple(f"fake_{name}" for name in regions.names)
    for region in regions:
        cuts = seen[f"fake_{region.name}"].cuts
        assert "n_leptons" not in seen[f"fake_{region.name}"].variables
        wanted = [str(cut.expression).replace("n_leptons", "n_baseline_leptons") for cut in region.cuts]
        assert [str(cut.expression) for cut in cuts] == wanted
    assert "n_leptons" in regions["SRA"].variables


def test_the_weight_of_a_pair_is_that_of_its_leptons(factors):
    events = random_events(12, 300)
    v = StopVariables(PlainSource(events))
    where = np.random.default_rng(3).random(300) < 0.6
    both = [
        np.where(anti, factors(pt, eta, np.asarray(electron)), 1.0)
        for anti, pt, eta, electron in (
            (v.anti_identified1, v.lep1_pt, v.lep1_eta, v.lep1_is_electron),
            (v.anti_identified2, v.lep2_pt, v.lep2_eta, v.lep2_is_electron),
        )
    ]
    wanted = fake_weight(both, [v.identified1, v.identified2], [v.anti_identified1, v.anti_identified2])
    assert pair_fake_weight(v, factors, where).tolist() == wanted[where].tolist()
    assert np.count_nonzero(wanted[where]) > 5
    with pytest.raises(ConfigError, match="needs fake factors"):
        v.fake_weight_where(where)
