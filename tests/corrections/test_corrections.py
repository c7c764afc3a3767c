"""Corrections: values against correctionlib itself, every rule and its count, products, variations, conversion."""

from __future__ import annotations

import json
import pickle

import awkward as ak
import correctionlib
import numpy as np
import pytest
import uproot
from click.testing import CliRunner
from coffea.nanoevents import NanoEventsFactory
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.cli.corrections import corrections as command
from columnar_af.corrections import (
    DOUBLE_MU_4_ONLY_2018,
    Corrections,
    MuonFactor,
    MuonRules,
    PileUp,
    Table,
    weights_and_counts,
)
from columnar_af.corrections.conversion import (
    BinnedFactors,
    from_json_dump,
    from_th1,
    from_th2,
    muon_correction,
    pile_up_correction,
    write,
)
from columnar_af.corrections.muon_factor import muon_factors
from columnar_af.corrections.table import nearest_usable
from columnar_af.errors import ConfigError
from columnar_af.ntuples.t3m import T3MSchema
from processors.ds_phi_pi import DsPhiPi, SelectedMuons
from tests.conftest import PROJECT

DEMO = PROJECT / "datasets/corrections/demo_corrections.json"


def muons_of(events):
    return events.muon


def all_muons(table=None):
    return MuonFactor("muon_id", table or Table.load(DEMO, "muon_id"), muons_of)


def events_of(*muons, n_pileup=30, **fields):
    per_event = {"event": np.arange(len(muons)), "n_pileup": np.broadcast_to(n_pileup, len(muons)), **fields}
    records = [[dict(zip(("pt", "eta"), muon, strict=True)) for muon in event] for event in muons]
    # one muon that is dropped again, so that an event without any still knows the fields
    typed = ak.Array([*records, [{"pt": 1.0, "eta": 0.0}]])[:-1]
    return ak.zip({**per_event, "muon": typed}, depth_limit=1)


def test_measured_muons_get_what_correctionlib_says():
    table = correctionlib.CorrectionSet.from_file(str(DEMO))["muon_id"]
    pt, eta = 15.0, -1.5
    factor = all_muons().factor(ak.Array([[pt], [pt, pt], []]), ak.Array([[eta], [eta, 0.3], []]))
    one, other = table.evaluate(1.5, pt, "nominal"), table.evaluate(0.3, pt, "nominal")
    assert factor.nominal == pytest.approx([one, one * other, 1.0], rel=1e-15)
    assert factor.up[0] == pytest.approx(table.evaluate(1.5, pt, "systup"))
    assert factor.down[0] == pytest.approx(table.evaluate(1.5, pt, "systdown"))
    assert factor.touched["negative_eta_taken_absolute"] == 2
    assert factor.touched["muons"] == 3


@pytest.mark.parametrize(
    ("pt", "eta", "rule"),
    [
        (1.9, 0.5, "below_lowest_pt"),
        (40.0, 0.5, "above_highest_pt"),
        (10.0, -2.4, "outside_eta"),
        (2.2, 0.5, "bin_without_measurement"),  # 0 in the table
        (3.5, 1.0, "bin_without_measurement"),  # 9.5 ± 1e7 in the table
    ],
)
def test_a_muon_without_measurement_counts_one_and_covers_the_nearest_bin(pt, eta, rule):
    (nominal, up, down), touched = muon_factors(
        Table.load(DEMO, "muon_id"), MuonRules(), np.array([pt]), np.array([eta])
    )
    assert nominal == [1.0]
    assert 0.001 < up[0] - 1 < 0.1
    assert up[0] - 1 == pytest.approx(1 - down[0])
    assert touched[rule] == 1
    assert sum(touched.values()) - touched["negative_eta_taken_absolute"] == 2  # itself and the rule


def test_a_missing_muon_has_no_factor_and_no_uncertainty():
    factor = all_muons().factor(ak.Array([[None, 15.0]]), ak.Array([[None, 0.3]]))
    alone = all_muons().factor(ak.Array([[15.0]]), ak.Array([[0.3]]))
    assert (factor.nominal, factor.up) == (alone.nominal, alone.up)
    assert factor.touched["missing_muon"] == 1


