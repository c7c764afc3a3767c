"""What is written for pyhf, combine and HistFitter holds the yields to the last digits."""

from __future__ import annotations

import json
from pathlib import Path

import cabinetry
import numpy as np
import pyhf
import pytest
import uproot

from columnar_af.errors import ConfigError, OutputError
from columnar_af.statistics.building import ModelOptions, build_model
from columnar_af.statistics.by_hand import counted
from columnar_af.statistics.combine_card import write_card
from columnar_af.statistics.histfitter_file import write_histfitter
from columnar_af.statistics.pyhf_workspace import read_yields, workspace, write_workspace
from columnar_af.statistics.yields import YieldTable
from tests.statistics.stop_results import SIGNALS, stop_result

SIGNAL = "stop4body_450_40"
PRECISION = 1e-9

validates = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")


@pytest.fixture(scope="module", params=["counts", "shapes"])
def table(request) -> YieldTable:
    return YieldTable.of(stop_result(), {"SRB": "met"} if request.param == "shapes" else {})


@pytest.fixture(scope="module")
def model(table):
    return build_model(table, ModelOptions(), SIGNAL)


def expected(table: YieldTable):
    """(region, sample, parameter and side) -> bin contents, from the yields."""
    found = {}
    for region in table.regions:
        for sample in (*table.backgrounds, SIGNAL):
            if not table.has(region.name, sample):
                continue
            place = (region.name, sample)
            found[*place, "Nominal"] = table.template(*place).values
            for nuisance in table.nuisances:
                if any((*place, name) in table.templates for name in (nuisance.up, nuisance.down) if name):
                    up, down = table.up_and_down(*place, nuisance)
                    found[*place, f"{nuisance.name}_up"], found[*place, f"{nuisance.name}_down"] = up, down
    return found


def compare(read, table):
    wanted = expected(table)
    assert {key for key in read if not key[2].startswith("signal_statistics")} == set(wanted)
    for key, values in wanted.items():
        np.testing.assert_allclose(read[key], values, rtol=PRECISION, atol=0, err_msg=str(key))


@validates
def test_pyhf_workspace_round_trip(table, model, tmp_path):
    path = write_workspace(model, tmp_path / "workspace.json")
    content = json.loads(path.read_text())
    pyhf.schema.validate(content, "workspace.json")
    compare(read_yields(content), table)
    opened = pyhf.Workspace(content)
    built = opened.model()
    assert built.config.poi_name == "mu_sig"
    assert {"mu_ttbar", "mu_VV", "lumi", "JET_GroupedNP_1"} <= set(built.config.parameters)
    data = opened.data(built)
    assert data[built.config.channel_slices["CRtop"].start] == 985


@validates
def test_cabinetry_opens_it(model, tmp_path):
    path = write_workspace(model, tmp_path / "workspace.json")
    built, data = cabinetry.model_utils.model_and_data(cabinetry.workspace.load(path))
    prediction = cabinetry.model_utils.prediction(built)
    assert sum(map(len, prediction.model_yields)) > 0
    assert len(data) == built.config.nmaindata + built.config.nauxdata


@validates
def test_a_workspace_without_signal_opens_as_well(table, tmp_path):
    content = workspace(build_model(table, ModelOptions()))
    pyhf.schema.validate(content, "workspace.json")
    built = pyhf.Workspace(content).model()
    assert built.config.poi_index is None


def test_luminosity_is_not_on_what_data_normalize(model):
    with_luminosity = {
        sample.name for channel in model.channels for sample in channel.samples if sample.has_luminosity
    }
    assert with_luminosity == {"Wt", "other", SIGNAL}


