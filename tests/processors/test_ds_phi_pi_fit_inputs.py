"""What the processor fills for the fits: the mass in fine bins, and decay lengths."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from columnar_af.mva.export import column_list
from processors import ds_phi_pi
from processors.ds_phi_pi import DsPhiPi
from tests.processors.test_ds_phi_pi import open_events


@pytest.fixture
def events(shared_data):
    return open_events(shared_data / "t3m_2017_ds_phi_pi_mc.root", era="2017", is_data=False)


def test_fine_mass_and_planes_hold_the_candidates_of_the_mass_histogram(events):
    hists = DsPhiPi().process(events)["ds"]["hists"]
    assert hists["mass_fine"][1.65j:2.01j].sum().value == pytest.approx(hists["mass"].sum().value)
    plane = hists["mass_decay_length_3d"]
    assert plane.project("mass").values().tolist() == hists["mass"].values().tolist()
    assert "mass_decay_length_xy" not in hists  # an AOD ntuple has no distance to the beam spot


def test_decay_lengths_by_hand(events):
    triplet = events.triplet
    lengths = ak.flatten(ds_phi_pi.decay_lengths(triplet)["3d"])
    momentum = ak.flatten(triplet.pt * np.cosh(triplet.eta))
    by_hand = ak.flatten(triplet.flight_distance) * ak.flatten(triplet.mass) / momentum * 10
    assert ak.to_list(lengths) == pytest.approx(ak.to_list(by_hand), nan_ok=True)


def test_origins_share_out_the_gen_matched_candidates(events):
    """Of 111 events of the real file 4 have a D_s of another origin."""
    hists = DsPhiPi().process(events)["ds"]["hists"]
    prompt, from_b = (
        hists[f"decay_length_3d_{origin}"].sum(flow=True).value for origin in ("prompt", "from_b")
    )
    matched = hists["mass_gen_matched"].sum().value
    assert 0.9 * matched <= prompt + from_b <= matched
    assert from_b < prompt


def test_candidates_one_by_one_are_those_of_the_histogram(events):
    output = DsPhiPi().process(events)["ds"]
    columns = {name: values.value for name, values in output["candidates"].items()}
    assert {len(values) for values in columns.values()} == {
        62
    }  # selected events of this file, one candidate each
    masses = columns["tripletMass"]
    counts, _ = np.histogram(masses, bins=output["hists"]["mass"].axes[0].edges)
    np.testing.assert_array_equal(counts, output["hists"]["mass"].values())
    assert len(set(columns["evt"].tolist())) == 62
    assert np.isnan(columns["decay_length_xy"]).all()  # an AOD ntuple has no distance to the beam spot
    assert not np.isnan(columns["decay_length_3d"]).any()
    assert "| `tripletMass` | invariant mass of the two muons and the pion [GeV] |" in column_list(columns)
