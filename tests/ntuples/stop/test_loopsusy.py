"""The columns of variations in the layout loopsusy: units, the rule of fall-backs, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from coffea.nanoevents import BaseSchema

from columnar_af.errors import ConfigError, MissingBranchError, SchemaError
from columnar_af.ntuples.fast_reader import events_where, fast_events
from columnar_af.ntuples.stop import StopSchema, fallbacks_of, stop_source, weight_factors
from columnar_af.ntuples.stop.columns import LOOPSUSY
from columnar_af.ntuples.stop.variations import KINEMATIC, LEPTON_COLUMNS, replaced_columns
from columnar_af.stop import StopVariables
from tests.ntuples.stop.stop_files import events_of, loopsusy_branches, write_tree

EG, JET, MET = "EG_SCALE_ALL__1up", "JET_GroupedNP_1__1up", "MET_SoftTrk_ResoPara"


@pytest.fixture(scope="module")
def branches():
    found = loopsusy_branches((EG, JET, MET))
    found[f"ptleptons_{EG}"] = ("vector<float>", [[22000.0, 11000.0]] * 3)
    found[f"ptjets_{JET}"] = ("vector<float>", [[33000.0, 220000.0, 55000.0]] * 3)
    found[f"EtMiss_tst_{MET}"] = ("float", [330000.0] * 3)
    return found


@pytest.fixture(scope="module")
def path(branches, tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("stop") / "loopsusy.root", {"myTree": branches})


def test_units_are_gev(path):
    source = stop_source(events_of(path, "myTree"))
    assert source.read("lepton_pt").content.tolist() == [20.0, 10.0] * 3
    assert source.read("lepton_pt").offsets.tolist() == [0, 2, 4, 6]
    assert source.read("lepton_mass").content[:2] == pytest.approx([0.000511, 0.10566])
    assert source.read("jet_pt").content[:3].tolist() == [30.0, 200.0, 50.0]
    assert source.read("met").tolist() == [300.0] * 3
    assert source.read("gen_filt_met").tolist() == [250.0] * 3
    assert source.read("jet_is_tagged").content[:3].tolist() == [True, False, True]


def test_every_column_can_be_read_and_is_there(path):
    source = stop_source(events_of(path, "myTree"))
    for name in (*LOOPSUSY, "met_trigger"):
        assert source.why_missing(name) is None, name
        assert len(source.read(name)) == 3, name


@pytest.mark.parametrize(("variation", "column", "value"), [(EG, "lepton_pt", 22.0), (JET, "jet_pt", 33.0)])
def test_a_variation_reads_its_own_objects_and_the_others_of_nominal(path, variation, column, value):
    events = events_of(path, "myTree")
    source, nominal = stop_source(events, variation), stop_source(events)
    assert source.read(column).content[0] == pytest.approx(value)
    other = "jet_pt" if column == "lepton_pt" else "lepton_pt"
    assert other not in source.shifted
    assert source.read(other).content.tolist() == nominal.read(other).content.tolist()
    assert column in source.shifted
    assert nominal.shifted == frozenset()


@pytest.mark.parametrize("variation", [EG, JET, MET])
def test_shifted_columns_follow_the_rule(path, variation):
    source = stop_source(events_of(path, "myTree"), variation)
    replaced = set(replaced_columns(variation))
    expected = {name for name, recipe in LOOPSUSY.items() if replaced.intersection(recipe.branches)}
    assert source.shifted == expected
    assert "met" in source.shifted
    assert not source.shifted.intersection({"run", "event", "WeightEvents", "cleaning_veto", "gen_filt_met"})


def test_an_etmiss_variation_reads_etmiss_only(path):
    log = []
    events = events_of(path, "myTree", access_log=log)
    nominal = StopVariables(stop_source(events))
    names = ("m_ll", "n_jets", "r_2l4j", "pt_boost", "min_dr_l2_jets", "met_significance")
    for name in names:
        getattr(nominal, name)
    log.clear()
    up = nominal.varied(stop_source(events, MET))
    for name in names:
        getattr(up, name)
    assert {access.branch for access in log} == {
        f"{base}_{MET}" for base in ("EtMiss_tst", "EtMiss_tstPhi", "EtMiss_SigObj")
    }
    assert up.r_2l4j[0] == pytest.approx(330 / (330 + 30 + 280))


def test_factors_of_a_variation(branches, tmp_path):
    own = branches | {
        f"WeightEventselSF_{EG}": ("float", [0.5] * 3),
        f"WeightEventsbTag_{JET}": ("float", [0.25] * 3),
    }
    events = events_of(write_tree(tmp_path / "a.root", {"myTree": own}), "myTree")
    assert weight_factors(stop_source(events))["WeightEventselSF"].tolist() == [1.0] * 3
    assert weight_factors(stop_source(events, EG))["WeightEventselSF"].tolist() == [0.5] * 3
    assert weight_factors(stop_source(events, EG))["WeightEventsbTag"].tolist() == [1.0] * 3
    assert weight_factors(stop_source(events, JET))["WeightEventsbTag"].tolist() == [0.25] * 3


def test_selected_events_give_the_same_columns(path):
    events = events_of(path, "myTree")
    for schema in (None, BaseSchema):
        chosen = (events if schema is None else events_of(path, "myTree", schema=schema))[[True, False, True]]
        source = stop_source(chosen, EG)
        assert source.read("lepton_pt").content.tolist() == [22.0, 11.0] * 2
        assert source.read("run").tolist() == [355000] * 2


def test_events_that_skip_baskets(branches, tmp_path):
    own = branches | {"EventNumber": ("unsigned long long", [10, 11, 12])}
    path = write_tree(tmp_path / "a.root", {"myTree": own})
    events = fast_events(path, "myTree", schema=StopSchema)
    assert stop_source(events).read("event").tolist() == [10, 11, 12]
    chosen = events_where(events, np.array([False, True, True]))
    assert stop_source(chosen).read("event").tolist() == [11, 12]
    assert stop_source(chosen, EG).read("lepton_pt").content.tolist() == [22.0, 11.0] * 2


def test_columns_that_were_read_with_the_events_are_taken_from_there(path):
    log = []
    events = events_of(path, "myTree", preload=("ptleptons_Nominal",), access_log=log)
    source = stop_source(events)
    assert source.read("lepton_pt").content.tolist() == [20.0, 10.0] * 3
    assert source.read("lepton_eta").content[:2].tolist() == [0.5, -1.0]


def test_part_of_the_file(branches, tmp_path):
    own = branches | {"EventNumber": ("unsigned long long", [10, 11, 12])}
    events = events_of(write_tree(tmp_path / "a.root", {"myTree": own}), "myTree", 1, 3)
    assert stop_source(events).read("event").tolist() == [11, 12]


# ---------------------------------------------------------------- what is missing
def without(branches, *names):
    return {name: what for name, what in branches.items() if name not in names}


def test_a_missing_variation_is_an_error_that_names_variation_branch_and_file(path):
    with pytest.raises(MissingBranchError, match=r"JET_GroupedNP_2__1up has no branches") as error:
        stop_source(events_of(path, "myTree"), "JET_GroupedNP_2__1up")
    assert error.value.address.branch == "ptjets_JET_GroupedNP_2__1up"
    assert error.value.address.file == str(path)
    assert "--missing-variation nominal" in error.value.advice


def test_a_missing_branch_of_a_variation_is_an_error(branches, tmp_path):
    path = write_tree(tmp_path / "a.root", {"myTree": without(branches, f"isBjets_{JET}", f"JVTjets_{JET}")})
    with pytest.raises(MissingBranchError, match=rf"{JET} lacks branch isBjets_{JET} and 1 more"):
        stop_source(events_of(path, "myTree"), JET)


def test_a_missing_branch_falls_back_to_nominal_on_request(branches, tmp_path):
    path = write_tree(tmp_path / "a.root", {"myTree": without(branches, f"isBjets_{JET}")})
    events = events_of(path, "myTree")
    source = stop_source(events, JET, missing="nominal")
    assert source.fallbacks == (f"isBjets_{JET}",)
    assert "jet_is_tagged" not in source.shifted
    assert source.read("jet_is_tagged").content[:3].tolist() == [True, False, True]
    assert source.read("jet_pt").content[0] == pytest.approx(33.0)
    assert fallbacks_of({"Nominal": stop_source(events), JET: source}) == {JET: (f"isBjets_{JET}",)}


def test_a_missing_variation_is_nominal_on_request(path):
    source = stop_source(events_of(path, "myTree"), "MUON_ID__1up", missing="nominal")
    assert source.shifted == frozenset()
    assert set(source.fallbacks) == {f"{base}_MUON_ID__1up" for base in replaced_columns("MUON_ID__1up")}
    assert set(LEPTON_COLUMNS) <= {name.removesuffix("_MUON_ID__1up") for name in source.fallbacks}


def test_truth_may_be_missing_for_data(branches, tmp_path):
    truth = [name for name in branches if name.startswith(("Originlep", "Typelep", "IFFTypelep"))]
    path = write_tree(tmp_path / "a.root", {"myTree": without(branches, *truth)})
    source = stop_source(events_of(path, "myTree"), EG)
    assert source.fallbacks == ()
    assert source.why_missing("lepton_origin") == "branch Originlep_Nominal is not in the tree"
    assert StopVariables(source).why_missing("prompt") is not None
    with pytest.raises(MissingBranchError, match="Originlep_Nominal"):
        source.read("lepton_origin")


def test_an_unknown_variation_is_refused(path):
    with pytest.raises(ConfigError, match="TAU_SCALE"):
        stop_source(events_of(path, "myTree"), "TAU_SCALE")
    with pytest.raises(ConfigError, match="'warn'"):
        stop_source(events_of(path, "myTree"), missing="warn")


def test_a_branch_of_the_wrong_kind_is_refused(branches, tmp_path):
    wrong = branches | {
        "ptleptons_Nominal": ("float", [1.0] * 3),
        "EtMiss_tst_Nominal": ("vector<float>", [[1.0]] * 3),
    }
    source = stop_source(events_of(write_tree(tmp_path / "a.root", {"myTree": wrong}), "myTree"))
    with pytest.raises(SchemaError, match="ptleptons_Nominal holds a number per event, expected a list"):
        source.read("lepton_pt")
    with pytest.raises(SchemaError, match="EtMiss_tst_Nominal holds a list per event, expected a number"):
        source.read("met")


def test_strings_are_refused(branches, tmp_path):
    wrong = branches | {"ptleptons_Nominal": ("vector<string>", [["a", "bc"]] * 3)}
    path = write_tree(tmp_path / "a.root", {"myTree": wrong})
    for events in (events_of(path, "myTree"), events_of(path, "myTree")[:2]):
        with pytest.raises(SchemaError, match=r"ptleptons_Nominal holds .*string.*, expected numbers"):
            stop_source(events).read("lepton_pt")


def test_lists_of_unequal_length_are_refused(branches, tmp_path):
    wrong = branches | {"LepIsoGradient_Nominal": ("vector<bool>", [[1, 1], [1], [1, 1]])}
    source = stop_source(events_of(write_tree(tmp_path / "a.root", {"myTree": wrong}), "myTree"))
    with pytest.raises(
        SchemaError, match=r"flavlep_Nominal holds 2 values in entry 1 and LepIsoGradient_Nominal 1"
    ):
        source.read("lepton_identified")


def test_the_rule_knows_all_48_variations():
    assert all("EtMiss_tst" in replaced_columns(variation) for variation in KINEMATIC)
    assert len(KINEMATIC) == 48


def test_identification_is_that_of_the_flavour(branches, tmp_path):
    own = branches | {
        "flavlep_Nominal": ("vector<int>", [[11, -11, 11, 13, -13, 13]] * 3),
        "isSignallep_Nominal": ("vector<bool>", [[1, 1, 0, 1, 1, 0]] * 3),
        "LepIsoGradient_Nominal": ("vector<bool>", [[1, 0, 1, 0, 1, 1]] * 3),
        "LepIsoFCLoose_Nominal": ("vector<bool>", [[0, 1, 1, 1, 0, 1]] * 3),
    }
    source = stop_source(events_of(write_tree(tmp_path / "a.root", {"myTree": own}), "myTree"))
    assert source.read("lepton_identified").content[:6].tolist() == [True, False, False, True, False, False]
    # a muon that fails isSignal is of no use to the fake-factor method
    assert source.read("lepton_anti_identified").content[:6].tolist() == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]


def test_no_entries(branches, tmp_path):
    empty = {name: (kind, []) for name, (kind, _) in branches.items()}
    v = StopVariables(stop_source(events_of(write_tree(tmp_path / "a.root", {"myTree": empty}), "myTree")))
    assert len(v.m_ll) == len(v.trigger) == len(v.n_jets) == 0
    assert isinstance(v.cleaning, np.ndarray)
