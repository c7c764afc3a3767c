"""The normalization: formulas, uncertainties, cards and limit, against numbers worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import hist
import numpy as np
import pytest

from columnar_af.errors import ConfigError
from columnar_af.normalization.background import Background, background_in_window
from columnar_af.normalization.cards import (
    CountingBin,
    counting_bins,
    datacard,
    effects_of,
    merged,
    normalization_lines,
    pyhf_specification,
)
from columnar_af.normalization.constants import Constants
from columnar_af.normalization.control_channel import (
    Efficiency,
    Value,
    control_channel,
    efficiency_of,
    era_yield,
    fitted_b_fraction,
    read_fits,
    simulation_for,
)
from columnar_af.normalization.signal import (
    channels,
    efficiencies_from_file,
    efficiencies_from_simulation,
    expected_from_cross_section,
    expected_terms,
    other_years,
    yield_errors,
)
from columnar_af.normalization.tables import Normalization, as_latex, era_rows, report, signal_rows
from columnar_af.normalization.uncertainties import (
    Term,
    breakdown,
    fitted_fraction,
    load_uncertainties,
    total_uncertainty,
    with_measured_yield,
)
from columnar_af.normalization.variations import measured_variations
from columnar_af.results.run_result import DatasetSummary, RunResult

CONSTANTS = Constants.load()
NUISANCES = load_uncertainties()
EFFICIENCY = Efficiency("mc", 100.0, 1000.0, Value(0.1, 0.01), after_skim=False, cross_section=1.17e7)


def era(name="2017C", fitted=1000.0, error=50.0, luminosity=9.63):
    return era_yield(name, Value(fitted, error), EFFICIENCY, luminosity, CONSTANTS)


# --- control channel --------------------------------------------------------------------------------------------------


def test_an_era_by_hand():
    found = era()
    assert found.produced.value == pytest.approx(10_000)
    assert found.produced.error == pytest.approx(10_000 * math.hypot(0.05, 0.1))
    assert found.data_over_simulation.value == pytest.approx(1000 / (9.63e3 * 1.17e7 * 1.2825e-5 * 0.1))
    assert (found.control_luminosity, found.full_luminosity) == (9.63, 9.63)
    assert era("2018D", luminosity=1.58803).full_luminosity == 31.75


def test_without_generated_events_there_is_no_factor_of_data_over_simulation():
    skim = replace(EFFICIENCY, after_skim=True)
    found = era_yield("2017C", Value(1.0, 0.1), skim, 9.63, CONSTANTS)
    assert found.data_over_simulation is None
    notes = Normalization(CONSTANTS, (found,), (), NUISANCES).notes
    assert any("names no generated_events" in note for note in notes)


def result_of(**datasets):
    """RunResult with (metadata, entries, yields) per dataset."""
    return RunResult(
        {name: {"yields": found} for name, (_, _, found) in datasets.items()},
        {
            name: DatasetSummary(name, metadata, entries, entries)
            for name, (metadata, entries, _) in datasets.items()
        },
    )


def window(value, sumw2=None):
    return {"signal_window": {"value": value, "sumw2": value if sumw2 is None else sumw2, "raw": int(value)}}


def test_efficiency_uses_what_was_generated_and_really_processed():
    result = result_of(mc=({"era": "2017", "is_data": False, "generated_events": 10_000}, 500, window(100.0)))
    half = RunResult(result.output, {"mc": DatasetSummary("mc", result.datasets["mc"].metadata, 500, 250)})
    assert efficiency_of(result, "mc").value.value == pytest.approx(0.01)
    assert efficiency_of(half, "mc").value.value == pytest.approx(0.02)
    found = efficiency_of(result_of(mc=({}, 500, window(100.0))), "mc")
    assert (found.value.value, found.after_skim) == (0.2, True)
    assert found.value.error == pytest.approx(math.sqrt(0.2 * 0.8 / 500))  # binomial


def test_the_simulation_of_an_era():
    mc = {"is_data": False}
    result = result_of(
        a=({**mc, "era": "2017C"}, 1, {}), b=({**mc, "era": "2017"}, 1, {}), c=({**mc, "era": "2018"}, 1, {}),
        d=({**mc, "era": "2018"}, 1, {}), data=({"is_data": True, "era": "2017D"}, 1, {}),
    )  # fmt: skip
    assert simulation_for("2017C", result, {}) == "a"
    assert simulation_for("2017D", result, {}) == "b"
    assert simulation_for("2018A", result, {"2018": "d"}) == "d"
    with pytest.raises(ConfigError, match="2 simulated datasets for era 2018A"):
        simulation_for("2018A", result, {})
    with pytest.raises(ConfigError, match="no dataset 'x'"):
        simulation_for("2018A", result, {"2018A": "x"})
    with pytest.raises(ConfigError, match="0 simulated datasets for era 2022C"):
        simulation_for("2022C", result, {})


def test_fits_are_read_and_a_failed_one_is_no_yield(tmp_path):
    windows = [{"component": "ds", "low": 1.93, "high": 2.01, "value": 10.0, "error": 3.0}]
    path = tmp_path / "fits.json"
    document = {
        "eras": [{"era": "2017C", "succeeded": True, "problems": [], "windows": windows}],
        "simultaneous": {"2017C": [{**windows[0], "value": 11.0}], "2017D": []},
        "from_b": {"succeeded": True, "from_b": 0.3, "from_b_error": 0.02},
    }
    path.write_text(json.dumps(document))
    assert read_fits(path)["2017C"]["windows"][0]["value"] == 10.0
    shared = read_fits(path, shared_shapes=True)
    assert shared["2017C"]["windows"][0]["value"] == 11.0
    assert not shared["2017D"]["succeeded"]
    assert fitted_b_fraction(path) == Value(0.3, 0.02)
    from columnar_af.normalization.control_channel import fitted_yield

    with pytest.raises(ConfigError, match="era 2017D failed and gives no yield"):
        fitted_yield("2017D", shared["2017D"])
    path.write_text("[]")
    for read in (read_fits, fitted_b_fraction):
        with pytest.raises(ConfigError, match="no result of the mass fit"):
            read(path)
    with pytest.raises(ConfigError, match="no result of the mass fit"):
        read_fits(tmp_path / "missing.json")


def test_an_era_without_yield_is_left_out_with_its_reason():
    windows = [{"component": "ds", "low": 1.93, "high": 2.01, "value": 10.0, "error": 3.0}]
    fits = {
        "2017C": {"succeeded": True, "problems": [], "windows": windows},
        "2017D": {"succeeded": False, "problems": ["only 3 events"], "windows": []},
    }
    result = result_of(mc=({"era": "2017", "is_data": False}, 500, window(100.0)))
    found = control_channel(result, result, fits, CONSTANTS)
    assert [era.era for era in found.eras] == ["2017C"]
    assert found.left_out == {"2017D": "only 3 events"}
    text = report(Normalization(CONSTANTS, found.eras, (), NUISANCES, left_out=found.left_out))
    assert "2017D HAS NO YIELD and is left out of its year: only 3 events" in text
    with pytest.raises(ConfigError, match="era 2017D failed"):
        control_channel(result, result, fits, CONSTANTS, eras=("2017C", "2017D"))
    with pytest.raises(ConfigError, match="no era has a yield of D_s: 2017D: only 3 events"):
        control_channel(result, result, {"2017D": fits["2017D"]}, CONSTANTS)
    with pytest.raises(ConfigError, match="no yield 'signal_window'"):
        efficiency_of(result_of(mc=({}, 1, {})), "mc")


# --- signal -----------------------------------------------------------------------------------------------------------


def test_channels_by_hand():
    by_parent = {channel.parent: channel.per_ds for channel in channels(CONSTANTS, b_fraction=0.25)}
    common = 1e-7 / (4.5e-2 * 2.85e-4)
    assert by_parent["Ds"] == pytest.approx(common * 5.48e-2 * 1.05)
    assert by_parent["B0"] == pytest.approx(common * 0.25 * 0.5 * 3.35e-2 / 0.08 * 1.12)
    assert by_parent["Bp"] == pytest.approx(common * 0.25 * 0.5 * 3.33e-2 / 0.08 * 1.12)
    with pytest.raises(ConfigError, match="expected a number from 0 to 1"):
        channels(CONSTANTS, b_fraction=1.5)


def test_both_forms_of_the_formula_agree_where_the_simulation_is_right():
    """L σ B ε · (data/simulation) equals the ratio form, because the cross-section cancels."""
    control = era("2018D", luminosity=1.58803)
    efficiency = {"A": {"Ds": Value(0.02, 0.0)}}
    (term,) = expected_terms([control], {"2018": efficiency}, channels(CONSTANTS)[:1])
    branching = CONSTANTS.ds_to_tau_nu.value * 1e-7
    # the same σ for both decays of the D_s: the control simulation's covers D_s -> phi pi -> mu mu pi by its branching
    weight = expected_from_cross_section(31.75, 1.17e7, branching, 0.02, control.data_over_simulation.value)
    assert term.value == pytest.approx(weight * CONSTANTS.dplus_scale.value)


def test_eras_of_a_year_add_and_the_prescale_is_undone():
    efficiency = {"A": {"Ds": Value(0.02, 0.002)}, "B": {"Ds": Value(0.01, 0.0)}}
    one = expected_terms([era("2018D", luminosity=1.58803)], {"2018": efficiency}, channels(CONSTANTS)[:1])
    two = expected_terms(
        [era("2018D", luminosity=1.58803), era("2018A", luminosity=0.7025)],
        {"2018": efficiency},
        channels(CONSTANTS)[:1],
    )
    assert [(t.year, t.category) for t in two] == [("2018", "A"), ("2018", "B")]
    ratio = (31.75 / 1.58803 + 13.98 / 0.7025) / (31.75 / 1.58803)
    assert two[0].value == pytest.approx(one[0].value * ratio)
    assert two[0].statistical == pytest.approx(two[0].value * 0.1)
    assert two[1].statistical == 0


def test_errors_of_the_eras_add_as_they_are_correlated():
    """Fits in quadrature, the shared efficiency linearly."""
    (error,) = yield_errors([era("2017C"), era("2017D", luminosity=4.24)]).values()
    assert error == pytest.approx(math.hypot(0.05 / math.sqrt(2), 0.1))


def test_efficiencies_from_a_file(tmp_path):
    path = tmp_path / "efficiencies.yaml"
    path.write_text("A: {Ds: [0.01, 0.001], B0: 0.02}\nB: {Ds: 0}\n")
    found = efficiencies_from_file(path)
    assert found["A"] == {"Ds": Value(0.01, 0.001), "B0": Value(0.02, 0.0)}
    for text, match in (
        ("A: {Dx: 0.1}", "category A"),
        ("A: {Ds: 1.5}", "1.5 is no eff"),
        ("A: {Ds: x}", "'x' is no"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=match):
            efficiencies_from_file(path)


def test_efficiencies_from_simulation():
    found = {f"{category}_signal_window": {"value": 20.0, "sumw2": 16.0, "raw": 20} for category in "ABC"}
    metadata = {"is_data": False, "generated_events": 1000}
    result = result_of(
        ds=({**metadata, "parent": "Ds"}, 100, found), b=({**metadata, "parent": "B0"}, 100, found)
    )
    efficiencies = efficiencies_from_simulation(result)
    assert efficiencies["C"] == {"Ds": Value(0.02, 0.004), "B0": Value(0.02, 0.004)}
    with pytest.raises(ConfigError, match="has parent ''"):
        efficiencies_from_simulation(result_of(ds=(metadata, 100, found)))
    assert efficiencies_from_simulation(result, "2018") == efficiencies  # of no year: for all
    with pytest.raises(ConfigError, match="no yield 'A_signal_window'"):
        efficiencies_from_simulation(result_of(ds=({**metadata, "parent": "Ds"}, 100, {})))


def test_each_year_has_the_efficiencies_of_its_own_simulation():
    def dataset(era, value):
        found = {
            f"{category}_signal_window": {"value": value, "sumw2": value, "raw": 1} for category in "ABC"
        }
        return {"is_data": False, "generated_events": 1000, "parent": "Ds", "era": era}, 100, found

    result = result_of(a=dataset("2017B", 20.0), b=dataset("2018", 30.0))
    found = {year: efficiencies_from_simulation(result, year)["A"]["Ds"].value for year in ("2017", "2018")}
    assert found == {"2017": 0.02, "2018": 0.03}
    assert other_years(result, ("2017", "2018")) == {}
    with pytest.raises(ConfigError, match="no signal simulation of 2022, and that of 2017, 2018 is there"):
        efficiencies_from_simulation(result, "2022")
    one = result_of(a=dataset("2017B", 20.0))
    assert efficiencies_from_simulation(one, "2018")["A"]["Ds"].value == 0.02
    assert other_years(one, ("2017", "2018")) == {"2018": "2017"}
    notes = Normalization(CONSTANTS, (), (), NUISANCES, other_year=other_years(one, ("2018",))).notes
    assert any("no signal simulation of 2018" in note for note in notes)


def test_variations_of_the_simulation_become_uncertainties():
    yields = {"signal_window": 200.0, "signal_window_muon_id_up": 206.0, "signal_window_muon_id_down": 196.0}
    yields |= {"signal_window_smeared": 199.0, "signal_window_same_up": 200.0, "selected_muon_id_up": 900.0}
    found = {name: {"value": value, "sumw2": value, "raw": 1} for name, value in yields.items()}
    simulation = result_of(**{EFFICIENCY.dataset: ({"is_data": False}, 1000, found)})
    nuisances = {each.name: each for each in measured_variations([era(), era("2018D")], simulation)}
    assert set(nuisances) == {"simulation_muon_id", "simulation_smeared"}
    assert nuisances["simulation_muon_id"].effect == pytest.approx({"2017": 0.03, "2018": 0.03})
    assert nuisances["simulation_smeared"].on("B0", "2017") == pytest.approx(0.005)
    assert nuisances["simulation_muon_id"].across_years


def test_the_statistics_of_the_fitted_fraction_move_the_b_channels_of_all_years():
    nuisance = fitted_fraction(0.2, {"2018", "2017"})
    assert (nuisance.on("B0", "2017"), nuisance.on("Bp", "2018"), nuisance.on("Ds", "2017")) == (0.2, 0.2, 0)
    assert nuisance.parameter("2017") == nuisance.parameter("2018")
    assert fitted_fraction(5.0, {"2017"}).on("B0", "2017") < 1


# --- uncertainties ----------------------------------------------------------------------------------------------------


def test_one_parameter_adds_linearly_and_different_ones_in_quadrature():
    terms = [Term("Ds", "A", "2017", 10.0), Term("Ds", "B", "2018", 20.0), Term("B0", "A", "2017", 5.0, 1.0)]
    changes = breakdown(terms, NUISANCES)
    assert changes["br_ds_phi_pi"] == pytest.approx(0.08 * 35)  # all channels, all years
    assert changes["br_ds_tau_nu"] == pytest.approx(0.03 * 30)  # D_s only
    assert changes["br_b_ds"] == pytest.approx(0.05 * 5)  # B only
    assert changes["trigger_2017"] == pytest.approx(0.14 * 15)  # year by year
    assert changes["trigger_2018"] == pytest.approx(0.05 * 20)
    assert "trigger_level_1_2017" not in changes  # Run 3 alone
    expected = math.sqrt(sum(change**2 for change in changes.values()) + 1.0)
    assert total_uncertainty(terms, NUISANCES) == pytest.approx(expected)


def test_categories_are_fully_correlated():
    split = [Term("Ds", category, "2017", 10.0) for category in "ABC"]
    whole = [Term("Ds", "A", "2017", 30.0)]
    assert total_uncertainty(split, NUISANCES) == pytest.approx(total_uncertainty(whole, NUISANCES))


def test_the_fit_replaces_a_smaller_uncertainty_of_the_yield():
    raised = {n.name: n for n in with_measured_yield(NUISANCES, {"2017": 0.2, "2018": 0.01})}
    assert raised["ds_yield"].effect["2017"] == 0.2
    assert raised["ds_yield"].effect["2018"] == 0.03
    assert raised["trigger"] == next(n for n in NUISANCES if n.name == "trigger")


def test_tables_of_constants_and_uncertainties_are_checked(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text("ds_to_phi_pi: 1")
    with pytest.raises(ConfigError, match="differ from those that are needed"):
        Constants.load(path)
    path.write_text("trigger: {affects: [W], effect: {2017: 0.1}, meaning: m, across_years: true, source: s}")
    with pytest.raises(ConfigError, match="affects W"):
        load_uncertainties(path)
    path.write_text("trigger: 0.1")
    with pytest.raises(ConfigError, match="expected meaning, affects"):
        load_uncertainties(path)


# --- background, cards, limit -----------------------------------------------------------------------------------------


def spectrum(masses):
    histogram = hist.Hist(hist.axis.Regular(42, 1.60, 2.02, name="mass"), storage=hist.storage.Weight())
    histogram.fill(np.asarray(masses))
    return histogram


def test_a_flat_background_goes_by_the_widths():
    masses = np.concatenate([np.arange(1.625, 1.73, 0.01), np.arange(1.835, 2.0, 0.01)])
    found = background_in_window(spectrum(masses), (1.73, 1.83), (1.62, 2.0))
    assert found.sidebands == len(masses)
    assert found.slope == pytest.approx(0, abs=0.2)
    assert found.expected == pytest.approx(10, rel=0.05)
    assert found.error == pytest.approx(found.expected / math.sqrt(len(masses)))


def test_a_falling_background_is_extrapolated():
    random = np.random.default_rng(5)
    masses = 1.6 + random.exponential(1 / 4.0, 400_000)
    masses = masses[masses < 2.02]
    window, selected = (1.727, 1.827), (1.62, 2.0)
    truth = np.sum((masses > window[0]) & (masses < window[1]))
    outside = masses[(masses < window[0]) | (masses > window[1])]
    found = background_in_window(spectrum(outside), window, selected)
    assert found.slope == pytest.approx(4.0, abs=0.1)
    assert found.expected == pytest.approx(truth, rel=0.02)


def test_an_empty_sideband_is_not_free_of_background():
    found = background_in_window(spectrum([]), (1.73, 1.83), (1.62, 2.0))
    assert found.sidebands == 0
    assert 0 < found.expected == found.error < 1


def bins_of(**kwargs):
    signal = {"Ds": 4.0, "B0": 1.0, "Bp": 1.0}
    return (
        CountingBin("A", "2017", signal, Background(40.0, 0.25, 0.0), **kwargs),
        CountingBin("B", "2018", signal, Background(80.0, 0.25, 0.0), **kwargs),
    )


def read_card(card):
    lines = [line.split() for line in card.splitlines() if line and not line.startswith(("#", "-"))]
    rates = next(line[1:] for line in lines if line[0] == "rate")
    systematics = {line[0]: line[1:] for line in lines if len(line) > 1 and line[1] in ("lnN", "gmN")}
    return lines, [float(rate) for rate in rates], systematics


def test_the_datacard_says_what_the_bins_say():
    lines, rates, systematics = read_card(datacard(bins_of(), NUISANCES))
    assert rates == [4, 1, 1, 10, 4, 1, 1, 20]
    assert next(line for line in lines if line[0] == "observation") == ["observation", "10", "20"]
    numbers = [line[1:] for line in lines if line[0] == "process"][1]
    assert numbers == ["0", "-1", "-2", "1"] * 2
    assert systematics["br_ds_phi_pi"] == ["lnN", *(["1.08"] * 3 + ["-"]) * 2]
    assert systematics["br_ds_tau_nu"] == ["lnN", *["1.03", "-", "-", "-"] * 2]
    assert systematics["trigger_2017"] == ["lnN", "1.14", "1.14", "1.14", *["-"] * 5]
    assert systematics["background_A_2017"][:2] == ["gmN", "40"]
    assert float(systematics["background_A_2017"][5]) * 40 == pytest.approx(10)
    assert "blinded" in datacard(bins_of(), NUISANCES)
    opened = datacard(bins_of(observed=12), NUISANCES)
    assert "blinded" not in opened
    assert read_card(opened)[0][3] == ["bin", "A_2017", "B_2018"]


def test_normalization_lines_are_those_of_the_card():
    (first, _) = bins_of()
    lines = [line.split() for line in normalization_lines([first], NUISANCES)]
    assert lines[0] == ["bin", *["A_2017"] * 3]
    assert lines[2] == ["rate", *(f"{value:.6g}" for value in first.signal.values())]
    assert ["br_ds_tau_nu", "lnN", "1.03", "-", "-"] in lines
    assert ["trigger_2017", "lnN", "1.14", "1.14", "1.14"] in lines


def test_card_and_pyhf_model_hold_the_same_numbers():
    specification = pyhf_specification(bins_of(), effects_of(bins_of(), NUISANCES))
    _, rates, systematics = read_card(datacard(bins_of(), NUISANCES))
    samples = [sample for channel in specification["channels"] for sample in channel["samples"]]
    assert [sample["data"][0] for sample in samples] == rates
    for column, sample in enumerate(samples):
        factors = {m["name"]: m["data"]["hi"] for m in sample["modifiers"] if m["type"] == "normsys"}
        written = {
            name: float(row[1 + column])
            for name, row in systematics.items()
            if row[0] == "lnN" and row[1 + column] != "-"
        }
        assert factors == pytest.approx(written)


def test_parallel_parameters_become_one_of_the_same_size():
    effects = effects_of(bins_of(), NUISANCES)
    fewer = merged(effects)
    assert len(fewer) < len(effects) / 2
    assert sorted(name for names in fewer for name in names.split(" & ")) == sorted(effects)
    for column in {key for factors in effects.values() for key in factors}:
        squares = [
            sum(math.log(factors[column]) ** 2 for factors in every.values() if column in factors)
            for every in (effects, fewer)
        ]
        assert squares[0] == pytest.approx(squares[1])


def test_a_bin_without_background_is_refused():
    with pytest.raises(ConfigError, match="no background is known for B_2017"):
        counting_bins([Term("Ds", "B", "2017", 1.0)], {("A", "2017"): Background(1, 1, 0)}, {})


pytest.importorskip("pyhf", reason="the limit needs pyhf")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_limit_of_an_experiment_with_much_background():
    """With much background, CLs at the median is 2 (1 - Φ(s/√b)): 0.1 at s = 1.645 √b."""
    from columnar_af.normalization.limit import upper_limit

    big = CountingBin("A", "2017", {"Ds": 10.0}, Background(1e8, 1e-4, 0.0))  # 10,000 events, known to 1
    limit = upper_limit([big], (), 1e-7)
    assert limit.expected == pytest.approx(1e-7 / 10 * 1.645 * 100, rel=0.02)
    assert limit.observed is None
    assert limit.band[0] < limit.band[1] < limit.expected < limit.band[3] < limit.band[4]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_limit_gets_worse_with_uncertainties_and_is_observed_when_opened():
    from columnar_af.normalization.limit import upper_limit

    alone = upper_limit(bins_of(observed=15), (), 1e-7)
    uncertain = upper_limit(bins_of(observed=15), NUISANCES, 1e-7)
    assert uncertain.expected > alone.expected
    assert alone.observed is not None
    assert upper_limit(bins_of(observed=25), (), 1e-7).observed > alone.observed


# --- tables -----------------------------------------------------------------------------------------------------------


def test_tables():
    efficiency = {"A": {p: Value(0.02, 0.0) for p in ("Ds", "B0", "Bp")}}
    eras = (era(), era("2017D", luminosity=4.24))
    terms = expected_terms(eras, {"2017": efficiency}, channels(CONSTANTS))
    result = Normalization(CONSTANTS, eras, terms, NUISANCES)
    text = report(result)
    row = next(line for line in text.splitlines() if line.startswith("2017C"))
    assert [cell.strip() for cell in row.split("  ") if cell.strip()][:5] == [
        "2017C",
        "1000.0 ± 50.0",
        "0.1 ± 0.01",
        "10000.0 ± 1118.0",
        "1038.4 ± 116.1",
    ]
    assert "b_to_ds = 0.08 is not verified" in text
    assert "was not fitted; 0.23 is taken" in text
    total = sum(term.value for term in terms)
    assert f"{total:.4g} ± {total_uncertainty(terms, NUISANCES):.2g}" in signal_rows(result)[-1]
    latex = as_latex(era_rows(result)) + as_latex(signal_rows(result))
    assert r"from $D_s$" in latex
    assert r"1000.0 $\pm$ 50.0" in latex
    assert not any(sign in latex for sign in "±→μπ⁻")
    document = json.loads(json.dumps(result.to_json()))
    assert document["total"]["value"] == pytest.approx(total)
    assert document["expected"][0]["category"] == "A"
