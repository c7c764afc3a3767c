"""``columnar-af diff``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from columnar_af import RunResult
from columnar_af.cli import cli
from columnar_af.errors import ConfigError
from columnar_af.results.comparison import Tolerance, compare
from columnar_af.selection import Cutflow


def diff(*words):
    return CliRunner().invoke(cli, ["diff", *map(str, words)])


@pytest.fixture
def other(result_directory: Path, tmp_path: Path) -> Path:
    """A copy of the result in which one bin, one row of the cutflow and one dataset's entries differ a little."""
    result = RunResult.load(result_directory)
    mass = result.output["A"]["hists"]["mass"]
    mass.view(flow=True)["value"][2] *= 1 + 1e-9
    rows = list(result.output["A"]["cutflow"])
    result.output["A"]["cutflow"] = Cutflow((replace(rows[0], sumw=3.0000003), *rows[1:]))
    return result.save(tmp_path / "other")


def test_same(result_directory):
    done = diff(result_directory, result_directory)
    assert (done.exit_code, done.output) == (0, "the results are the same\n")


def test_what_differs_is_named(result_directory, other):
    done = diff(result_directory, other)
    assert done.exit_code == 1
    assert "A/hists/mass (value)" in done.output
    assert "mass [1, 2)" in done.output
    assert "A/cutflow/all/sumw" in done.output
    assert "B/" not in done.output


@pytest.mark.parametrize(
    ("words", "code"), [(("--rtol", "1e-6"), 0), (("--rtol", "1e-8"), 1), (("--atol", "1e-6"), 0)]
)
def test_tolerances(result_directory, other, words, code):
    assert diff(result_directory, other, *words).exit_code == code


def test_json(result_directory, other):
    record = json.loads(diff(result_directory, other, "--json", "--rtol", "1e-8").output)
    assert not record["equal"]
    (difference,) = record["differences"]
    assert difference["place"] == "output/A/cutflow/all/sumw"
    assert difference["cells"] == [{"label": "", "left": 3.0, "right": 3.0000003}]


def test_what_cannot_be_read_is_another_code(result_directory, tmp_path):
    done = diff(result_directory, tmp_path / "nothing")
    assert done.exit_code == 2
    assert "is missing" in done.output
    assert diff(result_directory, result_directory, "--rtol", "-1").exit_code == 2


def test_long_tables_are_cut_and_say_so(result_directory, other):
    assert "and 1 more" in diff(result_directory, other, "--max-rows", "1").output


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(min_value=0, max_value=0.1))
def test_every_number_is_the_same_as_itself(value, tolerance):
    assert compare(RunResult({"x": value}), RunResult({"x": value}), Tolerance(tolerance)) == []


@given(st.floats(1e-3, 1e3), st.floats(1e-12, 0.5))
def test_relative_tolerance_is_symmetric(value, tolerance):
    near, far = value * (1 + tolerance / 2), value * (1 + 3 * tolerance)
    for one, other in ((value, near), (near, value)):
        assert not compare(RunResult({"x": one}), RunResult({"x": other}), Tolerance(tolerance))
    for one, other in ((value, far), (far, value)):
        assert compare(RunResult({"x": one}), RunResult({"x": other}), Tolerance(tolerance))


def test_infinity_is_near_nothing_else():
    assert compare(RunResult({"x": float("inf")}), RunResult({"x": 1.0}), Tolerance(0.5, 1e9))
    assert not compare(RunResult({"x": float("nan")}), RunResult({"x": float("nan")}), Tolerance(0.5))


def test_a_tolerance_is_not_negative():
    with pytest.raises(ConfigError, match="rtol is -1"):
        Tolerance(-1)
