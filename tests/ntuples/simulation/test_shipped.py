"""The small ntuples in ``datasets/`` are what the simulation makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

from columnar_af.datasets.fileset import Fileset
from columnar_af.ntuples.simulation.shipped import FILESET_FILE, SEEDS_FILE, SHIPPED, TRUTH_FILE, remake
from columnar_af.ntuples.simulation.t3m_layouts import TREE

BUDGET = 3_500_000
"""Bytes in git for these files."""


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return remake(tmp_path_factory.mktemp("shipped"))


def test_they_are_remade_byte_for_byte(remade: list[Path], project: Path) -> None:
    for path in remade:
        shipped = project / "datasets" / path.name
        if path.read_bytes() != shipped.read_bytes() and path.suffix == ".root":
            # another zlib compresses differently, another processor rounds the last bit of a sine differently
            _same_values(path, shipped)
        elif path.suffix != ".root":
            assert path.read_text() == shipped.read_text(), path.name


def _same_values(one: Path, other: Path) -> None:
    with uproot.open(one) as first, uproot.open(other) as second:
        assert first[TREE].keys() == second[TREE].keys()
        for name in first[TREE].keys():  # noqa: SIM118
            values, expected = first[TREE][name].array(), second[TREE][name].array()
            if "string" in first[TREE][name].typename:
                assert values.to_list() == expected.to_list(), name
            else:
                np.testing.assert_allclose(
                    np.concatenate([np.ravel(event) for event in values.to_list()] or [[]]),
                    np.concatenate([np.ravel(event) for event in expected.to_list()] or [[]]),
                    rtol=1e-6,
                    atol=1e-9,
                    err_msg=name,
                )


def test_they_fit_the_budget(remade: list[Path]) -> None:
    assert sum(path.stat().st_size for path in remade) < BUDGET


def test_the_fileset_finds_them(project: Path) -> None:
    fileset = Fileset.load(project / "datasets" / FILESET_FILE)
    assert set(fileset.datasets) == set(SHIPPED)
    for name, dataset in fileset.datasets.items():
        assert dataset.metadata.is_data is SHIPPED[name].is_data
        for file in dataset.files:
            with uproot.open(file.path) as source:
                assert source[str(file.tree)].num_entries == SHIPPED[name].events


def test_truth_and_seeds_are_beside_them(project: Path) -> None:
    seeds = (project / "datasets" / SEEDS_FILE).read_text()
    for options in SHIPPED.values():
        assert f"--seed {options.seed} " in seeds
    assert (project / "datasets" / TRUTH_FILE).is_file()
