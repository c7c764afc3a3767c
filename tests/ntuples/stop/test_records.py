"""NanoAOD and PHYSLITE: the columns of the search from real files of both."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from columnar_af.errors import ConfigError, MissingBranchError
from columnar_af.ntuples.fast_reader import Column
from columnar_af.ntuples.stop import Layout, layout_of, stop_source, weight_factors
from columnar_af.ntuples.stop.records import together
from columnar_af.stop import StopVariables, stop_variables
from tests.ntuples.stop.stop_files import events_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:Skipping"
)  # coffea, on branches of PHYSLITE that uproot cannot read

ALL_LAYOUTS_HAVE = (
    "n_leptons",
    "m_ll",
    "n_jets",
    "n_b_jets",
    "r_2l4j",
    "min_dr_l2_jets",
    "m_t2_ll",
    "cleaning",
)


@pytest.fixture(scope="module")
def physlite(shared_data):
    return events_of(shared_data / "atlas_physlite_example.root", "CollectionTree")


@pytest.fixture(scope="module")
def nanoaod(shared_data):
    return events_of(shared_data / "cms_nanoaod_dy.root", "Events")


def test_layouts(physlite, nanoaod):
    assert layout_of(physlite) is Layout.PHYSLITE
    assert layout_of(nanoaod) is Layout.NANOAOD
    for events in (physlite, nanoaod):
        with pytest.raises(ConfigError, match="has no variation JET_X"):
            stop_source(events, "JET_X")


def test_physlite_variables(physlite):
    v = stop_variables(stop_source(physlite))
    assert isinstance(v, StopVariables)
    for name in ALL_LAYOUTS_HAVE:
        assert v.why_missing(name) is None, name
        assert len(getattr(v, name)) == 100, name
    # a sample of Z boson decays to electrons
    mass = v.m_ll[(v.n_leptons == 2) & v.opposite_charge & v.same_flavour]
    assert len(mass) > 25
    assert abs(np.median(mass) - 91.2) < 3
    assert "no ETmiss significance" in v.why_missing("met_significance")
    assert "trigger matches" in v.why_missing("trigger")
    assert v.channel_number.tolist() == [700322] * 100
    with pytest.raises(MissingBranchError, match="no ETmiss significance"):
        v.met_significance  # noqa: B018


def test_physlite_etmiss_is_the_sum_of_objects_and_soft_term(physlite):
    """Event by event in plain Python; and in a sample without neutrinos the soft term must make it smaller, not larger."""
    source = stop_source(physlite)
    met, phi = source.read("met"), source.read("met_phi")
    for number in range(20):
        event = physlite[number]
        electrons = [one for one in event.Electrons if one.DFCommonElectronsLHLoose]
        muons = [one for one in event.Muons if (one.quality & 7) <= 1]
        jets = [
            jet
            for jet in event.Jets
            if jet.NNJvtPass
            and jet.pt > 20000
            and all(distance(jet, electron) >= 0.2 for electron in electrons)
        ]
        soft = list(event.MET_Core_MET.name).index("PVSoftTrkCore")
        x = event.MET_Core_MET.mpx[soft] - sum(
            one.pt * np.cos(one.phi) for one in (*electrons, *muons, *jets)
        )
        y = event.MET_Core_MET.mpy[soft] - sum(
            one.pt * np.sin(one.phi) for one in (*electrons, *muons, *jets)
        )
        assert met[number] == pytest.approx(np.hypot(x, y) / 1000, rel=1e-4)
        assert met[number] * np.cos(phi[number]) == pytest.approx(x / 1000, abs=1e-2)
    x, y = source.met_components
    soft_x, soft_y = (component / 1000 for component in source._soft_term())
    assert np.median(np.hypot(x, y)) < np.median(np.hypot(x - soft_x, y - soft_y))


def distance(one, other):
    return np.hypot(one.eta - other.eta, (one.phi - other.phi + np.pi) % (2 * np.pi) - np.pi)


def test_nanoaod_variables(nanoaod):
    v = stop_variables(stop_source(nanoaod))
    for name in ALL_LAYOUTS_HAVE:
        assert v.why_missing(name) is None, name
        assert len(getattr(v, name)) == 40, name
    assert v.met == pytest.approx(ak.to_numpy(nanoaod.MET.pt))
    for missing in ("met_significance", "trigger", "prompt", "channel_number", "gen_filt_met"):
        assert v.why_missing(missing), missing
    assert weight_factors(stop_source(nanoaod)).keys() == {"WeightEvents"}


def test_physlite_weights(physlite):
    factors = weight_factors(stop_source(physlite))
    assert factors.keys() == {"WeightEvents", "WeightEventsPU"}
    assert factors["WeightEvents"] == pytest.approx(
        [weights[0] for weights in physlite.EventInfo.mcEventWeights]
    )


def test_leptons_are_electrons_then_muons(nanoaod):
    flavour = stop_source(nanoaod).read("lepton_flavour")
    momentum = stop_source(nanoaod).read("lepton_pt")
    for number, event in enumerate(nanoaod):
        part = slice(flavour.offsets[number], flavour.offsets[number + 1])
        expected = [*(11 * one.charge for one in event.Electron), *(13 * one.charge for one in event.Muon)]
        assert flavour.content[part].tolist() == expected
        assert momentum.content[part].tolist() == [*event.Electron.pt, *event.Muon.pt]


def test_notes_say_what_is_not_the_search(physlite, nanoaod):
    assert any("not verified" in note for note in stop_source(physlite).notes)
    assert any("not verified" in note for note in stop_source(nanoaod).notes)


def test_a_selection(physlite):
    v = stop_variables(stop_source(physlite[10:20]))
    whole = stop_variables(stop_source(physlite))
    assert v.m_ll == pytest.approx(whole.m_ll[10:20], nan_ok=True)
    assert v.met == pytest.approx(whole.met[10:20])


def test_a_field_that_is_not_there_is_named(physlite):
    events = ak.without_field(physlite, "BTagging_AntiKt4EMPFlow")
    with pytest.raises(MissingBranchError, match="jet_is_tagged"):
        stop_source(events).read("jet_is_tagged")


def test_lists_one_behind_the_other():
    first = Column(np.array([1, 2, 3]), np.array([0, 2, 2, 3]))
    second = Column(np.array([10.0, 20.0]), np.array([0, 1, 2, 2]))
    both = together(first, second)
    assert both.to_awkward().tolist() == [[1, 2, 10], [20], [3]]
