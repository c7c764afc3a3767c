"""The variation tables against the counts and rules of LoopSUSYFrame."""

from __future__ import annotations

from collections import Counter

import pytest

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation.stop_variations import (
    JET_COLUMNS,
    KINEMATIC,
    LEPTON_COLUMNS,
    LEPTON_TRUTH,
    MET_COLUMNS,
    NOTEBOOK,
    WEIGHT_BRANCHES,
    WEIGHTS,
    chosen_variations,
    replaced_columns,
)

WEIGHT_BRANCHES_PER_FACTOR = {
    "WeightEventselSF": 12,
    "WeightEventsmuSF": 24,
    "WeightEventsSF_global": 36,
    "WeightEvents_trigger_single": 36,
    "WeightEventsbTag": 10,
    "WeightEventsJVT": 2,
    "WeightEventsPU": 2,
}


def test_numbers_of_variations():
    assert len(set(KINEMATIC)) == len(KINEMATIC) == 48
    assert len(set(WEIGHTS)) == len(WEIGHTS) == 50
    assert len(set(WEIGHT_BRANCHES)) == len(WEIGHT_BRANCHES) == 122


def test_groups_of_kinematic_variations():
    groups = Counter(name.split("_")[0] for name in KINEMATIC)
    assert groups == {"EG": 4, "JET": 30, "MET": 4, "MUON": 10}
    assert sum("JER" in name for name in KINEMATIC) == 16


def test_branches_per_factor():
    counts = {
        factor: sum(branch.startswith(f"{factor}_") for branch in WEIGHT_BRANCHES)
        for factor in WEIGHT_BRANCHES_PER_FACTOR
    }
    assert counts == WEIGHT_BRANCHES_PER_FACTOR


def test_only_met_variations_have_suffixes_of_their_own():
    odd = {name for name in KINEMATIC if not name.endswith(("__1up", "__1down"))}
    assert odd == {
        "MET_SoftTrk_ResoPara",
        "MET_SoftTrk_ResoPerp",
        "MET_SoftTrk_ScaleUp",
        "MET_SoftTrk_ScaleDown",
    }


def test_the_notebook_has_ten_one_sided_and_fifteen_two_sided_variations():
    assert len(set(NOTEBOOK)) == len(NOTEBOOK) == 40
    assert set(NOTEBOOK) <= set(KINEMATIC)
    names = Counter(
        name.removesuffix("__1up").removesuffix("__1down").removesuffix("Up").removesuffix("Down")
        for name in NOTEBOOK
    )
    assert sorted(Counter(names.values()).items()) == [(1, 10), (2, 15)]


@pytest.mark.parametrize("variation", KINEMATIC)
def test_fall_back_rules(variation):
    replaced = set(replaced_columns(variation))
    assert set(MET_COLUMNS) <= replaced
    assert "WeightEventsPU" not in replaced
    is_lepton, is_jet = variation.startswith(("EG_", "MUON_")), variation.startswith("JET_")
    leptons = {*LEPTON_COLUMNS, *LEPTON_TRUTH, "WeightEventselSF", "WeightEventsmuSF"}
    leptons |= {"WeightEventsSF_global", "WeightEvents_trigger_single"}
    assert leptons & replaced == (leptons if is_lepton else set())
    jets = {*JET_COLUMNS, "WeightEventsJVT", "WeightEventsbTag"}
    assert jets & replaced == (jets if is_jet else set())
    assert {"passORlep", "passORjet"} & replaced == (
        {"passORlep", "passORjet"} if is_lepton or is_jet else set()
    )


def test_choices():
    assert chosen_variations("all") == KINEMATIC
    assert chosen_variations("none") == ()
    assert chosen_variations("3") == KINEMATIC[:3]
    assert chosen_variations("MUON_ID__1up, EG_SCALE_ALL__1up,MUON_ID__1up") == (
        "MUON_ID__1up",
        "EG_SCALE_ALL__1up",
    )


@pytest.mark.parametrize("choice", ["49", "JET_Nothing__1up", ""])
def test_unknown_choices_are_refused(choice):
    with pytest.raises(ConfigError, match="not a kinematic variation"):
        chosen_variations(choice)


def test_no_family_for_an_unknown_prefix():
    with pytest.raises(ConfigError, match="unknown variation"):
        replaced_columns("TAU_SCALE__1up")
