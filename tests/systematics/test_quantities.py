"""Quantities of a variation equal those computed from scratch, and are computed no more often than needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import ConfigError
from columnar_af.systematics import Quantities, partial_quantity, quantity


@dataclass
class Columns:
    """A source that counts its reads."""

    arrays: dict[str, object]
    variation: str = "nominal"
    shifted: frozenset[str] | None = frozenset()
    reads: Counter[str] = field(default_factory=Counter)

    def read(self, name):
        self.reads[name] += 1
        return self.arrays[name]


def shifted_by(nominal: Columns, name: str = "up", **changed) -> Columns:
    return Columns(nominal.arrays | changed, name, frozenset(changed))


class Leptonic(Quantities):
    """A small analysis; ``calls`` counts what is computed, by variation."""

    calls: Counter[str]

    def __init__(self, source):
        super().__init__(source)
        self.calls = Counter()

    def count(self, name):
        self.calls[f"{self._source.variation} {name}"] += 1

    @quantity
    def ht(self):
        self.count("ht")
        return ak.sum(self.column("jet_pt"), axis=1)

    @quantity
    def significance(self):
        self.count("significance")
        return self.column("met") / np.sqrt(self.ht)

    @quantity
    def m_ll(self):
        self.count("m_ll")
        return self.column("lepton_pt") * 2.0

    @quantity
    def label(self):
        self.count("label")
        return f"{self.variation}"

    @quantity
    def best_scale(self):
        """Reads the jets only where ETmiss is small on average."""
        self.count("best_scale")
        return self.ht if self.column("met").mean() < 100 else self.column("lepton_pt")

    @partial_quantity
    def slow(self, where):
        self.count(f"slow of {where.sum()}")
        return self.column("met")[where] + self.m_ll[where]


@pytest.fixture
def columns():
    return Columns(
        {
            "met": np.array([50.0, 60.0, 70.0]),
            "lepton_pt": np.array([5.0, 6.0, 7.0]),
            "jet_pt": ak.Array([[30.0, 20.0], [40.0], [25.0]]),
        }
    )


def test_a_quantity_is_computed_once_and_its_columns_are_read_once(columns):
    nominal = Leptonic(columns)
    for _ in range(3):
        assert nominal.significance.tolist() == (columns.arrays["met"] / np.sqrt([50, 40, 25])).tolist()
    assert nominal.calls == {"nominal significance": 1, "nominal ht": 1}
    assert columns.reads == {"met": 1, "jet_pt": 1}
    assert nominal.columns_of("significance") == {"met", "jet_pt"}


def test_a_variation_computes_only_what_reads_its_columns(columns):
    nominal = Leptonic(columns)
    shifted = shifted_by(columns, met=np.array([55.0, 66.0, 77.0]))
    up = nominal.varied(shifted)
    for one in (nominal, up):
        _ = one.significance, one.m_ll
    assert nominal.calls == {
        "nominal significance": 1, "nominal ht": 1, "nominal m_ll": 1, "up significance": 1
    }  # fmt: skip
    assert shifted.reads == {"met": 1}
    assert up.m_ll is nominal.m_ll
    assert up.ht is nominal.ht
    assert up.significance.tolist() == Leptonic(shifted).significance.tolist()
    assert up.shares("m_ll")
    assert not up.shares("significance")


def test_what_a_variation_computes_first_is_there_for_nominal_and_for_other_variations(columns):
    nominal = Leptonic(columns)
    up, down = (nominal.varied(shifted_by(columns, name, met=np.ones(3))) for name in ("up", "down"))
    assert up.m_ll is nominal.m_ll is down.m_ll
    assert nominal.calls == {"up m_ll": 1}
    assert columns.reads == {"lepton_pt": 1}


def test_a_condition_on_a_shifted_column_is_seen(columns):
    nominal = Leptonic(columns)
    shifted = shifted_by(columns, met=np.full(3, 200.0))
    up = nominal.varied(shifted)
    assert nominal.best_scale is nominal.ht
    assert up.best_scale.tolist() == [5.0, 6.0, 7.0]


def test_a_column_read_only_in_the_variation_is_no_reason_to_share(columns):
    """Nominal reads the leptons only if ETmiss is large, which it is not; the shift of both makes it so."""
    nominal = Leptonic(columns)
    _ = nominal.best_scale
    up = nominal.varied(shifted_by(columns, met=np.full(3, 200.0), lepton_pt=np.ones(3)))
    assert up.best_scale.tolist() == [1.0, 1.0, 1.0]
    only_leptons = nominal.varied(shifted_by(columns, lepton_pt=np.ones(3)))
    assert only_leptons.best_scale is nominal.best_scale


def test_the_name_of_the_variation_counts_as_shifted(columns):
    nominal = Leptonic(columns)
    assert (nominal.label, nominal.varied(shifted_by(columns)).label) == ("nominal", "up")


def test_other_events_share_nothing(columns):
    nominal = Leptonic(columns)
    _ = nominal.m_ll
    other = Columns({"lepton_pt": np.ones(5)}, "tree", None)
    assert nominal.varied(other).m_ll.tolist() == [2.0] * 5
    assert nominal.m_ll.tolist() == [10.0, 12.0, 14.0]


def test_a_variation_of_a_variation_compares_with_nominal(columns):
    nominal = Leptonic(columns)
    up = nominal.varied(shifted_by(columns, met=np.ones(3)))
    _ = up.significance
    down = up.varied(shifted_by(columns, "down", lepton_pt=np.ones(3)))
    assert down.significance is nominal.significance


def test_partial_quantities_compute_each_event_once(columns):
    nominal = Leptonic(columns)
    first, both = np.array([True, False, False]), np.array([True, True, False])
    np.testing.assert_array_equal(nominal.slow(first), [60.0, np.nan, np.nan])
    np.testing.assert_array_equal(nominal.slow(both), [60.0, 72.0, np.nan])
    np.testing.assert_array_equal(nominal.slow(first), [60.0, 72.0, np.nan])
    assert not nominal.slow(first).flags.writeable
    assert nominal.calls["nominal slow of 1"] == 2
    assert nominal.columns_of("slow") == {"met", "lepton_pt"}


def test_partial_quantities_are_shared_and_varied(columns):
    nominal = Leptonic(columns)
    everything = np.ones(3, dtype=bool)
    jets = nominal.varied(shifted_by(columns, "jets", jet_pt=ak.Array([[1.0]] * 3)))
    leptons = nominal.varied(shifted_by(columns, "leptons", lepton_pt=np.zeros(3)))
    nominal.slow(np.array([True, False, False]))
    assert jets.slow(everything).tolist() == [60.0, 72.0, 84.0]
    assert leptons.slow(everything).tolist() == [50.0, 60.0, 70.0]
    assert nominal.slow(everything).tolist() == [60.0, 72.0, 84.0]
    assert nominal.calls == {
        "nominal slow of 1": 1, "nominal m_ll": 1, "jets slow of 2": 1, "leptons slow of 3": 1, "leptons m_ll": 1
    }  # fmt: skip


class PerEvent(Leptonic):
    """Knows in which events the leptons' p_T differs from nominal's."""

    def changed_events(self, columns):
        if columns != {"lepton_pt"}:
            return None
        return np.asarray(self.column("lepton_pt") != self._nominal.column("lepton_pt"))


def test_events_that_a_variation_does_not_change_are_taken_from_nominal(columns):
    nominal = PerEvent(columns)
    nominal.slow(np.array([True, True, False]))
    other = shifted_by(columns, "leptons", lepton_pt=columns.arrays["lepton_pt"] + np.array([0.0, 1.0, 0.0]))
    up, scratch = (
        nominal.varied(other),
        PerEvent(Columns(columns.arrays | {"lepton_pt": other.read("lepton_pt")})),
    )
    everything = np.ones(3, dtype=bool)
    assert up.slow(everything).tolist() == scratch.slow(everything).tolist()
    assert (
        up.calls["leptons slow of 2"] == 1
    )  # the one that changed, and the one that nominal did not ask for
    assert up.slow(everything)[1] != nominal.slow(everything)[1]


def test_several_values_of_an_event_are_found_together(columns):
    class Both(Quantities):
        @partial_quantity
        def both(self, where):
            return self.column("met")[where], -self.column("met")[where]

    found = Both(columns).both(np.array([False, True, True]))
    met = columns.read("met")
    np.testing.assert_array_equal(found, [[np.nan, *met[1:]], [np.nan, *-met[1:]]])


def test_partial_quantities_say_what_is_wrong(columns):
    class Wrong(Quantities):
        @partial_quantity
        def slow(self, where):
            return self.column("met")

    with pytest.raises(ConfigError, match=r"slow was asked for 1 events and gave the shape \(3,\)"):
        Wrong(columns).slow(np.array([True, False, False]))
    with pytest.raises(ConfigError, match="asked for no event yet"):
        Wrong(columns).columns_of("slow")


def test_a_quantity_that_needs_itself_is_an_error(columns):
    class Circle(Quantities):
        @quantity
        def here(self):
            return self.there

        @quantity
        def there(self):
            return self.here

    with pytest.raises(ConfigError, match="here needs itself: here -> there -> here"):
        _ = Circle(columns).here


def test_an_error_says_which_quantity_of_which_variation(columns):
    class Missing(Quantities):
        @quantity
        def tau_pt(self):
            return self.column("tau_pt")

    missing = Missing(columns)
    with pytest.raises(KeyError) as caught:
        _ = missing.tau_pt
    assert caught.value.__notes__ == ["while computing the quantity tau_pt of nominal"]
    columns.arrays["tau_pt"] = np.ones(3)
    assert missing.tau_pt.tolist() == [1, 1, 1]  # the failure is not kept, nor does it leave a trace


def test_a_subclass_may_build_on_the_quantity_that_it_replaces(columns):
    class Doubled(Leptonic):
        @quantity
        def m_ll(self):
            return super().m_ll * 2

    assert Doubled(columns).m_ll.tolist() == [20.0, 24.0, 28.0]
    assert Doubled(columns).varied(shifted_by(columns, lepton_pt=np.ones(3))).m_ll.tolist() == [4.0] * 3
    assert Doubled.names() == ("best_scale", "ht", "label", "m_ll", "significance", "slow")
    with pytest.raises(AttributeError, match="m_ll is computed"):
        Doubled(columns).m_ll = 3


def test_typetracers_go_through(columns):
    traced = Columns({name: ak.to_backend(ak.Array(a), "typetracer") for name, a in columns.arrays.items()})
    assert ak.backend(Leptonic(traced).significance) == "typetracer"


class Graph(Quantities):
    """Quantities of a random graph: number i is computed from columns and from quantities with smaller numbers."""

    recipe: list[tuple[list[int], list[int]]]
    calls: Counter[tuple[str, int]]

    def value(self, number):
        columns, quantities = self.recipe[number]
        self.calls[self._source.variation, number] += 1
        total = 1.0 + number
        for one in columns:
            total = total * 1.5 + self.column(f"c{one}")
            if one % 2 and self.column(f"c{one}").sum() > 0:  # reads one more on a condition
                total = total + self.column(f"c{one - 1}")
        return sum((getattr(self, f"q{one}") for one in quantities), start=total)


SIZE = 6
for _number in range(SIZE):
    _method = eval(f"lambda self: self.value({_number})")
    _method.__name__ = f"q{_number}"
    setattr(Graph, f"q{_number}", quantity(_method))

recipes = st.tuples(
    *(
        st.tuples(
            st.lists(st.integers(0, 4), max_size=3),
            st.lists(st.integers(0, number - 1), max_size=3) if number else st.just([]),
        )
        for number in range(SIZE)
    )
)
values = st.lists(st.integers(-3, 3), min_size=2, max_size=2).map(lambda v: np.array(v, dtype=float))
arrays = st.fixed_dictionaries({f"c{number}": values for number in range(5)})


def graph(recipe, columns):
    made = Graph(columns)
    made.recipe, made.calls = recipe, Counter()
    return made


@given(
    recipes,
    arrays,
    st.lists(st.dictionaries(st.sampled_from([f"c{n}" for n in range(5)]), values), max_size=3),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, SIZE - 1)), max_size=20),
)
def test_varied_quantities_equal_those_computed_from_scratch(recipe, nominal_arrays, shifts, asked):
    """In whatever order nominal and variations are asked; and nobody computes a quantity twice."""
    source = Columns(nominal_arrays)
    nominal = graph(recipe, source)
    sources = [source, *(shifted_by(source, f"v{n}", **shift) for n, shift in enumerate(shifts))]
    everyone = [nominal, *(nominal.varied(one) for one in sources[1:])]
    for variation, number in asked:
        which = variation % len(everyone)
        scratch = graph(recipe, Columns(sources[which].arrays))
        expected = getattr(scratch, f"q{number}")
        assert np.array_equal(
            np.broadcast_to(getattr(everyone[which], f"q{number}"), 2), np.broadcast_to(expected, 2)
        )
        touched = scratch.columns_of(f"q{number}") & (sources[which].shifted or set())
        assert everyone[which].shares(f"q{number}") == (not touched and which > 0)
    assert max(nominal.calls.values(), default=0) <= 1
    assert max(source.reads.values(), default=0) <= 1
    for one in sources[1:]:
        assert set(one.reads) <= one.shifted


class Slow(Quantities):
    """One partial quantity, which counts the events that it computes."""

    computed: Counter[tuple[str, int]]

    @quantity
    def offset(self):
        return self.column("c1") * 2

    @partial_quantity
    def slow(self, where):
        self.computed.update((self._source.variation, int(event)) for event in np.flatnonzero(where))
        extra = self.offset[where] if self.column("c2")[0] > 0 else 0.0
        return self.column("c0")[where] + extra


masks = st.lists(st.booleans(), min_size=2, max_size=2).map(np.array)


@given(
    arrays,
    st.lists(st.dictionaries(st.sampled_from(["c0", "c1", "c2", "c3"]), values), max_size=3),
    st.lists(st.tuples(st.integers(0, 3), masks), max_size=12),
)
def test_varied_partial_quantities_equal_those_computed_from_scratch(nominal_arrays, shifts, asked):
    source = Columns(nominal_arrays)
    nominal = Slow(source)
    nominal.computed = Counter()
    sources = [source, *(shifted_by(source, f"v{n}", **shift) for n, shift in enumerate(shifts))]
    everyone = [nominal, *(nominal.varied(one) for one in sources[1:])]
    for variation, where in asked:
        which = variation % len(everyone)
        scratch = Slow(Columns(sources[which].arrays))
        scratch.computed = Counter()
        np.testing.assert_array_equal(everyone[which].slow(where)[where], scratch.slow(where)[where])
    assert max(nominal.computed.values(), default=0) <= 1
    sharing = [n for n, shift in enumerate(shifts) if not set(shift) & {"c0", "c1", "c2"}]
    for event in (0, 1):
        shared = nominal.computed["nominal", event] + sum(nominal.computed[f"v{n}", event] for n in sharing)
        assert shared <= 1
