"""Finding things in a result, and saying whether two results are the same."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from hist import Hist
from hist.axis import StrCategory
from matplotlib import pyplot as plt

from columnar_af.errors import ConfigError
from columnar_af.results import DatasetSummary, Ledger, LedgerEntry, Metrics, Provenance, RunResult
from columnar_af.selection import Cutflow, CutflowRow


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.setattr(mpl, "rcParams", mpl.rcParams.copy())
    plt.switch_backend("agg")
    yield
    plt.close("all")


def masses(*values):
    return Hist.new.Reg(2, 0, 2, name="mass").Weight().fill(values)


def test_cutflow_of_a_dataset(result):
    assert result.cutflow("2017C")["hlt"].events == 80
    with pytest.raises(ConfigError, match=r"'2016' in this result\n.*there is: 2017C, 2018A"):
        result.cutflow("2016")


def test_hist_of_a_dataset_of_an_era_and_of_all(result):
    one, other = result.hist("mass", "2017C"), result.hist("mass", "2018A")
    assert [axis.name for axis in one.axes] == ["mass"]
    assert result.hist("mass", era="2017") == one
    assert result.hist("mass", era=2018) == other
    both = result.hist("mass")
    assert [axis.name for axis in both.axes] == ["dataset", "mass"]
    assert list(both.axes[0]) == ["2017C", "2018A"]
    np.testing.assert_array_equal(both.view(flow=True)[0], one.view(flow=True))
    np.testing.assert_array_equal(both.view(flow=True)[1], other.view(flow=True))


def test_era_sums_its_datasets():
    datasets = {
        name: DatasetSummary(name, {"era": era}) for name, era in [("B", 2017), ("C", "2017"), ("D", 2018)]
    }
    output = {name: {"hists": {"mass": masses(0.5)}} for name in datasets}
    assert RunResult(output, datasets).hist("mass", era=2017).sum().value == 2


def test_a_copy_is_given(result):
    result.hist("mass", "2017C").reset()
    assert result.hist("mass", "2017C").sum(flow=True).value > 0


@pytest.mark.parametrize("name", ["mass", "n_minus_1/mass"])
def test_plot_overlays_datasets(result, name):
    assert len(result.hist(name).plot()) == 2
    assert len(result.hist(name, "2017C").plot()) == 1


def test_one_dataset_gives_its_histogram():
    result = RunResult({"d": {"hists": {"mass": masses(0.5)}}}, {"d": DatasetSummary("d")})
    assert result.hist("mass") == masses(0.5)
    result.hist("mass").plot()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pt",), "there is: mass, n_minus_1/mass, plane"),
        (("mass", "2016"), "there is: 2017C, 2018A"),
        (("mass", None, 2016), "there is: 2017, 2018"),
        (("mass", "2017C", 2017), "not both"),
    ],
)
def test_what_is_not_there_is_said(result, arguments, message):
    with pytest.raises(ConfigError, match=message):
        result.hist(*arguments)


def test_growing_categories_are_united():
    def counts(*names):
        return Hist.new.StrCat([], growth=True, name="channel").Double().fill(names)

    datasets = {name: DatasetSummary(name) for name in "ab"}
    result = RunResult({"a": {"n": counts("mu", "e")}, "b": {"n": counts("tau", "mu", "mu")}}, datasets)
    both = result.hist("n")
    assert {(d, c): both[d, c] for d in "ab" for c in ("e", "mu", "tau")} == {
        ("a", "e"): 1, ("a", "mu"): 1, ("a", "tau"): 0, ("b", "e"): 0, ("b", "mu"): 2, ("b", "tau"): 1,
    }  # fmt: skip


def test_different_axes_do_not_stack():
    datasets = {name: DatasetSummary(name) for name in "ab"}
    result = RunResult(
        {"a": {"m": masses(1)}, "b": {"m": Hist.new.Reg(3, 0, 2, name="mass").Weight()}}, datasets
    )
    with pytest.raises(ConfigError, match="different axes"):
        result.hist("m")
    assert result.hist("m", "a") == masses(1)


class TestFlatOutput:
    rows = Cutflow((CutflowRow("all", 5),))

    def test_of_one_dataset(self):
        result = RunResult({"cutflow": self.rows, "hists": {"mass": masses(0.5)}}, {"d": DatasetSummary("d")})
        assert result.cutflow("d") == self.rows
        assert result.hist("mass", "d") == result.hist("mass") == masses(0.5)

    def test_summed_over_datasets(self):
        result = RunResult({"mass": masses(0.5)}, {name: DatasetSummary(name) for name in "ab"})
        assert result.hist("mass") == masses(0.5)
        with pytest.raises(ConfigError, match="there is: all"):
            result.hist("mass", "a")

    def test_by_dataset_below_the_name(self):
        datasets = {name: DatasetSummary(name, {"era": 1}) for name in "ab"}
        result = RunResult(
            {"mass": {"a": masses(0.5), "b": masses(0.5, 1.5)}, "cutflow": {"a": self.rows}}, datasets
        )
        assert result.hist("mass", "b") == masses(0.5, 1.5)
        assert result.hist("mass", era=1).sum().value == 3
        assert result.cutflows == {"a": self.rows}

    def test_by_an_axis(self):
        mass = Hist(StrCategory(["a", "b"], name="dataset"), *masses().axes, storage="weight")
        mass.fill(dataset="b", mass=[0.5, 1.5])
        result = RunResult({"mass": mass}, {name: DatasetSummary(name) for name in "ab"})
        assert result.hist("mass", "b") == masses(0.5, 1.5)
        assert list(result.hist("mass").axes[0]) == ["a", "b"]

    def test_nothing(self):
        result = RunResult(None, {"a": DatasetSummary("a")})
        assert (result.hist_names, result.cutflows, result.yields) == ((), {}, {})


def test_yields(result):
    assert result.yields["2018A"]["signal"] == {"value": 0.1 + 0.2, "sumw2": 1 / 3, "raw": 124}


def test_summary_of_a_dataset_is_counted_from_the_ledger(result):
    assert result.datasets["2018A"] == DatasetSummary("2018A", {"era": 2018, "is_data": True}, 322, 222, 0)
    assert result.datasets["2018A"].skipped == 100


def test_repr_is_short(result):
    assert repr(result).startswith(
        "RunResult(2 datasets, 333 of 433 entries processed, 0 failed, 100 skipped"
    )


def test_metrics_and_provenance_are_not_compared(result):
    assert result.same_as(replace(result, metrics=Metrics(), provenance=Provenance()))


def test_every_other_part_is_compared(make_result):
    def changed(change):
        other = make_result()
        change(other.output)
        return other

    def a_bin(output):
        output["2017C"]["hists"]["mass"].view(flow=True)["variance"][1] += 1e-18

    def a_row(output):
        rows = output["2018A"]["cutflow"].rows
        output["2018A"]["cutflow"] = Cutflow((*rows[:-1], replace(rows[-1], sumw=0.3)))

    def a_number(output):
        output["2017C"]["sumw"] = np.nextafter(output["2017C"]["sumw"], 0)

    def a_yield(output):
        output["2017C"]["yields"]["signal"]["raw"] += 1

    def a_missing_part(output):
        del output["2018A"]["hists"]["plane"]

    result = make_result()
    found = {change.__name__: result.differences(changed(change)) for change in (a_bin, a_row, a_number, a_yield, a_missing_part)}  # fmt: skip
    assert found["a_row"] == ["output/2018A/cutflow/trigger_match/sumw: 0.30000000000000004 and 0.3"]
    assert found["a_yield"] == ["output/2017C/yields/signal/raw: 62 and 63"]
    assert found["a_missing_part"] == ["output/2018A/hists/plane: only in the first"]
    assert found["a_bin"][0].startswith(
        "output/2017C/hists/mass (variance): 1 of 6 values differ, first at [1]"
    )
    assert found["a_number"][0].startswith("output/2017C/sumw: 11.1 and")
    assert all(len(sentences) == 1 for sentences in found.values())


def test_ledger_and_datasets_are_compared(result):
    failed = Ledger((*result.ledger.entries[:2], replace(result.ledger.entries[2], status="failed")))
    other = replace(result, ledger=failed)
    assert len(result.differences(other)) == 1
    assert "'skipped'" in result.differences(other)[0]
    retried = Ledger((*result.ledger.entries[:2], replace(result.ledger.entries[2], attempts=5)))
    assert result.same_as(replace(result, ledger=retried))
    fewer = replace(result, datasets={"2017C": result.datasets["2017C"]})
    assert result.differences(fewer) == ["datasets/2018A: only in the first"]


def test_nan_is_the_same_and_minus_zero_is_not():
    assert RunResult({"x": float("nan")}).same_as(RunResult({"x": -float("nan")}))
    assert not RunResult({"x": 0.0}).same_as(RunResult({"x": -0.0}))
    assert not RunResult({"x": 1}).same_as(RunResult({"x": "1"}))


def test_axes_and_storages_are_compared():
    weight, double = masses(1), Hist.new.Reg(2, 0, 2, name="mass").Double()
    assert "storages" in RunResult({"m": weight}).differences(RunResult({"m": double}))[0]
    wider = Hist.new.Reg(2, 0, 3, name="mass").Weight()
    assert "axes" in RunResult({"m": weight}).differences(RunResult({"m": wider}))[0]


def test_an_entry_of_the_ledger_names_its_place():
    assert LedgerEntry(0, "d", "f.root", "t", 1, 2, "u", "done", 1).place == "f.root:t[1:2]"
