"""Staged reading of the trees of variations: the same result as reading all, of fewer events and columns."""

from __future__ import annotations

import numpy as np
import pytest

from columnar_af.ntuples.stop.chunk_columns import TreeBranches
from columnar_af.selection.region_file import load_regions
from columnar_af.stop.survivors import first_cuts, survivors
from columnar_af.stop.variable_table import OBJECT_SETS, VARIABLES
from columnar_af.stop.views import View
from processors.stop_search import HERE, StopSearch
from tests.processors.test_stop_search import events_of, same_histograms

CHOICES = ["SRA,SRB", "preselection,SRA,CRtop,SR2body_110_inf"]


def processed(only, monkeypatch, *, staged):
    events = events_of("histfitter", "Wt_mc16e")
    with monkeypatch.context() as patch:
        if not staged:
            patch.setattr(View, "first_cuts", frozenset())
        processor = StopSearch(only=only, shapes="met,r_2l")
        return processor.process(events)["Wt_mc16e"]


@pytest.mark.parametrize("only", CHOICES)
def test_the_result_is_the_same_bit_by_bit(only, monkeypatch):
    staged, whole = (processed(only, monkeypatch, staged=staged) for staged in (True, False))
    assert same_histograms(staged.pop("hists"), whole.pop("hists"))
    assert staged == whole


def test_fewer_numbers_are_kept(monkeypatch):
    counted = {True: 0, False: 0}
    original = TreeBranches.read_some, TreeBranches.read

    def noted(method):
        def reads(self, names, *more):
            columns = method(self, names, *more)
            counted[staged] += sum(map(len, columns.values()))
            return columns

        return reads

    monkeypatch.setattr(TreeBranches, "read_some", noted(original[0]))
    monkeypatch.setattr(TreeBranches, "read", noted(original[1]))
    for staged in counted:
        processed("SRA,SRB", monkeypatch, staged=staged)
    assert counted[True] < counted[False]


def test_survivors_are_in_a_region():
    regions = load_regions(HERE / "stop_regions.yaml", VARIABLES, OBJECT_SETS).only(["SRA", "preselection"])
    cuts = first_cuts(regions, ())
    assert len(cuts) == 2

    class Variables:
        n_baseline_leptons = np.array([2.0, 2.0, 2.0, 3.0, 2.0])
        met = np.array([500.0, 260.0, 250.0, 500.0, np.nan])

    assert survivors(cuts, Variables, 5).tolist() == [True, True, False, False, False]
    assert survivors(first_cuts(regions, ["preselection"]), Variables, 5).tolist() == [True, *[False] * 4]


def test_a_region_without_first_cuts_keeps_all():
    regions = load_regions(HERE / "stop_regions.yaml", VARIABLES, OBJECT_SETS).only(["SR4body_36fb"])
    assert first_cuts(regions, ["SR4body_36fb"]) == frozenset()
