"""ROOT's RDataFrame; runs in an interpreter of its own, which has ROOT and need not have anything else of ours.

    PYTHON rdataframe.py typed|notebook FILE WARM_UP OUTPUT THREADS

``typed`` is the graph with all types known, called once on the file WARM_UP, where it is compiled, and then measured on FILE:
the event loop alone. ``notebook`` is the graph as a notebook writes it, from strings, compiled when it is run; measured with
its compilation. Both give entries and masses of the selected candidates and fill the histogram.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import ROOT

HERE = Path(__file__).parent
TREE = "Tree3Mu/ntuple"

TRIPLET = (
    "Triplet2_Mass RefittedPV2_NTracks TripletVtx2_Chi2 Mu01_Pt Mu01_Eta Mu01_Phi Mu02_Pt Mu02_Eta Mu02_Phi "
    "Tr_Pt Tr_Eta Tr_Phi Mu01_dRtriggerMatch Mu02_dRtriggerMatch"
)
OTHERS = "MuonPt MuonEta MuonPhi Muon_isGlobal Muon_isPF Track_pt Track_eta Track_phi Track_dz Track_dxy"
COLUMNS = f"{TRIPLET} {OTHERS}".split()

FUNCTIONS = """
#pragma cling optimize(3)
#include "HEADER"
#include <string>
using ROOT::RVec; using D = RVec<double>; using F = RVec<float>;

bool hlt_fired(const RVec<std::string> &names, const RVec<int> &decisions) {
  for (size_t i = 0; i < names.size(); i++)
    if (decisions[i] == 1 && names[i].find("HLT_DoubleMu3_Trk_Tau3mu_v") != std::string::npos) return true;
  return false;
}
bool l1_fired(const RVec<std::string> &names, const RVec<int> &decisions) {
  for (size_t i = 0; i < names.size(); i++)
    if (decisions[i] == 1 && (names[i].find("L1_DoubleMu") != std::string::npos
                              || names[i].find("L1_TripleMu") != std::string::npos)) return true;
  return false;
}
double best(const D &mass, const D &pv_tracks, const D &chi2, const D &pt1, const D &eta1, const D &phi1, const D &pt2,
            const D &eta2, const D &phi2, const D &pt3, const D &eta3, const D &phi3, const F &match1, const F &match2,
            const F &muon_pt, const F &muon_eta, const F &muon_phi, const D &global, const D &pf, const D &track_pt,
            const D &track_eta, const D &track_phi, const D &track_dz, const D &track_dxy) {
  Event e{(long)mass.size(), (long)muon_pt.size(), (long)track_pt.size(), (long)pv_tracks.size(),
          mass.data(), pv_tracks.data(), chi2.data(), pt1.data(), eta1.data(), phi1.data(), pt2.data(), eta2.data(),
          phi2.data(), pt3.data(), eta3.data(), phi3.data(), match1.data(), match2.data(),
          muon_pt.data(), muon_eta.data(), muon_phi.data(), global.data(), pf.data(),
          track_pt.data(), track_eta.data(), track_phi.data(), track_dz.data(), track_dxy.data()};
  return best_mass(&e);
}
"""

GRAPH = """
#pragma cling optimize(3)
struct Found { std::vector<ULong64_t> entries; std::vector<double> mass; ULong64_t events; double in_histogram; };
Found event_loop(const std::string &file) {
  ROOT::RDataFrame data("TREE", file);
  auto all = data.Count();
  auto selected = data.Filter(hlt_fired, {"Trigger_hltname", "Trigger_hltdecision"})
                      .Filter(l1_fired, {"Trigger_l1name", "Trigger_l1decision"})
                      .Define("best_mass", best, {COLUMNS})
                      .Filter([](double mass) { return mass == mass; }, {"best_mass"});
  auto histogram = selected.Histo1D<double>({"mass", "mass", 62, 1.65, 2.01}, "best_mass");
  auto entries = selected.Take<ULong64_t>("rdfentry_");
  auto mass = selected.Take<double>("best_mass");
  return {*entries, *mass, *all, histogram->GetEntries()};
}
"""


def declare_functions() -> None:
    """The trigger and the selection as C++ functions; the header is that of the C loop."""
    code = FUNCTIONS.replace("HEADER", str(HERE / "selection.h"))
    if not ROOT.gInterpreter.Declare(code):
        sys.exit("Cling refuses the functions")


def typed(file: str) -> tuple[np.ndarray, np.ndarray, int]:
    """The compiled graph."""
    found = ROOT.event_loop(file)
    return np.array(found.entries, dtype=np.int64), np.array(found.mass), int(found.events)


def notebook(file: str) -> tuple[np.ndarray, np.ndarray, int]:
    """The graph from strings."""
    data = ROOT.RDataFrame(TREE, file)
    count = data.Count()
    selected = (
        data.Filter("hlt_fired(Trigger_hltname, Trigger_hltdecision)", "hlt")
        .Filter("l1_fired(Trigger_l1name, Trigger_l1decision)", "l1")
        .Define("best_mass", f"best({', '.join(COLUMNS)})")
        .Filter("best_mass == best_mass", "candidate")
    )
    histogram = selected.Histo1D(("mass", "mass", 62, 1.65, 2.01), "best_mass")
    entries, mass = selected.Take["ULong64_t"]("rdfentry_"), selected.Take["double"]("best_mass")
    histogram.GetEntries()
    return np.array(entries.GetValue(), dtype=np.int64), np.array(mass.GetValue()), int(count.GetValue())


def peak_mb() -> float:
    """Largest resident memory; what getrusage tells begins with that of the process which started this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(kind: str, file: str, warm_up: str, output: str, threads: int) -> None:
    """Measure once and write the result."""
    started = time.perf_counter()
    if threads > 1:
        ROOT.EnableImplicitMT(threads)
    declare_functions()
    if kind == "typed":
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        if not ROOT.gInterpreter.Declare(GRAPH.replace("TREE", TREE).replace("COLUMNS", names)):
            sys.exit("Cling refuses the graph")
        typed(warm_up)
        compiled = time.perf_counter()
    else:
        compiled = started
    cpu = time.process_time()
    entries, mass, events = (typed if kind == "typed" else notebook)(file)
    wall, cpu = time.perf_counter() - compiled, time.process_time() - cpu
    order = np.argsort(entries, kind="stable")
    np.savez(output, entries=entries[order], mass=mass[order], events=events)
    record = {"wall_s": wall, "cpu_s": cpu, "events": events, "selected": len(mass)}
    record["spans"] = {"compile": compiled - started}
    record["peak_mb"] = peak_mb()
    record["version"] = str(ROOT.gROOT.GetVersion())
    sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
