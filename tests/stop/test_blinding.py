"""Blinding: which regions are closed, and that what overlaps a closed one is closed, too."""

from __future__ import annotations

import pytest

from columnar_af.errors import ConfigError
from columnar_af.selection.region_file import load_regions
from columnar_af.stop.blinding import BLINDED, Blinding
from columnar_af.stop.variable_table import OBJECT_SETS, VARIABLES
from tests.conftest import PROJECT

REGIONS = load_regions(PROJECT / "processors" / "stop_regions.yaml", VARIABLES, OBJECT_SETS)
OPEN = {"preselection", "CRtop", "CRDib", "VRtop", "VRDib"}


def test_signal_regions_and_what_may_share_their_events_are_closed():
    blinding = Blinding.of(REGIONS, VARIABLES, blinded=True)
    assert set(REGIONS.names) - set(blinding.closed) == OPEN
    assert [name for name, reason in blinding.closed.items() if reason == BLINDED] == ["SRA", "SRB"]
    assert blinding.closed["SR4body_36fb"] == "may share events with SRA, SRB"
    assert blinding.opened == ()


def test_opening_is_explicit():
    every = Blinding.of(REGIONS, VARIABLES, blinded=True, unblind=["SRA", "SRB"])
    assert every.closed == {}
    assert every.opened == ("SRA", "SRB")
    assert Blinding.of(REGIONS, VARIABLES, blinded=False).opened == ("SRA", "SRB")
    one = Blinding.of(REGIONS, VARIABLES, blinded=True, unblind=["SRA"])
    assert one.opened == ("SRA",)
    assert one.closed["SRB"] == BLINDED


def test_what_would_be_incomplete_cannot_be_opened():
    with pytest.raises(
        ConfigError, match="SR4body_36fb cannot be opened alone: it may share events with SRA, SRB"
    ):
        Blinding.of(REGIONS, VARIABLES, blinded=True, unblind=["SR4body_36fb"])
    with pytest.raises(ConfigError, match="no region 'SRC'"):
        Blinding.of(REGIONS, VARIABLES, blinded=True, unblind=["SRC"])


def test_cutflows_of_data_begin_where_the_preselection_ends():
    blinding = Blinding.of(REGIONS, VARIABLES, blinded=True)
    region = REGIONS["preselection"]
    assert region.cuts[blinding.first_row(region)].name == "met_plateau"
    assert Blinding().first_row(region) == -1
