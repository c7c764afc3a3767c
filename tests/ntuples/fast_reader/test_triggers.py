"""Trigger decisions from the raw bytes against the decisions from decoded names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from columnar_af.errors import SchemaError
from columnar_af.ntuples.fast_reader import ColumnCache, ColumnReader, fired, triggers
from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter

MENU = ["HLT_A_v1", "HLT_A_v2", "HLT_AB_v1", "L1_Mu", "L1_Mu0", ""]


def expected(
    names: list[list[str]], decisions: list[list[int]], patterns: list[str], exact: bool
) -> list[bool]:
    """The definition."""
    return [
        any(
            decision == 1 and any(name == p if exact else p in name for p in patterns)
            for name, decision in zip(entry, fired_in, strict=True)
        )
        for entry, fired_in in zip(names, decisions, strict=True)
    ]


def write(path: Path, names: list[list[str]], decisions: list[list[int]], basket_bytes: int) -> None:
    """A tree of both, whose baskets hold different numbers of entries."""
    branches = {"name": "vector<string>", "decision": "vector<int>"}
    with StdVectorTreeWriter(
        path, "t", branches, compression=uproot.ZLIB(1), basket_bytes=basket_bytes
    ) as tree:
        tree.extend(
            {
                "name": ak.Array([*names, ["x"]])[:-1],
                "decision": ak.values_astype(ak.Array([*decisions, [1]])[:-1], np.int32),
            }
        )


menus = st.lists(
    st.tuples(st.lists(st.sampled_from(MENU), max_size=5), st.integers(1, 20)), min_size=1, max_size=5
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    menus=menus,
    patterns=st.lists(st.sampled_from(["HLT_A_v", "AB", "L1_Mu", "none"]), max_size=3),
    exact=st.booleans(),
    basket_bytes=st.sampled_from([40, 150, 1000]),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**31),
)
def test_as_defined(
    tmp_path: Path,
    menus: list[tuple[list[str], int]],
    patterns: list[str],
    exact: bool,
    basket_bytes: int,
    ends: tuple[float, float],
    seed: int,
) -> None:
    """Menus that change inside baskets, any range, twice: with and without what was remembered."""
    random = np.random.default_rng(seed)
    names = [menu for menu, repeats in menus for _ in range(repeats)]
    decisions = [random.integers(-1, 3, len(menu)).tolist() for menu in names]
    path = tmp_path / "t.root"
    write(path, names, decisions, basket_bytes)
    start, stop = sorted(round(end * len(names)) for end in ends)
    with uproot.open(path) as file:
        reader = ColumnReader(file["t"])
        wanted = expected(names[start:stop], decisions[start:stop], patterns, exact)
        for _ in range(2):
            got = fired(reader, "name", "decision", patterns, start, stop, exact=exact)
            assert got.tolist() == wanted


def test_equal_baskets_are_inflated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen bytes are not inflated again, not even in another file."""
    monkeypatch.setattr(triggers, "_memo", triggers._Memo(10))
    names = [["HLT_A_v1", "L1_Mu"]] * 100
    write(tmp_path / "t.root", names, [[0, 1]] * 100, 300)
    inflated = []
    for _ in range(2):
        with uproot.open(tmp_path / "t.root") as file:
            reader = ColumnReader(file["t"])
            assert fired(reader, "name", "decision", ["L1"]).all()
            inflated.append(reader.statistics.bytes_inflated)
    decisions = 100 * (10 + 2 * 4)
    assert decisions < inflated[0] < 100 * 40 + decisions
    assert inflated[1] == decisions


def test_memo_forgets_the_oldest() -> None:
    """It has a size."""
    memo = triggers._Memo(2)
    empty = triggers.NameRuns(*[np.zeros(0, np.int64)] * 4)
    memo.put(1, empty)
    memo.put(2, empty)
    assert memo.get(1) is empty
    memo.put(3, empty)
    assert memo.get(2) is None
    assert memo.get(1) is empty


