from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.fits.ds_study import StudyOptions, study
from columnar_af.fits.eras import data_eras, era_luminosity
from columnar_af.fits.injected import injected
from columnar_af.results.ledger import Ledger, LedgerEntry
from columnar_af.results.plain_values import plain
from tests.fits.results import (
    DATA,
    SIMULATION,
    candidates,
    data_hists,
    run_result,
    simulation_hists,
    two_eras,
)

RANGE = (1.65, 2.01)


@pytest.fixture(scope="module")
def result():
    return two_eras()


@pytest.fixture(scope="module")
def done(result):
    return study(result, StudyOptions())


def test_every_era_gives_back_its_d_s_and_their_fraction_from_b(done):
    assert [era.data.era for era in done.eras] == ["2017B", "2017C"]
    for era, number in zip(done.eras, (1_500, 3_000), strict=True):
        assert era.fit.succeeded
        assert abs(era.fit.total("ds").value - number) < 3 * era.fit.total("ds").error
        assert abs(era.from_b.from_b - 0.3) < 3 * era.from_b.from_b_error
    assert abs(done.from_b.from_b - 0.3) < 3 * done.from_b.from_b_error
    assert done.from_b.from_b_error < done.eras[1].from_b.from_b_error
    assert set(done.tails.names) == {"tail_width_ratio", "tail_wide_fraction"}


def test_rates_per_luminosity_are_constant(done):
    mean, error, p_value = done.stability()
    rates = [era.per_luminosity() for era in done.eras]
    assert rates[0][0] == done.eras[0].fit.window("ds").value / 2.0
    assert min(rate[0] for rate in rates) < mean < max(rate[0] for rate in rates)
    assert error < min(rate[1] for rate in rates)
    assert p_value > 0.01


def test_json_is_plain(done):
    document = json.loads(json.dumps(plain(done.to_json())))
    assert [era["era"] for era in document["eras"]] == ["2017B", "2017C"]
    assert document["eras"][0]["luminosity"] == 2.0
    assert document["eras"][0]["injected"] is None
    assert document["from_b"]["succeeded"]
    assert len(document["simultaneous"]) == 2


def test_an_unbinned_fit_of_the_candidates_agrees(result, done):
    (era,) = data_eras(result, RANGE, eras=("2017B",), unbinned=True)
    assert len(np.unique(era.masses)) == len(era.masses) == era.spectrum.entries  # as they are, not from bins
    unbinned = study(result, StudyOptions(unbinned=True, eras=("2017B",), toys=20))
    window, binned = unbinned.eras[0].fit.window("ds"), done.eras[0].fit.window("ds")
    assert abs(window.value - binned.value) < 0.3 * binned.error
    assert unbinned.eras[0].fit.goodness.method == "toys"
    assert unbinned.eras[0].from_b is not None


def test_a_range_that_only_the_fine_histogram_has(result):
    (era,) = data_eras(result, (1.72, 2.01), eras=("2017B",))
    assert len(era.spectrum.counts) == 58
    found = study(result, StudyOptions(mass_range=(1.72, 2.01), eras=("2017B",)))
    assert abs(found.eras[0].fit.total("ds").value - 1_500) < 3 * found.eras[0].fit.total("ds").error
    assert found.from_b is None  # its mass axis has other bins


@pytest.mark.parametrize("mass_range", [(1.723, 2.01), (1.7205, 2.01)])
def test_ranges_that_no_binning_has_are_refused(result, mass_range):
    with pytest.raises(ConfigError, match=r"not a multiple of 5 MeV|does not fall on bin edges"):
        data_eras(result, mass_range)


def test_an_era_with_few_events_fails_and_the_others_do_not_suffer():
    few = run_result(
        {
            "few": (DATA, data_hists(1, 7, 2, 10)),
            "more": (DATA | {"era": "2017C"}, data_hists(2, 900, 300, 900)),
        }
    )
    done = study(few, StudyOptions())
    assert [era.fit.succeeded for era in done.eras] == [False, True]
    assert not done.succeeded
    assert done.eras[0].per_luminosity() is None
    assert done.stability() is None
    assert done.simultaneous.succeeded
    assert done.notes == ("no simulation: the data choose the tails of the peaks",)


