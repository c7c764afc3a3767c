"""The number of entries per chunk: from the layout of the file and a fixed budget, and nothing else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.processor import ProcessorABC
from hypothesis import given
from hypothesis import strategies as st

from columnar_af import run
from columnar_af.datasets.tree_layout import TreeLayout, tree_layout
from columnar_af.errors import ConfigError
from columnar_af.processing import memory
from columnar_af.processing.chunk_size import (
    LIBRARIES,
    LONGEST,
    MEMORY_PER_BYTE,
    MEMORY_PER_WORKER,
    SHORTEST,
    ChunkRule,
    fitting_ranges,
    memory_notes,
)


class SumOfX(ProcessorABC):
    def process(self, events: ak.Array) -> dict[str, float]:
        return {"x": float(ak.sum(events.x))}

    def postprocess(self, accumulator: dict[str, float]) -> dict[str, float]:
        return accumulator


T3M = TreeLayout(43_000.0, "Trigger_l1name", tuple(range(347, 50_000, 347)))


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 700), st.sets(st.integers(1, 6000)))
def test_parts_cover_the_entries_once_and_fit(start: int, entries: int, longest: int, ends: set[int]) -> None:
    ranges = list(fitting_ranges(start, start + entries, longest, tuple(sorted(ends))))
    assert ranges[0][0] == start
    assert ranges[-1][1] == start + entries
    assert all(before[1] == after[0] for before, after in pairwise(ranges))
    assert all(first < last for first, last in ranges) or entries == 0
    assert max(last - first for first, last in ranges) <= longest


def test_parts_end_where_baskets_do() -> None:
    ranges = list(ChunkRule().ranges(0, 50_000, T3M))
    assert len(ranges) == 2
    assert {stop for _, stop in ranges[:-1]} <= set(T3M.basket_ends)
    assert min(stop - start for start, stop in ranges) > 22_000
    assert list(fitting_ranges(0, 100, 60, (10, 90))) == [(0, 50), (50, 100)]


def test_the_budget_decides() -> None:
    assert ChunkRule().length(T3M) == round((MEMORY_PER_WORKER - LIBRARIES) / (MEMORY_PER_BYTE * 43_000))
    assert ChunkRule(memory=2 * MEMORY_PER_WORKER).length(T3M) > 2 * ChunkRule().length(T3M)
    assert ChunkRule(entries=123_456).length(T3M) == 123_456
    assert ChunkRule().length(TreeLayout(8.0, "x")) == ChunkRule().length(None) == LONGEST
    assert ChunkRule().length(TreeLayout(1e18, "x")) == SHORTEST
    with pytest.raises(ConfigError, match="libraries alone"):
        ChunkRule(memory=LIBRARIES)


def test_many_workers_on_a_small_machine_are_a_note() -> None:
    assert memory_notes(ChunkRule(), 4, 4 * MEMORY_PER_WORKER) == []
    assert memory_notes(ChunkRule(entries=10), 400, MEMORY_PER_WORKER) == []
    (note,) = memory_notes(ChunkRule(), 4, 3 * MEMORY_PER_WORKER)
    assert "4 workers of 1 GB each may take more memory than the 3 GB" in note


def test_a_control_group_limits_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "job" / "step").mkdir(parents=True)
    (tmp_path / "job" / "step" / "memory.max").write_text("max\n")
    (tmp_path / "job" / "memory.max").write_text("1000000\n")
    (tmp_path / "cgroup").write_text("3:cpu:/\n0::/job/step\n")
    monkeypatch.setattr(memory, "_GROUP_ROOTS", {"": (str(tmp_path), "memory.max")})
    assert memory.memory_limit(tmp_path / "cgroup") == 1_000_000
    assert memory.memory_limit(tmp_path / "none") > 1_000_000


@pytest.fixture
def baskets(tmp_path: Path) -> Path:
    """400 entries of x in four baskets, and one of y that weighs less."""
    with uproot.recreate(tmp_path / "baskets.root") as file:
        tree = file.mktree("Events", {"x": "float64", "y": "float32"})
        for first in range(0, 400, 100):
            entries = np.arange(first, first + 100)
            tree.extend({"x": entries.astype("f8"), "y": entries.astype("f4")})
    return tmp_path / "baskets.root"


def test_the_layout_is_that_of_the_tree(baskets: Path) -> None:
    with uproot.open(baskets) as file:
        layout = tree_layout(file["Events"])
        total = sum(branch.uncompressed_bytes for branch in file["Events"].branches)
    assert layout == TreeLayout(total / 400, "x", (100, 200, 300))


def test_a_run_says_what_it_chose(baskets: Path) -> None:
    result = run(SumOfX(), str(baskets), memory_per_worker=LIBRARIES + 1)
    assert [(entry.start, entry.stop) for entry in result.ledger] == [(0, 400)]  # not below the shortest
    parameters = result.provenance.parameters
    assert parameters["chunksize"] is None
    assert parameters["memory_per_worker"] == LIBRARIES + 1
    (reason,) = parameters["chunks"].values()
    assert "cut where baskets of x end" in reason
