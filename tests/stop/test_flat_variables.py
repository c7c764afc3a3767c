"""FlatStopVariables: the same numbers as from objects, also where the pair is not the two leading leptons."""

from __future__ import annotations

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.ntuples.stop import stop_source
from columnar_af.stop import OBJECTS_36, OBJECTS_139, FlatStopVariables, StopVariables, stop_variables
from columnar_af.stop.fakes import FakeFactors
from columnar_af.stop.flat_needs import BRANCHES
from columnar_af.stop.variable_table import PARTIAL
from columnar_af.systematics import partial_quantity
from tests.conftest import PROJECT
from tests.ntuples.stop.stop_files import events_of
from tests.stop.plain_events import PlainSource, baseline, pair_variables, random_events, variables

INNER = {"identification", "chosen", "leptons", "pair_boost", "pair_pt", "super_razor"}
INNER |= {name for name in FlatStopVariables.names() if name.endswith("_where")}
RAZOR = {"MDR": "m_delta_r", "RPT": "r_pt", "gamInvRp1": "inverse_gamma", "DPB_vSS": "dphi_beta"}
OF_LEADING = {
    "mll": "m_ll",
    "ptll": "pt_ll",
    "dphill": "dphi_ll",
    "pbll": "pt_boost",
    "DPhib": "dphi_boost",
    "mT1": "m_t_lep1",
    "mT2": "m_t_lep2",
    "R2l4j": "r_2l4j",
    "cosTheta_b": "cos_theta_b",
    "minDRlep2jets": "min_dr_l2_jets",
}


class FlatSource:
    """Flat branches of plain events, written as the ntuple is: the variables are those of the two leading leptons."""

    layout, fallbacks = "histfitter", ()

    def __init__(self, events, variation="Nominal", shifted=frozenset(), without=()):
        self.events, self.variation, self.shifted, self.without = events, variation, shifted, without

    def why_missing(self, name):
        return f"no {name}" if name in self.without else None

    def read(self, name):
        return np.array([flat(event)[name] for event in self.events])


def flat(event):
    """The branches of an event; cached, as they are read one by one."""
    if not hasattr(event, "flat"):
        event.flat = make_flat(event)
    return event.flat


def make_flat(event):
    leptons = sorted((one for one in event.leptons if kept(one)), key=lambda one: -one.pt)
    jets = sorted(
        (one for one in event.jets if one.passes and one.pt > 20 and abs(one.eta) < 2.8),
        key=lambda one: -one.pt,
    )
    leading = pair_variables(leptons[:2], event, jets)
    found = {
        branch: -9.0 if np.isnan(leading[name]) else min(leading[name], 10000.0)
        for branch, name in OF_LEADING.items()
    }
    found |= {"met": event.met, "met_phi": event.met_phi, "met_significance": event.met_significance}
    found |= {"run": event.run, "event": event.event, "gen_filt_met": event.gen_filt_met}
    found |= {"nlep": len(leptons), "njet": len(jets)}
    found["nbjet"] = sum(jet.is_tagged and abs(jet.eta) < 2.5 for jet in jets)
    for n in range(1, 4):
        one = leptons[n - 1] if len(leptons) >= n else None
        muon = one is not None and abs(one.flavour) == 13
        found |= {f"lep{n}{name}": getattr(one, name, -9.0) for name in ("eta", "phi", "mass")}
        found |= {f"lep{n}pT": one.pt if one else -1.0, f"lep{n}Origin": one.origin if one else 0}
        found[f"lepflav{n}"] = one.flavour if one else 0
        # an ID lepton passes both flags; a usable muon only the first; an electron that is no ID neither
        found[f"isSignalLep{n}"] = one is not None and (one.identified or (muon and one.anti_identified))
        found[f"LepIsoGradient{n}"] = found[f"LepIsoFCLoose{n}"] = one is not None and one.identified
    for n in range(1, 5):
        jet = jets[n - 1] if len(jets) >= n else None
        found |= {f"jet{n}{name}": getattr(jet, name, -9.0) for name in ("eta", "phi")}
        found |= {f"jet{n}pT": jet.pt if jet else -1.0, f"jet{n}bTagBin": 5 if jet and jet.is_tagged else 1}
    return found


def kept(lepton):
    return lepton.passes and baseline(lepton, OBJECTS_139)


def events_for_flat(seed, size):
    """At most three baseline leptons and four jets, as many as the tree lists; electrons are ID or anti-ID."""
    events = random_events(seed, size)
    for event in events:
        for lepton in event.leptons:
            lepton.pt, lepton.passes = lepton.pt + 3, True
        event.leptons = [one for one in event.leptons if kept(one)][:3]
        event.jets = event.jets[:4]
        event.met_trigger, event.cleaning_veto = True, False
        event.channel_number = 410648
        for lepton in event.leptons:
            if abs(lepton.flavour) == 11:
                lepton.anti_identified = not lepton.identified
    return events


