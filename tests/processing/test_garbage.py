"""Garbage collection between chunks."""

from __future__ import annotations

import gc
import weakref

from columnar_af.processing import garbage


class Cycle:
    """Holds itself."""

    def __init__(self) -> None:
        self.me = self


def test_young_cycles_are_freed_each_time_and_full_collections_are_rationed() -> None:
    gc.collect()
    collector = garbage.Collector()
    results = []
    for _ in range(20):
        cycle = weakref.ref(Cycle())
        results.append(collector.collect())
        assert cycle() is None
    assert results[0]
    assert not all(results)


def test_a_full_collection_comes_when_time_has_passed() -> None:
    collector = garbage.Collector()
    collector.collect()
    collector._finished -= 1e6
    assert collector.collect()
