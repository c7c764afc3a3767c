"""The converter of fake factors: bins, empty bins, errors, and the public file."""

from __future__ import annotations

import numpy as np
import pytest
import uproot
from click.testing import CliRunner

from columnar_af.cli.corrections import corrections as command
from columnar_af.corrections.conversion import BinnedFactors, write
from columnar_af.corrections.fake_factor import fake_factor_correction, filled_up
from columnar_af.errors import ConfigError
from columnar_af.stop.fakes import FakeFactors

ETA, PT = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 5.0, 10.0, 20.0, 1000.0])
VALUES = np.array([[0.0, 0.2, 0.0, 0.4], [0.1, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])


def test_empty_bins_take_lower_pt_then_lower_eta():
    full, empty = filled_up(BinnedFactors(ETA, PT, VALUES, VALUES / 10))
    assert full.values.tolist() == [[0.2, 0.2, 0.2, 0.4], [0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]]
    np.testing.assert_array_equal(full.errors, full.values / 10)
    assert empty == 9


@pytest.mark.parametrize("bad", [0.0 * VALUES, VALUES - 1, VALUES * np.nan])
def test_what_is_no_table_is_refused(bad):
    with pytest.raises(ConfigError, match="needs numbers"):
        filled_up(BinnedFactors(ETA, PT, bad, bad))


def test_bins_are_half_open_and_ends_are_clamped(tmp_path):
    flavours = dict.fromkeys(("electron", "muon"), BinnedFactors(ETA, PT, VALUES, 3 * VALUES))
    correction = fake_factor_correction(flavours, "made up")
    assert "9 empty bins of electrons" in correction.description
    write(tmp_path / "f.json", [correction], "")
    factors = FakeFactors.load(tmp_path / "f.json")
    pt, eta = np.array([5.0, 20.0, 19.999, 1e6, 7.0, 7.0]), np.array([0.0, 0.5, 0.5, 0.0, -1.0, -99.0])
    muons = np.zeros(6, bool)
    assert factors(pt, eta, muons).tolist() == [0.2, 0.4, 0.2, 0.4, 0.1, 0.1]
    assert factors(pt[:2], eta[:2], muons[:2], "up").tolist() == pytest.approx([0.8, 1.6])
    assert factors(pt[:2], eta[:2], muons[:2], "down").tolist() == [0.0, 0.0]  # not below


def test_the_public_file_converts_and_reads_back(shared_data, tmp_path):
    source, output = shared_data / "stop2l_fake_factors.root", tmp_path / "factors.json"
    arguments = ["convert", str(source), str(output), "--kind", "fake-factor"]
    with pytest.raises(ConfigError, match="two histograms are needed"):
        CliRunner().invoke(
            command, [*arguments, "--histogram", "FakeFactor2D_el_pt_eta"], catch_exceptions=False
        )
    names = {"electron": "FakeFactor2D_el_pt_eta", "muon": "FakeFactor2D_mu_pt_eta"}
    histograms = ["--histogram", names["electron"], "--muon-histogram", names["muon"]]
    done = CliRunner().invoke(command, [*arguments, *histograms], catch_exceptions=False)
    assert "wrote fake_factor" in done.output
    factors = FakeFactors.load(output)
    with uproot.open(source) as file:
        for flavour, name in names.items():
            values, pt_edges, eta_edges = file[name].to_numpy()
            pt, eta = np.meshgrid(
                pt_edges[:-1], eta_edges[:-1], indexing="ij"
            )  # lower edges belong to the bins
            flags = np.full(pt.size, flavour == "electron")
            found = factors(pt.ravel(), eta.ravel(), flags).reshape(values.shape)
            measured = values > 0
            np.testing.assert_allclose(found[measured], values[measured], rtol=1e-12)
            assert (found > 0).all()
