"""The peers of ``benchmarks/compare_peers.py`` select what the processor selects: same events, same masses to the last bit."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT

NTUPLE = PROJECT / "datasets" / "ds_phi_pi_2017F_mc_aod-2017_000.root"


@pytest.fixture(scope="module")
def peers() -> Iterator[Any]:
    """The package of the peers, which is beside the project's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "benchmarks"))
        import peers.ours

        yield peers
    for name in [name for name in sys.modules if name == "peers" or name.startswith("peers.")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def expected(peers: Any) -> Any:
    return peers.ours.candidates(NTUPLE)


def test_something_is_selected(peers: Any, expected: Any):
    assert 5 < len(expected.mass) < expected.events
    assert peers.ours.differs(peers.ours.measured(NTUPLE), expected) == ""


@pytest.mark.parametrize("name", ["awkward_plain", "awkward_expert"])
def test_coffea_selects_the_same(peers: Any, expected: Any, name: str):
    module = __import__(f"peers.{name}", fromlist=["run"])
    assert module.run(NTUPLE).same_as(expected) == ""


def test_uproot_selects_the_same(peers: Any, expected: Any):
    from peers import uproot_alone

    spans: dict[str, float] = {}
    assert uproot_alone.run(NTUPLE, spans).same_as(expected) == ""
    assert set(spans) == {"read", "select"}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc, which is not installed")
def test_the_c_loop_selects_the_same(peers: Any, expected: Any):
    from peers import c_loop

    spans: dict[str, float] = {}
    assert c_loop.run(NTUPLE, spans, repeats=1).same_as(expected) == ""
    assert spans["inflate"] > 0


def test_a_difference_is_found(peers: Any, expected: Any):
    from peers.layout import Selected

    fewer = Selected(expected.entries[1:], expected.mass[1:], expected.events)
    assert "selected by one only" in fewer.same_as(expected)
    shifted = Selected(expected.entries, expected.mass * (1 + 1e-15), expected.events)
    assert "masses differ" in shifted.same_as(expected)
    assert "histogram" in peers.ours.differs(
        peers.ours.measured(NTUPLE), Selected(expected.entries, expected.mass + 0.1, expected.events)
    )


def test_targets_tell_met_from_missed(peers: Any):
    from peers.targets import Target

    assert Target("a", 2, 3).verdict == "met"
    assert Target("a", 2, 1).verdict == "**missed**"
    assert Target("a", 2, 1, at_least=False).verdict == "met"
    assert Target("a", 2, math.nan).verdict == "not measured"


def test_the_data_like_input_has_the_trigger_fraction_asked_for(peers: Any, tmp_path: Path):
    import awkward as ak
    import uproot
    from peers.inputs import Input, make
    from peers.layout import HLT, TREE

    path = make(Input("small.root", 1200, 0.1, is_data=True), tmp_path)
    with uproot.open(path) as file:
        events = file[TREE].arrays(["Trigger_hltname", "Trigger_hltdecision", "Triplet2_Mass"])
        assert len(file[TREE].branches) == 174
    wanted = ak.str.match_substring(events.Trigger_hltname, HLT)
    fired = ak.any(wanted & (events.Trigger_hltdecision == 1), axis=1)
    assert 0.07 < ak.mean(fired) < 0.13
    assert 50 < ak.mean(ak.num(events.Triplet2_Mass)) < 75
