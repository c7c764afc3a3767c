"""Small trees for the tests of the fast reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uproot

from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter
from tests.ntuples.fast_reader.small_trees import BRANCHES, make_columns, short_names

ZLIB = uproot.ZLIB(1)


@pytest.fixture
def write_vectors(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tree ``t`` of std::vectors, in blocks of 50 entries, and gives its path."""

    def write(entries: int = 200, *, compression: Any = ZLIB, basket_bytes: int = 700) -> Path:
        path = tmp_path / "vectors.root"
        columns = short_names(make_columns(entries))
        with StdVectorTreeWriter(
            path, "t", BRANCHES, compression=compression, basket_bytes=basket_bytes
        ) as tree:
            for start in range(0, entries, 50):
                tree.extend({name: column[start : start + 50] for name, column in columns.items()})
        return path

    return write


@pytest.fixture
def vectors(write_vectors: Callable[..., Path]) -> Iterator[Any]:
    """The open tree that ``write_vectors`` writes."""
    with uproot.open(write_vectors(), array_cache=None) as file:
        yield file["t"]