def test_the_data_choose_the_tails_where_asked(result):
    done = study(
        result, StudyOptions(peak="crystal-ball", shared_tails=False, free_tails=True, eras=("2017C",))
    )
    assert not done.tails.names
    assert "dplus_alpha" in done.eras[0].fit.parameters
    assert abs(done.eras[0].fit.total("ds").value - 3_000) < 3 * done.eras[0].fit.total("ds").error


def test_simulation_of_another_result(result):
    data = run_result({"data_B": (DATA, data_hists(1, 1_500, 600, 2_000))})
    assert study(data, StudyOptions()).from_b is None
    assert study(data, StudyOptions(), result).from_b is not None


def test_only_simulation_is_no_data():
    with pytest.raises(ConfigError, match="is_data: false"):
        study(run_result({"mc": (SIMULATION, simulation_hists(1))}), StudyOptions())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"datasets": ("data_X",)}, "no dataset data_X"), ({"eras": ("2018A",)}, "no data of the era 2018A")],
)
def test_unknown_names_are_refused_with_those_there_are(result, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        data_eras(result, RANGE, **options)
    assert "there is: " in str(caught.value)


def test_a_result_of_another_processor_is_refused():
    with pytest.raises(ConfigError, match="no histogram 'mass'"):
        study(run_result({"data": (DATA, {})}), StudyOptions())


def test_an_unbinned_fit_needs_the_candidates_and_weights_of_one():
    hists, columns = data_hists(1, 100, 30, 100), candidates(1, 100, 30, 100)
    half = {"tripletMass": columns["tripletMass"], "weight": columns["weight"] / 2}
    weighted = run_result({"data": (DATA, hists)}, {"data": half})
    with pytest.raises(ConfigError, match="events of weight 1"):
        data_eras(weighted, RANGE, unbinned=True)
    with pytest.raises(ConfigError, match="needs the masses of the candidates, which dataset data"):
        data_eras(run_result({"data": (DATA, hists)}), RANGE, unbinned=True)


@pytest.mark.parametrize(
    ("era", "stated", "expected"),
    [
        ("2017B", [4.0], (4.0, "fileset")),
        ("2017B", [4.0, 4.0], (4.0, "fileset")),
        ("2017B", [1.0, 3.0], (4.0, "fileset")),
        ("2018A", [None], (0.7025, "published, control trigger")),
        ("2018A", [1.0, None], (0.7025, "published, control trigger")),
        ("toys", [None], (None, "unknown")),
    ],
)
def test_luminosity_of_an_era(era, stated, expected):
    assert era_luminosity(era, [{"luminosity": value} for value in stated]) == expected


# --- the truth beside simulated files ----------------------------------------------------------------------------------


@pytest.fixture
def with_truth(tmp_path):
    truth = {
        "selected_in_peak": {"ds": 7},
        "selected": {"dplus": 3},
        "files": ["a.root", "a.truth.npz"],
        "options": {"events": 100},
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    arrays = {
        "kind": [1, 1, 1, 1, 2, 0],
        "prompt": [1, 1, 0, 0, 1, 0],
        "selected": [0, 1, 0, -1, 0, 2],
        "true_triplet": [0, 1, 0, 0, 0, -1],
    }
    np.savez(tmp_path / "a.truth.npz", **{name: np.array(values) for name, values in arrays.items()})
    base = run_result({"data_B": (DATA, {})})
    return replace(
        base,
        ledger=Ledger((LedgerEntry(0, "data_B", str(tmp_path / "a.root"), "t", 0, 100, "u", "done", 100),)),
    )


def test_truth_of_a_whole_sample(with_truth):
    found = injected(with_truth, ["data_B"])
    assert (found.ds, found.dplus) == (7, 3)
    assert found.from_b == pytest.approx(1 / 3)


def test_no_truth_of_a_part_of_a_sample(with_truth):
    (entry,) = with_truth.ledger
    part = replace(with_truth, ledger=Ledger((replace(entry, stop=50, entries=50),)))
    assert injected(part, ["data_B"]) is None


def test_no_truth_of_real_data_or_of_a_damaged_file(with_truth, result):
    assert injected(result, ["data_B"]) is None
    (entry,) = with_truth.ledger
    (Path(entry.file).parent / "truth.json").write_text("[1]")
    assert injected(with_truth, ["data_B"]) is None
