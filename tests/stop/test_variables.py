"""StopVariables against plain Python, event by event, and against the golden numbers."""

from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import ConfigError, MissingBranchError, SchemaError
from columnar_af.ntuples.fast_reader import Column
from columnar_af.stop import OBJECTS_36, OBJECTS_139, StopVariables
from columnar_af.stop.fakes import FakeFactors
from columnar_af.stop.needs import COLUMNS, PAIR
from columnar_af.stop.variable_table import PARTIAL
from columnar_af.systematics import partial_quantity
from tests.conftest import PROJECT
from tests.stop.plain_events import Event, Jet, Lepton, PlainSource, golden_events, random_events, variables

INNER = {
    "chosen",
    "leptons",
    "pair",
    "jets",
    "overlap",
    "pair_boost",
    "pair_pt",
    "super_razor",
    *(name for name in StopVariables.names() if name.endswith("_where")),
}
RAZOR = {"m_delta_r", "r_pt", "inverse_gamma", "dphi_beta"}


def compare(computed, events, **how):
    expected = [variables(event, computed.objects, **how) for event in events]
    names = set(type(computed).names()) - INNER - RAZOR
    assert names == set(expected[0])
    for name in sorted(names):
        values = getattr(computed, name)
        wanted = [one[name] for one in expected]
        assert values.shape == (len(events),), name
        assert values == pytest.approx(np.array(wanted), nan_ok=True, rel=1e-9, abs=1e-6), name


@pytest.mark.parametrize("objects", [OBJECTS_139, OBJECTS_36], ids=lambda objects: objects.name)
def test_variables_equal_plain_python(objects):
    events = random_events(1, 400)
    compare(StopVariables(PlainSource(events), objects), events)


def test_variables_with_computed_overlap_removal_equal_plain_python():
    events = random_events(2, 300)
    compare(StopVariables(PlainSource(events), overlap="compute"), events, compute_overlap=True)


def test_overlap_removal_is_computed_where_the_ntuple_has_no_flags():
    events = random_events(3, 50)
    source = PlainSource(events, without=("lepton_passes", "jet_passes"))
    compare(StopVariables(source), events, compute_overlap=True)
    with pytest.raises(ConfigError, match="no lepton_passes"):
        StopVariables(source, overlap="flag")


def test_golden_numbers():
    v = StopVariables(PlainSource(golden_events()))
    expected = {
        "m_ll": [14.8770, 200.7127],
        "pt_boost": [478.1031, 100.9374],
        "dphi_boost": [0.00597, 0.17363],
        "r_2l": [15.0, 1.02857],
        "r_2l4j": [0.473684, 0.324324],
        "met_over_pt_boost": [0.94122, 1.78328],
        "min_dr_l2_jets": [2.10950, 1.74929],
        "m_t2_ll": [0.0, 107.15179],
        "m_delta_r": [20.58842, 119.53206],
        "r_pt": [0.96838, 0.45893],
        "dphi_beta": [3.04359, 2.89601],
        "inverse_gamma": [1 / 1.51656, 1 / 1.99112],
    }
    for name, numbers in expected.items():
        assert getattr(v, name) == pytest.approx(numbers, rel=2e-5, abs=5e-6), name
    assert v.opposite_charge.tolist() == [True, True]
    assert v.same_flavour.tolist() == [False, True]


@pytest.mark.parametrize("name", PARTIAL)
def test_partial_variables_are_the_whole_ones_where_they_are_asked_for(name):
    v = StopVariables(PlainSource(random_events(6, 200)))
    rng = np.random.default_rng(2)
    for _ in range(3):
        where = rng.random(200) < 0.3
        fresh = StopVariables(PlainSource(random_events(6, 200)))
        found = getattr(fresh, PARTIAL[name])(where)
        if name == "m_t2_bound":
            assert (found[where] >= v.m_t2_ll[where])[~np.isnan(v.m_t2_ll[where])].all()
        else:
            assert found[where] == pytest.approx(getattr(v, name)[where], nan_ok=True)
            assert np.isnan(found[~where]).all()


def test_no_events():
    v = StopVariables(PlainSource([]))
    for name in sorted(set(v.names()) - INNER):
        assert len(getattr(v, name)) == 0, name


def test_a_chunk_without_any_object():
    v = StopVariables(PlainSource([Event(), Event()]))
    assert v.n_leptons.tolist() == [0, 0]
    assert np.isnan(v.m_ll).all()
    assert np.isnan(v.min_dr_l2_jets).all()


def test_distance_without_jets_is_infinite():
    v = StopVariables(PlainSource([Event([Lepton(20, 0, 0), Lepton(10, 1, 1, -11)])]))
    assert v.min_dr_l2_jets.tolist() == [np.inf]


