"""Input columns, their export, and inference with real small models where the packages are installed."""

from __future__ import annotations

import builtins
import math

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner
from coffea.nanoevents import NanoEventsFactory
from coffea.processor import column_accumulator

from columnar_af.cli.candidates import candidates as command
from columnar_af.errors import ConfigError, MissingModuleError
from columnar_af.mva import inference
from columnar_af.mva.export import candidates_of, column_list, write
from columnar_af.mva.inference import Classifier
from columnar_af.mva.three_muon_inputs import (
    COLUMNS,
    RUN2_INPUTS,
    RUN3_INPUTS,
    clamped,
    documentation,
    pointing_angle,
)
from columnar_af.ntuples.t3m import T3MSchema
from columnar_af.results.run_result import DatasetSummary, RunResult
from processors.tau_to_3mu import TauTo3Mu


def test_the_inputs_of_both_classifiers_are_those_of_the_analysts():
    assert set(RUN3_INPUTS) >= {
        "cLP", "tKink", "segmComp", "fv_nC", "fv_dphi3D", "fv_d3Dsig", "fv_d3D", "mindca_iso", "trkRel", "d0sig",
        "Ptmu3", "d0sig_max", "Pt_tripl",
    }  # fmt: skip
    assert "trkRel2" in RUN2_INPUTS
    names = [column.name for column in COLUMNS]
    assert len(names) == len(set(names))
    assert set(documentation()) == {*names, "run", "lumi", "evt", "weight", "score"}
    assert all(documentation().values())


def test_clamping():
    values = np.array([-1.0, 10.0, 90.0, np.nan])
    assert clamped("tKink", values)[:3].tolist() == [-1, 10, 80]
    assert clamped("segmComp", values)[:3].tolist() == [0.2, 10, 90]
    assert math.isnan(clamped("tKink", values)[3])
    assert clamped("Pt_tripl", values)[:3].tolist() == [-1, 10, 90]


def test_pointing_angle_of_flight_along_and_across_the_momentum():
    def candidate(x, y):
        vertex = {"x": x, "y": y, "z": 0.0}
        pv = {"x": 0.0, "y": 0.0, "z": 0.0}
        return {
            "vertex": vertex,
            "refitted_pv": pv,
            "pt": 5.0,
            "eta": 0.0,
            "phi": 0.0,
            "flight_distance": math.hypot(x, y),
        }

    triplets = ak.Array([[candidate(0.1, 0.0), candidate(0.0, 0.1)], [candidate(-0.2, 0.0)]])
    angles = pointing_angle(ak.zip({"triplet": triplets}, depth_limit=2))
    np.testing.assert_allclose(ak.flatten(angles), [0, math.pi / 2, math.pi], atol=1e-7)


# --- export -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def result():
    def part(*events):
        columns = {"evt": np.array(events, dtype=np.uint32), "tripletMass": np.array(events) / 10}
        return {"candidates": {name: column_accumulator(values) for name, values in columns.items()}}

    output = {"one": part(1, 2), "two": part(3), "none": part()}
    return RunResult(output, {name: DatasetSummary(name) for name in output})


def test_root_and_parquet_hold_the_same(result, tmp_path):
    columns = candidates_of(result)
    assert columns["evt"].tolist() == [1, 2, 3]
    assert columns["dataset"].tolist() == [0, 0, 1]
    write(columns, tmp_path / "flat.root")
    with uproot.open(tmp_path / "flat.root") as file:
        tree = file["candidates"]
        for name, values in columns.items():
            np.testing.assert_array_equal(tree[name].array(library="np"), values)
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    write(columns, tmp_path / "flat.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "flat.parquet")
    for name, values in columns.items():
        np.testing.assert_array_equal(table[name].to_numpy(), values)
    assert b"invariant mass" in table.schema.field("tripletMass").metadata[b"doc"]
    assert "| `tripletMass` | invariant mass of the three muons [GeV] |" in (tmp_path / "flat.md").read_text()


def test_one_dataset_and_wrong_requests(result, tmp_path):
    assert candidates_of(result, ("two",))["evt"].tolist() == [3]
    with pytest.raises(ConfigError, match="no dataset three"):
        candidates_of(result, ("three",))
    with pytest.raises(ConfigError, match=r"neither \.root nor"):
        write(candidates_of(result), tmp_path / "flat.csv")
    with pytest.raises(ConfigError, match="has no candidates"):
        candidates_of(RunResult({"d": {}}, {"d": DatasetSummary("d")}))
    result.output["one"]["candidates"]["score"] = column_accumulator(np.zeros(2))
    with pytest.raises(ConfigError, match="different columns"):
        candidates_of(result)


def test_the_command_line_writes_what_the_run_saved(result, tmp_path):
    result.save(tmp_path / "run")
    done = CliRunner().invoke(
        command, [str(tmp_path / "run"), str(tmp_path / "flat.root")], catch_exceptions=False
    )
    assert "wrote 3 candidates with 3 columns" in done.output
    assert "dataset" in column_list(candidates_of(result))


# --- inference --------------------------------------------------------------------------------------------------------


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"x")
    inference._session.cache_clear()

    def no_import(name):
        raise ImportError(name)

    monkeypatch.setattr(inference.importlib, "import_module", no_import)
    with pytest.raises(MissingModuleError, match="onnxruntime, which is not installed"):
        Classifier.load(tmp_path / "model.onnx", ["fv_nC"])