class Card:
    """A reader of datacards with shapes, written apart from the writer: combine's documentation is its model."""

    def __init__(self, path: Path) -> None:
        self.lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
        shapes = self.row("shapes")
        assert shapes[1:3] == ["*", "*"]
        self.file = uproot.open(path.parent / shapes[3])
        self.nominal, self.systematic = shapes[4], shapes[5]
        bins = [line for line in self.lines if line and line[0] == "bin"]
        processes = [line for line in self.lines if line and line[0] == "process"]
        self.columns = list(zip(bins[1][1:], processes[0][1:], strict=True))
        self.numbers = [int(number) for number in processes[1][1:]]
        self.rates = [float(rate) for rate in self.row("rate")[1:]]
        self.observed = dict(zip(bins[0][1:], (float(n) for n in self.row("observation")[1:]), strict=True))

    def row(self, first: str) -> list[str]:
        return next(line for line in self.lines if line and line[0] == first)

    def histogram(self, channel: str, process: str, systematic: str = "") -> np.ndarray:
        pattern = self.systematic if systematic else self.nominal
        name = (
            pattern.replace("$CHANNEL", channel)
            .replace("$PROCESS", process)
            .replace("$SYSTEMATIC", systematic)
        )
        return self.file[name].values()

    def yields(self) -> dict[tuple[str, str, str], np.ndarray]:
        found = {}
        for (channel, process), rate in zip(self.columns, self.rates, strict=True):
            found[channel, process, "Nominal"] = self.histogram(channel, process)
            assert found[channel, process, "Nominal"].sum() == pytest.approx(rate, rel=PRECISION)
        for line in self.lines:
            if len(line) > 2 and line[1] in ("lnN", "shape?") and line[0] != "lumi":
                for (channel, process), entry in zip(self.columns, line[2:], strict=True):
                    self._read_effect(found, channel, process, line[0], entry)
        return found

    def _read_effect(self, found, channel, process, name, entry):
        if entry == "-":
            return
        for side, direction in (("Down", "down"), ("Up", "up")):
            if "/" in entry:
                factor = float(entry.split("/")[side == "Up"])
                values = factor * found[channel, process, "Nominal"]
            else:
                values = self.histogram(channel, process, name + side)
            found[channel, process, f"{name}_{direction}"] = values


def test_combine_card_round_trip(table, model, tmp_path):
    path, shapes = write_card(model, tmp_path / "card.txt")
    assert shapes.exists()
    card = Card(path)
    compare(card.yields(), table)
    assert card.observed["CRtop"] == 985
    signals = [name for (_, name), number in zip(card.columns, card.numbers, strict=True) if number <= 0]
    assert set(signals) == {SIGNAL}
    assert ["mu_ttbar", "rateParam", "*", "ttbar", "1", "[0,5]"] in card.lines
    lumi = dict(zip(card.columns, card.row("lumi")[2:], strict=True))
    assert (lumi["SRA", "Wt"], lumi["SRA", "ttbar"], lumi["SRA", "FNP"]) == ("1.017", "-", "-")
    assert card.lines[-1] == ["*", "autoMCStats", "0"]
    for channel in ("SRA", "SRB"):
        errors = uproot.open(shapes)[f"{channel}/ttbar"].variances()
        np.testing.assert_allclose(errors, table.template(channel, "ttbar").variances, rtol=PRECISION)


def test_histfitter_file_round_trip(table, tmp_path):
    path = write_histfitter(table, tmp_path / "histfitter.root")
    file = uproot.open(path)
    variable = table.region("SRB").variable
    notebook = {"FNP": "Fakes", "other": "Others"}
    count = 0
    for (region, sample, variation), values in expected(table).items():
        name = "Nom" if variation == "Nominal" else variation.replace("_up", "High").replace("_down", "Low")
        what = variable if region == "SRB" else "cuts"
        histogram = file[f"h{notebook.get(sample, sample)}{name}_Stop4b_{region}_obs_{what}"]
        np.testing.assert_allclose(histogram.values(), values, rtol=PRECISION, atol=0)
        count += 1
    assert count > 100
    assert file["hWtNom_Stop4b_SRA_obs_cuts"].axis().edges().tolist() == [0.5, 1.5]
    assert "hWtJET_GroupedNP_1High_Stop4b_SRA_obs_cuts" in file
    assert "hWtMET_SoftTrk_ResoParaLow_Stop4b_SRA_obs_cuts" in file
    np.testing.assert_allclose(
        file["hWtNom_Stop4b_SRA_obs_cuts"].variances(), table.template("SRA", "Wt").variances, rtol=PRECISION
    )
    assert file["hData_Stop4b_CRtop_obs_cuts"].values().tolist() == [985.0]