def test_exactly_two_signal_leptons_are_the_pair_also_below_a_harder_one():
    three = [Lepton(50, 0, 0, 11, identified=False), Lepton(20, 1, 1, -13), Lepton(10, -1, 2, 13)]
    v = StopVariables(PlainSource([Event(three)]))
    assert (v.lep1_pt[0], v.lep2_pt[0]) == (20, 10)
    three[1].identified = False
    v = StopVariables(PlainSource([Event(three)]))
    assert (v.lep1_pt[0], v.lep2_pt[0]) == (50, 20)
    assert (v.identified1[0], v.identified2[0]) == (False, False)


def test_a_variation_of_etmiss_shares_leptons_and_jets():
    events = random_events(4, 20)
    nominal = StopVariables(PlainSource(events))
    shifted = [Event(**{**vars(event), "met": event.met * 1.1}) for event in events]
    source = PlainSource(shifted, "MET_SoftTrk_ScaleUp", frozenset({"met", "met_phi", "met_significance"}))
    up = nominal.varied(source)
    compare(up, shifted)
    assert up.jets is nominal.jets
    assert up.m_ll is nominal.m_ll
    assert set(source.reads) == {"met", "met_phi", "met_significance"}


OVERLAP = frozenset({"lepton_passes", "jet_passes"})


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("which", [OVERLAP, {"lepton_passes"}, {"jet_passes", "met", "met_phi"}])
def test_a_variation_of_the_overlap_removal_equals_one_from_scratch(share, which):
    events, random = random_events(8, 300), np.random.default_rng(9)
    nominal = StopVariables(PlainSource(events))
    shifted = random_events(8, 300)
    for event in shifted:
        if "met" in which:
            event.met *= 1.1
        listed = [
            *(event.leptons if "lepton_passes" in which else []),
            *(event.jets if "jet_passes" in which else []),
        ]
        for one in listed if random.random() < share else []:
            one.passes = not one.passes
    for where in (None, random.random(300) < 0.5):
        varied = nominal.varied(PlainSource(shifted, "JET_GroupedNP_1__1up", frozenset(which)))
        scratch = StopVariables(PlainSource(shifted))
        if where is not None:
            varied.narrow(where)
        chosen = np.ones(300, np.bool_) if where is None else where
        for name in sorted(set(varied.names()) - INNER):
            found, wanted = getattr(varied, name)[chosen], getattr(scratch, name)[chosen]
            assert np.array_equal(found, wanted, equal_nan=True), name


def test_what_is_found_for_some_events_only_is_not_shared():
    events = random_events(10, 50)
    nominal = StopVariables(PlainSource(events))
    for shifted in ({"lepton_pt"}, {"met"}):
        first, second = (nominal.varied(PlainSource(events, name, frozenset(shifted))) for name in "ab")
        first.narrow(np.zeros(50, np.bool_))
        assert first.n_leptons.any() == ("met" in shifted)  # nominal's, where nothing of it is shifted
        assert second.n_leptons.tolist() == nominal.n_leptons.tolist()
        assert nominal.n_leptons.any()


def test_declared_columns_hold_what_each_variable_reads():
    v = StopVariables(PlainSource(random_events(5, 30)))
    v.fake_factors = FakeFactors.load(PROJECT / "datasets" / "corrections" / "stop_fake_factors.json")
    overlap = {"lepton_passes", "jet_passes"}
    for name in v.names():
        if isinstance(getattr(StopVariables, name), partial_quantity):
            getattr(v, name)(np.ones(30, np.bool_))
        assert v.columns_of(name) - overlap <= set(COLUMNS.get(name, PAIR)), name


def test_why_missing():
    v = StopVariables(PlainSource([Event()], without=("met_significance", "lepton_mass")))
    assert v.why_missing("met_significance") == "no met_significance"
    assert v.why_missing("m_ll") == "no lepton_mass"
    assert v.why_missing("n_jets") is None
    with pytest.raises(ConfigError, match="no variable 'm_l'") as error:
        v.why_missing("m_l")
    assert "m_ll" in error.value.advice
    with pytest.raises(MissingBranchError):
        v.met_significance  # noqa: B018  # reading it raises


def test_columns_of_unequal_length_are_refused():
    class Unequal(PlainSource):
        def read(self, name):
            column = super().read(name)
            if name != "jet_eta":
                return column
            return Column(column.content[:-1], np.append(column.offsets[:-1], column.offsets[-1] - 1))

    v = StopVariables(Unequal([Event(jets=[Jet(50, 0, 0)]), Event(jets=[Jet(50, 0, 0), Jet(40, 1, 1)])]))
    with pytest.raises(SchemaError, match="jet_eta and jet_pt differ in length, first in event 1"):
        v.jets  # noqa: B018
