"""The D_s → φπ processor against the plain per-event loop, cut by cut and candidate by candidate."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.processor import IterativeExecutor, Runner

from columnar_af.datasets.eras import year_of
from columnar_af.errors import ConfigError, SchemaError
from columnar_af.ntuples.fast_reader import fast_events
from columnar_af.ntuples.t3m import T3MSchema
from processors import ds_phi_pi
from processors.ds_phi_pi import SELECTIONS, DsPhiPi, at_least, at_most
from tests.conftest import PROJECT
from tests.reference.ds_phi_pi_loop import select as plain_loop
from tests.reference.ds_phi_pi_thresholds import FULL_ANALYSIS, SEED

TREE = "Tree3Mu/ntuple"
SIMULATED = sorted((PROJECT / "datasets").glob("ds_*.root"))
GOLDEN = json.loads((PROJECT / "tests/reference/golden_ds_phi_pi_2017_mc.json").read_text())
VARIANTS = [("seed-notebook", "2017", SEED)] + [
    ("full-analysis", year, t) for year, t in FULL_ANALYSIS.items()
]


def open_events(path, mode="virtual", **metadata):
    return NanoEventsFactory.from_root(
        {str(path): TREE}, schemaclass=T3MSchema, mode=mode, metadata={"dataset": "ds", **metadata}
    ).events()


@pytest.fixture
def real_file(shared_data):
    return shared_data / "t3m_2017_ds_phi_pi_mc.root"


@pytest.fixture(scope="module")
def real_output(shared_data):
    """What the published selection makes of the real file."""
    return DsPhiPi().process(open_events(shared_data / "t3m_2017_ds_phi_pi_mc.root"))["ds"]


def chosen_candidates(events, variant, year):
    """(run, lumi, event, triplet index, mass, chi2, number of passing triplets) of each selected event."""
    weights = ds_phi_pi.unit_weight(events)
    selected = ds_phi_pi.select(events, SELECTIONS[variant][year], weights, note="")
    candidates, selection = selected.candidates, selected.selection
    passing_all = ak.sum(selection.all_but("best_candidate"), axis=1)
    index = ak.local_index(candidates, axis=1)[selection.passing]
    best = candidates[selection.passing].triplet
    columns = (events.run, events.luminosity_block, events.event)
    for row, *identity, passing in zip(
        range(len(index)), *(c.to_list() for c in columns), passing_all, strict=True
    ):
        if len(index[row]):
            yield (*identity, index[row, 0], best.mass[row, 0], best.vertex.chi2[row, 0], passing)


def assert_agrees_with_loop(path, variant, year, thresholds, *, n_minus_one):
    expected = plain_loop(path, TREE, thresholds=thresholds)
    events = open_events(path, era=year)
    cutflow = DsPhiPi(variant, n_minus_one=n_minus_one).process(events)["ds"]["cutflow"]
    skipped = {row.cut for row in cutflow if not row.applied}
    assert set(expected.not_applied) <= skipped
    for row in cutflow:
        if row.applied:
            assert (row.cut, row.events, row.candidates) == (
                row.cut,
                expected.events[row.cut],
                expected.candidates[row.cut],
            )
    found = list(chosen_candidates(events, variant, year))
    assert found == [tuple(asdict(candidate).values()) for candidate in expected.selected]
    return found


@pytest.mark.parametrize(("variant", "year", "thresholds"), VARIANTS, ids=lambda value: str(value)[:14])
def test_agrees_with_the_plain_loop_on_the_real_file(real_file, variant, year, thresholds):
    if year in ("2022", "2023"):
        pytest.skip("the 2017 ntuple has no Muon_isMedium, which the Run 3 selection needs")
    assert assert_agrees_with_loop(real_file, variant, year, thresholds, n_minus_one=True)


@pytest.mark.parametrize("path", SIMULATED, ids=lambda path: path.stem)
@pytest.mark.parametrize(("variant", "year", "thresholds"), VARIANTS, ids=lambda value: str(value)[:14])
def test_agrees_with_the_plain_loop_on_simulated_files(path, variant, year, thresholds):
    """With the selection alone; the real file is processed with the N-1 distributions, too."""
    if year in ("2022", "2023") and "aod-2017" in path.name:
        pytest.skip("the AOD 2017 layout has no Muon_isMedium, which the Run 3 selection needs")
    assert assert_agrees_with_loop(path, variant, year, thresholds, n_minus_one=False)


def test_the_published_numbers_of_the_real_file(real_file, real_output):
    """Section 8 of the channel's reference, cut by cut, and its 62 candidates one by one."""
    events, output = open_events(real_file), real_output
    for row in GOLDEN["cutflow"]:
        found = output["cutflow"][row["cut"]]
        assert (found.events, found.candidates) == (row["events"], row["candidates"])
    flight = output["cutflow"]["flight_significance"]
    assert not flight.applied
    assert "FlightDistBS_SV_Significance is not in this ntuple (AOD 2017 layout)" in flight.note
    yields = {name: value["raw"] for name, value in output["yields"].items()}
    assert yields == {"selected": 62, "mass_range": 60, "signal_window": 53, "gen_matched": 62}
    assert output["hists"]["mass"].sum().value == 60
    found = {
        event: (index, mass, chi2, n)
        for _, _, event, index, mass, chi2, n in chosen_candidates(events, "seed-notebook", "2017")
    }
    assert len(GOLDEN["selected"]) == len(found) == 62
    for row in GOLDEN["selected"]:
        index, mass, chi2, passing = found[row["event"]]
        assert (index, passing) == (row["triplet"], row["passing"])
        assert f"{mass:.6f} {chi2:.6f}" == f"{row['mass']:.6f} {row['chi2']:.6f}"


