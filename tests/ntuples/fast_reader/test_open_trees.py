"""Trees that stay open."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from columnar_af.errors import ReadError
from columnar_af.ntuples.fast_reader.open_trees import OpenTrees


def test_the_same_tree_again(write_vectors: Any) -> None:
    """Until the file changes."""
    trees, path = OpenTrees(), write_vectors(100)
    tree = trees.get(path, "t")
    assert trees.get(path, "t") is tree
    write_vectors(150)
    again = trees.get(path, "t")
    assert (tree.num_entries, again.num_entries) == (100, 150)


def test_the_oldest_goes(write_vectors: Any, tmp_path: Path) -> None:
    """As many as it was told."""
    trees, path = OpenTrees(2), write_vectors(10)
    paths = [Path(shutil.copy(path, tmp_path / f"{number}.root")) for number in range(3)]
    first, second = (trees.get(name, "t") for name in paths[:2])
    assert trees.get(paths[0], "t") is first
    trees.get(paths[2], "t")
    assert trees.get(paths[0], "t") is first
    assert trees.get(paths[1], "t") is not second


def test_errors_are_not_kept(tmp_path: Path, write_vectors: Any) -> None:
    """A file that comes later is found."""
    trees = OpenTrees()
    with pytest.raises(ReadError, match="cannot open"):
        trees.get(tmp_path / "vectors.root", "t")
    path = write_vectors(10)
    with pytest.raises(ReadError, match="no tree other"):
        trees.get(path, "other")
    assert trees.get(f"{path}:t", None).num_entries == 10
