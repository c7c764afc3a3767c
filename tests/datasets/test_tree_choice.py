"""Which tree of a stop ntuple is read where none is named."""

from __future__ import annotations

import pytest
import uproot

from columnar_af.datasets.tree_choice import choose_tree
from columnar_af.errors import ReadError


@pytest.mark.parametrize(
    ("trees", "chosen"),
    [
        (("myTree", "other"), "myTree"),
        (("Wt_WEIGHTS", "Wt_JET_GroupedNP_1__1up", "Wt_MET_SoftTrk_ResoPara"), "Wt_WEIGHTS"),
        (("a", "stop4body_450_40_NoSys"), "stop4body_450_40_NoSys"),
        (("data_NONE",), "data_NONE"),
    ],
)
def test_the_nominal_tree_is_found(tmp_path, trees, chosen):
    with open_with(tmp_path, trees) as file:
        assert choose_tree(file, None) == chosen


def test_of_several_samples_one_must_be_named(tmp_path):
    with open_with(tmp_path, ("ttbar_WEIGHTS", "VV_WEIGHTS", "VV_EG_SCALE_ALL__1up")) as file:
        with pytest.raises(ReadError, match="several trees and none that is known"):
            choose_tree(file, None)
        assert choose_tree(file, "VV_WEIGHTS") == "VV_WEIGHTS"


def open_with(folder, trees):
    path = folder / "trees.root"
    with uproot.recreate(path) as file:
        for tree in trees:
            file.mktree(tree, {"a": "f4"})
    return uproot.open(path)
