"""Integrated luminosities of the CMS eras with T3M ntuples, in fb⁻¹, as the analysts' public code has them.

``full`` is what was delivered to the unprescaled signal triggers, ``control`` what ``HLT_DoubleMu3_Trk_Tau3mu`` recorded for
D_s → φπ, which was prescaled from 2018 on. Names are ``2017B`` for an era and ``2022preEE`` for a part of a year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from columnar_af.datasets.document import nearest
from columnar_af.errors import ConfigError

Trigger = Literal["full", "control"]

_RUN2 = "fsimone91/Tau3Mu_Analysis_MVA @21ae055"
_RUN3 = "Ma128-bit/Tau3muRun3 @bbcc114"
_2017 = f"{_RUN2} MVA_CrossValidation_Run2/T3M_common.h:55 (control trigger unprescaled)"
_2018_FULL = f"{_RUN2} MVA_2018/T3M_common.h:46"
_2018 = f"{_2018_FULL}, MVA_2018/MVA_control/Control_common.h:85"
_ERAS_RUN3 = f"{_RUN3} Utilities/Control_fits.py:30-46"
_PARTS_RUN3 = f"{_RUN3} Utilities/cpp_library.h:23-27"


@dataclass(frozen=True)
class EraLuminosity:
    """Luminosity of an era.

    Attributes:
        era: Name.
        full: fb⁻¹ behind the unprescaled signal triggers; None where it is not published for this era alone.
        control: fb⁻¹ behind the trigger of the D_s → φπ control channel.
        source: File and line of the public code.
        note: What to know before using it.
    """

    era: str
    full: float | None
    control: float
    source: str
    note: str = ""


ERAS = (
    EraLuminosity("2017B", 4.79, 4.79, _2017),
    EraLuminosity("2017C", 9.63, 9.63, _2017),
    EraLuminosity("2017D", 4.24, 4.24, _2017),
    EraLuminosity("2017E", 9.3, 9.3, _2017),
    EraLuminosity(
        "2017F", 9.89, 9.89, _2017,
        "runs below 306029; 3.67 more were taken with the trigger of 2018 and count there; 10.04 in the code for the rereco",
    ),
    EraLuminosity("2018A", 13.98, 0.7025, _2018),
    EraLuminosity("2018B", 7.06, 0.3522, _2018),
    EraLuminosity("2018C", 6.90, 0.3458, _2018),
    EraLuminosity("2018D", 31.75, 1.58803, _2018),
    EraLuminosity("2022C", None, 0.248, _ERAS_RUN3),
    EraLuminosity("2022D", None, 0.147, _ERAS_RUN3),
    EraLuminosity("2022E", None, 0.288, _ERAS_RUN3),
    EraLuminosity("2022F", None, 0.881, _ERAS_RUN3),
    EraLuminosity("2022G", None, 0.152, _ERAS_RUN3),
    EraLuminosity("2023B", None, 0.030, _ERAS_RUN3),
    EraLuminosity("2023C", None, 0.854, _ERAS_RUN3),
    EraLuminosity("2023D", None, 0.461, _ERAS_RUN3),
)  # fmt: skip
"""The eras, each once. Their sums are those of the years; for the control trigger the code has 1.715 (2022) and 1.344 (2023),
one in the last digit less than the sums of the rounded eras."""

PARTS = (
    EraLuminosity("2022preEE", 7.952, 0.394, _PARTS_RUN3, "eras C and D"),
    EraLuminosity("2022postEE", 26.573, 1.321, _PARTS_RUN3, "eras E, F and G"),
    EraLuminosity("2023preBPix", 18.334, 0.884, _PARTS_RUN3, "eras B and C"),
    EraLuminosity("2023postBPix", 9.412, 0.461, _PARTS_RUN3, "era D"),
)
"""Parts of a year, before and after a change of the detector; they hold the same data as the eras."""

_BY_NAME = {entry.era: entry for entry in (*ERAS, *PARTS)}


def luminosity(era: str, trigger: Trigger) -> float:
    """Integrated luminosity of an era, a part of a year, or a year.

    Args:
        era: ``2017B``, ``2022preEE``, or ``2017`` for the sum over a year.
        trigger: ``full`` for the signal triggers, ``control`` for that of D_s → φπ.

    Returns:
        Luminosity in fb⁻¹.

    Raises:
        ConfigError: The era is not in the tables, or its full luminosity is published for a part of the year only.
    """
    entries = [_BY_NAME[era]] if era in _BY_NAME else _year(era, trigger)
    values = [entry.full if trigger == "full" else entry.control for entry in entries]
    known = [value for value in values if value is not None]
    if not entries or len(known) < len(values):
        names = [entry.era for entry in _BY_NAME.values() if trigger == "control" or entry.full is not None]
        msg = f"no {trigger} luminosity is known for the era {era!r}; known are {', '.join(names)}, and whole years"
        raise ConfigError(msg, advice=nearest(era, names) or "give the luminosity in the fileset")
    return math.fsum(known)


def _year(year: str, trigger: Trigger) -> list[EraLuminosity]:
    """The eras of a year; its parts where only they are published."""
    if not (year.isdigit() and len(year) == 4):
        return []
    eras = [entry for entry in ERAS if entry.era.startswith(year)]
    parts = [entry for entry in PARTS if entry.era.startswith(year)]
    return parts if trigger == "full" and parts else eras
