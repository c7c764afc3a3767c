"""Every region of the stop search, with events that just pass and just fail each of its cuts, against the plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import uproot

from columnar_af.errors import WorkAddress
from columnar_af.ntuples.simulation.stop_loopsusy import branch_types
from columnar_af.ntuples.simulation.stop_samples import resolve_samples
from columnar_af.stop.views import View
from processors.stop_search import StopSearch
from tests.ntuples.stop.stop_files import events_of, write_tree
from tests.reference.every_region import failures, loopsusy_columns, neighbours
from tests.reference.stop_search_loop import (
    OBJECTS,
    fake_weight,
    four_body_36,
    loopsusy_event,
    raw_events,
    regions_of,
)

REGIONS = StopSearch(systematics="none").method.regions

IMPLIED = {
    *((region, cut) for region in ("SRA", "SRB") for cut in ("met_plateau", "pt_boost")),
    *((region.name, "z_veto") for region in REGIONS if "DF" in region.name),
}
"""What the other cuts of a region imply, so that no event fails it alone: ETmiss above 250 GeV where 400 GeV are asked for,
a boost above 280 GeV where ETmiss is so large beside the leptons, and the veto of Z bosons for different flavours."""


@pytest.fixture(scope="module")
def sides():
    return neighbours(REGIONS, seed=3, tries=2, copies=500)


@pytest.fixture(scope="module")
def path(sides, tmp_path_factory):
    inner, outer, far, _ = sides
    (sample,) = resolve_samples(["VV"])
    columns = loopsusy_columns(type(inner).join(inner, outer, far), branch_types(sample, (), weights=False))
    sums = {"NumberEvents": [1.0, 1.0, 1.0]}
    return write_tree(tmp_path_factory.mktemp("every") / "stop.root", {"myTree": columns}, sums)


@pytest.fixture(scope="module")
def view(path):
    search = StopSearch(systematics="none")
    return View.of(
        search.method, events_of(path, "myTree"), is_data=False, weight_variations=(), address=WorkAddress()
    )


@pytest.fixture(scope="module")
def judged(path):
    """Weight of the fake factors (0 for identified leptons), event, region: what the plain loop says."""
    found = set()
    with uproot.open(path) as file:
        for number, raw in enumerate(raw_events(file["myTree"], "Nominal", [])):
            seen = {objects: loopsusy_event(raw, objects, is_data=False) for objects in OBJECTS}
            for objects, event in seen.items():
                for weight in {0.0, fake_weight(event)}:
                    inside = (
                        regions_of(event, bool(weight)) if objects == "139fb" else in_36(event, bool(weight))
                    )
                    found |= {(weight, number, region) for region in inside}
    return found


def in_36(event, anti):
    return ["SR4body_36fb"] if four_body_36(event, anti) else []


def test_each_cut_of_each_region_is_failed_alone(sides):
    """But for those that the others imply; most of these events are right beside the threshold."""
    _, outer, far, labels = sides
    wanted = {(region.name, cut.name) for region in REGIONS for cut in region.cuts} - IMPLIED
    assert len(REGIONS) == 31
    assert {(name, REGIONS[name].cuts[index].name) for name, index in labels} == wanted
    only, near = failures(REGIONS, far), failures(REGIONS, outer)
    assert all(only[name][row] == index for row, (name, index) in enumerate(labels))
    beside = [near[name][row] == index for row, (name, index) in enumerate(labels)]
    assert np.mean(beside) > 0.9


def test_the_plain_loop_agrees_on_every_event(view, judged):
    for evaluation in view.evaluations.values():
        for region, mask in evaluation.masks.items():
            wanted = {event for weight, event, name in judged if not weight and name == region}
            assert set(np.flatnonzero(mask).tolist()) == wanted, region
            assert 0 < len(wanted) < len(mask)


def test_inner_events_are_inside_and_the_others_are_not(sides, judged):
    inner, _, _, labels = sides
    for row, (region, index) in enumerate(labels):
        place = (region, REGIONS[region].cuts[index].name)
        assert (0.0, row, region) in judged, place
        assert (0.0, row + len(inner), region) not in judged, place
        assert (0.0, row + 2 * len(inner), region) not in judged, place


def test_the_processor_counts_them(path, judged):
    found = StopSearch(systematics="none").process(events_of(path, "myTree"))["small"]["hists"]
    for region in REGIONS.names:
        wanted = sum(not weight and name == region for weight, _, name in judged)
        assert found["raw_events"][region, "nominal"] == wanted > 0
        fakes = sum(weight != 0 and name == region for weight, _, name in judged)
        assert found["fake_raw_events"][region, "nominal"] == fakes > 0
