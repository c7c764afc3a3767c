"""The numbers of the D_s -> phi(mumu) pi selection as the reference document gives them, for the plain loop.

"Section" means a section of the project's reference document on the channel (``ds_phi_pi.md``). Units: GeV, cm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Value = float | None  # None: not known (a sentinel, NaN, no partner)


@dataclass(frozen=True)
class Interval:
    """From ``low`` to ``high``, without its ends unless told."""

    low: float = -math.inf
    high: float = math.inf
    low_included: bool = False
    high_included: bool = False

    def __contains__(self, value: Value) -> bool:
        if value is None:
            return False
        above = value > self.low or (self.low_included and value == self.low)
        below = value < self.high or (self.high_included and value == self.high)
        return above and below


@dataclass(frozen=True)
class Region:
    """One piece of the muon acceptance: an abs(eta) range and the pt it asks for."""

    abs_eta: Interval
    pt: Interval


@dataclass(frozen=True)
class Thresholds:
    """The numbers of one variant of the selection, and which form of a cut it uses.

    The defaults are the seed notebook's (section 1, each with the number of its cut there).
    """

    # 1a: a name contains it; without the "_v" it would be another path as well (section 2.1)
    hlt: tuple[str, ...] = ("HLT_DoubleMu3_Trk_Tau3mu_v",)
    l1_contains: tuple[str, ...] = ("L1_DoubleMu", "L1_TripleMu")  # 1b
    l1_exact: tuple[str, ...] = ()  # instead of l1_contains: one of these fired
    # or: one of the first fired and none of the second
    l1_exact_unless: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    mass: Interval = Interval(1.62, 2.02)  # 2
    pv_tracks: Interval = Interval(low=1)  # 3
    flight_significance: Interval = Interval(low=2)  # 4
    muon: tuple[Region, ...] = (  # 5
        Region(Interval(high=1.2), Interval(low=3.5)),
        Region(Interval(1.2, 2.4, low_included=True), Interval(low=2.0)),
    )
    track_pt: Interval = Interval(low=1.2)  # 5
    track_abs_eta: Interval = Interval()
    delta_r: Interval | None = Interval(1e-4, 0.8)  # 6: DELTAR_MIN, DELTAR_MAX
    # eta, phi and pt of muon and track each differ by more than this
    muon_track_difference: float | None = None
    muon_flags: tuple[str, ...] = ("Muon_isGlobal", "Muon_isPF")  # 7
    track_abs_dz: Interval = Interval(high=20)  # 8, cm; the absolute value (bug B9)
    track_abs_dxy: Interval = Interval(high=0.3)  # 8, cm
    dimuon_mass: Interval = Interval(1.0, 1.04)  # 9
    opposite_charge: bool = False  # the seed leaves it to the skim (section 1)
    match_legs: tuple[str, ...] = ("mu1", "mu2")  # 10: not the track
    match_dr: Interval = Interval(0, 0.03, low_included=True)  # 10 and bug B4: a sentinel -99 is no match
    match_objects: str | None = None  # None: the ntuple's own dR; "greedy" or "any": from the trigger objects
    match_dpt: Interval = Interval(high=0.1)  # abs(dpt)/pt of the matched object, where objects are used


SEED = Thresholds()

_DOUBLE_MU0 = ("L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4", "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4")  # section 2.1
_DOUBLE_MU4 = ("L1_DoubleMu4_SQ_OS_dR_Max1p2", "L1_DoubleMu4p5_SQ_OS_dR_Max1p2")  # section 2.1
_TRIPLE_MU = (  # section 2.1, below the table
    "L1_TripleMu0",
    "L1_TripleMu_5_0_0",
    "L1_TripleMu_5_3_0_DoubleMu_5_3_OS_Mass_Max17",
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9",
)
# section 2.1
_DOUBLE_MU_RUN3 = ("L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p6", "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p5")

# The control-channel code of 2017 and 2018 (section 2.2, column MVA ntupleClass_Control.C), with abs(eta) for its
# signed eta and abs(dz), abs(dxy) for its signed ones (section 1.1). Where the table gives a plain range the ends
# are taken as excluded.
CONTROL_RUN2 = Thresholds(
    l1_contains=(),
    l1_exact=_DOUBLE_MU0,
    l1_exact_unless=(_DOUBLE_MU4, _TRIPLE_MU),  # DoubleMu0 or (DoubleMu4 and not TripleMu)
    mass=Interval(1.62, 2.1),
    pv_tracks=Interval(low=2, low_included=True),
    flight_significance=Interval(low=2, low_included=True),
    muon=(
        Region(Interval(high=1.2), Interval(low=3.5)),
        Region(Interval(1.2, 2.4, True, True), Interval(low=2.0, low_included=True)),
    ),
    track_pt=Interval(low=1.2, low_included=True),
    delta_r=None,  # "dR, dZ: not applied"
    muon_track_difference=1e-4,
    dimuon_mass=Interval(0.97, 1.07),
    opposite_charge=True,
    match_legs=("mu1", "mu2", "track"),
    match_objects="greedy",
)
# The fit macros cut once more on the flat tree (section 2.2, column MVA fit macros; L1: section 2.1).
_FIT_MACROS_2018 = replace(
    CONTROL_RUN2,
    l1_exact_unless=((), ()),  # "not (DoubleMu4 and not DoubleMu0)" on top of the rule leaves DoubleMu0
    mass=Interval(1.62, 2.02),
    track_pt=Interval(low=1.2),
    dimuon_mass=Interval(1.02 - 0.045, 1.02 + 0.045),
    flight_significance=Interval(low=2.0),
)
_RUN3 = Thresholds(  # section 2.2, column RUN3 myAnalizer_control.C
    l1_contains=(),
    l1_exact=_DOUBLE_MU0 + _DOUBLE_MU4 + _DOUBLE_MU_RUN3,
    mass=Interval(1.62, 2.1),
    pv_tracks=Interval(),  # no cut in that column
    flight_significance=Interval(low=3.5, low_included=True),
    muon=(Region(Interval(high=2.4, high_included=True), Interval(low=2.0, low_included=True)),),
    track_pt=Interval(low=2.0, low_included=True),
    track_abs_eta=Interval(high=2.4, high_included=True),
    delta_r=None,
    muon_track_difference=1e-4,
    muon_flags=("Muon_isGlobal", "Muon_isMedium"),
    dimuon_mass=Interval(0.98, 1.06),
    opposite_charge=True,
    match_objects="any",
)
FULL_ANALYSIS = {
    "2017": replace(_FIT_MACROS_2018, flight_significance=Interval(low=3.75)),
    "2018": _FIT_MACROS_2018,
    "2022": _RUN3,
    "2023": _RUN3,
}
