"""The whole way from yields to limits and the contour."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.results.plain_values import plain
from columnar_af.statistics.building import ModelOptions, Roles
from columnar_af.statistics.contour import GridPoint, describe, surface
from columnar_af.statistics.limits import UpperLimit
from columnar_af.statistics.study import StudyOptions, study
from columnar_af.statistics.tables import as_text, discovery_rows, exclusion_rows, fit_rows, parameter_rows
from columnar_af.statistics.yields import YieldTable
from tests.statistics.stop_results import stop_result

SIGNAL = "stop4body_450_40"


@pytest.fixture(scope="module")
def done():
    return study(YieldTable.of(stop_result()), StudyOptions(signals=(SIGNAL,)))


def test_normalizations_bring_the_control_regions_to_the_data(done):
    assert done.background.succeeded
    assert not done.failures
    regions = {region.region: region for region in done.regions}
    assert [region.role for region in done.regions] == ["control"] * 2 + ["validation"] * 2 + ["signal"] * 2
    for name in ("CRtop", "CRDib"):
        assert regions[name].after.total_all_bins[0] == pytest.approx(sum(regions[name].observed), rel=2e-3)
        assert abs(regions[name].pull) < 0.05
    assert done.background["mu_ttbar"].value == pytest.approx(1.09, abs=0.02)
    assert abs(regions["VRtop"].pull) < 2
    assert regions["SRA"].before.total_all_bins[0] == pytest.approx(13.8)


def test_validation_regions_are_not_in_any_fit(done):
    """Other data in them change nothing but their pulls."""
    table = done.table
    other = study(replace(table, observed=dict(table.observed) | {"VRtop": np.array([500.0])}), done.options)
    assert other.exclusions == done.exclusions
    assert other.regions[2].pull > 5


def test_tables_say_what_must_be_known(done):
    text = as_text(fit_rows(done), "title")
    assert "SRA*" in text
    assert "pull" in text
    assert parameter_rows(done)[1][2] == "free"
    assert parameter_rows(done, 1)[-1][0] == "and 4 others, see limits.json"
    assert exclusion_rows(done.exclusions.values())[1][-1] in ("yes", "no")
    assert len(discovery_rows(done.discoveries.values())) == 3
    failed = UpperLimit("x", failure="Minuit did not converge")
    assert exclusion_rows([failed])[1] == ["x", "FAILED", "–", "–", "–", "–", "–", "Minuit did not converge"]
    assert any("not verified" in note for note in done.notes)


def test_json_is_plain(done):
    content = json.loads(json.dumps(plain(done.to_json()), allow_nan=False))
    assert content["exclusion"][SIGNAL]["observed"] == done.exclusions[SIGNAL].observed
    assert {"SRA", "SRB"} == set(content["discovery"])
    assert content["background_fit"]["regions"][0]["region"] == "CRtop"


def test_blinded_regions_have_expected_limits_only():
    done = study(YieldTable.of(stop_result(blinded=True)), StudyOptions(signals=(SIGNAL,)))
    assert done.exclusions[SIGNAL].observed is None
    assert done.exclusions[SIGNAL].expected > 0
    assert done.discoveries["SRA"].p0 is None
    assert done.discoveries["SRA"].s95.observed is None
    assert done.discoveries["SRA"].s95.expected > 0
    assert "blinded" in as_text(fit_rows(done))
    assert any("nothing is observed in SRA, SRB" in note for note in done.notes)


def test_without_data_expected_limits_remain():
    options = StudyOptions(signals=(SIGNAL,), with_discovery=False)
    done = study(YieldTable.of(stop_result(with_data=False)), options)
    assert done.exclusions[SIGNAL].observed is None
    assert done.exclusions[SIGNAL].expected == pytest.approx(0.95, abs=0.1)


def test_shapes_are_fitted_as_well():
    table = YieldTable.of(stop_result(), {"SRB": "met"})
    done = study(table, StudyOptions(signals=(SIGNAL,), with_discovery=False))
    assert not done.failures
    assert done.exclusions[SIGNAL].expected == pytest.approx(1.02, abs=0.1)


def test_a_failed_fit_is_told_and_gives_no_number():
    table = YieldTable.of(stop_result())
    broken = replace(table, observed=dict(table.observed) | {"CRtop": np.array([np.nan])})
    done = study(broken, StudyOptions(signals=(SIGNAL,)))
    assert len(done.failures) == 4
    assert all(region.after is None and region.pull is None for region in done.regions)
    assert "FAILED" in as_text(fit_rows(done))
    assert done.exclusions[SIGNAL].expected is None
    assert any("no result" in note for note in done.notes)


def test_a_signal_that_is_nowhere_is_a_failure_of_its_own():
    result = stop_result()
    for era in ("mc16a", "mc16e"):
        result.output[f"{SIGNAL}_{era}"]["hists"]["yields"].reset()
    options = StudyOptions(signals=(SIGNAL, "stop4body_550_40"), with_discovery=False)
    done = study(YieldTable.of(result), options)
    assert "is expected in none of" in done.exclusions[SIGNAL].failure
    assert done.exclusions["stop4body_550_40"].observed is not None


def test_wrong_names_are_errors():
    table = YieldTable.of(stop_result())
    with pytest.raises(ConfigError, match="no signal 'stop4body_1_2'"):
        study(table, StudyOptions(signals=("stop4body_1_2",)))
    with pytest.raises(ConfigError, match="no region has the role of a signal region"):
        study(table, StudyOptions(ModelOptions(Roles(signal=("SRX",)))))


def limit(value):
    return UpperLimit("", value, tuple(value * factor for factor in (0.5, 0.7, 1.0, 1.4, 2.0)))


def grid(values):
    return [GridPoint(mass, difference, limit(value)) for (mass, difference), value in values.items()]


def test_the_contour_is_where_the_limit_is_one():
    # log10 of the limit is linear in the mass: 1 at 500 GeV
    points = grid({(mass, gap): 10 ** ((mass - 500) / 100) for mass in (400, 450, 550) for gap in (20, 80)})
    found = surface(points, "observed")
    assert found.has_contour
    row = found.logarithms[100]
    crossing = found.stop_masses[np.flatnonzero(row > 0)[0]]
    assert crossing == pytest.approx(500, abs=1)
    shifted = surface(points, "expected +1σ")
    assert shifted.logarithms[100][np.isfinite(row)][0] > row[np.isfinite(row)][0]
    assert describe(points)[0].startswith("6 signal points")
    assert len(describe(points)) == 1


def test_grids_without_contour_say_why():
    line = grid({(400, 20): 0.5, (500, 20): 1.0, (600, 20): 2.0})
    assert surface(line, "observed") is None
    assert any("too few points" in note for note in describe(line))
    excluded = grid({(400, 20): 0.5, (500, 20): 0.6, (600, 40): 0.7})
    assert not surface(excluded, "observed").has_contour
    assert any("all of the points" in note for note in describe(excluded))
    failed = [*excluded, GridPoint(700, 20, UpperLimit("x", failure="Minuit did not converge"))]
    notes = describe(failed)
    assert notes[0].startswith("3 signal points")
    assert any("NO LIMIT, Minuit did not converge" in note for note in notes)
