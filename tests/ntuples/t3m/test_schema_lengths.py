"""Lengths are compared when a column is read: nothing is silently shifted from one event to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import pytest
from coffea.nanoevents import NanoEventsFactory

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m import T3MSchema

from .conftest import MODES, TREE, OpenEvents, computed

WRONG = [[3.0, 3.5], [], [4.0, 4.5], [5.0]]
"""One value short in entry 2, where there are three triplets."""
SWAPPED = [[3.0], [3.5], [4.0, 4.5, 5.0], [5.5]]
"""As many values as triplets in all, so that no check of totals can see it; entries 0 and 1 differ."""


def message_of(read: Any) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        read()
    return caught.value


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("values", "entry"), [(WRONG, 2), (SWAPPED, 0)])
def test_unequal_lengths_are_an_error_when_the_column_is_read(
    open_ds: OpenEvents, mode: str, values: list[Any], entry: int
) -> None:
    error = message_of(lambda: computed(open_ds(mode, {"Mu01_Pt": values}).triplet.mu1.pt))
    assert "Mu01_Pt" in error.message
    assert "Triplet2_Mass" in error.message
    assert f"entry {entry} " in error.message
    assert error.address.branch == "Mu01_Pt"


@pytest.mark.parametrize("mode", ["virtual", pytest.param("dask", marks=pytest.mark.dask_awkward)])
def test_other_columns_and_the_raw_branch_are_still_read(open_ds: OpenEvents, mode: str) -> None:
    events = open_ds(mode, {"Mu01_Pt": WRONG})
    assert ak.num(computed(events.triplet.mu1.eta)).tolist() == [2, 0, 3, 1]
    assert computed(events.Mu01_Pt).tolist() == WRONG


@pytest.mark.parametrize("mode", MODES)
def test_names_and_decisions_must_agree(open_ds: OpenEvents, mode: str) -> None:
    changes = {"Trigger_hltdecision": [[1, 0], [0], [0, 1], [1, 1]]}
    error = message_of(lambda: computed(open_ds(mode, changes).trigger.hlt_name))
    assert "Trigger_hltname" in error.message
    assert "Trigger_hltdecision" in error.message
    assert "entry 1 " in error.message


def test_decisions_of_different_menus_stay_apart(open_ds: OpenEvents) -> None:
    events = open_ds()
    assert events.trigger.hlt_decision.tolist() == [[1, 0], [0, 0], [0, 1], [1, 1]]
    assert events.trigger.l1_decision.tolist() == [[1], [0], [1], [1]]
    assert events.trigger.hlt_name.tolist() == [["HLT_A_v1", "HLT_B_v2"]] * 4


def test_file_and_entry_of_the_tree_are_named_where_coffea_tells_them(open_ds: OpenEvents) -> None:
    metadata = {"filename": "root://host//a,b/c.root", "entrystart": 1, "entrystop": 4}
    events = open_ds("virtual", {"Mu01_Pt": WRONG}, metadata=metadata, entry_start=1)
    error = message_of(lambda: ak.materialize(events.triplet.mu1.pt))
    assert error.address.file == "root://host//a,b/c.root"
    assert "entry 2 of the tree" in error.message


def test_without_metadata_the_entry_is_counted_from_the_first_read(open_ds: OpenEvents) -> None:
    events = open_ds("virtual", {"Mu01_Pt": WRONG}, entry_start=1)
    error = message_of(lambda: ak.materialize(events.triplet.mu1.pt))
    assert error.address.file is None
    assert "entry 1 of the entries that were read" in error.message


@pytest.mark.parametrize("mode", MODES)
def test_number_of_tracks_is_realigned_where_it_is_longer(open_ds: OpenEvents, mode: str) -> None:
    changes = {"RefittedPV2_NTracks": [[2.0, 9.0], [], [1.0, 5.0, 6.0, 7.0], [1.0]]}
    events = open_ds(mode, changes)
    # the last event is not longer, so its 1 is a real value that the cut on the number has to see
    assert computed(events.triplet.refitted_pv.n_tracks).tolist() == [[2.0, 9.0], [], [5.0, 6.0, 7.0], [1.0]]


def test_number_of_tracks_that_realigning_cannot_mend_is_an_error(open_ds: OpenEvents) -> None:
    changes = {"RefittedPV2_NTracks": [[2.0, 9.0], [], [8.0, 5.0, 6.0, 7.0], [4.0]]}
    error = message_of(lambda: ak.materialize(open_ds("virtual", changes).triplet.refitted_pv.n_tracks))
    assert "RefittedPV2_NTracks" in error.message
    assert "entry 2 " in error.message


@pytest.mark.parametrize("mode", MODES)
def test_doubled_tracker_layers_are_counted_once(open_ds: OpenEvents, mode: str) -> None:
    changes = {
        "Muon_trackerLayersWithMeasurement": [
            [-999.0, -999.0, 7.0, 8.0],
            [9.0, -999.0],
            [5.0, 6.0],
            [4.0, 4.0],
        ]
    }
    layers = computed(open_ds(mode, changes).muon.tracker_layers)
    assert layers.tolist() == [[None, 7.0, 8.0], [9.0, None], [5.0, 6.0], [4.0, 4.0]]


def test_reading_one_column_reads_it_and_its_counter_only(open_ds: OpenEvents) -> None:
    log: list[Any] = []
    events = open_ds("virtual", access_log=log)
    ak.materialize(events.triplet.mu1.pt)
    assert {access.branch for access in log} == {"Mu01_Pt", "Triplet2_Mass"}
    log.clear()
    ak.materialize(events.trigger.hlt_decision)
    assert {access.branch for access in log} == {"Trigger_hltdecision"}


def test_arrays_with_counter_branches_are_compared_too(tmp_path: Path) -> None:
    """uproot writes lists with a counter branch each; that is another interpretation of the same schema."""
    import uproot

    from .conftest import ds_columns

    arrays = {name: ak.Array(values) for name, (_, values) in ds_columns().items() if "name" not in name}
    arrays["Mu02_Phi"] = ak.Array(WRONG)
    with uproot.recreate(tmp_path / "counters.root") as file:
        file.mktree(TREE, {name: array.type.content for name, array in arrays.items()})
        file[TREE].extend(arrays)
    events = NanoEventsFactory.from_root(
        {str(tmp_path / "counters.root"): TREE}, schemaclass=T3MSchema
    ).events()
    assert ak.materialize(events.triplet.mu1.pt).tolist() == ds_columns()["Mu01_Pt"][1]
    assert "Mu02_Phi" in message_of(lambda: ak.materialize(events.triplet.mu2.phi)).message
