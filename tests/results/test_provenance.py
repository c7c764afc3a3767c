"""Provenance says what made a result, and copes without git."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from columnar_af.results import InputRecord, Provenance
from columnar_af.results.provenance import git_state


def collected(**changes):
    values = {
        "processor": "ds_phi_pi",
        "processor_hash": "sha256:0",
        "files": [InputRecord("2017C", "a.root", "Tree3Mu/ntuple", "u", 111)],
        "started": datetime(2026, 11, 20, 13, tzinfo=UTC),
        "parameters": {"chunksize": 1000},
    }
    return Provenance.collect(**{**values, **changes})


def test_versions_host_and_times():
    provenance = collected(finished=datetime(2026, 11, 20, 14, tzinfo=UTC), command=["columnar-af", "run"])
    assert {"python", "columnar-af", "coffea", "awkward", "uproot", "numpy"} <= provenance.versions.keys()
    assert provenance.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert provenance.host["cpus"] >= 1
    assert (provenance.started, provenance.finished) == (
        "2026-11-20T13:00:00+00:00",
        "2026-11-20T14:00:00+00:00",
    )
    assert provenance.command == ("columnar-af", "run")


def test_json_gives_it_back():
    provenance = collected()
    assert Provenance.from_json(json.loads(json.dumps(provenance.to_json()))) == provenance


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    (tmp_path / "processor.py").write_text("cut = 1\n")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_and_a_dirty_repository(repository):
    processor = repository / "processor.py"
    clean = git_state(processor)
    assert len(clean.commit) == 40
    assert not clean.dirty
    processor.write_text("cut = 2\n")
    assert git_state(processor).commit == clean.commit
    assert git_state(processor).dirty


def test_a_file_that_is_not_tracked_is_dirty_and_an_ignored_one_has_no_commit(repository):
    (repository / "new.py").write_text("")
    assert git_state(repository / "new.py").dirty
    assert git_state(repository / "ignored.py") is None


def test_no_repository_and_no_git(tmp_path, repository, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert git_state(repository / "processor.py") is None