def test_lengths_that_differ(tmp_path: Path) -> None:
    """A decision too many belongs to no name."""
    write(tmp_path / "t.root", [["A"]] * 30, [[1]] * 17 + [[1, 0]] + [[1]] * 12, 100)
    with uproot.open(tmp_path / "t.root") as file:
        reader = ColumnReader(file["t"])
        with pytest.raises(SchemaError, match="name and decision have different lengths in entry 17"):
            fired(reader, "name", "decision", ["A"], 5, 30)
        assert fired(reader, "name", "decision", ["A"], 0, 17).all()


def test_bad_patterns(vectors: Any) -> None:
    """As for the kernel on columns."""
    with pytest.raises(TypeError, match="sequence"):
        fired(ColumnReader(vectors), "name", "decision", "HLT")
    with pytest.raises(ValueError, match="empty"):
        fired(ColumnReader(vectors), "name", "decision", ["HLT", ""])


def test_branches_that_only_uproot_reads(
    write_vectors: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then names are decoded."""
    with uproot.open(write_vectors()) as file:
        reader = ColumnReader(file["t"])
        fast = fired(reader, "name", "decision", ["HLT_A_v"])
        monkeypatch.setattr(reader, "knows", lambda _: False)
        monkeypatch.setattr(reader, "type_of", lambda _: None)
        assert fired(reader, "name", "decision", ["HLT_A_v"]).tolist() == fast.tolist()
        assert 0 < fast.sum() < 200


@pytest.mark.parametrize(
    ("kind", "patterns", "count"),
    [("hlt", ["HLT_DoubleMu3_Trk_Tau3mu_v"], 109), ("l1", ["L1_DoubleMu", "L1_TripleMu"], 111)],
)
def test_real_file(shared_data: Path, kind: str, patterns: list[str], count: int) -> None:
    """Counts of the published selection (Ds -> phi pi simulation of 2017)."""
    with uproot.open(shared_data / "t3m_2017_ds_phi_pi_mc.root") as file:
        reader = ColumnReader(file["Tree3Mu/ntuple"])
        got = fired(reader, f"Trigger_{kind}name", f"Trigger_{kind}decision", patterns)
        arrays = file["Tree3Mu/ntuple"].arrays([f"Trigger_{kind}name", f"Trigger_{kind}decision"], how=tuple)
    names, decisions = (array.to_list() for array in arrays)
    assert got.tolist() == expected(names, decisions, patterns, exact=False)
    assert got.sum() == count


def test_the_answer_is_kept_in_the_cache(tmp_path: Path) -> None:
    names, decisions = [["A_v1", "B"], ["A_v2"], ["B", "A_v1"]], [[1, 0], [0], [1, 1]]
    write(tmp_path / "t.root", names, decisions, 30)
    cache = ColumnCache(tmp_path / "cache")

    def ask(*patterns: str, start: int = 0, exact: bool = False) -> tuple[list[bool], int]:
        """The answer, and how many baskets were read for it."""
        with uproot.open(tmp_path / "t.root") as file:
            reader = ColumnReader(file["t"], cache=cache)
            answer = fired(reader, "name", "decision", patterns, start, exact=exact)
            return answer.tolist(), reader.statistics.baskets

    assert ask("A_v")[1] > 0
    assert ask("A_v") == ([True, False, True], 0)
    for other in (ask("B"), ask("A_v", start=1), ask("A_v", exact=True)):
        assert other[1] > 0
    assert ask("A_v", exact=True) == ([False, False, False], 0)
    for entry in (tmp_path / "cache").glob("*/*"):
        entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    assert ask("A_v")[0] == [True, False, True]
    assert ask("A_v") == ([True, False, True], 0)


def test_what_cannot_be_answered_is_not_kept(tmp_path: Path) -> None:
    write(tmp_path / "t.root", [["A"]], [[1, 0]], 100)
    cache = ColumnCache(tmp_path / "cache")
    for _ in range(2):
        with uproot.open(tmp_path / "t.root") as file, pytest.raises(SchemaError):
            fired(ColumnReader(file["t"], cache=cache), "name", "decision", ["A"])