def test_blinded_regions_have_no_data_in_any_format(tmp_path):
    table = YieldTable.of(stop_result(blinded=True))
    assert "hData_Stop4b_SRA_obs_cuts" not in uproot.open(write_histfitter(table, tmp_path / "h.root"))
    model = build_model(table, ModelOptions(), SIGNAL)
    path, _ = write_card(model, tmp_path / "card.txt")
    text = path.read_text()
    assert "# blinded or without data: SRA; the expected background stands there" in text
    assert Card(path).observed["SRA"] == pytest.approx(11.3)


def test_negative_and_empty_samples_are_told():
    table = counted(
        {"CR": {"ttbar": 90.0, "FNP": -2.0}, "SR": {"ttbar": 0.0, "sig": (2.0, 0.5), "FNP": -1.0}},
        {"CR": 100.0, "SR": 1.0},
        signals=("sig",),
    )
    model = build_model(table, ModelOptions(roles_of("SR"), normalized=("ttbar",)), "sig")
    assert [sample.name for sample in model.channel("SR").samples] == ["sig", "empty"]
    assert any("FNP is negative in a bin of SR" in note for note in model.notes)
    assert any("no background is expected in a bin of SR" in note for note in model.notes)
    scalings = model.channel("SR").samples[0].scalings
    assert [(found.name, found.up, found.down) for found in scalings] == [
        ("signal_statistics_SR", 1.25, 0.75)
    ]


def roles_of(signal):
    from columnar_af.statistics.building import Roles

    return Roles(signal=(signal,))


def test_a_side_that_is_zero_is_bounded():
    cell = {"Nominal": 1.0, "x": 3.0}
    table = counted({"CR": {"ttbar": 90.0}, "SR": {"ttbar": cell}}, {"CR": 90.0, "SR": 1.0})
    model = build_model(table, ModelOptions(roles_of("SR"), normalized=("ttbar",)))
    (scaling,) = model.channel("SR").samples[0].scalings
    assert (scaling.up, scaling.down) == (3.0, 0.01)


def test_pruning_leaves_out_what_is_small():
    cell = {"Nominal": 10.0, "x": 10.02, "y": 11.0, "z": 10.0}
    table = counted({"SR": {"ttbar": cell}}, {"SR": 1.0})
    roles = roles_of("SR")
    assert build_model(table, ModelOptions(roles, ())).nuisances == ("x", "y")
    assert build_model(table, ModelOptions(roles, (), prune=0.005)).nuisances == ("y",)


def test_what_cannot_be_normalized_is_an_error():
    table = YieldTable.of(stop_result())
    with pytest.raises(ConfigError, match="no signal 'stop4body_1_2'"):
        build_model(table, ModelOptions(), "stop4body_1_2")
    with pytest.raises(ConfigError, match="ttbar is to be normalized"):
        build_model(table, ModelOptions(roles=type(roles_of("SRA"))(control=("nothing",))))
    with pytest.raises(ConfigError, match="2 samples are to be normalized"):
        build_model(table, ModelOptions(roles=type(roles_of("SRA"))(control=("CRtop",))))
    with pytest.raises(ConfigError, match=r"expected in none of CRtop, CRDib"):
        build_model(counted({"CRtop": {"ttbar": 9.0, "s": 0.0}, "CRDib": {"VV": 9.0}}, {"CRtop": 9, "CRDib": 9}, signals=["s"]), ModelOptions(), "s")  # fmt: skip


def test_files_that_cannot_be_written_are_errors(model, table, tmp_path):
    (tmp_path / "file").write_text("")
    for write in (
        lambda path: write_workspace(model, path / "a.json"),
        lambda path: write_card(model, path / "a.txt"),
        lambda path: write_histfitter(table, path / "a.root"),
    ):
        with pytest.raises(OutputError, match="cannot write"):
            write(tmp_path / "file")


def test_all_signals_have_models():
    table = YieldTable.of(stop_result())
    for name in SIGNALS:
        assert build_model(table, ModelOptions(), name).signal == name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ModelOptions(left_out=("QCD",)), "'QCD' is to be left out, and is not in these yields"),
        (ModelOptions(normalized=("ttbar", "QCD")), "'QCD' is to be normalized, and is not in these yields"),
    ],
)
def test_a_sample_that_is_not_there_is_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        build_model(YieldTable.of(stop_result()), options)