@pytest.mark.parametrize("mode", ["virtual", "eager"])
def test_every_mode_gives_the_same(real_file, mode):
    output = DsPhiPi().process(open_events(real_file, mode))["ds"]
    assert output["yields"]["signal_window"]["raw"] == 53


def test_runs_in_coffeas_runner(real_file):
    runner = Runner(IterativeExecutor(status=False), schema=T3MSchema, chunksize=40)
    output = runner(
        {"mc": {"files": [str(real_file)], "metadata": {"era": "2017"}}}, DsPhiPi(), treename=TREE
    )["mc"]
    assert [row.events for row in output["cutflow"]] == [
        111,
        109,
        109,
        80,
        80,
        80,
        80,
        80,
        75,
        75,
        63,
        62,
        62,
    ]
    assert output["hists"]["mass"].sum().value == 60


def test_chunks_add_up_to_the_whole(real_file, real_output):
    whole = real_output
    parts = [
        DsPhiPi().process(
            NanoEventsFactory.from_root(
                {str(real_file): TREE},
                schemaclass=T3MSchema,
                metadata={"dataset": "ds"},
                entry_start=a,
                entry_stop=b,
            ).events()
        )["ds"]
        for a, b in ((0, 18), (18, 19), (19, 19), (19, 111))
    ]
    total = parts[0]["cutflow"]
    for part in parts[1:]:
        total = total + part["cutflow"]
    assert total == whole["cutflow"]
    for name, histogram in whole["hists"].items():
        assert (
            sum(part["hists"][name].view(flow=True)["value"] for part in parts).tolist()
            == histogram.view(flow=True)["value"].tolist()
        )


def test_weights_reach_every_number(real_file):
    events = open_events(real_file)
    output = DsPhiPi(event_weight=lambda events: 0.5 * ak.ones_like(events.event, dtype=np.float64)).process(
        events
    )["ds"]
    assert output["sumw"] == 55.5
    assert output["cutflow"]["best_candidate"].sumw == 31.0
    assert output["cutflow"]["best_candidate"].sumw2 == 15.5
    assert output["yields"]["signal_window"] == {"value": 26.5, "sumw2": 13.25, "raw": 53}
    assert output["hists"]["mass"].sum().value == 30.0


def test_data_have_weight_one_and_no_generator_histogram(real_file):
    output = DsPhiPi(event_weight=lambda events: 3.0 * ak.ones_like(events.event)).process(
        open_events(real_file, is_data=True)
    )["ds"]
    assert output["sumw"] == 111
    assert "mass_gen_matched" not in output["hists"]


def test_n_minus_one_lifts_its_own_cut_only(real_output):
    output = real_output
    mass = output["hists"]["n_minus_1_mass"]
    passing = output["cutflow"]["trigger_match"].candidates
    assert mass[1.62j:2.02j].sum().value == passing
    assert mass.sum().value > passing, "candidates outside of the mass window are seen"
    assert output["hists"]["n_minus_1_dimuon_mass"][1.0j:1.04j].sum().value == passing


@pytest.mark.parametrize(
    ("era", "flags", "legs"),
    [
        ("2017", ("is_global", "is_pf"), ("mu1", "mu2", "track")),
        ("2022", ("is_global", "is_medium"), ("mu1", "mu2")),
    ],
)
def test_n_minus_one_shows_what_the_selection_cuts_on(era, flags, legs):
    path = next(path for path in SIMULATED if "mini-2021" in path.name)
    hists = DsPhiPi("full-analysis").process(open_events(path, era=era))["ds"]["hists"]
    shown = {name.removeprefix("n_minus_1_") for name in hists if name.startswith("n_minus_1_")}
    expected = {f"{muon}_{flag}" for muon in ("muon1", "muon2") for flag in flags}
    assert {name for name in shown if name.startswith("muon")} == expected
    assert {name for name in shown if name.endswith("_trigger_dr")} == {f"{leg}_trigger_dr" for leg in legs}


def test_n_minus_one_leaves_out_a_flag_that_the_ntuple_lacks(real_file):
    hists = DsPhiPi("full-analysis").process(open_events(real_file, era="2022"))["ds"]["hists"]
    assert "n_minus_1_muon1_is_global" in hists
    assert "n_minus_1_muon1_is_medium" not in hists


