"""Partial results on disk: the same types and the same bits come back, or they are refused."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from contextlib import suppress
from typing import Any

import hist
import numpy as np
import pytest
from coffea.processor import (
    accumulate,
    column_accumulator,
    defaultdict_accumulator,
    dict_accumulator,
    list_accumulator,
    set_accumulator,
    value_accumulator,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from columnar_af.errors import OutputError
from columnar_af.processing.journal.partial_format import NotStorableError, decode, encode
from columnar_af.selection import Cutflow, CutflowRow

STORAGES = ("Double", "Weight", "Int64", "AtomicInt64", "Unlimited", "Mean", "WeightedMean")


def assert_same(one: Any, other: Any) -> None:
    """The same types all the way down, and the same bits."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        assert [type(key) for key in one] == [type(key) for key in other]
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    elif isinstance(one, np.ndarray | np.generic):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, float):
        assert np.float64(one).tobytes() == np.float64(other).tobytes() or (one != one and other != other)
    elif isinstance(one, Cutflow):  # which holds NaN here
        assert repr(one) == repr(other)
    else:
        assert one == other


def assert_round_trip(value: Any) -> None:
    assert_same(value, decode(encode(value)))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | hnp.from_dtype(np.dtype(np.float32))
    | hnp.from_dtype(np.dtype(np.int16))
    | hnp.from_dtype(np.dtype(np.uint64))
    | hnp.from_dtype(np.dtype(np.complex128))
    | hnp.arrays(np.float64, hnp.array_shapes(max_side=3))
    | hnp.arrays(np.bool_, hnp.array_shapes(min_dims=0, max_side=3, min_side=0))
)
KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.text())


@given(
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(KEYS, inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(), inner, max_size=3).map(dict_accumulator)
        ),
        max_leaves=6,
    )
)
def test_plain_values_come_back(value: Any) -> None:
    assert_round_trip(value)


@pytest.mark.parametrize(
    "value",
    [
        {"$type": "set"},
        {1, 2},
        frozenset({"a"}),
        OrderedDict(b=1, a=2),
        Counter("aab"),
        defaultdict(int, a=1),
        defaultdict_accumulator(float, {"a": 1.5}),
        set_accumulator({1}),
        list_accumulator([1, "a"]),
        np.array(["muon", "µ"]),
        np.arange(6.0).reshape(2, 3).T,
        Cutflow((CutflowRow("all", 3, 4, 0.1, float("nan"), False, ("x; y", "z")),)),
        -0.0,
        2**70,
    ],
)
def test_other_values_come_back(value: Any) -> None:
    assert_round_trip(value)


def test_accumulators_of_coffea_go_on_accumulating() -> None:
    value = {
        "v": value_accumulator(int, 3),
        "c": column_accumulator(np.array([1.0])),
        "d": defaultdict_accumulator(int),
    }
    both = accumulate([decode(encode(value)), value])
    assert both["v"].value == 6
    assert both["c"].value.tolist() == [1.0, 1.0]
    assert both["d"]["new"] == 0


def histogram(storage: str, seed: int) -> hist.Hist:
    random = np.random.default_rng(seed)
    made = getattr(
        hist.Hist.new.Reg(4, 0, 1, name="x", label="x [GeV]")
        .StrCat([], growth=True, name="c")
        .Var([0, 1, 3]),
        storage,
    )()
    options: dict[str, Any] = {"sample": random.normal(size=20)} if "Mean" in storage else {}
    if storage in ("Double", "Weight", "WeightedMean", "Unlimited"):
        options["weight"] = random.normal(size=20) * 10.0 ** random.uniform(-8, 8, 20)
    made.fill(random.uniform(-1, 2, 20), list("abcd") * 5, random.uniform(0, 4, 20), **options)
    return made


@pytest.mark.parametrize("storage", STORAGES)
@given(seed=st.integers(0, 1000))
def test_histograms_come_back_and_add_up_to_the_same_bits(storage: str, seed: int) -> None:
    one, other = histogram(storage, seed), histogram(storage, seed + 1)
    back = decode(encode({"h": one}))["h"]
    assert type(back) is hist.Hist
    assert back.axes == one.axes
    assert [axis.label for axis in back.axes] == [axis.label for axis in one.axes]
    assert back.storage_type is one.storage_type
    assert (back.variances() is None) == (one.variances() is None)
    assert (back + other).view(flow=True).tobytes() == (one + other).view(flow=True).tobytes()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [{"b": object()}]}, "a/0/b is a builtins.object"),
        (np.array([object()]), "an array of object"),
        (np.zeros(1, [("a", int)]), "an array of"),
        (defaultdict(lambda: 1), "a default of its own"),
        (print, "builtin_function"),
        (type("Mine", (dict,), {})(), "Mine"),
    ],
)
def test_what_has_no_plain_form_is_refused_with_its_place(value: Any, where: str) -> None:
    with pytest.raises(NotStorableError, match=where):
        encode(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotStorableError, match="holds itself"):
        encode(value)


def test_no_pickle_is_ever_loaded() -> None:
    import io

    file = io.BytesIO()
    np.savez(file, **{"0": np.array([object()])})
    with pytest.raises(OutputError):
        decode(file.getvalue())


@given(st.data())
def test_damaged_bytes_are_refused_or_read(data: st.DataObject) -> None:
    """Bytes with another hash are never decoded; should it happen, nothing worse than an error of ours comes of it."""
    whole = bytearray(encode({"h": histogram("Weight", 1), "n": np.arange(3)}))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(OutputError):
        decode(bytes(whole))
