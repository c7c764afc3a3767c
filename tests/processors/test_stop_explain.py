"""``explain`` for StopSearch: the same verdicts as a run, and nothing of what is blinded."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from columnar_af.cli import cli
from columnar_af.datasets.fileset import Fileset
from columnar_af.errors import ConfigError, WorkAddress
from columnar_af.processing.explain import explain
from columnar_af.processing.explanation_view import as_html
from columnar_af.processing.region_explanation_view import parts_of
from columnar_af.results.plain_values import plain
from columnar_af.stop.views import View
from processors.stop_search import StopSearch
from tests.processors.test_stop_search import DATASETS, events_of

SHIFT, WEIGHT = "JET_GroupedNP_1__1up", "PRW_DATASF__1up"
IN_SRA, IN_SRA_FAKES, BLINDED_DATA, CONTROL_DATA = "357733:58", "359716:52", "360216:1010", "361203:7"


OF = {
    IN_SRA: "stop4body_450_40_mc16e",
    IN_SRA_FAKES: "fakes_mc16e",
    BLINDED_DATA: "data_mc16e",
    CONTROL_DATA: "data_mc16e",
}


def only(layout, dataset):
    """A fileset of one dataset, because to look for an event in all files takes long."""
    return Fileset({dataset: Fileset.load(DATASETS / f"stop_{layout}.yaml")[dataset]})


def explained(layout, event, variations=(), dataset="", **parameters):
    fileset = only(layout, dataset or OF[event])
    return explain(StopSearch(**parameters), fileset, event, variations=variations)


def seen_by_a_run(layout, dataset):
    """The view of all events of a file, nominal and shifted."""
    search, events = StopSearch(), events_of(layout, dataset)
    nominal = View.of(
        search.method,
        events,
        is_data=False,
        weight_variations=[search.systematics[WEIGHT]],
        address=WorkAddress(),
    )
    return nominal, nominal.varied(events, SHIFT)


@pytest.mark.parametrize("layout", ["loopsusy", "histfitter"])
def test_verdicts_are_those_of_a_run(layout):
    views = seen_by_a_run(layout, "stop4body_450_40_mc16e")
    keys = [
        list(zip(v.any_variables.run.tolist(), v.any_variables.event.tolist(), strict=True)) for v in views
    ]
    inside = np.flatnonzero(views[0].evaluations["139fb"].masks["SRA"])[:1]
    for row in inside.tolist():
        run, number = keys[0][row]
        stories = explained(layout, f"{run}:{number}", [SHIFT, WEIGHT], OF[IN_SRA]).views
        assert [story.label for story in stories if story.label != "estimate of fakes"] == [
            "nominal",
            SHIFT,
            WEIGHT,
        ]
        for view, places, label in zip(views, keys, ("nominal", SHIFT), strict=True):
            entry = places.index((run, number))
            story = next(one for one in stories if one.label == label)
            found = {one.region: one for one in story.regions}
            for evaluation in view.evaluations.values():
                for region, mask in evaluation.masks.items():
                    assert found[region].selected == mask[entry], (label, region)
                    cuts = evaluation.regions[region].cuts
                    assert [one.cut for one in found[region].verdicts] == [cut.name for cut in cuts]
                for region in evaluation.unavailable:
                    assert found[region].hidden
                    assert not found[region].selected
            assert story.weights["weight"] == pytest.approx(view.weights.nominal[entry])
        varied = views[0].weights.of(WEIGHT)[keys[0].index((run, number))]
        assert stories[-1].weights["weight"] == pytest.approx(varied)


def test_an_event_with_anti_identified_leptons_is_shown_as_the_estimate_of_fakes_sees_it():
    plain, fakes = explained("loopsusy", "355776:10", dataset="fakes_mc16e").views
    assert fakes.label == "estimate of fakes"
    assert "weight of the fake factors" in fakes.notes[0]
    counts = [
        next(verdict.values for verdict in story.regions[0].verdicts if verdict.cut == "n_leptons")
        for story in (plain, fakes)
    ]
    assert counts[0]["n_leptons"] < counts[1]["n_leptons"]


def test_what_does_not_count_says_so():
    (story,) = [one for one in explained("loopsusy", IN_SRA_FAKES).views if one.label == "nominal"]
    assert any("a lepton is not prompt" in note for note in story.notes)


# --- blinding ---------------------------------------------------------------------------------------------------------


def test_nothing_of_an_event_in_a_blinded_region_is_shown():
    explanation = explained("loopsusy", BLINDED_DATA, [SHIFT])
    (story,) = explanation.views
    assert story.regions == ()
    assert not story.weights
    assert "-p unblind=SRA,SRB opens" in story.notes[-1]
    assert "427.7" not in as_html(explanation)
    opened = explained("loopsusy", BLINDED_DATA, unblind="SRA,SRB")
    assert "SRB" in opened.views[0].selected
    assert "427.7" in as_html(opened)
    assert "427.7" in json.dumps(plain(asdict(opened)), allow_nan=False)


def test_closed_regions_are_hidden_for_all_data():
    story = explained("loopsusy", CONTROL_DATA).views[0]
    hidden = {one.region: one.hidden for one in story.regions if one.hidden}
    assert hidden["SRA"] == hidden["SRB"] == "blinded"
    assert hidden["SRW_SF"].startswith("blinded: may share events")
    assert all(not one.verdicts for one in story.regions if one.hidden)
    assert {"preselection", "CRtop"} <= set(story.selected)


def test_a_file_without_metadata_is_taken_as_data():
    story = explain(StopSearch(), DATASETS / "stop_loopsusy_data_mc16e.root", BLINDED_DATA).views[0]
    assert story.regions == ()
    assert "the metadata do not say" in story.notes[0]


# --- command line -----------------------------------------------------------------------------------------------------


@pytest.fixture
def called(tmp_path):
    document = yaml.safe_load((DATASETS / "stop_loopsusy.yaml").read_text())[OF[IN_SRA]]
    files = {str(DATASETS / name): tree for name, tree in document["files"].items()}
    (tmp_path / "signal.yaml").write_text(yaml.safe_dump({"signal": {**document, "files": files}}))
    return lambda *arguments: call(["explain", "stop_search", str(tmp_path / "signal.yaml"), *arguments])


def call(arguments):
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_line(called):
    text = called("--event", IN_SRA, "--region", "SRA", "--variation", SHIFT)
    assert "nominal: in preselection, SRA" in text
    assert "SRA, four-body, small mass difference: in the region" in text
    assert "memory (not verified)" in text
    assert "RB: cleaningVeto is false (verified)" in text
    assert "all other cuts as in nominal" in text
    assert "SRB, four-body" not in text


def test_wrong_names_are_errors():
    with pytest.raises(ConfigError, match="no variation 'JET'"):
        explained("loopsusy", IN_SRA, ["JET"])
    with pytest.raises(ConfigError, match="no region 'SRC'"):
        list(parts_of(explained("loopsusy", IN_SRA).views, ["SRC"], every=False))
