"""What the cuts say about one event."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
import yaml
from click.testing import CliRunner

from columnar_af.cli import cli
from columnar_af.errors import ConfigError, ProcessorError, ReadError, SchemaError
from columnar_af.processing.explain import EventNotFoundError, EventNumber, explain
from columnar_af.selection import CandidateSelection, recorded_selections
from columnar_af.selection.explanation import story_of

SCRIPT = """
from __future__ import annotations

import awkward as ak
from coffea.processor import ProcessorABC

from columnar_af.selection import CandidateSelection


class Shifted(ProcessorABC):
    def __init__(self, least=2.0):
        self.least = least

    def process(self, events):
        if ak.any(events.event == 13):
            raise ValueError("unlucky")
        flows = {}
        for label, shift in (("nominal", 0.0), ("up", 1.5)):
            selection = CandidateSelection(events.x, ak.ones_like(events.run), label=label)
            selection.add("era", ak.ones_like(events.run, dtype=bool), note=str(events.metadata.get("era")))
            shifted = events.x + shift
            selection.add("x", shifted > self.least, values=lambda: {"x": shifted}, threshold=f"x > {self.least}")
            selection.skip("y", "there is no y")
            flows[label] = {"cutflow": selection.cutflow()}
        return flows

    def postprocess(self, accumulator):
        return accumulator


class NoSelection(Shifted):
    def process(self, events):
        return {"n": len(events)}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shifted.py").write_text(SCRIPT)
    with uproot.recreate(tmp_path / "events.root") as file:
        types = {"run": "int64", "luminosityBlock": "int64", "event": "int64", "x": "var * float64"}
        columns = {
            "run": np.array([1, 1, 1, 2]),
            "luminosityBlock": np.array([1, 1, 2, 1]),
            "event": np.array([10, 11, 12, 13]),
            "x": ak.Array([[1.0, 3.0], [], [0.1], [5.0]]),
        }
        file.mktree("Events", types).extend(columns)
    document = {"d": {"files": {"events.root": "Events"}, "metadata": {"era": "2017"}}}
    (tmp_path / "fileset.yaml").write_text(yaml.safe_dump(document))
    return tmp_path


def explained(folder, event, source="events.root", processor="Shifted", **parameters):
    return explain(f"{folder / 'shifted.py'}:{processor}", folder / source, event, parameters=parameters)


def test_each_candidate_and_variation(folder):
    explanation = explained(folder, "1:1:10")
    nominal, up = explanation.selections
    assert (nominal.label, nominal.selected, up.label, up.selected) == ("nominal", (1,), "up", (0, 1))
    first, second = nominal.candidates
    assert first.lost_at == "x"
    assert second.selected
    verdict = first.verdicts[1]
    assert (verdict.passing, verdict.survives, dict(verdict.values), verdict.threshold) == (
        False,
        False,
        {"x": 1.0},
        "x > 2.0",
    )
    assert up.candidates[0].verdicts[1].values == {"x": 2.5}
    assert first.verdicts[2].passing is None
    assert first.verdicts[2].note == "not applied: there is no y"


def test_parameters_and_metadata_reach_the_processor(folder):
    explanation = explained(folder, "1:1:10", "fileset.yaml", least=10)
    assert explanation.selections[0].candidates[0].verdicts[0].note == "2017"
    assert explanation.selections[1].selected == ()
    assert explanation.metadata == {"era": "2017"}


def test_an_event_without_candidates_is_lost_at_the_first_cut_on_them(folder):
    (story,) = explained(folder, "1:1:11").selections[0].candidates
    assert (story.number, story.lost_at, story.selected) == (None, "x", False)


def test_it_shows_itself_in_notebooks_with_everything_escaped(folder):
    html = explained(folder, "1:1:10")._repr_html_()
    assert "x &gt; 2.0" in html
    assert "candidate 1: selected" in html


