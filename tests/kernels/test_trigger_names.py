"""The kernel against Python's own string search, on random and nasty input, and on the real ntuple."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.kernels.trigger_names import any_fired

NAMES = st.sampled_from(["", "HLT_A_v1", "HLT_A_v2", "HLT_AB_v1", "L1_Mu0", "L1_Mu0er1p5", "ä_v1", "v"])
MENU = st.lists(NAMES, max_size=4)
PATTERNS = st.lists(
    st.sampled_from(["HLT_A_v", "HLT_A", "L1_Mu0", "ä", "_v1", "nothing of the kind"]), max_size=3
)


@st.composite
def events_with_repeated_menus(draw: st.DrawFn) -> list[tuple[list[str], list[int]]]:
    """Names that repeat from event to event, as in the ntuples, with changes in between."""
    menus = draw(st.lists(MENU, min_size=1, max_size=3))
    chosen = draw(st.lists(st.sampled_from(menus), min_size=1, max_size=8))
    return [
        (menu, draw(st.lists(st.integers(-1, 2), min_size=len(menu), max_size=len(menu)))) for menu in chosen
    ]


def fired_plainly(names: list[str], decisions: list[int], patterns: list[str], exact: bool) -> bool:
    return any(
        decision == 1 and any(name == pattern if exact else pattern in name for pattern in patterns)
        for name, decision in zip(names, decisions, strict=True)
    )


def strings(events: list[list[str]]) -> ak.Array:
    """Lists of strings, typed even where they are empty."""
    return ak.Array([["x"], *events])[1:]


def integers(events: list[list[int]]) -> ak.Array:
    return ak.Array([[0], *events])[1:]


@given(events_with_repeated_menus(), PATTERNS, st.booleans())
def test_equal_to_string_search(
    events: list[tuple[list[str], list[int]]], patterns: list[str], exact: bool
) -> None:
    names, decisions = strings([e[0] for e in events]), integers([e[1] for e in events])
    expected = [fired_plainly(*event, patterns, exact) for event in events]
    assert any_fired(names, decisions, patterns, exact=exact).tolist() == expected


def test_names_of_equal_bytes_but_other_borders_are_told_apart() -> None:
    names = strings([["AB", "C"], ["A", "BC"]])
    assert any_fired(names, integers([[1, 0], [1, 0]]), ["AB"]).tolist() == [True, False]


def test_the_version_keeps_paths_apart() -> None:
    names = strings([["HLT_DoubleMu3_Trk_Tau3mu_NoL1Mass_v1", "HLT_DoubleMu3_Trk_Tau3mu_v4"]] * 2)
    decisions = integers([[1, 0], [0, 1]])
    assert any_fired(names, decisions, ["HLT_DoubleMu3_Trk_Tau3mu_v"]).tolist() == [False, True]


def test_exact_names_of_seeds() -> None:
    names = strings([["L1_DoubleMu0er1p5_SQ_OS", "L1_DoubleMu0"]])
    assert any_fired(names, integers([[1, 0]]), ["L1_DoubleMu0"]).tolist() == [True]
    assert any_fired(names, integers([[1, 0]]), ["L1_DoubleMu0"], exact=True).tolist() == [False]


def test_missing_names_and_decisions_did_not_fire() -> None:
    names = ak.Array([["HLT_A", None], ["HLT_A", "HLT_A"], None])
    decisions = ak.Array([[0, 1], [None, 0], None])
    assert any_fired(names, decisions, ["HLT_A"]).tolist() == [False, False, False]


def test_no_patterns_and_no_events() -> None:
    names, decisions = strings([["HLT_A"]]), integers([[1]])
    assert any_fired(names, decisions, []).tolist() == [False]
    assert any_fired(names[:0], decisions[:0], ["HLT_A"]).tolist() == []
    assert any_fired(strings([[], []]), integers([[], []]), ["HLT_A"]).tolist() == [False, False]


def test_slices_that_do_not_begin_at_zero() -> None:
    names, decisions = strings([["a"], ["b", "c"], ["d"]]), integers([[0], [0, 1], [1]])
    assert any_fired(names[1:], decisions[1:], ["c"]).tolist() == [True, False]
    assert any_fired(names[[2, 1]], decisions[[2, 1]], ["d"]).tolist() == [True, False]


def test_wrong_calls_are_refused() -> None:
    names, decisions = strings([["HLT_A"]]), integers([[1]])
    with pytest.raises(TypeError, match="expected a sequence"):
        any_fired(names, decisions, "HLT_A")
    with pytest.raises(ValueError, match="empty pattern"):
        any_fired(names, decisions, ["HLT_A", ""])
    with pytest.raises(ValueError, match="got 1 and 2 in event 0"):
        any_fired(names, integers([[1, 0]]), ["HLT_A"])


def test_typetracer_touches_its_inputs_and_gives_the_type() -> None:
    array = ak.zip({"name": strings([["HLT_A"], []]), "decision": integers([[1], []])}, depth_limit=1)
    form, _, _ = ak.to_buffers(array)
    tracer, report = ak.typetracer.typetracer_with_report(form, highlevel=True, buffer_key="{form_key}")
    result = any_fired(tracer.name, tracer.decision, ["HLT_A"])
    assert ak.backend(result) == "typetracer"
    assert result.type.content == any_fired(array.name, array.decision, ["HLT_A"]).type.content
    assert form.content("name").content.content.form_key in report.data_touched
    assert form.content("decision").content.form_key in report.data_touched


@pytest.mark.dask_awkward
def test_dask_collections() -> None:
    dask_awkward = pytest.importorskip("dask_awkward")
    names, decisions = strings([["a"], ["b"], ["a"]]), integers([[1], [1], [0]])
    lazy = [dask_awkward.from_awkward(array, npartitions=2) for array in (names, decisions)]
    assert any_fired(*lazy, ["a"]).compute(scheduler="synchronous").tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("patterns", "level", "exact", "fired"),
    [
        (["HLT_DoubleMu3_Trk_Tau3mu_v"], "hlt", False, 109),
        (["L1_DoubleMu", "L1_TripleMu"], "l1", False, 111),
    ],
)
def test_real_ntuple(shared_data: Path, patterns: list[str], level: str, exact: bool, fired: int) -> None:
    with uproot.open(shared_data / "t3m_2017_ds_phi_pi_mc.root") as file:
        tree = file["Tree3Mu/ntuple"]
        names, decisions = (tree[f"Trigger_{level}{what}"].array() for what in ("name", "decision"))
    assert ak.sum(any_fired(names, decisions, patterns, exact=exact)) == fired
