"""Weights of scales and parton distributions, from the ntuple to the exported models, against the plain loop."""

from __future__ import annotations

import json

import numpy as np
import pytest
import uproot
import yaml
from click.testing import CliRunner

from columnar_af.cli import cli
from columnar_af.processing.run import run
from columnar_af.results.run_result import RunResult
from columnar_af.statistics.by_hand import with_theory_combined
from columnar_af.statistics.pyhf_workspace import read_yields
from columnar_af.statistics.yields import YieldTable
from processors.stop_search import StopSearch
from tests.reference.stop_search_loop import LoopResult, loop_loopsusy
from tests.reference.test_stop_search_loop import compare
from tests.statistics.test_exports import Card

SAMPLES = ("ttbar", "VV")
REGIONS = ("preselection", "CRtop", "CRDib")
POINTS = ("05", "05"), ("05", "10"), ("10", "05"), ("10", "10"), ("10", "20"), ("20", "10"), ("20", "20")
SCALES = [f"LHE3Weight_muR{first}muF{second}" for first, second in POINTS]
REPLICAS = [f"LHE3Weight_MUR1_MUF1_PDF{number}" for number in range(261001, 261101)]


def caf(*arguments):
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theory")
    caf(
        *("simulate", "stop-loopsusy", "--theory-weights", "--events", 80, "--files", 2, "--seed", 7),
        *("--samples", ",".join(SAMPLES), "--campaigns", "mc16e", "--variations", "none", "--no-weights"),
        *("-o", folder / "ntuples"),
    )
    ntuples = folder / "ntuples" / "stop_loopsusy.yaml"
    run(StopSearch(only=REGIONS), ntuples, chunksize=100, output=folder / "result")
    return folder


def files(folder, sample):
    return sorted((folder / "ntuples").glob(f"stop_loopsusy_{sample}_mc16e_*.root"))


@pytest.fixture(scope="module")
def loops(folder):
    """Sample -> what the plain loop counts in its files, in the regions of the run."""
    found = {}
    for name in SAMPLES:
        found[name] = LoopResult()
        for path in files(folder, name):
            one = loop_loopsusy(path, [], is_data=False)
            for total, sums in ((found[name].yields, one.yields), (found[name].fakes, one.fakes)):
                for place, values in sums.values.items():
                    if place[0] in REGIONS:
                        total.values[place] = list(np.add(total.get(*place), values))
    return found


@pytest.fixture(scope="module")
def scaled(folder, loops):
    """Region, sample, variation -> yield of the plain loop, normalized by the variation's own sum of weights."""
    fileset = yaml.safe_load((folder / "ntuples" / "stop_loopsusy.yaml").read_text())
    found = {}
    for sample in SAMPLES:
        metadata = fileset[f"{sample}_mc16e"]["metadata"]
        opened = [uproot.open(path) for path in files(folder, sample)]
        for variation in ("Nominal", *SCALES, *REPLICAS):
            histogram = "NumberEvents" if variation == "Nominal" else variation
            total = sum(file[histogram].values()[1] for file in opened)
            factor = metadata["cross_section"] * 1000 * metadata["luminosity"] / total
            for region in REGIONS:
                counted = loops[sample].yields.get(region, variation)[1]
                found[region, sample, variation] = counted * factor
    return found


def test_branches_are_absolute_weights_with_sums_of_their_own(folder):
    with uproot.open(files(folder, "ttbar")[0]) as file:
        tree = file["myTree"]
        names = [name for name in tree.keys() if name.startswith("LHE3")]  # noqa: SIM118
        assert names == [*SCALES, *REPLICAS]
        nominal = tree["WeightEvents"].array(library="np")
        assert (tree["LHE3Weight_muR10muF10"].array(library="np") == nominal).all()
        for name in ("LHE3Weight_muR05muF05", REPLICAS[0]):
            ratio = tree[name].array(library="np") / nominal
            assert ((ratio > 0.5) & (ratio < 2.5)).all()
            assert ratio.std() > 0.0001
            generated, total, squares = file[name].values()
            assert generated == file["NumberEvents"].values()[0] > tree.num_entries
            assert total == pytest.approx(file["NumberEvents"].values()[1] * ratio.mean(), rel=0.1)
            assert squares * generated > total**2  # Cauchy and Schwarz


def test_yields_equal_the_plain_loop(folder, loops):
    result = RunResult.load(folder / "result")
    for name in SAMPLES:
        counted, regions = compare(result.output[f"{name}_mc16e"], loops[name])
        assert counted > 108 * 40
        assert regions == set(REGIONS)


def test_normalized_yields_equal_the_plain_loop(folder, scaled):
    table = YieldTable.of(RunResult.load(folder / "result"))
    assert len(table.variations) == 107
    for place, wanted in scaled.items():
        assert table[place].value == pytest.approx(wanted, rel=1e-6)


def sides(scaled, region, sample):
    """Envelope of the scales and root mean square of the replicas, by hand."""
    nominal = scaled[region, sample, "Nominal"]
    points = [scaled[region, sample, name] for name in SCALES]
    replicas = [scaled[region, sample, name] for name in REPLICAS]
    spread = (sum((value - nominal) ** 2 for value in replicas) / len(replicas)) ** 0.5
    assert max(points) > nominal > min(points)
    assert spread > 0
    return {
        "Nominal": nominal,
        "scale_up": max(points),
        "scale_down": min(points),
        "PDF_up": nominal + spread,
        "PDF_down": nominal - spread,
    }


def test_they_are_two_nuisance_parameters_of_the_exported_models(folder, scaled):
    table = with_theory_combined(YieldTable.of(RunResult.load(folder / "result")))
    assert [nuisance.name for nuisance in table.nuisances] == ["scale", "PDF"]
    caf("export", folder / "result", "-o", folder / "models", "--normalize", "none")
    in_workspace = read_yields(json.loads((folder / "models" / "pyhf" / "background_only.json").read_text()))
    in_card = Card(folder / "models" / "combine" / "background_only.txt").yields()
    in_histograms = uproot.open(folder / "models" / "histfitter.root")
    for region in ("CRtop", "CRDib"):
        for sample in SAMPLES:
            for name, wanted in sides(scaled, region, sample).items():
                ending = name.replace("Nominal", "Nom").replace("_up", "High").replace("_down", "Low")
                histogram = in_histograms[f"h{sample}{ending}_Stop4b_{region}_obs_cuts"]
                assert in_workspace[region, sample, name] == pytest.approx([wanted], rel=1e-6)
                assert in_card[region, sample, name] == pytest.approx([wanted], rel=1e-6)
                assert histogram.values() == pytest.approx([wanted], rel=1e-6)