def test_the_public_table_raises_where_ours_has_a_rule(shared_data):
    path = shared_data / "muon_id_2017ul_correctionlib.json"
    table = Table.load(path, "NUM_MediumID_DEN_TrackerMuons")
    (nominal, up, down), touched = muon_factors(
        table, MuonRules(), np.array([5.0, 2.5]), np.array([0.5, 0.5])
    )
    assert nominal == pytest.approx([0.99659, 1.0], abs=1e-5)
    assert (up[0], down[0]) == pytest.approx((0.99759, 0.99559), abs=1e-5)
    assert touched["below_lowest_pt"] == 1
    assert up[1] > 1
    with pytest.raises(RuntimeError, match="below bounds"):
        table.evaluate({"abseta": np.array([0.5]), "pt": np.array([2.5]), "scale_factors": "nominal"})


@given(
    st.lists(st.tuples(st.floats(0.5, 100), st.floats(-3, 3)), max_size=20),
    st.integers(0, 20),
)
def test_chunks_of_muons_add_up(muons, split):
    table = Table.load(DEMO, "muon_id")

    def of(part):
        pt, eta = (np.array([muon[k] for muon in part], dtype=float) for k in (0, 1))
        return muon_factors(table, MuonRules(), pt, eta)

    whole, left, right = of(muons), of(muons[:split]), of(muons[split:])
    for total, a, b in zip(whole[0], left[0], right[0], strict=True):
        np.testing.assert_array_equal(total, np.concatenate([a, b]))
    assert whole[1] == {rule: left[1][rule] + right[1][rule] for rule in whole[1]}
    assert np.all(whole[0][0] > 0.5)
    assert np.all(whole[0][0] < 2)


def test_pile_up_is_clipped_where_the_table_means_nothing():
    number = ak.Array([30.0, 0.0, 81.0, 85.0, 150.0, None])
    factor = PileUp(Table.load(DEMO, "pile_up")).factor(number)
    raw = correctionlib.CorrectionSet.from_file(str(DEMO))["pile_up"]
    assert factor.nominal[0] == raw.evaluate(30.0, "nominal")
    assert factor.nominal[1] == raw.evaluate(1.0, "nominal")  # bin 0 is 0
    assert factor.nominal[2] == raw.evaluate(83.0, "nominal")  # 79 to 82 are 0; 83 is nearer than 78
    assert factor.nominal[3] == raw.evaluate(86.0, "nominal")  # 84 and 85 hold 1e150
    assert factor.nominal[4] == raw.evaluate(98.0, "nominal")
    assert factor.nominal[5] == 1.0
    assert np.all(factor.up < 50)
    assert factor.touched == {
        "events": 6,
        "below_table": 0,
        "above_table": 1,
        "clipped_bin": 3,
        "number_missing": 1,
    }


def test_the_higher_of_two_equally_near_bins_is_taken():
    assert nearest_usable(np.array([True, False, True, False])).tolist() == [0, 2, 2, 2]


def test_events_that_only_the_prescaled_seeds_let_in_count_less():
    names = ["L1_DoubleMu4_SQ_OS_dR_Max1p2", "L1_TripleMu0", "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4"]
    events = ak.Array(
        [
            {"trigger": {"l1_name": names, "l1_decision": decisions}}
            for decisions in ([1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0])
        ]
    )
    factor = DOUBLE_MU_4_ONLY_2018.factor(*DOUBLE_MU_4_ONLY_2018.inputs(events))
    assert factor.nominal.tolist() == [pytest.approx(0.693), 1, 1, 1]
    assert factor.touched == {"events": 4, "only_prescaled_seeds": 1}


