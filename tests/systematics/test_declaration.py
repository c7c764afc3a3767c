"""Declared variations: what names say, and what a wrong file is told, with its line."""

from __future__ import annotations

import pytest

from columnar_af.errors import ConfigError
from columnar_af.ntuples.simulation.stop_variations import KINEMATIC, NOTEBOOK, WEIGHT_FACTORS
from columnar_af.systematics import Systematics, Variation

GOOD = """\
# comment
- name: MET_SoftTrk_ResoPara
  kind: columns
- nuisances: [JET_A, JET_B]
  kind: tree
  correlation: jets
- names: [EL_ID__1up, EL_ID__1down]
  kind: weight-replaces
  factors: {elSF: "elSF_{name}", global: "global_{name}"}
- name: luminosity
  kind: normalization
  sizes:
    ttbar: [0.017, -0.017]
- name: Wt_DS
  kind: sample
  samples: {Wt_DR: Wt_DS}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "systematics.yaml"
        path.write_text(text)
        return path

    return write


def test_a_good_file(written):
    systematics = Systematics.load(written(GOOD))
    assert systematics.names == (
        "MET_SoftTrk_ResoPara", "JET_A__1up", "JET_A__1down", "JET_B__1up", "JET_B__1down", "EL_ID__1up", "EL_ID__1down",
        "luminosity", "Wt_DS",
    )  # fmt: skip
    electron = systematics["EL_ID__1down"]
    assert (electron.nuisance, electron.direction) == ("EL_ID", "down")
    assert electron.factors == {"elSF": "elSF_EL_ID__1down", "global": "global_EL_ID__1down"}
    assert [one.name for one in systematics.of_kind("tree")] == list(systematics.names[1:5])
    assert systematics.weights == (systematics["EL_ID__1up"], electron)
    nuisances = systematics.nuisances()
    assert list(nuisances) == ["MET_SoftTrk_ResoPara", "JET_A", "JET_B", "EL_ID", "luminosity", "Wt_DS"]
    assert nuisances["MET_SoftTrk_ResoPara"].down is None
    assert nuisances["JET_B"].down.name == "JET_B__1down"
    assert nuisances["JET_B"].correlation == "jets"
    assert systematics["luminosity"].sizes == {"ttbar": (0.017, -0.017)}
    assert systematics.place("JET_B__1up").endswith("systematics.yaml, line 4")


def test_the_names_of_the_stop_search_tell_their_nuisance_parameters():
    assert len(Systematics.of_names(KINEMATIC).nuisances()) == 25
    notebook = Systematics.of_names(NOTEBOOK).nuisances().values()
    assert [one.down is None for one in notebook].count(True) == 10
    assert [one.down is not None for one in notebook].count(True) == 15
    weights = Systematics(
        Variation(name + ending, "weight-replaces", factors={f: f"{f}_{name}{ending}" for f in factors})
        for name, factors in WEIGHT_FACTORS
        for ending in ("__1up", "__1down")
    )
    assert (len(weights), len(weights.nuisances())) == (50, 25)
    assert len(Systematics.of_names(KINEMATIC) + weights) == 98


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nkind: columns", "systematics.yaml is no list of variations"),
        ("- name: x", "line 1: expected a kind and one of name, names, nuisances"),
        ("- name: x\n  kind: columns\n- name: y\n  kind: scale", "line 3: variation y: unknown kind 'scale'"),
        ("- name: x\n  kind: columns\n  colour: red", "line 1: unknown key 'colour'"),
        (
            "- name: x\n  kind: columns\n  kind: tree",
            "line 3: the key 'kind' appears twice in the same mapping, first in line 2",
        ),
        ("- name: x\n  kind: columns\n- {name: x, kind: tree}", "declared twice: .*line 1, and .*line 3"),
        ("- name: Nominal\n  kind: columns", "line 1: a variation is called 'Nominal'"),
        ("- name: x\n  kind: columns\n  direction: left", "unknown direction 'left'"),
        ("- name: x\n  kind: columns\n  direction: both", "direction 'both' does not fit the kind columns"),
        ("- name: x\n  kind: columns\n  factors: {a: b}", "must not have factors"),
        ("- name: x\n  kind: weight-replaces", "has no factors"),
        ("- name: x\n  kind: normalization\n  sizes: {tt: [0.1]}", r"sizes \(0.1,\) of tt, expected two"),
        ("- name: x\n  kind: normalization\n  sizes: {tt: [0.1, .nan]}", "expected two"),
        ("- name: x\n  kind: normalization\n  sizes: {tt: 0.1}", "line 1"),
        ("- names: x\n  kind: columns", "names is 'x', expected a list"),
        ("- 3", "line 1: 3 is no variation"),
        ("- name: [", "systematics.yaml cannot be understood"),
        (
            "- name: x\n  kind: weight-replaces\n  factors: {elSF: a, elSF: b}",
            "line 3: the key 'elSF' appears twice",
        ),
        (
            (
                "- {name: a_up, kind: weight-replaces, factors: {elSF: a}}\n"
                "- {name: b, kind: weight-replaces, nuisance: a, direction: up, factors: {elSF: b}}"
            ),
            r"a has two variations up, which both use the weight factor elSF: a_up \(.*line 1\) and b \(.*line 2\)",
        ),
        (
            (
                "- {name: a_up, kind: weight-replaces, factors: {elSF: c}}\n"
                "- {name: b_up, kind: weight-replaces, factors: {elSF: c}}"
            ),
            r"the column c is used twice for the weight factor elSF: by a_up \(.*line 1\) and by b_up \(.*line 2\)",
        ),
    ],
)
def test_a_wrong_file_is_told_its_line(written, text, message):
    with pytest.raises(ConfigError, match=message):
        Systematics.load(written(text))


def test_an_absent_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        Systematics.load(tmp_path / "nothing.yaml")


def test_an_unknown_variation_is_told_what_there_is():
    with pytest.raises(ConfigError, match="no variation 'z'; there are x"):
        Systematics.of_names(["x"])["z"]


def test_of_many_variations_the_nearest_are_told():
    with pytest.raises(ConfigError, match=r"there are MUON_MS__1up, .* and 43 more") as caught:
        Systematics.of_names(KINEMATIC)["MUON_MSS__1up"]
    assert len(str(caught.value)) < 200
