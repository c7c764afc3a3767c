"""Resuming: only what is missing runs, a result is reused only if all that made it is the same, and one can ask why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from columnar_af import RunResult
from columnar_af.cli import cli
from columnar_af.errors import ConfigError, IncompleteRunError, OutputError
from columnar_af.processing.journal import ingredients
from columnar_af.processing.journal.journal import open_journal, read_ledger
from columnar_af.processing.journal.why import why

ALL = 8


def why_lines(journaled: Any, number: int = 0) -> str:
    done = CliRunner().invoke(cli, ["why", str(journaled.output), str(number)])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_second_run_runs_nothing(journaled: Any) -> None:
    first = journaled.run()
    assert len(journaled.ran()) == ALL
    second = journaled.run()
    assert journaled.ran() == []
    assert first.differences(second) == []
    assert second.provenance.parameters["reused_chunks"] == ALL
    assert second.metrics.events_per_s == 0
    assert "everything that its result is made from is the same" in why_lines(journaled)


def test_without_resume_everything_runs(journaled: Any) -> None:
    journaled.run()
    journaled.ran()
    journaled.run(resume=False)
    assert len(journaled.ran()) == ALL
    assert "without --resume" in why_lines(journaled)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# the values above the cut", "# those that pass"),
        ('"""Counts."""', '"""Counts what passes."""'),
        ("return values > CUT", "return (\n        values > CUT\n    )"),
    ],
)
def test_a_comment_runs_nothing_again(journaled: Any, old: str, new: str) -> None:
    journaled.run()
    journaled.ran()
    journaled.change(old, new)
    journaled.run()
    assert journaled.ran() == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("CUT = 5.0", "CUT = 6.0", "the processor has changed"),
        ("values > CUT", "values >= CUT", "source of script.passing"),
        ('"entries": len(events)', '"entries": 1', "source of script.Analysis.process"),
        (
            "self.corrections =",
            "self.scale = 2.5\n        self.corrections =",
            "parameter scale: none -> 2.5",
        ),
    ],
)
def test_a_changed_cut_runs_everything_again(journaled: Any, old: str, new: str, reason: str) -> None:
    journaled.run()
    journaled.ran()
    journaled.change(old, new)
    result = journaled.run()
    assert len(journaled.ran()) == ALL
    assert result.provenance.parameters["reused_chunks"] == 0
    assert reason in why_lines(journaled)


@pytest.mark.parametrize("name", ["corrections.json", "declared.json"])
def test_a_changed_correction_file_runs_its_users_again(journaled: Any, name: str) -> None:
    journaled.run()
    journaled.ran()
    (journaled.folder / name).write_text('{"scale": 2}')
    journaled.run()
    assert len(journaled.ran()) == ALL
    assert f"contents of the file {journaled.folder / name}" in why_lines(journaled)
    (journaled.folder / "unrelated.json").write_text("{}")
    journaled.run()
    assert journaled.ran() == []


def test_a_declared_file_that_is_missing(journaled: Any) -> None:
    (journaled.folder / "declared.json").unlink()
    with pytest.raises(
        ConfigError, match=r"declares the correction file .*declared.json, which is not there"
    ):
        journaled.run()


def test_another_version_of_the_numeric_stack_runs_everything_again(
    journaled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    journaled.run()
    journaled.ran()
    versions = ingredients.installed_versions()
    monkeypatch.setattr(
        ingredients, "installed_versions", lambda: {**versions, "numpy": "0.1", "dask": "0.2"}
    )
    journaled.run()
    assert len(journaled.ran()) == ALL
    assert f"version of numpy: {versions['numpy']} -> 0.1" in why_lines(journaled)
    assert "dask" not in why_lines(journaled)


def test_added_files_cost_only_themselves(journaled: Any) -> None:
    """A file in front of the others changes all chunk numbers, and the sum is that of a clean run all the same."""
    journaled.run("b", "c")
    journaled.ran()
    result = journaled.run("a", "b", "c")
    assert {line.split(":")[0] for line in journaled.ran()} == {"a.root"}
    assert journaled.run("a", "b", "c", output=None, resume=False).differences(result) == []
    assert "no run before had these entries" in why_lines(journaled, 0)


def test_a_replaced_file_and_another_chunk_size(journaled: Any) -> None:
    journaled.run()
    journaled.ran()
    journaled.write_file("b", seed=7)
    journaled.run()
    assert journaled.ran() == [f"b.root:{start}" for start in (0, 10, 15, 5)]
    assert "the file was replaced: UUID" in why_lines(journaled)
    journaled.run(chunksize=10)
    assert len(journaled.ran()) == 4
    assert "the entries are others, 0:5 -> 0:10" in why_lines(journaled)


def test_three_missing_chunks_of_a_thousand(journaled: Any) -> None:
    journaled.write_file("a", seed=3, entries=1000)
    clean = journaled.run("a", chunksize=1)
    assert len(journaled.ran()) == 1000
    for number in (0, 511, 999):
        stored(journaled, number).unlink()
    result = journaled.run("a", chunksize=1)
    assert journaled.ran() == ["a.root:0", "a.root:511", "a.root:999"]
    assert clean.differences(result) == []
    assert "missing or damaged" in why_lines(journaled, 511)
    assert "same as before" in why_lines(journaled, 510)


def stored(journaled: Any, number: int) -> Path:
    """The file with the partial result of a chunk."""
    key = read_ledger(journaled.output).runs[-1].planned[number]["key"]
    path: Path = journaled.output / "journal" / "partials" / f"{key}.npz"
    return path


def test_a_damaged_partial_result_is_not_used(journaled: Any) -> None:
    clean = journaled.run()
    journaled.ran()
    path = stored(journaled, 2)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = journaled.run()
    assert journaled.ran() == ["b.root:10"]
    assert clean.differences(result) == []
    assert any("is damaged" in note for note in result.provenance.parameters["notes"])


def test_a_ledger_cut_anywhere_still_gives_the_result(journaled: Any) -> None:
    """What a kill leaves behind, at a dozen places."""
    clean = journaled.run()
    ledger = journaled.output / "journal" / "ledger.jsonl"
    whole = ledger.read_bytes()
    for cut in range(0, len(whole), len(whole) // 12):
        ledger.write_bytes(whole[:cut])
        journaled.ran()
        done = sum(b'"kind":"done"' in line for line in whole[:cut].split(b"\n")[:-1])
        result = journaled.run()
        assert clean.differences(result) == []
        assert len(journaled.ran()) == ALL - done


def test_what_has_no_plain_form_runs_again_and_says_so(
    journaled: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = journaled.run(processor="Opaque", output=None, resume=False)
    assert first.provenance.parameters["notes"] == []
    journaled.ran()
    for expected in ("its chunks would run again", "8 chunks that are done run again"):
        with pytest.raises(OutputError, match="cannot save strange"):  # nor can the result be saved
            journaled.run(processor="Opaque")
        assert len(journaled.ran()) == ALL
        assert expected in caplog.text
        caplog.clear()
    assert "its result could not be kept: strange is a script" in why_lines(journaled)


def test_partial_results_of_no_more_use_are_removed(journaled: Any) -> None:
    journaled.run("a", "b", "c")
    journaled.run("a")
    partials = journaled.output / "journal" / "partials"
    assert len(list(partials.iterdir())) == 4
    journaled.ran()
    journaled.run("a", "b", max_chunks=1)
    assert len(list(partials.iterdir())) == 4  # a part of the fileset says nothing of the rest


def test_a_second_run_at_the_same_time_is_refused(journaled: Any) -> None:
    with open_journal(journaled.output), pytest.raises(OutputError, match="another run is writing"):
        journaled.run()


def test_a_folder_with_something_else_is_refused(journaled: Any) -> None:
    journaled.output.mkdir()
    (journaled.output / "thesis.tex").write_text("")
    with pytest.raises(OutputError, match="no result of columnar-af"):
        journaled.run()
    assert journaled.ran() == []


def test_resume_needs_a_folder(journaled: Any) -> None:
    with pytest.raises(ConfigError, match="resume needs the folder"):
        journaled.run(output=None)


def test_a_ledger_of_a_newer_release_is_refused(journaled: Any) -> None:
    with open_journal(journaled.output) as journal:
        journal.write([{"kind": "run", "run": "1", "format": "columnar-af ledger", "version": 99}])
    with pytest.raises(OutputError, match="version 99; this release reads 1"):
        journaled.run()


def test_why_needs_a_ledger_and_a_chunk(journaled: Any) -> None:
    with pytest.raises(OutputError, match="no ledger"):
        why(journaled.folder, 0)
    journaled.run()
    with pytest.raises(ConfigError, match="no chunk 99"):
        why(journaled.output, 99)


def test_failures_are_in_the_ledger_and_run_again(journaled: Any) -> None:
    journaled.change("values = np.asarray(events.x)", "values = np.asarray(events.y)")
    with pytest.raises(IncompleteRunError):
        journaled.run()
    latest = read_ledger(journaled.output).runs[-1]
    assert {fate["kind"] for fate in latest.fates.values()} == {"failed"}
    assert latest.missing == list(range(ALL))
    assert latest.finished["failed"] == 40
    assert "failed (the processor reads 'y'" in why_lines(journaled)
    journaled.change("events.y", "events.x")
    assert journaled.run().ledger.complete


def test_too_many_failures_stop_the_run(journaled: Any) -> None:
    journaled.change(
        "values = np.asarray(events.x)",
        "values = np.asarray(events.x); assert events.metadata['entrystart'] % 10",
    )
    with pytest.raises(IncompleteRunError) as caught:
        journaled.run(max_failures=1)
    assert journaled.ran() == ["b.root:0", "b.root:10", "b.root:5"]
    ledger = caught.value.result.ledger
    assert ledger.closes
    assert [entry.status for entry in ledger][:3] == ["failed", "done", "failed"]
    assert "2 chunks failed, and 1 may" in ledger.entries[-1].error.message
    with pytest.raises(IncompleteRunError):
        journaled.run(max_failures=4)
    assert "b.root:5" not in journaled.ran()


def test_bad_files_that_are_skipped_are_in_the_ledger(journaled: Any) -> None:
    (journaled.folder / "b.root").write_bytes(b"nonsense")
    result = journaled.run(bad_files="skip")
    assert result.ledger.done == 20
    fates = read_ledger(journaled.output).runs[-1].fates
    assert [fate["error"]["kind"] for fate in fates.values() if fate["kind"] == "skipped"] == ["ReadError"]


def test_the_result_is_replaced_in_place(journaled: Any) -> None:
    journaled.run()
    (journaled.output / "notes.txt").write_text("mine")
    (journaled.output / ".new-old").mkdir()
    journaled.run("a")
    assert sorted(path.name for path in journaled.output.iterdir()) == [
        "histograms.json", "histograms.root", "journal", "notes.txt", "summary.json",
    ]  # fmt: skip
    assert list(RunResult.load(journaled.output).datasets) == ["d"]
    lines = (journaled.output / "journal" / "ledger.jsonl").read_text().splitlines()
    assert {json.loads(line)["record"]["kind"] for line in lines} == {"run", "planned", "done", "finished"}


def test_the_command_line_resumes(journaled: Any) -> None:
    journaled.run()
    journaled.ran()
    words = [
        "run",
        f"{journaled.script}:Analysis",
        str(journaled.folder / "fileset.yaml"),
        "-o",
        str(journaled.output),
    ]
    done = CliRunner().invoke(cli, [*words, "--chunksize", "5", "--resume", "--max-failures", "0"])
    assert done.exit_code == 0, done.output
    assert journaled.ran() == []


def test_a_processor_with_something_untold_is_not_resumed(
    journaled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its results cannot be told from those of another one, so they are not taken for the same."""
    made = ingredients.Ingredients.of
    monkeypatch.setattr(
        ingredients.Ingredients, "of", lambda *values: replace(made(*values), untold=("builtins.generator",))
    )
    for _ in range(2):
        result = journaled.run()
        assert len(journaled.ran()) == ALL
        assert any("builtins.generator" in note for note in result.provenance.parameters["notes"])
    assert "the processor holds builtins.generator, whose contents cannot be hashed" in why_lines(journaled)


@pytest.mark.parametrize(
    "file",
    ["corrections/table.py", "mva/inference.py", "ntuples/fast_reader/decode.py", "processors/ds_phi_pi.py"],
)
def test_a_change_of_our_own_numeric_code_counts(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder whose own name says "simulation", too."""
    package = tmp_path / "simulation" / "columnar_af"
    monkeypatch.setattr(ingredients, "files", lambda _: package)
    made_of = ingredients._own_code.__wrapped__
    path, simulated = package / file, package / "ntuples/simulation/output.py"
    for each in (path, simulated):
        each.parent.mkdir(parents=True)
        each.write_text("FACTOR = 1")
    before = made_of()
    simulated.write_text("FACTOR = 2")
    assert made_of() == before
    path.write_text("FACTOR = 2")
    assert made_of() != before
