"""Cuts on all candidates, and on those that can still matter: the same cutflow, candidates and N-1 distributions."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents.methods import vector
from hypothesis import given, settings
from hypothesis import strategies as st

from columnar_af.kernels.best_candidate import best_candidate
from columnar_af.selection import CandidateSelection
from columnar_af.selection.candidate_views import FlatView, ListView
from columnar_af.selection.declared_cuts import DeclaredCut, Level, apply_cuts
from columnar_af.selection.narrowing import narrowed_selection

NUMBER = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 1.0, 2.0]))
LEG = st.tuples(*3 * [st.sampled_from([1.0, 2.0])])
CANDIDATE = st.fixed_dictionaries({"x": NUMBER, "y": NUMBER, "leg": LEG})
EVENT = st.fixed_dictionaries(
    {
        "candidates": st.lists(CANDIDATE, max_size=4),
        "muons": st.lists(st.fixed_dictionaries({"p": LEG, "good": st.booleans()}), max_size=3),
        "fired": st.booleans(),
    }
)


def vectors(rows):
    momentum = np.array(rows, dtype=float).reshape(-1, 3)
    fields = {name: momentum[:, place] for place, name in enumerate(("pt", "eta", "phi"))}
    return ak.zip(
        fields | {"mass": np.full(len(momentum), 0.1)},
        with_name="PtEtaPhiMLorentzVector",
        behavior=vector.behavior,
    )


def optional(values):
    """Numbers and None, typed also where there are none."""
    masked = ak.Array([np.nan if value is None else value for value in values])
    return ak.mask(
        ak.values_astype(masked, np.float64), np.array([v is not None for v in values], dtype=bool)
    )


def events_of(drawn):
    candidates = [one for event in drawn for one in event["candidates"]]
    muons = [one for event in drawn for one in event["muons"]]
    legs, momenta = vectors([one["leg"] for one in candidates]), vectors([one["p"] for one in muons])
    flat = ak.zip(
        {
            "x": optional([one["x"] for one in candidates]),
            "y": optional([one["y"] for one in candidates]),
            "leg": legs,
        },
        depth_limit=1,
    )
    objects = ak.with_field(momenta, np.array([one["good"] for one in muons], dtype=bool), "good")
    return ak.zip(
        {
            "candidate": ak.unflatten(flat, [len(event["candidates"]) for event in drawn]),
            "muon": ak.unflatten(objects, [len(event["muons"]) for event in drawn]),
            "fired": np.array([event["fired"] for event in drawn], dtype=bool),
        },
        depth_limit=1,
    )


def smallest_y(view, passing):
    return ak.local_index(view.candidates, axis=1) == best_candidate(view.candidates.y, passing)


CUTS = (
    DeclaredCut("all", lambda events: ak.ones_like(events.fired), Level.EVENTS, note="of the file"),
    DeclaredCut("fired", lambda events: events.fired, Level.EVENTS),
    DeclaredCut("either", lambda view: (view.candidates.x > 0) | (view.candidates.y > 0)),
    DeclaredCut("absent", None, not_applied="no such column"),
    DeclaredCut("leg", lambda view: view.partner("leg", "muon").good, not_applied="in part"),
    DeclaredCut("near", lambda view: view.candidates.leg.delta_r(view.partner("leg", "muon")) < 1),
    DeclaredCut("heavy", lambda view: (view.candidates.leg + view.candidates.leg).mass > 0.1),
    DeclaredCut("others", lambda view: view.candidates.x < ak.num(view.events.muon), Level.LISTS),
    DeclaredCut("best", smallest_y, Level.CHOICE),
)


@settings(max_examples=25)
@given(st.lists(EVENT, min_size=1, max_size=6), st.permutations(range(2, 8)), st.integers(0, 1))
def test_leaving_out_what_cannot_matter_changes_nothing(drawn, order, spare):
    events = events_of(drawn)
    weights = np.arange(1.0, len(events) + 1)
    cuts = (*CUTS[:2], *(CUTS[place] for place in order), CUTS[-1])
    view = ListView(events, events.candidate)
    whole = apply_cuts(cuts, CandidateSelection(events.candidate, weights), view)
    left = narrowed_selection(cuts, events, "candidate", weights, spare=spare)
    assert left.selection.cutflow() == whole.cutflow()
    chosen = ak.to_list(left.lists.candidates[left.selection.passing])
    assert [one for one in chosen if one] == [
        one for one in ak.to_list(events.candidate[whole.passing]) if one
    ]
    assert ak.to_list(left.events) == ak.to_list(events[left.places])
    if spare:
        for cut in cuts[2:]:
            expected = events.candidate[whole.all_but(cut.name, "best")]
            found = left.lists.candidates[left.selection.all_but(cut.name, "best")]
            assert _flat(found) == _flat(expected), cut.name


def _flat(lists):
    return [one for event in ak.to_list(lists) for one in event]


def test_a_missing_value_passes_no_cut_whatever_the_others_are():
    events = events_of(
        [{"candidates": [{"x": None, "y": 1.0, "leg": (1, 1, 1)}], "muons": [], "fired": True}]
    )
    left = narrowed_selection(CUTS[:3], events, "candidate", np.ones(1))
    assert left.selection.cutflow()["either"].candidates == 0


def test_a_leg_is_no_object_of_another_event():
    leg = {"x": 1.0, "y": 1.0, "leg": (1.0, 2.0, 1.0)}
    muon = {"p": (1.0, 2.0, 1.0), "good": True}
    events = events_of(
        [
            {"candidates": [leg], "muons": [], "fired": True},
            {"candidates": [leg], "muons": [muon], "fired": True},
        ]
    )
    view = FlatView(events, "candidate")
    view.look()
    assert view.partner("leg", "muon").good.tolist() == [True, True], "what is missing has some value"
    assert view.present.tolist() == [False, True]


def test_a_name_that_no_field_has_is_an_attribute_error():
    view = FlatView(events_of([{"candidates": [], "muons": [], "fired": True}]), "candidate")
    with pytest.raises(AttributeError, match="mass_of_nothing"):
        _ = view.candidates.mass_of_nothing
