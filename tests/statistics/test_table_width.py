"""Tables of many regions in the width of a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.cli import cli
from columnar_af.errors import ConfigError
from columnar_af.statistics.by_hand import counted
from columnar_af.statistics.table_width import blocks, fitted, transposed
from columnar_af.statistics.tables import as_fitted_text, as_text, yield_rows
from tests.statistics.stop_results import stop_result

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = ("Wt", "ttbar", "VV", "Zjets", "ttZ", "stop4body_450_40")


@pytest.fixture(scope="module")
def many():
    """31 regions with six samples each."""
    cells = {
        f"SR2body_{number}": {name: (number * (place + 1), number / 2) for place, name in enumerate(SAMPLES)}
        for number in range(110, 141)
    }
    observed = dict.fromkeys(list(cells)[::2], 12.0)
    return counted(cells, observed, signals=SAMPLES[-1:])


@pytest.mark.parametrize("width", [80, 120])
def test_many_regions_are_readable(many, width):
    text = as_fitted_text(yield_rows(many), width)
    assert max(map(len, text.splitlines())) <= width
    assert text == (GOLDEN / f"yields_{width}.txt").read_text()


def test_few_regions_keep_their_form(many):
    rows = [row[:4] for row in yield_rows(many)]
    assert as_fitted_text(rows, 80) == as_text(rows)


@given(
    st.integers(2, 12).flatmap(
        lambda size: st.lists(st.lists(st.text("abc", max_size=9), min_size=size, max_size=size), min_size=2)
    ),
    st.integers(1, 60),
)
def test_nothing_is_lost_and_nothing_is_too_wide(rows, width):
    for form in (rows, transposed(rows)):
        parts = blocks(form, width)
        assert all([row[0] for row in part] == [row[0] for row in form] for part in parts)
        again = [[form[i][0], *(cell for part in parts for cell in part[i][1:])] for i in range(len(form))]
        assert again == form
        wide = [part for part in parts if len(part[0]) > 2]
        assert all(
            sum(max(map(len, column)) + 3 for column in zip(*part, strict=True)) <= width for part in wide
        )
    assert len(fitted(rows, width)) == min(len(blocks(rows, width)), len(blocks(transposed(rows), width)))


# --- command line -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("results") / "stop"
    stop_result().save(directory)
    return directory


def called(folder, *arguments):
    done = CliRunner().invoke(
        cli, ["yields", str(folder), *arguments], env={"COLUMNS": "80"}, catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_the_terminal_decides(folder):
    tables = called(folder).split("\nnote:")[0]
    assert max(map(len, tables.splitlines())) <= 80
    assert max(map(len, (folder / "yields" / "yields.txt").read_text().split("\nnote:")[0].splitlines())) > 80


def test_regions_and_samples_can_be_picked(folder):
    text = called(folder, "--regions", "SR?,CRtop", "--samples", "ttbar,stop4body_4*").split("\nnote:")[0]
    assert "VRtop" not in text
    assert "SRB" in text
    assert "CRDib" not in text
    assert "stop4body_400_20" in text
    assert "stop4body_550_40" not in text
    assert "Wt" not in text
    assert "background" in text
    with pytest.raises(ConfigError, match="no sample 'QCD'"):
        called(folder, "--samples", "QCD")
