"""From the histograms of a run to scaled yields."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hist import Hist
from hist.storage import Weight

from columnar_af.errors import ConfigError, IncompleteRunError
from columnar_af.results.ledger import Ledger
from columnar_af.results.run_result import RunResult
from columnar_af.statistics.by_hand import (
    combined,
    counted,
    with_declared,
    with_normalization,
    with_theory_combined,
)
from columnar_af.statistics.tables import (
    as_latex,
    as_text,
    number,
    variation_rows,
    with_error,
    yield_rows,
    yields_csv,
)
from columnar_af.statistics.uncertainties import band, impacts
from columnar_af.statistics.variations import Nuisance, nuisances, split
from columnar_af.statistics.yields import YieldTable
from columnar_af.systematics import Systematics
from tests.statistics.stop_results import (
    EXPECTED,
    FAKE_DATA,
    FAKE_PROMPT,
    LUMINOSITY,
    OBSERVED,
    REGIONS,
    SHIFTS,
    SIGNALS,
    category,
    run_result,
    stop_result,
)


@pytest.fixture(scope="module")
def table():
    return YieldTable.of(stop_result())


def test_every_yield_is_scaled_and_campaigns_are_summed(table):
    for sample, numbers in (EXPECTED | SIGNALS).items():
        for region, expected in zip(REGIONS, numbers, strict=True):
            for variation, shift in SHIFTS.items():
                assert table[region, sample, variation].value == pytest.approx(shift * expected, rel=1e-12)
    assert table.luminosity == pytest.approx(LUMINOSITY)
    assert [float(table.observed[region][0]) for region in REGIONS] == list(OBSERVED)


def test_variance_scales_with_the_square(table):
    # 5 fb per generated event: sums of weights of events of weight 1
    scales = {"mc16a": 0.1 * 1000 * 36.2 / 5000, "mc16e": 0.1 * 1000 * 58.45 / 8000}
    shares = {"mc16a": 36.2 / LUMINOSITY, "mc16e": 58.45 / LUMINOSITY}
    expected = sum(800 * shares[era] * scale for era, scale in scales.items())
    assert table["CRtop", "ttbar", "Nominal"].variance == pytest.approx(expected, rel=1e-12)
    assert table["CRtop", "ttbar", "Nominal"].raw == pytest.approx(
        sum(round(800 * shares[era] / scale) for era, scale in scales.items())
    )


def test_fakes_are_data_less_prompt_simulation(table):
    for region, data, prompt in zip(REGIONS, FAKE_DATA, FAKE_PROMPT, strict=True):
        assert table[region, "FNP", "Nominal"].value == pytest.approx(data - prompt, rel=1e-12)
    assert next(sample for sample in table.samples if sample.name == "FNP").is_data_driven


def test_signals_know_their_masses(table):
    points = {sample.name: sample.point for sample in table.samples}
    assert points["stop4body_450_40"] == (450.0, 40.0)
    assert points["ttbar"] is None
    assert table.signals == tuple(SIGNALS)


def test_a_saved_result_gives_the_same(table, tmp_path):
    result = stop_result()
    result.save(tmp_path / "result")
    loaded = YieldTable.of(RunResult.load(tmp_path / "result"))
    assert yields_csv(loaded) == yields_csv(table)


def test_blinded_and_unverified_regions_say_so():
    table = YieldTable.of(stop_result(blinded=True))
    assert "SRA" not in table.observed
    assert not table.has("SRA", "FNP")
    assert any("SRA, SRB are blinded" in note for note in table.notes)
    assert any("no fakes from data in SRA, SRB" in note for note in table.notes)
    text = as_text(yield_rows(table))
    assert "SRA*" in text
    assert "blinded" in text
    assert "data,,blinded" in yields_csv(table)
    assert "*" not in as_text(yield_rows(YieldTable.of(stop_result(unverified=False))))


def test_without_data_there_are_no_fakes():
    table = YieldTable.of(stop_result(with_data=False))
    assert "FNP" not in table.backgrounds
    assert any("no data were run" in note for note in table.notes)
    assert "no data" in as_text(yield_rows(table))


def test_theory_variations_have_sums_of_weights_of_their_own():
    result = stop_result()
    name = "JET_GroupedNP_1__1up"
    for dataset in ("ttbar_mc16a", "ttbar_mc16e"):
        part = result.output[dataset]
        (file, _, value) = next(iter(part["sums_of_weights"]))
        part["sums_of_weights"] = part["sums_of_weights"] | {(file, name, 2 * value)}
    table = YieldTable.of(result)
    assert table["SRA", "ttbar", name].value == pytest.approx(1.06 * 5 / 2)
    assert table["SRA", "VV", name].value == pytest.approx(1.06 * 4)


@pytest.mark.parametrize("value", [0.0, -3.0, math.nan, math.inf])
def test_a_wrong_sum_of_weights_is_an_error(value):
    result = stop_result()
    result.output["Wt_mc16a"]["sums_of_weights"] = {("a.root", "NumberEvents", value)}
    with pytest.raises(IncompleteRunError, match=r"Wt_mc16a cannot be scaled, its sum of weights"):
        YieldTable.of(result)


def test_a_file_counts_once_and_files_are_summed():
    result = stop_result()
    part = result.output["Wt_mc16a"]
    part["sums_of_weights"] = [["a.root", "NumberEvents", 2000.0], ["b.root", "NumberEvents", 3000.0]]
    part["sums_of_weights"] *= 2
    assert YieldTable.of(result)["SRA", "Wt", "Nominal"].value == pytest.approx(1.5)


def test_a_missing_campaign_is_an_error():
    result = stop_result()
    del result.output["VV_mc16a"]
    with pytest.raises(ConfigError, match="VV lacks mc16a"):
        YieldTable.of(result)
    table = YieldTable.of(result, allow_missing_campaigns=True)
    assert any("VV lacks mc16a" in note for note in table.notes)


def test_data_without_luminosity_and_samples_without_cross_section_are_errors():
    for dataset, key in (("data_mc16a", "luminosity"), ("VV_mc16e", "cross_section")):
        result = stop_result()
        del result.datasets[dataset].metadata[key]
        with pytest.raises(IncompleteRunError, match=f"{dataset}.*{key.replace('_', '.')}"):
            YieldTable.of(result)


def test_what_is_not_complete_is_refused_or_scaled():
    result = stop_result()
    entries = [
        replace(entry, status="failed", entries=0, error=None) if entry.dataset == "Wt_mc16a" else entry
        for entry in result.ledger
    ]
    broken = replace(result, ledger=Ledger(tuple(entries)))
    with pytest.raises(IncompleteRunError, match="Wt_mc16a"):
        YieldTable.of(broken)


def test_half_of_the_simulation_stands_for_all_where_that_is_allowed():
    result = stop_result()
    summary = result.datasets["Wt_mc16a"]
    half = dict(result.datasets) | {"Wt_mc16a": replace(summary, available=200)}
    result = replace(result, datasets=half)
    with pytest.raises(IncompleteRunError, match="only a part"):
        YieldTable.of(result)
    share = 36.2 / LUMINOSITY
    table = YieldTable.of(result, allow_incomplete=True)
    assert table["SRA", "Wt", "Nominal"].value == pytest.approx(1.5 * (2 * share + 1 - share))


def test_shapes_hold_all_events_and_fold_what_is_outside():
    table = YieldTable.of(stop_result(), {"SRB": "met"})
    region = table.region("SRB")
    assert region.edges == (200.0, 300.0, 400.0, 500.0, 600.0)
    np.testing.assert_allclose(table.template("SRB", "ttbar").values, 8 * np.array([0.4, 0.3, 0.15, 0.15]))
    assert table["SRB", "ttbar", "JET_GroupedNP_1__1up"].value == pytest.approx(1.06 * 8)
    assert table["SRB", "FNP", "Nominal"].value == pytest.approx(3.5)
    assert table.observed["SRB"].sum() == 22
    with pytest.raises(ConfigError, match=r"SRB has no histogram of 'r_2l'.*\n.*met"):
        YieldTable.of(stop_result(), {"SRB": "r_2l"})


def test_a_shape_of_nominal_only_moves_with_the_count():
    result = stop_result()
    for part in result.output.values():
        histogram = part["hists"]["SRB/met"]
        only = Hist(category("variation", ("Nominal",)), histogram.axes["met"], storage=Weight())
        only.view(flow=True)[0] = histogram.view(flow=True)[0]
        part["hists"]["SRB/met"] = only
    table = YieldTable.of(result, {"SRB": "met"})
    up = table.template("SRB", "ttbar", "JET_GroupedNP_1__1up").values
    np.testing.assert_allclose(up, 1.06 * table.template("SRB", "ttbar").values)


def test_a_result_without_yields_is_an_error():
    with pytest.raises(ConfigError, match="no dataset of this result has a histogram 'yields'"):
        YieldTable.of(RunResult({"A": {"hists": {}}}, {}))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("JET_GroupedNP_1__1up", ("JET_GroupedNP_1", "up")),
        ("JET_GroupedNP_1__1down", ("JET_GroupedNP_1", "down")),
        ("MET_SoftTrk_ScaleUp", ("MET_SoftTrk_Scale", "up")),
        ("MET_SoftTrk_ScaleDown", ("MET_SoftTrk_Scale", "down")),
        ("MET_SoftTrk_ResoPara", ("MET_SoftTrk_ResoPara", "up")),
        ("muon_scale_down", ("muon_scale", "down")),
    ],
)
def test_names_of_variations(name, expected):
    assert split(name) == expected


def test_a_side_that_would_be_negative_is_zero():
    table = counted({"SR": {"a": {"Nominal": 2.0, "x": 5.0}}})
    up, down = table.up_and_down("SR", "a", table.nuisances[0])
    assert (up[0], down[0]) == (5.0, 0.0)


def test_two_variations_of_one_side_are_an_error():
    assert nuisances(["Nominal", "a__1up", "a__1down", "b"]) == (
        Nuisance("a", "a__1up", "a__1down"),
        Nuisance("b", "b", None),
    )
    with pytest.raises(ConfigError, match="are both the up side of the parameter a"):
        nuisances(["a__1up", "a_up"])


def test_one_sided_variations_get_their_other_side(table):
    nuisance = next(found for found in table.nuisances if found.name == "MET_SoftTrk_ResoPara")
    up, down = table.up_and_down("SRA", "ttbar", nuisance)
    assert (up[0], down[0]) == (pytest.approx(5.15), pytest.approx(4.85))
    only_down = Nuisance("x", None, "JET_GroupedNP_1__1down")
    up, down = table.up_and_down("SRA", "ttbar", only_down)
    assert (up[0], down[0]) == (pytest.approx(5.25), pytest.approx(4.75))


def test_band_adds_statistics_and_variations_in_quadrature():
    table = counted(
        {"SR": {"a": {"Nominal": (10.0, 1.0), "x__1up": 12.0, "x__1down": 9.0}, "b": {"Nominal": (5.0, 2.0), "x__1up": 4.0}}}
    )  # fmt: skip
    content = band(table, "SR")
    assert content.nominal[0] == 15
    assert content.statistical[0] == pytest.approx(math.sqrt(5))
    assert (content.up[0], content.down[0]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert content.total_up[0] == pytest.approx(math.sqrt(6))
    assert impacts(table, "SR") == [("x", pytest.approx(1 / 15), pytest.approx(-1 / 15))]


def test_uncertainties_given_as_percentages(table):
    more = with_normalization(table, "xsec", {"other": 0.2, "Wt": (0.1, -0.05)})
    assert more["SRA", "other", "xsec__1up"].value == pytest.approx(0.96)
    assert more["SRA", "Wt", "xsec__1down"].value == pytest.approx(1.5 * 0.95)
    assert more["SRA", "ttbar", "xsec__1up"].value == pytest.approx(5.0)
    with pytest.raises(ConfigError, match="given for QCD"):
        with_normalization(table, "xsec", {"QCD": 0.5})
    with pytest.raises(ConfigError, match="takes away"):
        with_normalization(table, "xsec", {"Wt": (0.1, -1.0)})


def test_many_variations_become_one():
    cell = {"Nominal": 10.0, "PDF1": 11.0, "PDF2": 9.0, "PDF3": 10.0, "scale1": 12.0, "scale2": 9.5}
    table = counted({"SR": {"a": cell}})
    rms = combined(table, "PDF", "PDF*", "rms")
    assert rms["SR", "a", "PDF__1up"].value == pytest.approx(10 + math.sqrt(2 / 3))
    hessian = combined(table, "PDF", "PDF*", "hessian")
    assert hessian["SR", "a", "PDF__1down"].value == pytest.approx(10 - math.sqrt(2))
    both = combined(rms, "scale", "scale?", "envelope")
    assert (both["SR", "a", "scale__1up"].value, both["SR", "a", "scale__1down"].value) == (12.0, 9.5)
    assert {found.name for found in both.nuisances} == {"PDF", "scale"}
    with pytest.raises(ConfigError, match="no variation is named like"):
        combined(table, "x", "nothing*", "rms")


def test_tables(table):
    rows = variation_rows(table, ["SRA"])
    assert ["SRA*", "ttbar", "JET_GroupedNP_1__1up"] in [row[:3] for row in rows]
    assert "+6.00 %" in [row[5] for row in rows]
    latex = as_latex(yield_rows(table))
    assert latex.count(r"\\") == len(yield_rows(table))
    assert "stop4body\\_400\\_20" in latex
    assert yields_csv(table).splitlines()[0] == "region,verified,sample,variation,value,variance,raw"
    assert (with_error(12.345, 0.67), with_error(985.2, 31.4), with_error(1, 0)) == (
        "12.35 ± 0.67",
        "985 ± 31",
        "1",
    )
    assert number(None) == "–"


def test_wrong_names_are_errors(table):
    with pytest.raises(ConfigError, match=r"no yield of sample 'QCD' in region 'SRA'"):
        table["SRA", "QCD", "Nominal"]
    with pytest.raises(ConfigError, match="no region 'SRX'"):
        table.region("SRX")
    with pytest.raises(ConfigError, match="bins in SRA"):
        replace(table, templates={("SRA", "Wt", "Nominal"): YieldTable.of(stop_result(), {"SRB": "met"}).template("SRB", "Wt")})  # fmt: skip


def test_theory_variations_are_combined():
    scales = {
        f"LHE3Weight_muR{a}muF{b}": 10.0 + value for a, b, value in (("05", "05", 2.0), ("20", "20", -1.5))
    }
    replicas = {f"LHE3Weight_MUR1_MUF1_PDF261{n}": 10.0 + shift for n, shift in (("001", 0.5), ("100", -0.5))}
    table = with_theory_combined(counted({"SR": {"a": {"Nominal": 10.0, **scales, **replicas}}}))
    assert {found.name for found in table.nuisances} == {"scale", "PDF"}
    assert table["SR", "a", "scale__1down"].value == 8.5
    assert table["SR", "a", "PDF__1up"].value == 10.5


def test_declared_normalizations_are_taken(tmp_path):
    path = tmp_path / "systematics.yaml"
    path.write_text("- {name: xsec_Wt, kind: normalization, sizes: {Wt: [0.1, -0.05], QCD: [0.5, -0.5]}}\n")
    table = with_declared(counted({"SR": {"Wt": 2.0, "VV": 3.0}}), Systematics.load(path))
    assert table["SR", "Wt", "xsec_Wt__1up"].value == pytest.approx(2.2)
    assert table["SR", "VV", "xsec_Wt__1up"].value == 3.0


def test_a_region_that_could_not_be_counted_is_not_zero():
    result = stop_result(with_data=False)
    for part in result.output.values():
        part["unavailable"] = {"VRtop": {"met_significance is not in this ntuple"}}
    table = YieldTable.of(result)
    assert "VRtop" not in [region.name for region in table.regions]
    assert any("VRtop is not available in this ntuple: met_significance" in note for note in table.notes)


def test_some_regions_of_a_run():
    chosen = YieldTable.of(stop_result(), only=["SR*", "CRtop"])
    assert [region.name for region in chosen.regions] == ["CRtop", "SRA", "SRB"]
    assert set(chosen.observed) == {"CRtop", "SRA", "SRB"}
    with pytest.raises(ConfigError, match="no region is named SRX"):
        YieldTable.of(stop_result(), only=["SRX"])


def test_data_of_one_campaign_in_two_datasets_add_up(table):
    result = stop_result()
    part = result.output["data_mc16a"]
    half = {name: histogram * 0.5 for name, histogram in part["hists"].items()}
    output = {name: found for name, found in result.output.items() if name != "data_mc16a"}
    output |= {f"data_{period}": part | {"hists": half} for period in "AB"}
    metadata = {name: dict(summary.metadata) for name, summary in result.datasets.items()}
    data = metadata.pop("data_mc16a") | {"luminosity": 18.1}
    split = YieldTable.of(run_result(output, metadata | {"data_A": data, "data_B": data}))
    assert split.luminosity == pytest.approx(LUMINOSITY)
    for key in table.templates:
        assert split[key].value == pytest.approx(table[key].value, rel=1e-12)
    np.testing.assert_array_equal(split.observed["CRtop"], table.observed["CRtop"])
