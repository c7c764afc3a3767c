"""What became of the declared variations."""

from __future__ import annotations

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import ConfigError
from columnar_af.systematics import Systematics, Variation, fill_weighted, mirrored, report_of

NAMES = ["nominal", "a_up", "a_down", "idle_up", "twin_up", "odd"]


@pytest.fixture
def yields():
    histogram = hist.Hist(
        hist.axis.StrCategory(["SR", "CR"], name="region"),
        hist.axis.StrCategory(NAMES, name="variation"),
        storage=hist.storage.Weight(),
    )
    weights = np.array([[1.0, 1.1, 1.2, 1.0, 1.1, 0.7], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    fill_weighted(histogram, {"region": ["SR", "CR"]}, weights)
    return histogram


def test_a_report_names_what_each_variation_did(yields, tmp_path):
    path = tmp_path / "systematics.yaml"
    path.write_text(
        "- names: [a_up, a_down, idle_up, twin_up]\n  kind: columns\n- name: lost\n  kind: tree\n"
    )
    report = report_of(Systematics.load(path), yields, {"idle_up": ["met_idle_up"], "a_up": []})
    assert report.missing == ("lost",)
    assert report.without_effect == ("idle_up",)
    assert report.fell_back == {"idle_up": ("met_idle_up",)}
    assert report.same == (("a_up", "twin_up"),)
    assert report.same_side == ("a",)
    assert report.undeclared == ("odd",)
    assert [line.partition(" (")[0] for line in str(report).splitlines()] == [
        "lost is declared, and not in the result",
        "idle_up changes nothing in any region",
        "idle_up fell back to nominal, for want of met_idle_up",
        "a_up has the same numbers as twin_up",
        "a moves the yields to the same side up and down",
        "odd is in the result, and not declared",
    ]
    assert report.lines()[0].endswith("systematics.yaml, line 3)")
    assert report.to_json()["missing"] == ("lost",)


def test_all_is_well():
    numbers = {"nominal": np.array([1.0, 1.0]), "a_up": np.array([1.1, 1.2]), "a_down": np.array([0.9, 0.8])}
    systematics = Systematics(
        [
            *Systematics.of_names(["a_up", "a_down"]),
            Variation("lumi", "normalization", sizes={"x": (0.1, -0.1)}),
        ]
    )
    assert report_of(systematics, numbers).lines() == []
    with pytest.raises(ConfigError, match="have no 'Nominal'; they have nominal"):
        report_of(systematics, numbers, nominal="Nominal")


@given(st.floats(0, 100), st.floats(0, 300))
def test_the_mirrored_side(nominal, varied):
    down = mirrored(nominal, varied)
    assert down >= 0
    if varied <= 2 * nominal:
        assert down - nominal == pytest.approx(nominal - varied)
    assert mirrored(np.array([nominal]), np.array([varied])).tolist() == [down]
