"""Metrics are summed from the costs of chunks."""

from __future__ import annotations

from columnar_af.processing.chunk import ChunkMetrics
from columnar_af.results import Metrics


def test_event_loop_is_from_first_start_to_last_end():
    costs = [ChunkMetrics(10.0, 12.0, 1.5, 100), ChunkMetrics(11.0, 14.0, 2.5, 50), ChunkMetrics()]
    metrics = Metrics.of(costs, events=800, wall_s=6.0, workers=2, executor="futures")
    assert metrics == Metrics(6.0, 4.0, 4.0, 150, 200.0, 3, 2, "futures")
    assert Metrics.from_json(metrics.to_json()) == metrics


def test_nothing_ran():
    metrics = Metrics.of([], events=0, wall_s=0.1, workers=1, executor="iterative")
    assert (metrics.event_loop_s, metrics.events_per_s, metrics.chunks) == (0.0, 0.0, 0)
