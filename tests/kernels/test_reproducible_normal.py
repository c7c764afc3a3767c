"""Random numbers that belong to an object."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.kernels.reproducible_normal import reproducible_normal, reproducible_normal_kernel

MASK = 2**64 - 1


def plain_mixed(state, word):
    """splitmix64 in Python's integers."""
    state = ((state ^ word) + 0x9E3779B97F4A7C15) & MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def plain_normal(event_words, object_words, seed):
    state = plain_mixed(seed, 0x9E3779B97F4A7C15)
    for word in (*event_words, *object_words):
        state = plain_mixed(state, word)
    second = plain_mixed(state, 0x9E3779B97F4A7C15)
    radius, angle = ((state >> 11) + 1) / 2**53, (second >> 11) / 2**53
    return math.sqrt(-2 * math.log(radius)) * math.cos(2 * math.pi * angle)


words = st.integers(0, MASK)


@given(
    st.lists(st.tuples(st.tuples(words, words), st.lists(st.tuples(words), max_size=3)), max_size=4),
    st.integers(0, 99),
)
def test_kernel_equals_plain_python(rows, seed):
    offsets = np.cumsum([0, *(len(objects) for _, objects in rows)])
    events = np.array([event for event, _ in rows], dtype=np.uint64).reshape(-1, 2)
    objects = np.array([one for _, found in rows for one in found], dtype=np.uint64).reshape(-1, 1)
    expected = [plain_normal(event, one, seed) for event, found in rows for one in found]
    found = reproducible_normal_kernel(events, objects, offsets, seed)
    assert found.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.fixture
def events():
    random = np.random.default_rng(1)
    counts = random.integers(0, 4, 5000)
    muon = {
        name: ak.unflatten(random.normal(5, 1, counts.sum()).astype(np.float32), counts)
        for name in ("pt", "eta", "phi")
    }
    return ak.zip(
        {
            "run": np.full(5000, 297050), "luminosity_block": np.arange(5000) // 100, "event": np.arange(5000),
            "muon": ak.zip(muon),
        },
        depth_limit=1,
    )  # fmt: skip


def test_it_is_standard_normal_and_depends_on_the_seed(events):
    first, second = (ak.flatten(reproducible_normal(events, events.muon, seed)).to_numpy() for seed in (0, 1))
    n = len(first)
    assert abs(first.mean()) < 4 / math.sqrt(n)
    assert abs(first.std() - 1) < 4 / math.sqrt(2 * n)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / math.sqrt(n)
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 4 / math.sqrt(n)
    assert len(np.unique(first)) == n


def test_chunks_order_and_precision_do_not_matter(events):
    whole = reproducible_normal(events, events.muon)
    assert (
        ak.concatenate([reproducible_normal(part, part.muon) for part in (events[:7], events[7:])]).tolist()
        == whole.tolist()
    )
    backwards = events[::-1]
    assert reproducible_normal(backwards, backwards.muon).tolist() == whole[::-1].tolist()
    double = ak.values_astype(events.muon, np.float64)[:, ::-1]
    assert reproducible_normal(events, double).tolist() == whole[:, ::-1].tolist()


def test_missing_momenta_and_typetracers(events):
    muons = ak.mask(events.muon, events.muon.pt > 5)
    found = reproducible_normal(events, muons)
    assert ak.num(found).tolist() == ak.num(muons).tolist()
    assert not ak.any(np.isnan(found))
    traced = ak.to_backend(events, "typetracer")
    assert ak.backend(reproducible_normal(traced, traced.muon)) == "typetracer"
