"""StopSearch against the loop that counts one event at a time, for nominal and every variation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from columnar_af import run
from columnar_af.ntuples.simulation.stop_options import StopOptions
from columnar_af.ntuples.simulation.stop_simulation import simulate_stop
from processors.stop_search import StopSearch
from tests.conftest import PROJECT
from tests.reference.stop_search_loop import LoopResult, loop_histfitter, loop_loopsusy

DATASETS = PROJECT / "datasets"
COMPARED = {
    "loopsusy": ("ttZ_mc16e", "data_mc16e", "stop4body_450_40_mc16e"),
    "histfitter": ("other_mc16e", "stop4body_450_40_mc16e"),
}
"""Datasets of the shipped ntuples that the loop, which is slow, runs over: those that reach two-body regions, data, signal."""


def loop(layout: str, path: Path, metadata: dict, *, fakes: bool = True) -> LoopResult:
    variations = metadata.get("variations", [])
    if layout == "loopsusy":
        return loop_loopsusy(path, variations, is_data=metadata["is_data"], fakes=fakes)
    return loop_histfitter(path, metadata["sample"], variations, is_data=metadata["is_data"], fakes=fakes)


def compare(found: dict, expected: LoopResult, *, fakes: bool = True) -> tuple[int, set[str]]:
    """Raw numbers are equal and sums nearly so, in every region and variation; returns the counted raw numbers, regions."""
    counted, regions = 0, set()
    for prefix, sums in (("", expected.yields), ("fake_", expected.fakes)):
        if prefix and not fakes:
            assert "fake_yields" not in found["hists"]
            continue
        yields, raw = found["hists"][f"{prefix}yields"], found["hists"][f"{prefix}raw_events"]
        for region in yields.axes["region"]:
            for variation in yields.axes["variation"]:
                if variation.startswith("FNP_TOTAL"):
                    continue
                wanted = sums.get(region, "Nominal" if variation == "nominal" else variation)
                place = (prefix, region, variation)
                assert raw[region, variation] == wanted[0], place
                assert yields[region, variation].value == pytest.approx(wanted[1], rel=1e-6, abs=1e-9), place
                assert yields[region, variation].variance == pytest.approx(wanted[2], rel=1e-6), place
                counted += wanted[0]
                regions |= {region} if wanted[0] and not prefix else set()
        known = {(region, name) for region in yields.axes["region"] for name in yields.axes["variation"]}
        for region, variation in sums.values:
            assert (region, "nominal" if variation == "Nominal" else variation) in known
    return counted, regions


@pytest.mark.parametrize("layout", ["loopsusy", "histfitter"])
def test_shipped_ntuples(layout, tmp_path):
    fileset = yaml.safe_load((DATASETS / f"stop_{layout}.yaml").read_text())
    chosen = {name: fileset[name] for name in COMPARED[layout]}
    for dataset in chosen.values():
        dataset["files"] = {str(DATASETS / path): tree for path, tree in dataset["files"].items()}
    (tmp_path / "chosen.yaml").write_text(yaml.safe_dump(chosen))
    result = run(StopSearch(blinded=False), tmp_path / "chosen.yaml", chunksize=300)
    regions = set()
    for name, dataset in chosen.items():
        expected = loop(layout, Path(next(iter(dataset["files"]))), dataset["metadata"])
        counted, found = compare(result.output[name], expected)
        assert counted > 100
        regions |= found
    assert {"SRA", "SRB", "CRtop", "CRDib", "VRtop", "VRDib", "SR2body_110_inf", "preselection"} <= regions
    assert ("SR4body_36fb" in regions) == (layout == "loopsusy")


@pytest.mark.parametrize(("layout", "ending"), [("loopsusy", ""), ("histfitter", "_WEIGHTS")])
def test_a_larger_sample_fills_the_signal_regions(tmp_path, layout, ending):
    sample = "stop4body_500_40"
    options = StopOptions(
        layout, events=600, seed=5, samples=(sample,), campaigns=("mc16a",),
        variations="EG_SCALE_ALL__1down,JET_JER_EffectiveNP_1__1up,MET_SoftTrk_ScaleUp", weights=False,
    )  # fmt: skip
    simulate_stop(options, tmp_path)
    fileset = tmp_path / f"stop_{layout}.yaml"
    metadata = yaml.safe_load(fileset.read_text())[f"{sample}_mc16a"]["metadata"]
    for fakes in (True, False):
        result = run(StopSearch(fakes=fakes), fileset, chunksize=500)
        path = tmp_path / f"stop_{layout}_{sample}_mc16a.root"
        counted, regions = compare(
            result.output[f"{sample}_mc16a"], loop(layout, path, metadata, fakes=fakes), fakes=fakes
        )
        assert counted > 1500
        assert {"SRA", "SRB", "CRtop", "CRDib", "VRtop", "VRDib"} <= regions
        raw = result.output[f"{sample}_mc16a"]["hists"]["raw_events"]
        assert raw["SRA", "nominal"] > 2
        assert raw["SRB", "nominal"] > 3
