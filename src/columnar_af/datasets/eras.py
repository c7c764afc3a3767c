"""Names of data-taking eras: which there are, and the year of each."""

from __future__ import annotations

from collections.abc import Mapping

from columnar_af.errors import ConfigError

PERIODS: Mapping[str, tuple[str, ...]] = {
    "2017": tuple("BCDEF"),
    "2018": tuple("ABCD"),
    "2022": (*"CDEFG", "preEE", "postEE"),
    "2023": (*"BCD", "preBPix", "postBPix"),
}
"""Year -> what may follow it in the name of an era: a period of data (CMS luminosity tables), or the simulation of the time
before or after a part of the detector failed (the names of CMS' Run 3 campaigns)."""
YEARS = tuple(PERIODS)


def year_of(era: str) -> str:
    """The year of an era: ``2017C`` -> ``2017``.

    Raises:
        ConfigError: There is no such era.
    """
    year, period = era[:4], era[4:]
    if year not in YEARS or (period and period not in PERIODS[year]):
        known = f"; after {year} may come {', '.join(PERIODS[year])}" if year in PERIODS else ""
        msg = f"unknown era {era!r}: an era starts with one of the years {', '.join(YEARS)}, for example 2017C{known}"
        raise ConfigError(msg, advice="correct 'era' in the metadata of the dataset")
    return year
