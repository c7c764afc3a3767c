"""A small two-muon-one-track ntuple of four events that tests can damage, and ways to open it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from columnar_af.ntuples.std_vector_tree import StdVectorTreeWriter
from columnar_af.ntuples.t3m import T3MSchema

MODES = ["virtual", "eager", pytest.param("dask", marks=pytest.mark.dask_awkward)]
TREE = "Tree3Mu/ntuple"

TRIPLETS, MUONS, TRACKS = [2, 0, 3, 1], [3, 2, 2, 2], [2, 1, 3, 1]
DOUBLE, FLOAT, INT = "vector<double>", "vector<float>", "vector<int>"

Columns = dict[str, tuple[str, list[Any]]]


def _lists(counts: list[int], first: float) -> list[list[float]]:
    """Different numbers in lists of the given lengths."""
    numbers = iter(range(sum(counts)))
    return [[first + 0.25 * next(numbers) for _ in range(count)] for count in counts]


def ds_columns() -> Columns:
    """Branches of an AOD 2017 tree: name to type and values."""
    triplet = [
        *(f"Triplet2_{name}" for name in ("Mass", "Pt", "Eta", "Phi", "Charge")),
        *(f"TripletVtx2_{name}" for name in ("x", "y", "z", "Chi2", "NDOF")),
        *(f"{leg}_{name}" for leg in ("Mu01", "Mu02", "Tr") for name in ("Pt", "Eta", "Phi")),
        "RefittedPV2_x",
        "RefittedPV2_NTracks",
    ]
    columns: Columns = {name: ("unsigned int", [1, 2, 3, 4]) for name in ("evt", "run", "lumi", "nPileUpInt")}
    columns |= {name: (DOUBLE, _lists(TRIPLETS, 2.0 + n)) for n, name in enumerate(triplet)}
    columns |= {f"{leg}_dRtriggerMatch": (FLOAT, _lists(TRIPLETS, 0.25)) for leg in ("Mu01", "Mu02", "Tr")}
    columns |= {f"Muon{name}": (FLOAT, _lists(MUONS, 3.0)) for name in ("Pt", "Eta", "Phi")}
    columns |= {"MuonCharge": (DOUBLE, _lists(MUONS, 1.0)), "Muon_isGlobal": (DOUBLE, _lists(MUONS, 0.0))}
    columns |= {"Muon_trackerLayersWithMeasurement": (DOUBLE, _lists(MUONS, 6.0))}
    track = ("pt", "eta", "phi", "charge", "dxy", "dz")
    columns |= {f"Track_{name}": (DOUBLE, _lists(TRACKS, 1.0)) for name in track}
    columns |= {
        "Trigger_hltname": ("vector<string>", [["HLT_A_v1", "HLT_B_v2"]] * 4),
        "Trigger_hltdecision": (INT, [[1, 0], [0, 0], [0, 1], [1, 1]]),
        "Trigger_l1name": ("vector<string>", [["L1_A"], ["L1_A"], ["L1_A"], ["L1_A"]]),
        "Trigger_l1decision": (INT, [[1], [0], [1], [1]]),
        "Trigger_l1prescale": (INT, [[1], [1], [1], [1]]),
    }
    return columns


def write_ntuple(path: Path, columns: Columns) -> Path:
    """Write branches as ROOT does, as std::vectors."""
    types = {name: kind for name, (kind, _) in columns.items()}
    with StdVectorTreeWriter(path, TREE, types, compression=uproot.ZLIB(1), identity="test") as tree:
        tree.extend({name: ak.Array(values) for name, (_, values) in columns.items()})
    return path


OpenEvents = Callable[..., Any]


@pytest.fixture
def open_ds(tmp_path: Path) -> OpenEvents:
    """Opens the small ntuple, changed by ``changes`` (name to values, None to leave the branch out)."""

    def opened(mode: str = "virtual", changes: dict[str, Any] | None = None, **options: Any) -> Any:
        columns = ds_columns()
        for name, values in (changes or {}).items():
            kind = columns.get(name, (DOUBLE, []))[0]
            columns[name] = (kind, values)
        columns = {name: (kind, values) for name, (kind, values) in columns.items() if values is not None}
        path = write_ntuple(tmp_path / "small.root", columns)
        return open_events(path, mode, **options)

    return opened


def open_events(path: Path, mode: str = "virtual", tree: str = TREE, **options: Any) -> Any:
    """Events of T3MSchema."""
    factory = NanoEventsFactory.from_root({str(path): tree}, schemaclass=T3MSchema, mode=mode, **options)
    return factory.events()


def computed(array: Any) -> ak.Array:
    """The values, whatever the mode."""
    return computed_together([array])[0]


def computed_together(arrays: list[Any]) -> list[ak.Array]:
    """The values of several arrays, in dask mode by one graph."""
    if not hasattr(arrays[0], "compute"):
        return [ak.materialize(array) for array in arrays]
    import dask

    return list(dask.compute(*arrays, scheduler="synchronous"))