def test_the_product_and_its_variations():
    events = events_of([(15.0, 0.3)], [], [(15.0, 0.3), (1.0, 0.0)])
    pile_up = PileUp(Table.load(DEMO, "pile_up"))
    weight = Corrections(all_muons(), pile_up)
    corrected = weight.evaluate(events)
    muon, interactions = all_muons().factor(events.muon.pt, events.muon.eta), pile_up.factor(events.n_pileup)
    np.testing.assert_allclose(corrected.nominal, muon.nominal * interactions.nominal)
    assert sorted(corrected.variations) == ["muon_id_down", "muon_id_up", "pile_up_down", "pile_up_up"]
    np.testing.assert_allclose(corrected.variations["muon_id_up"], muon.up * interactions.nominal)
    np.testing.assert_allclose(corrected.variations["pile_up_down"], muon.nominal * interactions.down)
    np.testing.assert_array_equal(weight(events), corrected.nominal)
    assert corrected.touched["muon_id"]["below_lowest_pt"] == 1
    again = pickle.loads(pickle.dumps(weight))
    np.testing.assert_array_equal(again(events), corrected.nominal)


def test_a_plain_function_has_no_counts():
    weights, counts = weights_and_counts(lambda events: ak.ones_like(events.event), events_of([]))
    assert (weights.to_list(), counts) == ([1], {})


def test_the_processor_reports_what_the_rules_touched(shared_data):
    path = shared_data / "t3m_2017_ds_phi_pi_mc.root"
    table = Table.load(shared_data / "muon_id_2017ul_correctionlib.json", "NUM_SoftID_DEN_TrackerMuons")
    metadata = {"dataset": "mc", "era": "2017F", "is_data": False}
    events = NanoEventsFactory.from_root(
        {str(path): "Tree3Mu/ntuple"}, schemaclass=T3MSchema, metadata=metadata
    ).events()
    weight = Corrections(MuonFactor("muon_id", table, SelectedMuons()), PileUp(Table.load(DEMO, "pile_up")))
    output = DsPhiPi(event_weight=weight).process(events)["mc"]
    touched = output["corrections"]["muon_id"]
    assert touched["muons"] == 2 * 62  # the muons of the 62 selected candidates
    pt = ak.flatten(SelectedMuons()(events).pt, axis=None)
    eta = ak.flatten(SelectedMuons()(events).eta, axis=None)
    assert touched["below_lowest_pt"] == int(ak.sum((pt < 3) & (abs(eta) < 2.4)))
    assert touched["negative_eta_taken_absolute"] == int(ak.sum(eta < 0)) > 0
    assert output["yields"]["selected"]["raw"] == 62
    assert output["yields"]["selected"]["value"] != 62


# --- wrong tables -----------------------------------------------------------------------------------------------------


def table_of(tmp_path, correction):
    write(tmp_path / "table.json", [correction], "test")
    return Table.load(tmp_path / "table.json")


def test_wrong_tables_are_refused(tmp_path):
    edges = np.array([0.0, 1.0, 2.4])
    empty_row = BinnedFactors(edges, np.array([2.0, 5.0]), np.array([[1.0], [0.0]]), np.array([[0.1], [0.0]]))
    table = table_of(tmp_path, muon_correction("m", empty_row, ""))
    with pytest.raises(ConfigError, match=r"no measured bin for abseta 1 to 2\.4"):
        all_muons(table).factor(ak.Array([[3.0]]), ak.Array([[0.5]]))
    with pytest.raises(ConfigError, match="takes NumTrueInteractions, weights"):
        all_muons(Table.load(DEMO, "pile_up")).factor(ak.Array([[3.0]]), ak.Array([[0.5]]))
    with pytest.raises(ConfigError, match="takes abseta, pt"):
        PileUp(Table.load(DEMO, "muon_id")).factor(ak.Array([3.0]))
    absurd = pile_up_correction("p", np.array([0.0, 1.0]), {"nominal": np.array([1e99])}, "")
    with pytest.raises(ConfigError, match="no weight between 0 and 50"):
        PileUp(table_of(tmp_path, absurd)).factor(ak.Array([3.0]))


def test_wrong_names_and_files_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="has no correction 'x'; it has muon_id, muon_trigger, pile_up"):
        Table.load(DEMO, "x")
    with pytest.raises(ConfigError, match="cannot be read as a correctionlib file"):
        Table.load(tmp_path / "missing.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be read as a correctionlib file"):
        Table.load(tmp_path / "other.json")
    with pytest.raises(ConfigError, match="muon_id are given twice"):
        Corrections(all_muons(), all_muons())


# --- conversion -------------------------------------------------------------------------------------------------------

