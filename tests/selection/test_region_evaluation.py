"""Evaluation of regions: equal to one event at a time, shared where nothing changed, lazy where a variable is dear."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from columnar_af.declarations.located import parse as parse_yaml
from columnar_af.errors import ConfigError
from columnar_af.kernels.cut_walk import NO_CUT, cut_walk
from columnar_af.selection.cut_expressions import Variable
from columnar_af.selection.region_evaluation import RegionEvaluator
from columnar_af.selection.region_file import load_regions, regions_of
from columnar_af.stop.variable_table import BOUNDS, OBJECT_SETS, PARTIAL, STAGES, VARIABLES
from tests.conftest import PROJECT

SIZE = 1500
LARGE = 40_000


class Made:
    """Random and nasty variables; counts what was asked of the dear one."""

    def __init__(self, variables, seed=1, size=SIZE, partial=None):
        random = np.random.default_rng(seed)
        self._values = {}
        self.asked = 0
        for name, variable in variables.items():
            if variable.kind == "flag":
                self._values[name] = random.random(size) < 0.8
            elif variable.kind == "count":
                self._values[name] = random.integers(0, 4, size)
            else:
                values = random.exponential({"GeV": 150, "rad": 1.5, "": 5}[variable.unit], size)
                nasty = random.choice([math.nan, math.inf, -math.inf, 0.0], size)
                self._values[name] = np.where(random.random(size) < 0.1, nasty, values)
        self._values["m_t2_bound"] = np.abs(self._values["m_t2_ll"]) if "m_t2_ll" in self._values else None
        self._partial = partial or {}
        self.missing = {}
        self._asked = np.ones(size, np.bool_)

    def __getattr__(self, name):
        values = self.__dict__["_values"].get(name)
        if values is None and name in self._partial.values():
            return self._some(name.removesuffix("_where"))
        if values is None:
            raise AttributeError(name)
        return values if self._asked.all() else np.where(self._asked, values, np.roll(values, 1))

    def narrow(self, where):
        """All other events have values of other events from now on."""
        assert not (where & ~self._asked).any()
        self._asked = where

    def __copy__(self):
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _values=dict(self._values))
        return other

    def _some(self, name):
        def where(mask):
            assert not (mask & ~self._asked).any()
            self.asked += int(mask.sum()) if name == "m_t2_ll" else 0
            return np.where(mask, self._values[name], np.roll(self._values[name], 1))

        return where

    def why_missing(self, name):
        return self.missing.get(name)


def evaluated(regions, made, size=SIZE, *args, walks=False, **options):
    """The regions of some events, as the search evaluates them."""
    evaluator = RegionEvaluator(regions, PARTIAL, STAGES, BOUNDS)
    return evaluator.evaluate(copy.copy(made), size, *args, walks=regions.names if walks else (), **options)


@pytest.fixture(scope="module")
def regions():
    return load_regions(PROJECT / "processors" / "stop_regions.yaml", VARIABLES, OBJECT_SETS)


def plain(region):
    """The cuts of a region as Python's own code."""
    codes = []
    for cut in region.cuts:
        text = cut.text.replace("GeV", "").replace("rad", "")
        while "|" in text:
            text = text.replace("|", "abs(", 1).replace("|", ")", 1)
        codes.append(compile(text, cut.text, "eval"))
    return codes


def one_by_one(region, values):
    """Event by event, cut by cut in plain Python: which cuts each event fails."""
    codes = plain(region)
    failed = []
    for row in zip(*(values[name].tolist() for name in region.variables), strict=True):
        scope = dict(zip(region.variables, row, strict=True))
        failed.append([n for n, code in enumerate(codes) if not eval(code, {"abs": abs}, scope)])
    return failed


def test_every_region_agrees_with_plain_python_event_by_event(regions):
    made = Made(VARIABLES, partial=PARTIAL)
    evaluation = evaluated(regions, made, walks=True)
    masks = evaluated(regions, made).masks
    for region in regions:
        walk = evaluation.walk(region.name)
        failed = one_by_one(region, made._values)
        count = len(region.cuts)
        assert evaluation.masks[region.name].tolist() == [not cuts for cuts in failed], region.name
        assert masks[region.name].tolist() == [not cuts for cuts in failed], region.name
        assert walk.first.tolist() == [cuts[0] if cuts else count for cuts in failed], region.name
        for number, cut in enumerate(region.cuts):
            wanted = [cuts in ([], [number]) for cuts in failed]
            assert walk.all_but(cut.name).tolist() == wanted, (region.name, cut.name)


def test_the_dear_variable_is_asked_for_few_events(regions):
    def asked(walks, bounds):
        made = Made(VARIABLES, size=LARGE, partial=PARTIAL)
        evaluator = RegionEvaluator(regions, PARTIAL, STAGES, bounds)
        evaluator.evaluate(made, LARGE, walks=walks)
        return made.asked

    assert 0 < asked((), BOUNDS) < asked((), {}) < asked(regions.names, {}) < LARGE / 10


