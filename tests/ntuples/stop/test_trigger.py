"""The ETmiss trigger by run number."""

from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import MissingBranchError
from columnar_af.ntuples.stop import stop_source
from columnar_af.ntuples.stop.trigger import CHAINS, MET_CHAINS, met_trigger, runs_of
from columnar_af.stop import StopVariables
from tests.ntuples.stop.stop_files import events_of, loopsusy_branches, write_tree


def by_hand(run, fired):
    chains = next(chains for first, chains in reversed(MET_CHAINS) if run >= first)
    return any(chain in fired for chain in chains)


def test_edges_of_periods_belong_to_the_later_one():
    edges = [first + shift for first, _ in MET_CHAINS[1:] for shift in (-1, 0, 1)]
    runs = np.array(edges)
    for chain in CHAINS:
        decisions = {other: np.full(len(runs), other == chain) for other in CHAINS}
        fired, missing = met_trigger(runs, decisions.__getitem__, CHAINS)
        assert fired.tolist() == [by_hand(run, {chain}) for run in edges], chain
        assert missing == ()


def test_only_chains_of_the_runs_are_read():
    asked = []

    def decision(chain):
        asked.append(chain)
        return np.ones(2)

    met_trigger(np.array([355300, 355400]), decision, CHAINS)
    assert asked == ["HLT_xe110_pufit_xe70_L1XE50"]


def test_a_missing_chain_is_reported_and_never_fires():
    runs = np.array([348197, 348198])
    some = set(CHAINS) - {"HLT_xe120_pufit_L1XE50"}
    fired, missing = met_trigger(runs, lambda _: np.array([1, 0]), some)
    assert fired.tolist() == [True, False]
    assert missing == ("HLT_xe120_pufit_L1XE50",)


def test_runs_without_any_chain_are_an_error():
    with pytest.raises(
        MissingBranchError, match="runs 302394 to 302872 are triggered by HLT_xe90_mht_L1XE50"
    ):
        met_trigger(np.array([302400]), lambda _: np.ones(1), set(CHAINS) - {"HLT_xe90_mht_L1XE50"})


def test_no_events_need_no_chains():
    fired, missing = met_trigger(np.zeros(0, np.uint32), lambda _: np.zeros(0), ())
    assert len(fired) == 0
    assert missing == ()


@pytest.mark.parametrize(
    ("chain", "runs"),
    [
        ("HLT_xe70_mht", "0 to 297729"),
        ("HLT_xe90_mht_L1XE50", "297730 to 302872"),
        ("HLT_xe110_pufit_L1XE50", "330471 to 355273"),
        ("HLT_xe110_pufit_xe70_L1XE50", "355274 and later"),
    ],
)
def test_runs_of_a_chain(chain, runs):
    assert runs_of(chain) == runs


def test_in_the_ntuple(tmp_path):
    branches = loopsusy_branches() | {
        "RunNumber": ("unsigned int", [297729, 297730, 355274]),
        "HLT_xe70_mht_Nominal": ("int", [1, 1, 1]),
        "HLT_xe90_mht_L1XE50_Nominal": ("int", [0, 0, 1]),
        "HLT_xe80_tc_lcw_L1XE50_Nominal": ("int", [0, 0, 1]),
        "HLT_xe110_pufit_xe70_L1XE50_Nominal": ("int", [0, 0, 1]),
        "cleaningVeto": ("bool", [True, False, False]),
    }
    v = StopVariables(stop_source(events_of(write_tree(tmp_path / "a.root", {"myTree": branches}), "myTree")))
    assert v.trigger.tolist() == [True, False, True]
    assert v.cleaning.tolist() == [False, True, True]
    assert v.missing_chains == ()
    some = {name: what for name, what in branches.items() if name != "HLT_xe80_tc_lcw_L1XE50_Nominal"}
    path = write_tree(tmp_path / "some.root", {"myTree": some})
    assert StopVariables(stop_source(events_of(path, "myTree"))).missing_chains == ("HLT_xe80_tc_lcw_L1XE50",)
    none = {name: what for name, what in branches.items() if not name.startswith("HLT")}
    source = stop_source(events_of(write_tree(tmp_path / "b.root", {"myTree": none}), "myTree"))
    assert "HLT" in source.why_missing("met_trigger")
