"""The kernel against a plain loop, on random and nasty input, and on the real ntuple."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.kernels.leg_matching import match_legs

VALUES = st.sampled_from([-99.0, 0.0, 0.1, 2.5, math.nan, None])
PARTICLES = st.lists(st.fixed_dictionaries({"pt": VALUES, "eta": VALUES, "phi": VALUES}), max_size=4)
EVENTS = st.lists(st.tuples(PARTICLES, PARTICLES), min_size=1, max_size=5)

Particle = dict[str, float | None]


def match_plainly(leg: Particle, collection: list[Particle]) -> int:
    """The first object with the same momentum; None and NaN equal nothing."""
    for index, candidate in enumerate(collection):
        if all(leg[name] is not None and leg[name] == candidate[name] for name in ("pt", "eta", "phi")):
            return index
    return -1


def records(events: list[list[Particle]], dtype: str = "float64") -> ak.Array:
    """Lists of records with optional coordinates, typed even where they are empty."""
    counts = [len(event) for event in events]
    flat = [particle for event in events for particle in event]
    columns = {
        name: ak.values_astype(ak.Array([0.0, *(particle[name] for particle in flat)])[1:], dtype)
        for name in ("pt", "eta", "phi")
    }
    return ak.unflatten(ak.zip(columns), counts)


@given(EVENTS)
def test_equal_to_a_plain_loop(events: list[tuple[list[Particle], list[Particle]]]) -> None:
    legs, collections = records([e[0] for e in events]), records([e[1] for e in events])
    expected = [[match_plainly(leg, collection) for leg in legs] for legs, collection in events]
    assert match_legs(legs, collections).tolist() == expected


@given(st.lists(st.floats(0.5, 100, width=32), min_size=1, max_size=5, unique=True))
def test_single_precision_is_found_in_double(values: list[float]) -> None:
    single = ak.values_astype(records([[{"pt": v, "eta": v, "phi": v} for v in values]]), "float32")
    double = ak.values_astype(single, "float64")[:, ::-1]
    assert match_legs(double, single).tolist() == [list(reversed(range(len(values))))]


def test_the_nearest_double_of_a_float_is_no_match() -> None:
    muon = records([[{"pt": 0.1, "eta": 0.1, "phi": 0.1}]], "float32")
    leg = records([[{"pt": 0.1, "eta": 0.1, "phi": 0.1}]])  # 0.1 as double is not the widened float
    assert match_legs(leg, muon).tolist() == [[-1]]


def test_momentum_alone_is_not_enough() -> None:
    muons = records([[{"pt": 3.0, "eta": 1.0, "phi": 0.5}, {"pt": 3.0, "eta": 1.0, "phi": 0.25}]])
    leg = records([[{"pt": 3.0, "eta": 1.0, "phi": 0.25}]])
    assert match_legs(leg, muons).tolist() == [[1]]


def test_slices_and_empty_events() -> None:
    muons = records([[{"pt": 1.0, "eta": 1.0, "phi": 1.0}], [], [{"pt": 2.0, "eta": 2.0, "phi": 2.0}]])
    assert match_legs(muons[1:], muons[1:]).tolist() == [[], [0]]
    assert match_legs(muons, muons[[1, 0, 2]]).tolist() == [[-1], [], [0]]
    assert match_legs(muons[:0], muons[:0]).tolist() == []


def test_numbers_of_events_must_agree() -> None:
    muons = records([[{"pt": 1.0, "eta": 1.0, "phi": 1.0}], []])
    with pytest.raises(ValueError, match="as many events"):
        match_legs(muons, muons[:1])


def test_typetracer_touches_the_momenta_only() -> None:
    array = ak.zip(
        {"leg": records([[{"pt": 1.0, "eta": 1.0, "phi": 1.0}]]), "muon": records([[]])}, depth_limit=1
    )
    array["muon", "charge"] = array.muon.pt
    form, _, _ = ak.to_buffers(array)
    tracer, report = ak.typetracer.typetracer_with_report(form, highlevel=True, buffer_key="{form_key}")
    result = match_legs(tracer.leg, tracer.muon)
    assert ak.backend(result) == "typetracer"
    assert result.type.content == match_legs(array.leg, array.muon).type.content
    muon = form.content("muon").content
    assert muon.content("pt").form_key in report.data_touched
    assert muon.content("charge").form_key not in report.data_touched


@pytest.mark.dask_awkward
def test_dask_collections() -> None:
    dask_awkward = pytest.importorskip("dask_awkward")
    muons = records([[{"pt": 1.0, "eta": 1.0, "phi": 1.0}], [], [{"pt": 2.0, "eta": 2.0, "phi": 2.0}]])
    lazy = dask_awkward.from_awkward(muons, npartitions=2)
    assert match_legs(lazy, lazy).compute(scheduler="synchronous").tolist() == [[0], [], [0]]


def test_every_leg_of_the_real_ntuple_is_found(shared_data: Path) -> None:
    with uproot.open(shared_data / "t3m_2017_ds_phi_pi_mc.root") as file:
        tree = file["Tree3Mu/ntuple"]

        def kinematics(*branches: str) -> Any:
            return ak.zip(dict(zip(("pt", "eta", "phi"), (tree[b].array() for b in branches), strict=True)))

        muons, tracks = (
            kinematics("MuonPt", "MuonEta", "MuonPhi"),
            kinematics("Track_pt", "Track_eta", "Track_phi"),
        )
        legs = {
            prefix: kinematics(*(f"{prefix}_{c}" for c in ("Pt", "Eta", "Phi")))
            for prefix in ("Mu01", "Mu02", "Tr")
        }
    for prefix, leg in legs.items():
        collection = tracks if prefix == "Tr" else muons
        index = match_legs(leg, collection)
        assert ak.sum(index >= 0) == 7042
        assert ak.all(collection[index].pt == leg.pt)
        assert ak.all(np.abs(collection[index].phi - leg.phi) == 0)