ETA, PT = np.array([0.0, 0.9, 2.4]), np.array([2.0, 3.0, 5.0, 40.0])
VALUES = np.array([[0.0, 0.98, 1.01], [0.95, 0.97, 0.99]])


@pytest.mark.parametrize("x", ["pt", "abseta"])
def test_a_th2_converts_with_either_axis_first(tmp_path, x):
    path = tmp_path / "factors.root"
    with uproot.recreate(path) as file:
        file["ratio"] = (VALUES.T, PT, ETA) if x == "pt" else (VALUES, ETA, PT)
    factors = from_th2(path, "ratio", x)
    np.testing.assert_array_equal(factors.values, VALUES)
    np.testing.assert_array_equal(factors.pt_edges, PT)
    table = table_of(tmp_path, muon_correction("m", factors, ""))
    found = table.evaluate({"abseta": np.array([1.0]), "pt": np.array([4.0]), "scale_factors": "nominal"})
    assert found == [0.97]
    with pytest.raises(ConfigError, match="axis of"):
        from_th2(path, "ratio", "abseta" if x == "pt" else "pt")
    with pytest.raises(ConfigError, match="no histogram 'other'; it has ratio"):
        from_th2(path, "other", x)


def test_a_json_dump_converts_with_its_empty_bins(tmp_path):
    path = tmp_path / "dump.json"
    row = {
        "3.0,5.0": {"value": 0.98, "error": 0.01},
        "2.0,3.0": {"value": None, "error": None},
        "500,700": {"value": None, "error": None},
    }
    other = {
        "2.0,3.0": {"value": 0.95, "error": 0.02},
        "3.0,5.0": {"value": 0.97, "error": 0.01},
        "500,700": {"value": None, "error": None},
    }
    path.write_text(json.dumps({"ID": {"Pt_Eta": {"0.9,2.4": other, "0.0,0.9": row}}}))
    factors = from_json_dump(path)
    assert factors.eta_edges.tolist() == [0.0, 0.9, 2.4]
    assert factors.pt_edges.tolist() == [2.0, 3.0, 5.0]
    assert factors.values.tolist() == [[0.0, 0.98], [0.95, 0.97]]
    path.write_text(
        json.dumps({"0,0.9": {"2,3": {"value": 1, "error": 0.1}, "4,5": {"value": 1, "error": 0.1}}})
    )
    with pytest.raises(ConfigError, match="a bin ends at 3 and the next begins at 4"):
        from_json_dump(path)
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="no dump of muon factors"):
        from_json_dump(path)


def test_the_command_line_converts_and_shows(tmp_path):
    with uproot.recreate(tmp_path / "pu.root") as file:
        file["PileUp_Reweighting"] = np.array([0.5, 1e200, 1.5]), np.array([-0.5, 0.5, 1.5, 2.5])
    arguments = ["convert", str(tmp_path / "pu.root"), str(tmp_path / "pu.json"), "--kind", "pile-up"]
    done = CliRunner().invoke(
        command, [*arguments, "--histogram", "PileUp_Reweighting"], catch_exceptions=False
    )
    assert "wrote pile_up" in done.output
    edges, values = from_th1(tmp_path / "pu.root", "PileUp_Reweighting")
    assert (edges[0], values[1]) == (-0.5, 1e200)
    factor = PileUp(Table.load(tmp_path / "pu.json")).factor(ak.Array([0, 1, 2]))
    assert factor.nominal.tolist() == [0.5, 1.5, 1.5]
    shown = CliRunner().invoke(command, ["show", str(tmp_path / "pu.json")], catch_exceptions=False)
    assert "NumTrueInteractions: -0.5, 0.5, 1.5, 2.5" in shown.output
    with pytest.raises(ConfigError, match="name the histogram"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_the_demo_tables_are_those_of_their_script(tmp_path):
    import runpy

    script = runpy.run_path(str(PROJECT / "datasets/corrections/make_tables.py"))
    factors = script["muon_factors"](np.random.default_rng(script["SEED"]))
    table = Table.load(DEMO, "muon_id")
    found = table.evaluate({"abseta": np.array([0.5]), "pt": np.array([30.0]), "scale_factors": "nominal"})
    assert found == [factors.values[0, -1]]
