"""The kernel against a plain loop, on random and nasty input."""

from __future__ import annotations

import math
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.kernels.best_candidate import best_candidate

CHI2 = st.sampled_from([-99.0, -1.0, 0.0, 0.25, 0.25, 7.0, 2.5e7, math.inf, math.nan, None])
PASSING = st.sampled_from([True, False, None])
EVENTS = st.lists(st.lists(st.tuples(CHI2, PASSING), max_size=5), max_size=6)


def best_plainly(event: list[tuple[float | None, bool | None]]) -> int:
    """The smallest χ² among those that pass, the first of equals."""
    best = -1
    for index, (chi2, passing) in enumerate(event):
        if not passing or chi2 is None or math.isnan(chi2):
            continue
        if best < 0 or chi2 < event[best][0]:  # type: ignore[operator]
            best = index
    return best


def jagged(events: list[list[Any]], form: str) -> ak.Array:
    """Lists of optional values with a type even where they are empty."""
    return ak.values_astype(ak.Array(events) if any(events) else ak.Array([[0.0]] * len(events))[:, :0], form)


@given(EVENTS)
def test_equal_to_a_plain_loop(events: list[list[tuple[float | None, bool | None]]]) -> None:
    if not events:
        return
    chi2 = jagged([[c for c, _ in event] for event in events], "float64")
    passing = jagged([[p for _, p in event] for event in events], "bool")
    assert best_candidate(chi2, passing).tolist() == [best_plainly(event) for event in events]


def test_ties_go_to_the_lowest_index() -> None:
    assert best_candidate(ak.Array([[3.0, 1.0, 1.0]]), ak.Array([[True, True, True]])).tolist() == [1]


def test_a_smaller_chi2_that_does_not_pass_does_not_win() -> None:
    assert best_candidate(ak.Array([[-99.0, 1.0]]), ak.Array([[False, True]])).tolist() == [1]


def test_no_events_at_all() -> None:
    chi2 = ak.Array([[1.0]])[:0]
    assert best_candidate(chi2, chi2 > 0).tolist() == []


def test_slices_that_do_not_begin_at_zero() -> None:
    chi2 = ak.Array([[9.0], [5.0, 4.0], [], [2.0, 3.0]])
    assert best_candidate(chi2[1:], chi2[1:] < 4.5).tolist() == [1, -1, 0]
    assert best_candidate(chi2[[3, 1]], chi2[[3, 1]] > 0).tolist() == [0, 1]


def test_missing_events_have_no_candidate() -> None:
    assert best_candidate(ak.Array([[1.0], None]), ak.Array([[True], None])).tolist() == [0, -1]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="got 2 and 1 in event 1"):
        best_candidate(ak.Array([[1.0], [1.0, 2.0]]), ak.Array([[True], [True]]))
    with pytest.raises(ValueError, match="as many events"):
        best_candidate(ak.Array([[1.0], [1.0]]), ak.Array([[True]]))


def test_typetracer_touches_its_inputs_and_gives_the_type() -> None:
    array = ak.Array({"chi2": [[1.0], []], "passing": [[True], []], "other": [[1], []]})
    form, _, _ = ak.to_buffers(array)
    tracer, report = ak.typetracer.typetracer_with_report(form, highlevel=True, buffer_key="{form_key}")
    result = best_candidate(tracer.chi2, tracer.passing)
    assert ak.backend(result) == "typetracer"
    assert result.type.content == best_candidate(array.chi2, array.passing).type.content
    touched = set(report.data_touched)
    keys = {name: form.content(name).content.form_key for name in ("chi2", "passing", "other")}
    assert {keys["chi2"], keys["passing"]} <= touched
    assert keys["other"] not in touched


@pytest.mark.dask_awkward
def test_dask_collections() -> None:
    dask_awkward = pytest.importorskip("dask_awkward")
    chi2 = ak.Array([[3.0, 1.0], [], [2.0]])
    lazy = dask_awkward.from_awkward(chi2, npartitions=2)
    assert best_candidate(lazy, lazy > 1.5).compute(scheduler="synchronous").tolist() == [0, -1, 0]


def test_result_is_one_integer_per_event() -> None:
    result = best_candidate(ak.Array([[1.0]]), ak.Array([[True]]))
    assert result.layout.data.dtype == np.int64