def test_walks_of_some_regions_are_those_of_all(regions):
    made = Made(VARIABLES, partial=PARTIAL)
    few = RegionEvaluator(regions, PARTIAL, STAGES, BOUNDS).evaluate(copy.copy(made), SIZE, walks=["SRW_SF"])
    every = evaluated(regions, made, walks=True)
    for part in ("first", "only"):
        assert getattr(few.walk("SRW_SF"), part).tolist() == getattr(every.walk("SRW_SF"), part).tolist()
    for name in regions.names:
        assert few.masks[name].tolist() == every.masks[name].tolist()


def test_cutflow_counts_and_adds_weights(regions):
    made = Made(VARIABLES, partial=PARTIAL)
    weights = np.random.default_rng(3).normal(1, 1, SIZE)
    walk = evaluated(regions, made, walks=True).walk("CRtop")
    cutflow = walk.cutflow(weights)
    failed = one_by_one(walk.region, made._values)
    for number, row in enumerate(cutflow):
        left = np.array([not cuts or cuts[0] >= number for cuts in failed])
        assert row.events == left.sum()
        assert row.sumw == pytest.approx(weights[left].sum())
        assert row.sumw2 == pytest.approx((weights[left] ** 2).sum())
    assert [row.cut for row in walk.cutflow(weights, start=2)] == [cut.name for cut in walk.region.cuts[2:]]
    assert "not verified" in cutflow["r_2l"].note
    assert cutflow["cleaning"].note == ""


def test_nominal_is_taken_over_where_nothing_changed(regions):
    made = Made(VARIABLES, size=LARGE, partial=PARTIAL)
    nominal = evaluated(regions, made, LARGE, walks=True)
    other = copy.copy(made)
    other._values["n_b_jets"] = made._values["n_b_jets"] + 1
    varied, fresh = evaluated(regions, other, LARGE, nominal), evaluated(regions, other, LARGE)
    changed = set()
    for name in regions.names:
        assert varied.masks[name].tolist() == fresh.masks[name].tolist()
        if varied.masks[name].tolist() != nominal.masks[name].tolist():
            changed.add(name)
    assert "SR2body_110_inf" in changed
    assert changed.isdisjoint({"SRA", "SRB", "preselection", "SR4body_36fb"})


def test_masks_with_events_are_told(regions):
    evaluation = evaluated(regions, Made(VARIABLES, partial=PARTIAL))
    filled = [mask for mask in evaluation.masks.values() if mask.any()]
    assert 0 < len(filled) < len(regions)
    assert {id(mask) for mask in evaluation.filled} == {id(mask) for mask in filled}
    few = evaluation.only(["SRA", "CRtop"])
    assert list(few.masks) == ["SRA", "CRtop"]


def test_a_region_whose_variable_is_missing_is_not_available(regions):
    made = Made(VARIABLES, partial=PARTIAL)
    made.missing = {"met_significance": "no such branch in PHYSLITE"}
    evaluation = evaluated(regions, made)
    assert evaluation.unavailable["SRA"] == "no such branch in PHYSLITE"
    assert "SRA" not in evaluation.masks
    whole = evaluated(regions, Made(VARIABLES, partial=PARTIAL))
    for name, mask in evaluation.masks.items():
        assert mask.tolist() == whole.masks[name].tolist()
    assert "CRtop" in evaluation.masks


def test_no_events(regions):
    made = Made(VARIABLES, size=0, partial=PARTIAL)
    assert not any(mask.any() for mask in evaluated(regions, made, 0).masks.values())
    evaluation = evaluated(regions, made, 0, walks=True)
    assert evaluation.walk("SRA").cutflow(np.empty(0))["r_2l"].events == 0


def test_events_in_two_regions_that_shall_exclude_each_other_are_an_error():
    text = """\
publications: {P: p}
regions:
  A: {title: a, publication: P, objects: 139fb, kind: control, cuts: [{cut: "x > 1", source: s, verified: true}]}
  B: {title: b, publication: P, objects: 139fb, kind: control, cuts: [{cut: "y > 1", source: s, verified: true}]}
exclusive: [[A, B]]
"""
    variables = {"x": Variable(), "y": Variable()}
    regions = regions_of(parse_yaml(text, "regions.yaml"), variables, OBJECT_SETS)
    made = Made(variables)
    evaluation = RegionEvaluator(regions).evaluate(made, SIZE)
    with pytest.raises(ConfigError, match=r"events are in two regions .*A \(regions.yaml, line 3\), B"):
        evaluation.refuse_overlaps()
    made._values["y"] = -made._values["x"]
    RegionEvaluator(regions).evaluate(made, SIZE).refuse_overlaps()


def slow_walk(passes):
    first, only = [], []
    for event in passes.T:
        failed = np.flatnonzero(~event)
        first.append(failed[0] if len(failed) else len(event))
        only.append(len(event) if not len(failed) else failed[0] if len(failed) == 1 else NO_CUT)
    return first, only


@pytest.mark.parametrize("shape", [(1, 50), (7, 500), (3, 0), (0, 5)])
def test_the_kernel_agrees_with_its_reference(shape):
    passes = np.random.default_rng(5).random(shape) < 0.7
    first, only = cut_walk(passes)
    assert (first.tolist(), only.tolist()) == slow_walk(passes)
