"""A result on disk: exact, whole or not at all, and clear about damage."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import uproot
from coffea.processor import column_accumulator
from hist import Hist, axis
from hist.serialization import from_uhi
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import OutputError
from columnar_af.results import DatasetSummary, RunResult
from columnar_af.results.histogram_files import histogram_from_json, histogram_to_json
from columnar_af.results.plain_values import OutputDecoder, OutputEncoder
from columnar_af.results.storage import summary_schema
from columnar_af.selection import Cutflow


@pytest.fixture
def saved(result, tmp_path):
    return result.save(tmp_path / "out")


def test_load_gives_everything_back(result, saved):
    loaded = RunResult.load(saved)
    assert loaded.differences(result) == []
    assert loaded.ledger == result.ledger
    assert loaded.metrics == result.metrics
    assert loaded.provenance == result.provenance
    assert loaded.datasets == result.datasets
    assert loaded.yields == result.yields
    assert loaded.cutflow("2017C") == result.cutflow("2017C")


def test_summary_has_what_readers_without_this_package_expect(saved):
    summary = json.loads((saved / "summary.json").read_text())
    dataset = summary["datasets"]["2018A"]
    assert (dataset["entries"], dataset["processed"], dataset["failed"]) == (322, 222, 0)
    assert dataset["cutflow"][2] == {
        "cut": "flight_significance",
        "events": 160,
        "candidates": 230,
        "sumw": 16.0,
        "sumw2": 0.8,
        "applied": False,
        "note": "branch FlightDistBS_SV_Significance is not in this ntuple (AOD 2017 layout)",
    }
    assert {"wall_s", "event_loop_s", "cpu_s", "bytes_read", "events_per_s"} <= summary["metrics"].keys()
    assert summary["ledger"]["chunks"][2]["error"]["message"] == "b.root is truncated"
    jsonschema.Draft202012Validator.check_schema(summary_schema())
    jsonschema.validate(summary, summary_schema())


def test_root_file_has_a_folder_per_dataset(result, saved):
    with uproot.open(saved / "histograms.root") as file:
        mass = file["2017C/mass"]
        assert mass.classname == "TH1D"
        assert file["2017C/plane"].classname == "TH2D"
        assert file["2018A/n_minus_1/mass"].classname == "TH1D"
        expected = result.hist("mass", "2017C")
        np.testing.assert_array_equal(mass.values(flow=True), expected.values(flow=True))
        np.testing.assert_array_equal(mass.variances(flow=True), expected.variances(flow=True))


def test_uhi_json_is_read_by_hist_itself(result, saved):
    record = json.loads((saved / "histograms.json").read_text())["histograms"]["2017C/mass"]
    for key in ("values", "variances"):
        record["storage"][key] = np.asarray(record["storage"][key])
    assert from_uhi(record) == result.hist("mass", "2017C")


def bits(histogram):
    return histogram.view(flow=True).tobytes()


HISTOGRAMS = {
    "weighted": Hist.new.Reg(4, 0, 1, name="x", label="x [cm]")
    .Weight()
    .fill([0.1, 0.5, 7], weight=[0.1, 0.2, 0.3]),
    "growing": Hist.new.StrCat([], growth=True, name="c").Reg(2, 0, 1).Weight().fill(["b", "a"], [0.1, 0.2]),
    "empty_growing": Hist.new.StrCat([], growth=True, name="c").Reg(2, 0, 1).Weight(),
    "integers": Hist.new.Int(0, 5).Int64().fill([1, 2, 2, 9]),
    "large": Hist.new.IntCat([1, 7], growth=True).Unlimited().fill([7, 7, 1]),
    "mean": Hist.new.Reg(3, 0, 1).Mean().fill([0.1, 0.2, 0.5], sample=[1.1, 2.3, 0.7]),
    "weighted_mean": Hist.new.Reg(3, 0, 1, circular=True)
    .WeightedMean()
    .fill([0.1, 0.2], sample=[1.7, 2.9], weight=0.3),
    "log": Hist.new.Reg(3, 1, 10, transform=axis.transform.log).Double().fill([2, 3]),
    "no_flow": Hist.new.Var([0, 0.1, 3], flow=False).Double().fill([0.05, 9]),
    "circular": Hist.new.Reg(3, 0, 1, circular=True).Double().fill([0.1, 1.1]),
    "boolean": Hist.new.Bool(name="b").Double().fill([True, False]),
    "four": Hist.new.Reg(2, 0, 1).Reg(2, 0, 1).Reg(2, 0, 1).Reg(2, 0, 1).Double(),
    "not_finite": Hist.new.Reg(3, 0, 1).Double().fill([0.1, 0.5], weight=[math.inf, -math.inf]),
}


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_histogram_comes_back_bit_for_bit(name):
    histogram = HISTOGRAMS[name]
    text = json.dumps(histogram_to_json(histogram), allow_nan=False)
    back = histogram_from_json(json.loads(text), name)
    assert back.axes == histogram.axes
    assert [(a.name, a.label) for a in back.axes] == [(a.name, a.label) for a in histogram.axes]
    assert back.storage_type is histogram.storage_type
    assert bits(back) == bits(histogram)


def test_unknown_variances_stay_unknown():
    weighted = Hist.new.Reg(2, 0, 1).Double().fill([0.1], weight=0.5)
    assert weighted.variances() is None
    assert histogram_from_json(histogram_to_json(weighted), "h").variances() is None


def test_every_storage_goes_into_the_folder(tmp_path):
    result = RunResult({"d": dict(HISTOGRAMS)}, {"d": DatasetSummary("d")})
    saved = result.save(tmp_path / "out")
    assert RunResult.load(saved).same_as(result)
    places = json.loads((saved / "summary.json").read_text())["histograms"]
    without = {key for key, place in places.items() if place["root"] is None}
    assert without == {"d/empty_growing", "d/mean", "d/weighted_mean", "d/four"}
    with uproot.open(saved / "histograms.root") as file:
        assert file["d/growing/a"].classname == "TH1D"
        for key in places.keys() - without - {"d/growing", "d/not_finite"}:
            np.testing.assert_array_equal(file[key].values(), HISTOGRAMS[key[2:]].values())


def test_what_uproot_refuses_costs_no_result(result, tmp_path, monkeypatch):
    def refuse(value):
        raise TypeError(value)

    monkeypatch.setattr("uproot.writing.identify.to_writable", refuse)
    saved = result.save(tmp_path / "out")
    places = json.loads((saved / "summary.json").read_text())["histograms"]
    assert {place["root"] for place in places.values()} == {None}
    assert RunResult.load(saved).same_as(result)


def test_numbers_that_are_not_finite(tmp_path):
    output = {"d": {"x": math.nan, "y": [math.inf, -math.inf], "z": np.array([1.0, np.nan])}}
    result = RunResult(output, {"d": DatasetSummary("d")})
    saved = result.save(tmp_path / "out")
    text = (saved / "summary.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert RunResult.load(saved).same_as(result)


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.just("$type"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(trees)
def test_any_output_comes_back(tree):
    encoded = OutputEncoder(lambda path, histogram: "", {}).encode(tree)
    back = OutputDecoder({}, {}, {}).decode(json.loads(json.dumps(encoded, allow_nan=False)))
    assert RunResult({"d": tree}).differences(RunResult({"d": back})) == []


def test_numpy_and_coffea_values_come_back():
    output = {
        "scalar": np.float32(0.1),
        "count": np.int64(7),
        "flag": np.bool_(True),
        "columns": column_accumulator(np.array([[1.5, 2.5], [3.5, 4.5]], dtype=np.float32)),
        "names": {"b", "a"},
        "texts": np.array(["a", "bc"], dtype="<U9"),
        ("tuple", 1): Cutflow(),
    }
    encoded = OutputEncoder(lambda path, histogram: "", {}).encode(output)
    back = OutputDecoder({}, {}, {}).decode(json.loads(json.dumps(encoded)))
    assert RunResult(output).differences(RunResult(back)) == []
    assert back["columns"].dtype == np.float32


def test_a_claim_of_a_huge_text_is_not_believed():
    tree = {"$type": "array", "dtype": "<U99999999", "shape": [1], "values": ["a"]}
    assert OutputDecoder({}, {}, {}).decode(tree).nbytes == 4
    with pytest.raises(OutputError, match="output is no 'array'"):
        OutputDecoder({}, {}, {}).decode({**tree, "dtype": "O"})


def test_nesting_without_end_is_said(saved):
    tree = {}
    for _ in range(700):
        tree = {"x": tree}
    edited(saved / "summary.json", ("output",), tree)
    with pytest.raises(OutputError, match="nested too deeply"):
        RunResult.load(saved)


def test_a_value_that_cannot_be_saved_is_named(tmp_path):
    result = RunResult({"d": {"fits": [1, object()]}}, {"d": DatasetSummary("d")})
    with pytest.raises(OutputError, match=r"cannot save d/fits/1: it is a builtins\.object"):
        result.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_result_replaces_a_result_and_leaves_other_files(result, saved):
    (saved / "notes.txt").write_text("mine")
    (saved / "figures").mkdir()
    smaller = replace(result, output={})
    smaller.save(saved)
    assert RunResult.load(saved).output == {}
    assert sorted(path.name for path in saved.iterdir()) == [
        "histograms.json", "histograms.root", "notes.txt", "summary.json",
    ]  # fmt: skip
    assert [path.name for path in saved.parent.iterdir()] == ["out"]


def test_something_else_in_the_way_stays(result, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "summary.json").write_text("{}")
    (tmp_path / "file").write_text("mine")
    for name, message in [("thesis", "no result of columnar-af"), ("file", "it is a file")]:
        with pytest.raises(OutputError, match=message):
            result.save(tmp_path / name)
    assert (tmp_path / "thesis" / "summary.json").read_text() == "{}"
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis"]


def test_a_disk_that_refuses_leaves_what_was_there(result, saved, monkeypatch):
    def refuse(path, histograms):
        raise OSError(28, "No space left on device")

    before = (saved / "summary.json").read_bytes()
    monkeypatch.setattr("columnar_af.results.storage.write_root", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        replace(result, output={}).save(saved)
    assert (saved / "summary.json").read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(result, tmp_path):
    (tmp_path / "out").mkdir()
    assert RunResult.load(result.save(tmp_path / "out")).same_as(result)


def edited(path, keys, value):
    record = json.loads(path.read_text())
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("datasets", "2017C", "cutflow", 1, "events"), "many", r"\$\.datasets\['?2017C'?\]\.cutflow\[1\]\.events|\$\.datasets\.2017C\.cutflow\[1\]\.events"),
        (("ledger", "chunks", 0, "status"), "lost", r"\$\.ledger\.chunks\[0\]\.status"),
        (("ledger", "done"), 334, r"\$\.ledger\.done is 334, but the chunks give 333"),
        (("metrics", "wall_s"), None, r"\$\.metrics\.wall_s"),
        (("version",), 2, r"\$\.version is 2, this release reads 1"),
        (("format",), "else", r"\$\.format is not"),
        (("output", "2017C", "hists", "mass", "key"), "gone", r"output\.2017C\.hists\.mass is no 'histogram'"),
        (("output", "2017C", "hists", "mass", "$type"), "shell", r"output\.2017C\.hists\.mass is no 'shell'"),
    ],
)  # fmt: skip
def test_an_edited_summary_is_named_with_its_key(saved, keys, value, message):
    edited(saved / "summary.json", keys, value)
    with pytest.raises(OutputError, match=message) as caught:
        RunResult.load(saved)
    assert str(saved / "summary.json") in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("storage", "values"), [1.0]),
        (("storage", "type"), "magic"),
        (("axes", 0, "bins"), 10**12),
        (("axes", 0, "bins"), "four"),
        (("axes",), None),
    ],
)
def test_an_edited_histogram_is_named_with_its_key(saved, keys, value):
    edited(saved / "histograms.json", ("histograms", "2017C/mass", *keys), value)
    with pytest.raises(
        OutputError, match=r"histograms\.json: \$\.histograms\['2017C/mass'\] is no histogram"
    ):
        RunResult.load(saved)


@pytest.mark.parametrize("name", ["summary.json", "histograms.json"])
def test_a_truncated_file_is_named(saved, name):
    text = (saved / name).read_text()
    (saved / name).write_text(text[: len(text) // 2])
    with pytest.raises(OutputError, match=rf"cannot read .*{name}: it is not JSON"):
        RunResult.load(saved)


def test_bare_nan_is_refused(saved):
    path = saved / "summary.json"
    path.write_text(path.read_text().replace('"wall_s": 2.5', '"wall_s": NaN'))
    with pytest.raises(OutputError, match="NaN is no JSON number"):
        RunResult.load(saved)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere.summary\.json is missing"):
        RunResult.load(tmp_path / "nowhere")


def test_a_result_of_a_run_takes_the_former_fits_away(result, tmp_path):
    """Where the journal of the run keeps the folder in its place."""
    saved = result.save(tmp_path / "out")
    (saved / "journal").mkdir()
    (saved / "journal" / "lock").touch()
    for made in ("fits", "figures"):
        (saved / made).mkdir()
        (saved / made / "old.json").write_text("{}")
    (saved / "notes.txt").write_text("mine")
    result.save(saved)
    assert not (saved / "fits").exists()
    assert not (saved / "figures").exists()
    assert (saved / "notes.txt").read_text() == "mine"
    assert RunResult.load(saved).same_as(result)
