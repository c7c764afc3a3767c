"""Files that stay open between chunks are the same files, or are opened anew."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import uproot

from columnar_af.datasets.opening import open_file
from columnar_af.processing.kept_files import KEPT, KeptFiles


def write(path: Path, value: float) -> Path:
    """A file with a tree of three entries."""
    with uproot.recreate(path) as file:
        file.mktree("Events", {"x": "float64"}).extend({"x": np.full(3, value)})
    return path


def first_x(kept: KeptFiles, path: Path) -> float:
    """x of the first entry, read through the kept file."""
    with open_file(str(path)) as opened:
        return float(kept.same_as(opened, str(path))["Events"]["x"].array(library="np")[0])


def test_a_file_stays_open_with_its_tree(tmp_path: Path) -> None:
    kept, path = KeptFiles(), write(tmp_path / "a.root", 1.0)
    with open_file(str(path)) as opened:
        tree = kept.same_as(opened, str(path))["Events"]
    with open_file(str(path)) as opened:
        again = kept.same_as(opened, str(path))
        assert again["Events"] is tree
    assert again.file.source.num_requested_bytes > 0
    assert first_x(kept, path) == 1.0


def test_a_file_that_was_made_again_is_opened_again(tmp_path: Path) -> None:
    kept, path = KeptFiles(), write(tmp_path / "a.root", 1.0)
    assert first_x(kept, path) == 1.0
    status = path.stat()
    write(path, 2.0)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert first_x(kept, path) == 2.0


def test_few_files_are_kept(tmp_path: Path) -> None:
    kept = KeptFiles()
    files = []
    for number in range(KEPT + 1):
        path = write(tmp_path / f"{number}.root", float(number))
        with open_file(str(path)) as opened:
            files.append(kept.same_as(opened, str(path)))
    assert [file.closed for file in files] == [True] + KEPT * [False]


def test_threads_have_their_own(tmp_path: Path) -> None:
    kept, path = KeptFiles(), write(tmp_path / "a.root", 1.0)
    with open_file(str(path)) as opened, ThreadPoolExecutor(1) as pool:
        here = kept.same_as(opened, str(path))
        assert pool.submit(kept.same_as, opened, str(path)).result() is not here


def test_a_file_on_a_server_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_file(str(write(tmp_path / "a.root", 1.0))) as opened:
        assert KeptFiles().same_as(opened, "root://server//a.root") is opened
