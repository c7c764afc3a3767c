"""T3MSchema on the real ntuples, against the branches that uproot reads."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import cloudpickle
import numpy as np
import pytest
import uproot
from coffea import processor
from coffea.nanoevents.trace import trace_with_typetracer

from columnar_af.errors import SchemaError
from columnar_af.ntuples.t3m import NtupleVersion, T3MSchema, fall_back, version_of, why_missing

from .conftest import MODES, OpenEvents, computed, computed_together, open_events

DS_FILE = "t3m_2017_ds_phi_pi_mc.root"
TAU_FILE = "t3m_run3_tau3mu_data.root"

DS_FIELDS = {
    "triplet.mass": "Triplet2_Mass",
    "triplet.charge": "Triplet2_Charge",
    "triplet.mu1.pt": "Mu01_Pt",
    "triplet.mu2.eta": "Mu02_Eta",
    "triplet.track.phi": "Tr_Phi",
    "triplet.mu1_refitted.pt": "Mu01_Pt",
    "triplet.track_refitted.eta": "Tr_Eta",
    "triplet.vertex.chi2": "TripletVtx2_Chi2",
    "triplet.vertex.x": "TripletVtx2_x",
    "triplet.refitted_pv.z": "RefittedPV2_z",
    "triplet.flight_distance_significance": "FlightDistPVSV2_Significance",
    "triplet.track.dxy": "dxy_mu3",
    "muon.pt": "MuonPt",
    "muon.charge": "MuonCharge",
    "muon.mother_pdg_id": "Muon_MotherPdgId",
    "track.dz": "Track_dz",
    "track.dxy_error": "Track_dxyError",
    "gen.pdg_id": "GenParticle_PdgId",
    "trigger.hlt_decision": "Trigger_hltdecision",
    "trigger.l1_name": "Trigger_l1name",
    "trigger.l1_prescale": "Trigger_l1prescale",
    "run": "run",
    "luminosity_block": "lumi",
    "event": "evt",
    "n_pileup": "nPileUpInt",
}
"""Fields of the AOD 2017 file without sentinels, and their branches."""


def at(events: Any, path: str) -> Any:
    for field in path.split("."):
        events = events[field]
    return events


def energy(muon: Any) -> Any:
    return np.sqrt((muon.pt * np.cosh(muon.eta)) ** 2 + 0.1056583755**2)


def dot(one: Any, other: Any) -> Any:
    """Scalar product of two momenta."""
    return one.pt * other.pt * (np.cos(one.phi - other.phi) + np.sinh(one.eta) * np.sinh(other.eta))


@pytest.fixture(scope="module")
def ds_file(shared_data: Path) -> Path:
    return shared_data / DS_FILE


@pytest.fixture(scope="module")
def tau_file(shared_data: Path) -> Path:
    return shared_data / TAU_FILE


@pytest.mark.parametrize("mode", MODES)
def test_fields_are_the_branches(ds_file: Path, mode: str) -> None:
    events = open_events(ds_file, mode)
    with uproot.open(ds_file) as file:
        raw = file["Tree3Mu/ntuple"].arrays(list(DS_FIELDS.values()))
    values = computed_together([at(events, field) for field in DS_FIELDS])
    for (field, branch), value in zip(DS_FIELDS.items(), values, strict=True):
        assert value.tolist() == raw[branch].tolist(), field


@pytest.mark.parametrize("mode", MODES)
def test_every_field_of_the_real_file_can_be_read(tau_file: Path, mode: str) -> None:
    events = open_events(tau_file, mode, "TreeMakerBkg/ntuple")
    names = ("triplet", "muon", "gen", "hlt_muon", "hlt_muon_signal", "trigger")
    assert [len(array) for array in computed_together([events[name] for name in names])] == [282] * 6


@pytest.mark.parametrize("mode", MODES)
def test_number_of_tracks_of_the_real_file_is_realigned(ds_file: Path, mode: str) -> None:
    n_tracks = computed(open_events(ds_file, mode).triplet.refitted_pv.n_tracks)
    with uproot.open(ds_file) as file:
        raw = file["Tree3Mu/ntuple/RefittedPV2_NTracks"].array()
    assert len(raw[18]) == 13
    assert raw[18, 7] == 1.0
    assert n_tracks[18].tolist() == [*raw[18, :7].tolist(), *raw[18, 8:].tolist()]
    others = np.arange(111) != 18
    assert n_tracks[others].tolist() == raw[others].tolist()


@pytest.mark.parametrize("mode", MODES)
def test_legs_are_vectors(ds_file: Path, mode: str) -> None:
    triplet = open_events(ds_file, mode).triplet
    mu1, mu2 = (computed(leg) for leg in (triplet.mu1, triplet.mu2))
    wrapped = (mu1.phi - mu2.phi + np.pi) % (2 * np.pi) - np.pi
    expected = np.sqrt((mu1.eta - mu2.eta) ** 2 + wrapped**2)
    assert ak.all(abs(computed(triplet.mu1.delta_r(triplet.mu2)) - expected) < 1e-10)
    mass2 = 2 * 0.1056583755**2 + 2 * (energy(mu1) * energy(mu2) - dot(mu1, mu2))
    mass = computed((triplet.mu1 + triplet.mu2).mass)
    assert ak.all(abs(mass**2 - mass2) < 1e-6 * (1 + mass2))


def test_masses_are_those_of_the_particles(ds_file: Path) -> None:
    events = open_events(ds_file)
    assert set(ak.flatten(events.triplet.mu2.mass)) == {0.1056583755}
    assert set(ak.flatten(events.triplet.track_refitted.mass)) == {0.13957039}
    assert set(ak.flatten(events.muon.mass)) == {0.1056583755}
    assert set(ak.flatten(events.track.mass)) == {0.13957039}


def test_flags_are_bools(ds_file: Path) -> None:
    events = open_events(ds_file)
    assert events.muon.is_global.type.content.content.primitive == "bool"
    assert events.muon.is_pf.tolist() == (events.Muon_isPF == 1).tolist()


def test_muons_of_the_real_file_without_tracks_hold_missing_values(ds_file: Path) -> None:
    muon = open_events(ds_file).muon
    assert ak.sum(ak.is_none(muon.global_chi2, axis=1)) == 75
    assert ak.sum(ak.is_none(muon.outer_track_p, axis=1)) == 70
    assert ak.sum(ak.is_none(muon.track_kink, axis=1)) == 2


def test_no_trigger_object_is_a_missing_value_and_none_nearby_is_one(ds_file: Path) -> None:
    match = open_events(ds_file).triplet.mu1.trigger_match_dr
    assert ak.sum(ak.is_none(match, axis=1)) == 146
    assert ak.sum(match == 1.0) == 634


@pytest.mark.parametrize("mode", MODES)
def test_failed_triplets_are_missing_values_in_every_field(tau_file: Path, mode: str) -> None:
    events = open_events(tau_file, mode, "TreeMakerBkg/ntuple")
    triplet = computed(events.triplet)
    failed = computed(events.Triplet_Mass) == -99
    assert ak.sum(failed) == 6
    for path in ("mass", "vertex.chi2", "mu1.pt", "mu3.eta", "mu2.trigger_match_dr", "mu1_refitted.pt"):
        assert ak.is_none(at(triplet, path), axis=1).tolist() == failed.tolist(), path
    assert ak.sum(ak.is_none(triplet.flight_distance_bs_significance, axis=1)) == 6
    # these stay valid in the ntuple where the fit failed, so a cut on them alone must not decide
    assert ak.sum(ak.is_none(triplet.refitted_pv.n_tracks, axis=1)) == 0


def test_failed_triplets_pass_no_cut(tau_file: Path) -> None:
    triplet = open_events(tau_file, tree="TreeMakerBkg/ntuple").triplet
    for cut in (
        triplet.mass < 1e9,
        triplet.vertex.chi2 < 15,
        triplet.mu1.trigger_match_dr < 0.03,
        triplet.mu1.pt > -1e9,
    ):
        passing = ak.fill_none(cut, value=False)
        assert not ak.any(passing & ak.is_none(triplet.mass, axis=1))


def test_three_muon_tree(tau_file: Path) -> None:
    events = open_events(tau_file, tree="TreeMakerBkg/ntuple")
    assert version_of(events) is NtupleVersion.RUN3_THREE_MUON
    assert {"mu1", "mu2", "mu3"} < set(events.triplet.fields)
    assert "track" not in events.triplet.fields
    assert "track" not in events.fields
    assert ak.sum(ak.num(events.triplet.mass)) == 618
    assert ak.sum(ak.num(events.triplet.mass) == 0) == 1
    assert events.trigger.l1_decision.tolist() == events.Trigger_l1Finaldecision.tolist()


def test_data_has_no_number_of_interactions(tau_file: Path) -> None:
    n_pileup = open_events(tau_file, tree="TreeMakerBkg/ntuple").n_pileup
    assert ak.all(ak.is_none(n_pileup))


@pytest.mark.parametrize("mode", MODES)
def test_empty_tree_has_fields_and_no_events(shared_data: Path, mode: str) -> None:
    path = shared_data / "t3m_empty_tree.root"
    events = open_events(path, mode, "TreeMakerBkg/ntuple")
    assert version_of(events) is NtupleVersion.THREE_MUON_MINI
    assert computed(events.triplet.mass).tolist() == []
    assert computed((events.triplet.mu1 + events.triplet.mu2).mass).tolist() == []


@pytest.mark.parametrize("mode", ["virtual", "eager"])
def test_slices_of_entries_are_the_same_events(ds_file: Path, mode: str) -> None:
    whole = open_events(ds_file).triplet.mu1.pt.tolist()
    part = open_events(ds_file, mode, entry_start=15, entry_stop=40).triplet.mu1.pt.tolist()
    assert part == whole[15:40]


def test_raw_branches_stay(ds_file: Path) -> None:
    events = open_events(ds_file)
    with uproot.open(ds_file) as file:
        names = file["Tree3Mu/ntuple"].keys()
    assert set(names) <= set(events.fields)
    assert events.RefittedPV2_NTracks[18].tolist()[7] == 1.0


def test_fields_say_unit_and_branch(ds_file: Path) -> None:
    mass = open_events(ds_file).triplet.mass.layout.content.content
    assert mass.parameter("__doc__") == "invariant mass of the three legs [GeV] (branch Triplet2_Mass)"


def test_trace_finds_the_columns(ds_file: Path) -> None:
    events = open_events(ds_file)

    def analysis(events: Any) -> Any:
        triplet = events.triplet[ak.fill_none(events.triplet.mass > 1.6, value=False)]
        return ak.sum(triplet.mu1.pt)

    assert trace_with_typetracer(analysis, events, throw=True) == {"Triplet2_Mass", "Mu01_Pt"}


class CountTriplets(processor.ProcessorABC):
    """Counts what the schema test needs."""

    def process(self, events: Any) -> dict[str, Any]:
        """Entries, triplets and failed triplets."""
        return {
            events.metadata["dataset"]: {
                "entries": len(events),
                "triplets": int(ak.sum(ak.num(events.triplet.mass))),
                "failed": int(ak.sum(ak.is_none(events.triplet.vertex.chi2, axis=1))),
            }
        }

    def postprocess(self, accumulator: Any) -> Any:
        """As it is."""
        return accumulator


def test_runner_of_coffea_uses_the_schema(ds_file: Path) -> None:
    runner = processor.Runner(processor.IterativeExecutor(status=False), schema=T3MSchema, chunksize=25)
    result = runner({"ds": {"files": [str(ds_file)], "treename": "Tree3Mu/ntuple"}}, CountTriplets())
    assert result["ds"] == {"entries": 111, "triplets": 7042, "failed": 0}


def test_schema_travels_by_reference_to_a_fresh_process(ds_file: Path) -> None:
    pickled = cloudpickle.dumps(T3MSchema)
    assert len(pickled) < 200
    assert pickle.loads(pickled) is T3MSchema
    program = (
        "import pickle, sys; from coffea.nanoevents import NanoEventsFactory; import awkward as ak\n"
        f"schema = pickle.loads({pickled!r})\n"
        f"events = NanoEventsFactory.from_root({{{str(ds_file)!r}: 'Tree3Mu/ntuple'}}, schemaclass=schema).events()\n"
        "sys.stdout.write(str(ak.sum(ak.num(events.triplet.refitted_pv.n_tracks))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "7042"


def test_a_branch_that_every_version_has_is_missed_when_it_is_read(open_ds: OpenEvents) -> None:
    events = open_ds("virtual", {"TripletVtx2_Chi2": None}, metadata={"filename": "a.root"})
    assert events.triplet.mass.tolist()[1] == []
    with pytest.raises(
        SchemaError, match=r"triplet\.vertex\.chi2 is read from branch TripletVtx2_Chi2"
    ) as caught:
        ak.materialize(events.triplet.vertex.chi2)
    assert caught.value.address.file == "a.root"
    assert caught.value.address.branch == "TripletVtx2_Chi2"


MISSING = [("Trigger_l1decision", "trigger.l1_decision"), ("lumi", "luminosity_block")]


@pytest.mark.parametrize(("branch", "field"), MISSING)
def test_trigger_and_scalars_that_are_missing_too(open_ds: OpenEvents, branch: str, field: str) -> None:
    events = open_ds("virtual", {branch: None})
    assert events.trigger.hlt_decision.tolist() == [[1, 0], [0, 0], [0, 1], [1, 1]]
    with pytest.raises(SchemaError, match=f"{field} is read from branch {branch}"):
        ak.materialize(at(events, field))


@pytest.mark.dask_awkward
@pytest.mark.parametrize(("branch", "field"), MISSING)
def test_dask_leaves_a_missing_field_out(open_ds: OpenEvents, branch: str, field: str) -> None:
    events = open_ds("dask", {branch: None})
    assert computed(events.trigger.hlt_decision).tolist() == [[1, 0], [0, 0], [0, 1], [1, 1]]
    assert branch in str(why_missing(events, field))
    collection = at(events, field.rpartition(".")[0]) if "." in field else events
    assert field.rpartition(".")[2] not in collection.fields


def test_branches_of_later_versions_win_over_their_stand_ins(open_ds: OpenEvents) -> None:
    values = {
        name: [[n + 0.5, -99.0], [], [n + 1.5, n + 2.5, n + 3.5], [n + 4.5]]
        for n, name in enumerate(
            [
                *(f"RefTrack{leg}_{c}" for leg in (1, 2, 3) for c in ("Pt", "Eta", "Phi")),
                *(f"Mu{leg}_dRtriggerMatch_2017" for leg in (1, 2, 3)),
                "FlightDistBS_SV_Significance",
            ]
        )
    }
    events = open_ds("virtual", values)
    assert version_of(events) is NtupleVersion.MINI_2021
    expected = {
        "mu1_refitted.pt": "RefTrack1_Pt",
        "track_refitted.phi": "RefTrack3_Phi",
        "track.trigger_match_dr": "Mu3_dRtriggerMatch_2017",
        "flight_distance_bs_significance": "FlightDistBS_SV_Significance",
    }
    for field, branch in expected.items():
        read = at(events.triplet, field).tolist()
        assert read == [[None if value == -99 else value for value in event] for event in values[branch]]
        assert fall_back(events, f"triplet.{field}") is None


def test_a_missing_counter_is_an_error_at_once(open_ds: OpenEvents) -> None:
    with pytest.raises(SchemaError, match=r"MuonPt is not in this ntuple .* events\.muon"):
        open_ds("virtual", {"MuonPt": None})


def test_another_tree_is_no_t3m_ntuple(shared_data: Path) -> None:
    with pytest.raises(SchemaError, match="no T3M ntuple"):
        open_events(shared_data / "cms_nanoaod_dy.root", tree="Events")


def test_the_public_name_of_the_schema() -> None:
    import columnar_af.ntuples

    assert columnar_af.ntuples.T3MSchema is T3MSchema
    with pytest.raises(AttributeError, match="NoSchema"):
        columnar_af.ntuples.NoSchema  # noqa: B018
