"""The columns of variations in the layout histfitter: trees of different lengths, each entry read once."""

from __future__ import annotations

import pytest

from columnar_af.errors import ConfigError, MissingBranchError, SchemaError
from columnar_af.ntuples.stop import stop_source, weight_factors
from columnar_af.stop import FlatStopVariables, stop_variables
from tests.ntuples.stop.stop_files import events_of, write_tree

UP = "JET_GroupedNP_1__1up"


def flat(size, first=0, **changed):
    numbers = {
        "lep1pT": 20.0,
        "lep2pT": 10.0,
        "MET": 300.0,
        "METphi": 0.5,
        "nlep": 2,
        "GenFiltMET": 250000.0,
        "WeightEvents": 2.0,
    }
    kinds = {"nlep": "int"}
    tree = {name: (kinds.get(name, "float"), [value] * size) for name, value in numbers.items()}
    tree["EventNumber"] = ("unsigned long long", list(range(first, first + size)))
    return tree | changed


@pytest.fixture
def path(tmp_path):
    trees = {"Wt_WEIGHTS": flat(10), f"Wt_{UP}": flat(13, 100), "Wt_JET_Empty": flat(0)}
    return write_tree(tmp_path / "flat.root", trees)


def test_units(path):
    source = stop_source(events_of(path, "Wt_WEIGHTS"))
    assert source.read("gen_filt_met").tolist() == [250.0] * 10
    assert source.read("met").tolist() == [300.0] * 10
    assert source.read("lep1pT").tolist() == [20.0] * 10
    assert source.shifted == frozenset()


@pytest.mark.parametrize("chunks", [[(0, 10)], [(0, 3), (3, 7), (7, 10)], [(n, n + 1) for n in range(10)]])
def test_every_entry_of_the_tree_of_a_variation_is_read_once(path, chunks):
    read, none = [], []
    for start, stop in chunks:
        events = events_of(path, "Wt_WEIGHTS", start, stop)
        source = stop_source(events, UP)
        assert source.shifted is None
        read += source.read("event").tolist()
        none += stop_source(events, "JET_Empty").read("event").tolist()
    assert read == list(range(100, 113))
    assert none == []


def test_a_variation_reads_at_once_what_nominal_read(path):
    log = []
    events = events_of(path, "Wt_WEIGHTS", access_log=log)
    nominal = FlatStopVariables(stop_source(events))
    assert nominal.n_baseline_leptons.tolist() == [2.0] * 10
    nominal.met  # noqa: B018  # reads it
    source = stop_source(events, UP)
    up = nominal.varied(source)
    assert up.met.tolist() == [300.0] * 13
    assert up.n_baseline_leptons.tolist() == [2.0] * 13
    assert source.read("event").tolist() == list(range(100, 113))


def test_a_missing_tree_is_an_error_that_names_variation_tree_and_file(path):
    with pytest.raises(MissingBranchError, match="JET_GroupedNP_2__1up has no tree") as error:
        stop_source(events_of(path, "Wt_WEIGHTS"), "JET_GroupedNP_2__1up")
    assert error.value.address.tree == "Wt_JET_GroupedNP_2__1up"
    assert error.value.address.file == str(path)
    assert "--missing-variation nominal" in error.value.advice


def test_a_missing_tree_is_nominal_on_request(path):
    source = stop_source(events_of(path, "Wt_WEIGHTS"), "JET_GroupedNP_2__1up", missing="nominal")
    assert source.fallbacks == ("Wt_JET_GroupedNP_2__1up",)
    assert source.shifted == frozenset()
    assert source.read("event").tolist() == list(range(10))


def test_a_missing_branch_of_a_tree_is_always_an_error(tmp_path):
    lacking = {name: what for name, what in flat(5).items() if name != "METphi"}
    path = write_tree(tmp_path / "flat.root", {"Wt_WEIGHTS": flat(5), f"Wt_{UP}": lacking})
    source = stop_source(events_of(path, "Wt_WEIGHTS"), UP, missing="nominal")
    with pytest.raises(MissingBranchError, match=f"the variation {UP} needs branch METphi") as error:
        source.read("met_phi")
    assert error.value.address.tree.startswith(f"/Wt_{UP}")


def test_selected_events_have_no_tree_variations(path):
    events = events_of(path, "Wt_WEIGHTS")[:4]
    assert stop_source(events).read("event").tolist() == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="only for whole chunks"):
        stop_source(events, UP)


def test_what_the_layout_has_not(path):
    source = stop_source(events_of(path, "Wt_WEIGHTS"))
    assert "clean events" in source.why_missing("cleaning_veto")
    assert source.why_missing("METsig") == "branch METsig is not in the tree"
    with pytest.raises(MissingBranchError, match="do not hold it"):
        source.read("channel_number")
    v = stop_variables(source)
    assert isinstance(v, FlatStopVariables)
    assert v.why_missing("met_significance") == "branch METsig is not in the tree"
    assert v.trigger.all()


def test_a_list_is_refused(tmp_path):
    path = write_tree(tmp_path / "flat.root", {"Wt_WEIGHTS": flat(1, MET=("vector<float>", [[1.0]]))})
    with pytest.raises(SchemaError, match="MET holds a list per event"):
        stop_source(events_of(path, "Wt_WEIGHTS")).read("met")


def test_a_tree_that_is_not_nominal_is_refused(path):
    with pytest.raises(SchemaError, match="not a nominal one"):
        stop_source(events_of(path, f"Wt_{UP}"), "EG_SCALE_ALL__1up")


def test_a_missing_factor_is_an_error(path):
    with pytest.raises(MissingBranchError, match="WeightEventsPU"):
        weight_factors(stop_source(events_of(path, "Wt_WEIGHTS")))
