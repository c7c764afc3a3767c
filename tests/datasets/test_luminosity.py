"""Published luminosities."""

from __future__ import annotations

import pytest

from columnar_af.datasets.luminosity import ERAS, PARTS, luminosity
from columnar_af.errors import ConfigError


@pytest.mark.parametrize(
    ("era", "full", "control"),
    [("2017", 37.85, 37.85), ("2018", 59.69, 2.98853), ("2022", 34.525, 1.716), ("2023", 27.746, 1.345)],
)
def test_years_are_the_sums_that_are_published(era: str, full: float, control: float) -> None:
    assert luminosity(era, "full") == pytest.approx(full, rel=1e-12)
    assert luminosity(era, "control") == pytest.approx(control, rel=1e-12)


def test_parts_hold_the_data_of_the_eras() -> None:
    eras = {entry.era: entry.control for entry in ERAS}
    sums = {"2022preEE": "CD", "2022postEE": "EFG", "2023preBPix": "BC", "2023postBPix": "D"}
    for part in PARTS:  # the eras are rounded to 0.001
        assert part.control == pytest.approx(
            sum(eras[part.era[:4] + letter] for letter in sums[part.era]), abs=0.0015
        )


def test_an_era() -> None:
    assert luminosity("2017B", "control") == 4.79
    assert luminosity("2018D", "full") == 31.75
    assert luminosity("2018D", "control") == 1.58803
    assert luminosity("2022preEE", "full") == 7.952


@pytest.mark.parametrize("era", ["2017G", "20", "2016", "", "B", "2017b"])
def test_unknown_eras_are_refused(era: str) -> None:
    with pytest.raises(ConfigError, match="known are 2017B, 2017C"):
        luminosity(era, "control")


def test_a_full_luminosity_that_is_not_published_per_era_is_refused() -> None:
    with pytest.raises(ConfigError, match="no full luminosity is known for the era '2022C'") as caught:
        luminosity("2022C", "full")
    assert "2022preEE" in str(caught.value)


def test_every_number_has_a_source() -> None:
    for entry in (*ERAS, *PARTS):
        assert "@" in entry.source
        assert ":" in entry.source