def test_a_tree_without_entries_is_no_error(shared_data, real_output):
    """It counts nothing, with the cuts of any other chunk, so that both add up."""
    events = NanoEventsFactory.from_root(
        {str(shared_data / "t3m_empty_tree.root"): "TreeMakerBkg/ntuple"},
        schemaclass=T3MSchema,
        metadata={"dataset": "ds"},
    ).events()
    empty = DsPhiPi().process(events)["ds"]["cutflow"]
    full = real_output["cutflow"]
    assert {(row.events, row.candidates, row.sumw) for row in empty} == {(0, 0, 0.0)}
    assert [row.events for row in full + empty] == [row.events for row in full]
    assert empty.cuts == full.cuts == ds_phi_pi.CUTS


def test_three_muon_ntuple_is_refused_with_the_reason(shared_data):
    events = NanoEventsFactory.from_root(
        {str(shared_data / "t3m_run3_tau3mu_data.root"): "TreeMakerBkg/ntuple"},
        schemaclass=T3MSchema,
        metadata={"dataset": "ds"},
    ).events()
    with pytest.raises(SchemaError, match="needs two muons and a track") as error:
        DsPhiPi().process(events)
    assert "processor for three muons" in error.value.advice


def test_unknown_era_and_variant_say_what_is_known(real_file):
    with pytest.raises(ConfigError, match=r"unknown era '2016B'.*2017, 2018, 2022, 2023"):
        DsPhiPi().process(open_events(real_file, era="2016B"))
    with pytest.raises(ConfigError, match=r"unknown variant 'tight'.*seed-notebook, full-analysis"):
        DsPhiPi("tight")
    with pytest.raises(ConfigError, match="after 2022 may come C, D, E, F, G, preEE, postEE"):
        DsPhiPi(default_era="2022A")


def test_eras():
    known = {
        "2017": ["", *"BCDEF"],
        "2018": ["", *"ABCD"],
        "2022": ["", *"CDEFG", "preEE", "postEE"],
        "2023": ["", *"BCD", "preBPix", "postBPix"],
    }
    for year, periods in known.items():
        assert {year_of(year + period) for period in periods} == {year}


@pytest.mark.parametrize(
    "era",
    [
        "2017A",
        "2017G",
        "2018E",
        "2022B",
        "2023E",
        "2017CD",
        "2017c",
        "2018preEE",
        "2022preBPix",
        "20",
        "2017 ",
    ],
)
def test_eras_that_do_not_exist(era):
    with pytest.raises(ConfigError, match=f"unknown era '{era}'"):
        year_of(era)


def test_a_flag_that_the_ntuple_lacks_is_reported(real_file):
    """The Run 3 selection asks for medium muons, which the 2017 ntuple does not know."""
    cutflow = DsPhiPi("full-analysis").process(open_events(real_file, era="2022"))["ds"]["cutflow"]
    row = cutflow["muon_id"]
    assert not row.applied
    assert "applied in part: branch Muon_isMedium is not in this ntuple" in row.note
    assert row.candidates < cutflow["delta_r"].candidates, "the global flag is applied"


def test_an_assumed_era_is_said(real_file, real_output):
    assert "2017 assumed" in real_output["cutflow"]["all"].note
    assert not DsPhiPi().process(open_events(real_file, era="2017B"))["ds"]["cutflow"]["all"].note


def test_edges_of_windows():
    assert 2.0 > at_least(2.0) > math.nextafter(2.0, 0) - 1e-12
    assert not math.nextafter(2.0, 0) > at_least(2.0)
    assert at_most(2.4) > 2.4
    assert not math.nextafter(2.4, 3) < at_most(2.4)


@pytest.mark.parametrize("variant", ["seed-notebook", "full-analysis"])
@pytest.mark.parametrize("name", ["2017C_data_mini-2021", "2017F_mc_aod-2017"])
def test_leaving_out_what_cannot_matter_changes_nothing(variant, name):
    """With everything kept, with N-1 distributions, and with the selection alone; read in both ways."""
    path = PROJECT / "datasets" / f"ds_phi_pi_{name}_000.root"
    metadata = {"dataset": "ds", "era": name[:5], "is_data": "data" in name}

    def output_of(processor, events):
        output = processor.process(events)["ds"]
        columns = output["candidates"].items()
        return output | {"candidates": {name: str(column.value.tolist()) for name, column in columns}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ds_phi_pi, "is_recorded", lambda: True)  # as where an event is explained
        whole = output_of(DsPhiPi(variant), open_events(path, **metadata))
    assert output_of(DsPhiPi(variant), open_events(path, **metadata)) == whole
    fast = fast_events(path, TREE, schema=T3MSchema, metadata=metadata)
    assert output_of(DsPhiPi(variant), fast) == whole
    short = output_of(DsPhiPi(variant, n_minus_one=False), open_events(path, **metadata))
    assert short["hists"] == {key: value for key, value in whole["hists"].items() if "n_minus_1" not in key}
    assert {**short, "hists": 0} == {**whole, "hists": 0}