def test_wrong_models_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no model that can be evaluated"):
        Classifier.load(tmp_path / "model.pkl", ["fv_nC"])
    with pytest.raises(ConfigError, match="is missing"):
        Classifier.load(tmp_path / "model.onnx", ["fv_nC"])
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ConfigError, match="no inputs are named"):
        Classifier.load(tmp_path / "model.onnx", [])
    with pytest.raises(ConfigError, match="takes fv_xy, which is not among"):
        Classifier("xgboost", b"", ("fv_xy",)).scores({"fv_nC": np.zeros(1)})


def field_of(number, payload):
    """A length-delimited field of a protobuf message."""
    payload = payload.encode() if isinstance(payload, str) else payload
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def onnx_sigmoid(n_inputs):
    """The bytes of a model y = sigmoid(sum of the inputs), by hand: fields of onnx.proto3."""
    integer = lambda number, value: bytes([number << 3, value])  # noqa: E731

    def tensor_type(*dims):
        shape = b"".join(
            field_of(1, integer(1, dim) if isinstance(dim, int) else field_of(2, dim)) for dim in dims
        )
        return field_of(1, integer(1, 1) + field_of(2, shape))

    def value_info(name, *dims):
        return field_of(1, name) + field_of(2, tensor_type(*dims))

    axes = integer(1, 1) + integer(2, 7) + integer(7, 1) + field_of(8, "axes")  # dims, INT64, data, name
    reduce_sum = field_of(1, "x") + field_of(1, "axes") + field_of(2, "s") + field_of(4, "ReduceSum")
    sigmoid = field_of(1, "s") + field_of(2, "y") + field_of(4, "Sigmoid")
    graph = (
        field_of(1, reduce_sum) + field_of(1, sigmoid) + field_of(2, "g") + field_of(5, axes)
        + field_of(11, value_info("x", "n", n_inputs)) + field_of(12, value_info("y", "n", 1))
    )  # fmt: skip
    length = bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7]) if len(graph) > 127 else bytes([len(graph)])
    return (
        integer(1, 8) + bytes([7 << 3 | 2]) + length + graph + field_of(8, field_of(1, "") + integer(2, 13))
    )


def test_a_real_onnx_model(tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_sigmoid(2))
    classifier = Classifier.load(path, ["fv_nC", "tKink"], clamp=True)
    scores = classifier.scores({"fv_nC": np.array([0.0, 1.0]), "tKink": np.array([0.0, -3.0])})
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([0, 2])), rtol=1e-6)
    with pytest.raises(ConfigError, match="takes 2 inputs, but 1 columns"):
        Classifier.load(path, ["fv_nC"])
    path.write_bytes(b"no model")
    with pytest.raises(ConfigError, match="cannot read the model"):
        Classifier.load(path, ["fv_nC"])


@pytest.mark.filterwarnings("ignore")
def test_a_real_xgboost_model_in_the_processor(tmp_path, shared_data):
    xgboost = pytest.importorskip("xgboost")
    random = np.random.default_rng(1)
    inputs = ["fv_nC", "tKink", "Pt_tripl"]
    matrix = random.normal(size=(400, 3)) + 3
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2, "nthread": 1},
        xgboost.DMatrix(matrix, label=matrix[:, 0] > 3, feature_names=inputs),
        num_boost_round=5,
    )
    booster.save_model(tmp_path / "model.json")
    classifier = Classifier.load(tmp_path / "model.json", inputs)
    path = shared_data / "t3m_run3_tau3mu_data.root"
    metadata = {"dataset": "tau", "era": "2022", "is_data": True}
    events = NanoEventsFactory.from_root(
        {str(path): "TreeMakerBkg/ntuple"}, schemaclass=T3MSchema, metadata=metadata
    ).events()
    columns = TauTo3Mu(classifier=classifier).process(events)["tau"]["candidates"]
    table = np.stack([columns[name].value for name in inputs], axis=1)
    expected = booster.predict(xgboost.DMatrix(table, feature_names=inputs))
    np.testing.assert_allclose(columns["score"].value, expected, rtol=1e-6)
    with pytest.raises(ConfigError, match="takes 3 inputs, but 2 columns"):
        Classifier.load(tmp_path / "model.json", inputs[:2])
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot read the model"):
        Classifier.load(tmp_path / "model.json", inputs)


def test_without_pyarrow_root_is_advised(result, tmp_path, monkeypatch):
    real = builtins.__import__

    def no_pyarrow(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    with pytest.raises(MissingModuleError, match="needs the package pyarrow"):
        write(candidates_of(result), tmp_path / "flat.parquet")
