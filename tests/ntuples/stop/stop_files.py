"""Small stop ntuples, written by the project's own writer from the simulator's tables of branches."""

from __future__ import annotations

import awkward as ak
import hist
import numpy as np
import uproot
from coffea.nanoevents import NanoEventsFactory

from columnar_af.ntuples.root_file import RootFile
from columnar_af.ntuples.simulation.stop_loopsusy import branch_types
from columnar_af.ntuples.simulation.stop_samples import resolve_samples
from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter
from columnar_af.ntuples.stop import StopSchema
from columnar_af.ntuples.tree_entries import Ragged, offsets_of


def events_of(path, tree, start=None, stop=None, schema=StopSchema, **options):
    """Events as a processor gets them."""
    return NanoEventsFactory.from_root(
        {str(path): tree},
        schemaclass=schema,
        mode="virtual",
        entry_start=start,
        entry_stop=stop,
        metadata={"dataset": "small", "filename": str(path)},
        **options,
    ).events()


def write_tree(path, trees, sums=None):
    """A file of trees: name -> branch -> (C++ type, list of values or of lists)."""
    with RootFile(path, name=path.name, identity=path.name, compression=uproot.ZLIB(1)) as file:
        for name, branches in trees.items():
            tree = StdVectorTreeWriter(file, name, {branch: kind for branch, (kind, _) in branches.items()})
            tree.extend({branch: _column(kind, values) for branch, (kind, values) in branches.items()})
            tree.finish()
        for name, values in (sums or {}).items():
            histogram = hist.Hist(hist.axis.Regular(len(values), 0, 1), storage=hist.storage.Double())
            histogram.view()[:] = values
            file.add_histogram(name, histogram)
    return path


def _column(kind, values):
    if not kind.startswith("vector"):
        return np.array(values)
    counts = np.array([len(one) for one in values], np.int64)
    if kind == "vector<string>":
        return ak.Array(values)
    flat = [item for one in values for item in one]
    return Ragged(np.array(flat) if flat else np.zeros(0), offsets_of(counts))


def loopsusy_branches(variations=(), weights=False, size=3):
    """All branches of the layout for a few events with two leptons and three jets each, in MeV."""
    types = branch_types(resolve_samples(("Wt",))[0], variations, weights)
    return {name: (kind, _values(name, kind, size)) for name, kind in types.items()}


def _values(name, kind, size):
    base = name.split("_")[0]
    special = {
        "ptleptons": [20000.0, 10000.0],
        "etaleptons": [0.5, -1.0],
        "phileptons": [1.0, -2.0],
        "massleptons": [0.511, 105.66],
        "flavlep": [11, -13],
        "ptjets": [30000.0, 200000.0, 50000.0],
        "etajets": [0.1, -0.2, 1.0],
        "phijets": [2.5, 0.2, -1.5],
        "isBjets": [5, 1, 3],
    }
    if kind.startswith("vector"):
        jets = "jets" in name or name.startswith("passORjet")
        return [special.get(base, [1] * (3 if jets else 2))] * size
    numbers = {"EtMiss": 300000.0, "RunNumber": 355000, "GenFiltMET": 250000.0, "cleaningVeto": False}
    return [next((value for start, value in numbers.items() if name.startswith(start)), 1)] * size
