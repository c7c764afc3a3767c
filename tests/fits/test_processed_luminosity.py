"""The luminosity of an era is that of the events that were really processed."""

from __future__ import annotations

import pytest

from columnar_af.fits.eras import processed_luminosity
from columnar_af.results import DatasetSummary

METADATA = {"era": "2017C", "luminosity": 9.63, "is_data": True}


def test_a_complete_era_has_what_the_fileset_says() -> None:
    assert processed_luminosity("2017C", [DatasetSummary("c", METADATA, 180, 180)]) == (9.63, "fileset")


def test_two_streams_of_the_same_data_share_it() -> None:
    streams = [DatasetSummary(name, METADATA, 100, 100) for name in "ab"]
    assert processed_luminosity("2017C", streams)[0] == 9.63


@pytest.mark.parametrize(
    "summary", [DatasetSummary("c", METADATA, 45, 45, 0, 180), DatasetSummary("c", METADATA, 180, 45, 135)]
)
def test_a_part_has_its_share(summary: DatasetSummary) -> None:
    value, source = processed_luminosity("2017C", [summary])
    assert value == pytest.approx(9.63 / 4)
    assert source == "fileset, for 45 of 180 entries"


def test_nobody_knows_where_a_file_is_missing() -> None:
    value, source = processed_luminosity("2017C", [DatasetSummary("c", METADATA, 45, 45, 0, None, 1)])
    assert value is None
    assert "missing" in source