def test_the_nearest_events_are_named(folder):
    with pytest.raises(EventNotFoundError, match="nearest events of run 1 are 1:2:12"):
        explained(folder, "1:2:14")
    with pytest.raises(EventNotFoundError, match="there are the runs 1, 2"):
        explained(folder, "7:2:14")


def test_what_goes_wrong_is_said(folder):
    with pytest.raises(ProcessorError, match="unlucky"):
        explained(folder, "2:1:13")
    with pytest.raises(ConfigError, match="uses no CandidateSelection"):
        explained(folder, "1:1:10", processor="NoSelection")
    with pytest.raises(ConfigError, match="is not RUN:LUMI:EVENT"):
        explained(folder, "1-10")
    with pytest.raises(EventNotFoundError, match="the event 1:0:10 is not in"):
        explained(folder, "1:10")
    with pytest.raises(ReadError, match="no such file"):
        explained(folder, "1:1:10", "nothing.root")


def test_a_tree_without_event_numbers(folder):
    with uproot.recreate(folder / "plain.root") as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.arange(3.0)})
    with pytest.raises(SchemaError, match="no branch run"):
        explained(folder, "1:1:1", "plain.root")


def test_nothing_is_recorded_outside_of_the_block():
    with recorded_selections() as selections:
        CandidateSelection(ak.Array([[1.0]]), ak.Array([1.0]))
    CandidateSelection(ak.Array([[1.0]]), ak.Array([1.0]))
    assert len(selections) == 1


def test_a_run_does_not_call_the_values():
    def never():
        raise AssertionError

    arrays = ak.Array([[1.0]]), ak.Array([1.0])
    selection = CandidateSelection(*arrays)
    selection.add("cut", ak.Array([[True]]), values=never)
    assert selection.cutflow()["cut"].events == 1
    assert story_of(selection).candidates[0].verdicts[0].values == {}
    with recorded_selections(), pytest.raises(AssertionError):
        CandidateSelection(*arrays).add("cut", ak.Array([[True]]), values=never)


def test_numbers_print_as_they_are_read():
    assert str(EventNumber.parse("297050:14:21872331")) == "297050:14:21872331"


class TestCommand:
    def explain(self, folder, *words):
        place = f"{folder / 'shifted.py'}:Shifted"
        return CliRunner().invoke(cli, ["explain", place, str(folder / "events.root"), *words])

    def test_tables(self, folder):
        done = self.explain(folder, "--event", "1:1:10")
        assert done.exit_code == 0
        assert "nominal: selected, with candidate 1 of 2" in done.output
        assert "x > 2.0" in done.output

    def test_json_and_parameters(self, folder):
        record = json.loads(self.explain(folder, "--event", "1:1:10", "-p", "least=4", "--json").output)
        assert record["selections"][1]["candidates"][1]["verdicts"][1]["threshold"] == "x > 4"

    def test_an_event_that_is_not_there(self, folder):
        assert self.explain(folder, "--event", "1:1:99").exit_code == 3


@pytest.mark.parametrize("variant", ["seed-notebook", "full-analysis"])
def test_the_shipped_processor_agrees_with_its_cutflow(project, variant):
    """Every cut of D_s -> phi pi names values, and its verdicts are those of a run over this event."""
    ntuple = project / "datasets" / "ds_phi_pi_2017C_mc_mini-2021_000.root"
    (story,) = explain("ds_phi_pi", ntuple, "1:1:3", parameters={"variant": variant}).selections
    candidate = story.candidates[0]
    silent = [verdict.cut for verdict in candidate.verdicts if not (verdict.values and verdict.threshold)]
    assert set(silent) <= {"all", "pv_tracks", "track_ip"}, "cuts that this selection does not have"
    masses = [(one.verdicts[3].passing, one.verdicts[3].values["mass"]) for one in story.candidates]
    assert all(passing == (mass is not None and 1.62 < mass < 2.02) for passing, mass in masses)
    assert {passing for passing, _ in masses} == {True, False}


def test_a_notebook_has_it_at_hand():
    import columnar_af

    assert columnar_af.explain is explain
