"""Which tree of a file is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import uproot

from columnar_af.errors import ReadError
from columnar_af.ntuples.t3m import choose_tree


def test_cycles_of_a_tree_are_one_tree() -> None:
    assert choose_tree(
        {"Tree3Mu;1": "TDirectory", "Tree3Mu/ntuple;2": "TTree", "Tree3Mu/ntuple;1": "TTree"}
    ) == ("Tree3Mu/ntuple")


def test_a_known_tree_wins_over_others() -> None:
    assert choose_tree({"Events;1": "TTree", "TreeMakerBkg/ntuple;7": "TTree"}) == "TreeMakerBkg/ntuple"


def test_the_only_tree_is_taken() -> None:
    assert choose_tree({"h;1": "TH1F", "folder/data;3": "TTree"}) == "folder/data"


def test_no_tree(shared_data: Path) -> None:
    with uproot.open(shared_data / "no_tree.root") as file, pytest.raises(ReadError, match="no tree"):
        choose_tree(file.classnames())


def test_several_unknown_trees() -> None:
    with pytest.raises(ReadError, match="a, b"):
        choose_tree({"b;1": "TTree", "a;1": "TTree"})
