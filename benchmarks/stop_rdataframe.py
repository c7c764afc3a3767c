"""The legacy stop notebook's logic in ROOT's RDataFrame: nominal and 40 variations, one tree each, seven event loops per tree.

    ROOTENV/bin/python -W ignore benchmarks/stop_rdataframe.py --threads 2 --output out.json FILE...

Runs in an environment that has ROOT, which is none of the project's; columnar_af is not imported. The logic is that of
adonofri/INFN_na_interactive_analysis, Sept_DistributedClient_Selector.ipynb (getRDF and getHistos): a chain of the sample's
trees of that name over all files, a preselection and its Count, and per region a Count, a Filter with the weight's Define, a
Count, and a Histo1D of one bin. Each GetValue is an event loop. ``--one-loop`` books everything of a tree first and runs one
loop instead, as a careful user would. Expressions are compiled once per text; the table tells start to finish, and the time
after the first tree, which has paid for most of the compilation.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import ROOT

WEIGHTS = (
    "WeightEvents",
    "WeightEventsPU",
    "WeightEventselSF",
    "WeightEventsmuSF",
    "WeightEventsJVT",
    "WeightEventsbTag",
    "WeightEventsSF_global",
)

IDENTIFIED = " && ".join(
    f"isSignalLep{n} && (abs(lepflav{n}) == 11 ? LepIsoGradient{n} : LepIsoFCLoose{n})" for n in (1, 2)
)
PRESELECTION = f"nlep == 2 && isOS && MET > 250 && {IDENTIFIED}"
"""Two identified leptons of opposite charge on the plateau of the ETmiss triggers."""

COMMON = (
    "mll > 10 && jet1pT > 150 && minDRlep2jets > 1 && MET > 400 && METsig > 10 && pbll > 280 && "
    "AllOrigin && nlep == 2"
)
REGIONS = {
    "SRA": f"lep1pT < 25 && lep2pT < 10 && METoverHTLep > 25 && R2l4j > 0.44 && {COMMON}",
    "SRB": f"lep1pT < 100 && lep2pT > 10 && lep2pT < 50 && METoverHTLep > 13 && R2l4j > 0.38 && {COMMON}",
}
"""Not verified against the publication; the same numbers as processors/stop_regions.yaml, which says so."""


def tree_names(path: str) -> list[str]:
    """Names of the trees in a file, nominal first."""
    file = ROOT.TFile.Open(path)
    names = [key.GetName() for key in file.GetListOfKeys() if key.GetClassName() == "TTree"]
    file.Close()
    return sorted(set(names), key=lambda name: (not name.endswith("_WEIGHTS"), names.index(name)))


def histograms(name: str, files: list[str], one_loop: bool) -> dict[str, dict[str, float]]:
    """Yields of both regions of one tree."""
    chain = ROOT.TChain(name)
    for file in files:
        chain.Add(file)
    selected = ROOT.RDataFrame(chain).Filter(PRESELECTION, "Preselection")
    booked, counts = {}, []
    for region, cuts in REGIONS.items():
        counts.append(selected.Count())
        weight = f"float val={'*'.join(WEIGHTS)};return val;"
        chosen = selected.Filter(cuts, region).Define("TotWeight", weight)
        chosen = chosen.Define("varToPlot", "float val=1.; return val;")
        counts.append(chosen.Count())
        model = ROOT.RDF.TH1DModel(f"h{name}_{region}_obs_cuts", region, 1, 0.5, 1.5)
        booked[region] = (counts[-1], chosen.Histo1D(model, "varToPlot", "TotWeight"))
        if not one_loop:
            for count in counts[-2:]:
                count.GetValue()
            booked[region][1].GetValue()
    return {
        region: {
            "raw": int(count.GetValue()),
            "sumw": histogram.GetBinContent(1),
            "sumw2": histogram.GetBinError(1) ** 2,
        }
        for region, (count, histogram) in booked.items()
    }


def main() -> None:
    """Run and write the yields and times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one-loop", action="store_true")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    started = time.perf_counter()
    if options.threads > 1:
        ROOT.EnableImplicitMT(options.threads)
    yields, seconds = {}, []
    for name in tree_names(options.files[0]):
        begun = time.perf_counter()
        yields[name] = histograms(name, options.files, options.one_loop)
        seconds.append(time.perf_counter() - begun)
    report = {
        "root": str(ROOT.gROOT.GetVersion()),
        "threads": options.threads,
        "one_loop": options.one_loop,
        "trees": len(yields),
        "seconds": time.perf_counter() - started,
        "seconds_of_the_first_tree": seconds[0],
        "seconds_of_the_others": sum(seconds[1:]),
        "yields": yields,
    }
    options.output.write_text(json.dumps(report, indent=1))
    print({key: value for key, value in report.items() if key != "yields"})


if __name__ == "__main__":
    main()
