"""Uncertainties from the variations of the control channel's simulation."""

from __future__ import annotations

import pytest

from columnar_af.normalization.tables import Normalization, report
from columnar_af.normalization.uncertainties import Term, total_uncertainty
from columnar_af.normalization.variations import measured_nuisances, varied_efficiencies
from columnar_af.results.run_result import DatasetSummary, RunResult
from tests.normalization.test_normalization import CONSTANTS, NUISANCES, era


def simulation(**varied):
    yields = {name: {"value": value, "sumw2": value, "raw": 1} for name, value in {"signal_window": 100.0, **varied}.items()}
    return RunResult({"mc": {"yields": yields}}, {"mc": DatasetSummary("mc", {}, 10, 10)})


VARIED = simulation(
    signal_window_muon_scale_up=98.0,
    signal_window_muon_scale_down=104.0,
    signal_window_muon_resolution=100.0,
    signal_window_lost_up=0.0,
    selected_muon_scale_up=3.0,
)


def test_effects_are_inverse_to_the_efficiency():
    assert varied_efficiencies(VARIED, "mc")["muon_scale_up"] == pytest.approx(0.98)
    found = {one.name: one for one in measured_nuisances([era("2017C"), era("2018A"), era("2017F")], VARIED)}
    assert list(found) == ["muon_scale", "muon_resolution", "lost"]
    assert found["muon_scale"].effect == pytest.approx({"2017": 1 - 1 / 1.04, "2018": 1 - 1 / 1.04})
    assert found["muon_resolution"].effect == {"2017": 0.0, "2018": 0.0}
    assert found["lost"].effect == {"2017": 0.99, "2018": 0.99}
    term = Term("Ds", "A", "2017", 10.0)
    assert total_uncertainty([term], [found["muon_scale"]]) == pytest.approx(10 * (1 - 1 / 1.04))


def test_without_variations_nothing_is_added():
    assert measured_nuisances([era()], simulation()) == ()
    assert varied_efficiencies(VARIED, "other") == {}


def test_they_stand_in_the_table():
    nuisances = (*NUISANCES, *measured_nuisances([era()], VARIED))
    text = report(Normalization(CONSTANTS, (era(),), (Term("Ds", "A", "2017", 10.0),), nuisances))
    assert "muon_scale" in text