def test_variables_equal_plain_python_also_for_other_pairs():
    events = events_for_flat(11, 500)
    v = FlatStopVariables(FlatSource(events))
    # the super-razor branches come from the kernel, on the two leading leptons
    leading = StopVariables(PlainSource([with_leading_only(event) for event in events]))
    for branch, name in RAZOR.items():
        for event, value in zip(events, getattr(leading, name), strict=True):
            flat(event)[branch] = value
    assert len(v.chosen.others) > 10
    expected = [variables(event, OBJECTS_139) for event in events]
    names = set(v.names()) - INNER - set(RAZOR.values())
    assert names == set(expected[0]) - {"channel_number"}
    for name in sorted(names):
        wanted = np.array([one[name] for one in expected])
        assert getattr(v, name) == pytest.approx(wanted, nan_ok=True, rel=1e-9, abs=1e-6), name
    by_objects = StopVariables(PlainSource(events))
    third = np.arange(len(events)) % 3 == 0
    for name in PARTIAL.keys() - {"m_t2_bound"}:
        found = getattr(v, PARTIAL[name])(third)[third]
        assert found == pytest.approx(getattr(v, name)[third], nan_ok=True), name
    for name in RAZOR.values():
        assert getattr(v, name) == pytest.approx(getattr(by_objects, name), nan_ok=True, rel=1e-9), name


def with_leading_only(event):
    copy = type(event)(**{key: value for key, value in vars(event).items() if key != "flat"})
    copy.leptons = sorted((one for one in event.leptons if kept(one)), key=lambda one: -one.pt)[:2]
    return copy


def test_no_events_and_no_leptons():
    v = FlatStopVariables(FlatSource(events_for_flat(1, 3)).__class__([]))
    v.column = lambda name: np.zeros(0)  # no event, no branch to take a type from
    assert len(v.chosen.first) == 0
    alone = events_for_flat(2, 4)
    for event in alone:
        event.leptons = event.leptons[:1]
    v = FlatStopVariables(FlatSource(alone))
    assert np.isnan(v.lep2_pt).all()
    assert np.isnan(v.m_ll).all()
    assert v.n_leptons.max() <= 1


@pytest.mark.parametrize(
    "variation", ["Nominal", "JET_GroupedNP_1__1up", "JET_GroupedNP_1__1down", "MET_SoftTrk_ResoPara"]
)
def test_the_two_layouts_of_one_simulation_agree(project, variation):
    folder = project / "datasets"
    objects = events_of(folder / "stop_loopsusy_Wt_mc16e.root", "myTree")
    trees = events_of(folder / "stop_histfitter_Wt_mc16e.root", "Wt_WEIGHTS")
    from_objects = stop_variables(stop_source(objects)).varied(stop_source(objects, variation))
    from_tree = stop_variables(stop_source(trees)).varied(stop_source(trees, variation))
    _, here, there = np.intersect1d(from_objects.event, from_tree.event, return_indices=True)
    assert len(here) > 45
    assert from_objects.n_baseline_leptons[here].max() >= 2
    for name in sorted(set(from_tree.names()) - INNER - {"prompt", "trigger"}):
        first, second = getattr(from_objects, name)[here], getattr(from_tree, name)[there]
        rounding = (
            0.02 if name == "m_t2_ll" else 2e-3
        )  # single precision; m_T2 is not smooth where it is small
        assert first == pytest.approx(second, rel=2e-5, abs=rounding, nan_ok=True), name
    assert from_objects.trigger[here].all()


def test_declared_branches_hold_what_each_variable_reads():
    v = FlatStopVariables(FlatSource(events_for_flat(5, 60)))
    v.fake_factors = FakeFactors.load(PROJECT / "datasets" / "corrections" / "stop_fake_factors.json")
    for event in v._source.events:
        flat(event).update(dict.fromkeys(RAZOR, 1.0))
    for name in v.names():
        if isinstance(getattr(FlatStopVariables, name), partial_quantity):
            getattr(v, name)(np.ones(60, np.bool_))
        assert v.columns_of(name) <= set(BRANCHES[name]), name


def test_why_missing():
    source = FlatSource([], without=("channel_number", "MDR"))
    v = FlatStopVariables(source)
    assert v.why_missing("m_delta_r") == "no MDR"
    assert v.why_missing("channel_number") == "no channel_number"
    assert v.why_missing("n_jets") is None
    with pytest.raises(ConfigError, match="no variable 'n_jet'"):
        v.why_missing("n_jet")


def test_other_thresholds_cannot_be_had():
    v = FlatStopVariables(FlatSource([]), OBJECTS_36)
    assert v.why_missing("n_jets") == "the tree's objects are those of 139 fb-1, not of 36 fb-1"
    assert v.why_missing("met") is None
