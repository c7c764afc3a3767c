"""Trigger decisions by the short way are those of the columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory

from columnar_af.kernels.trigger_names import any_fired
from columnar_af.ntuples.fast_reader import events_where, fast_events
from columnar_af.ntuples.t3m import T3MSchema, trigger_fired
from tests.conftest import PROJECT

FILE = PROJECT / "datasets" / "ds_phi_pi_2017C_data_mini-2021_000.root"
TREE = "Tree3Mu/ntuple"
QUESTIONS = [
    ("hlt", ("HLT_DoubleMu3_Trk_Tau3mu_v",), False),
    ("l1", ("L1_DoubleMu", "L1_TripleMu"), False),
    ("l1", ("L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4",), True),
    ("hlt", ("no such path",), False),
]


def by_columns(events: Any, level: str, patterns: tuple[str, ...], exact: bool) -> list[bool]:
    trigger = events.trigger
    return ak.to_list(
        any_fired(trigger[f"{level}_name"], trigger[f"{level}_decision"], patterns, exact=exact)
    )


@pytest.mark.parametrize(("level", "patterns", "exact"), QUESTIONS)
@pytest.mark.parametrize(("start", "stop"), [(0, 50), (7, 33), (5, 5)])
def test_agrees_with_the_columns(level: Any, patterns: tuple[str, ...], exact: bool, start: int, stop: int):
    log: list[Any] = []
    events = fast_events(FILE, TREE, start, stop, schema=T3MSchema, access_log=log)
    decided = ak.to_list(trigger_fired(events, level, patterns, exact=exact))
    assert {access.branch for access in log} >= {f"Trigger_{level}name"}
    plain = NanoEventsFactory.from_root(
        {str(FILE): TREE}, schemaclass=T3MSchema, entry_start=start, entry_stop=stop
    ).events()
    assert decided == by_columns(plain, level, patterns, exact)
    assert decided == ak.to_list(trigger_fired(plain, level, patterns, exact=exact))


def test_a_selection_of_events_is_decided_by_its_own_columns():
    events = fast_events(FILE, TREE, schema=T3MSchema)
    whole = np.asarray(trigger_fired(events, "hlt", QUESTIONS[0][1]))
    odd = np.arange(len(events)) % 2 == 1
    for some in (events[odd], events_where(events, odd)):
        assert ak.to_list(trigger_fired(some, "hlt", QUESTIONS[0][1])) == whole[odd].tolist()


def test_the_final_decision_stands_in(shared_data: Path):
    path = shared_data / "t3m_run3_tau3mu_data.root"
    events = fast_events(path, "TreeMakerBkg/ntuple", schema=T3MSchema)
    assert ak.to_list(trigger_fired(events, "l1", ("L1_DoubleMu",))) == by_columns(
        events, "l1", ("L1_DoubleMu",), exact=False
    )
