"""Which version of the ntuple a file holds, told by its branches.

The versions and their branches are those of the public tree makers: rvenditti/Tau3MuSearch (AOD 2017),
fsimone91/Tau3Mu2018 (AOD 2018), rvenditti/Tau3Mu_MiniAOD (MINI, MINI 2021) and Ma128-bit/Tau3muRun3 (Run 3).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from columnar_af.errors import SchemaError

DS_MARKERS = ("Triplet2_Mass", "Mu01_Pt", "Tr_Pt")
"""Branches of every tree of two muons and a track."""
THREE_MUON_MARKERS = ("Triplet_Mass", "Mu1_Pt", "Mu3_Pt")
"""Branches of every tree of three muons."""


class NtupleVersion(Enum):
    """A version of the T3M ntuple; the value is its name for people."""

    AOD_2017 = "AOD 2017"
    AOD_2018 = "AOD 2018"
    MINI = "MINI"
    MINI_2021 = "MINI 2021"
    RUN3 = "Run 3"
    THREE_MUON_AOD = "three-muon AOD"
    THREE_MUON_MINI = "three-muon MINI"
    RUN3_THREE_MUON = "three-muon Run 3"

    @property
    def has_three_muons(self) -> bool:
        """Whether the candidates are three muons, not two muons and a track."""
        return self in (self.THREE_MUON_AOD, self.THREE_MUON_MINI, self.RUN3_THREE_MUON)

    def __str__(self) -> str:
        """The name for people."""
        return str(self.value)


_DS_VERSIONS: tuple[tuple[NtupleVersion, frozenset[str]], ...] = (
    (NtupleVersion.RUN3, frozenset({"evt_isPrompt", "GenParticle_isDs_mother", "L1Muon_Pt"})),
    (NtupleVersion.MINI_2021, frozenset({"RefTrack1_Pt", "RefittedSV_Mass", "MuonPt_HLT_Dimuon"})),
    (NtupleVersion.MINI, frozenset({"FlightDistBS_SV_Significance", "Mu1_dRtriggerMatch_2017"})),
    (
        NtupleVersion.AOD_2018,
        frozenset({"GenParticle_GrandMotherPdgId", "Mu01_dRtriggerMatch_Mu7", "Mu1_dRtriggerMatch_Mu7"}),
    ),
    (NtupleVersion.AOD_2017, frozenset({"Mu01_Pt"})),
)
"""The newest version first: a version is recognised by any of the branches that it added."""

_THREE_MUON_VERSIONS: tuple[tuple[NtupleVersion, frozenset[str]], ...] = (
    (NtupleVersion.RUN3_THREE_MUON, frozenset({"Trigger_l1Finaldecision", "L1Muon_Pt", "Muon_isMVA"})),
    (NtupleVersion.THREE_MUON_MINI, frozenset({"FlightDistBS_SV_Significance", "Mu1_dRtriggerMatch_2017"})),
    (NtupleVersion.THREE_MUON_AOD, frozenset({"Mu1_Pt"})),
)


def recognise(branch_names: Collection[str]) -> NtupleVersion:
    """The version of an ntuple.

    Args:
        branch_names: Names of all branches of the tree.

    Raises:
        SchemaError: The tree is not a T3M ntuple.
    """
    names = frozenset(branch_names)
    for markers, versions in ((DS_MARKERS, _DS_VERSIONS), (THREE_MUON_MARKERS, _THREE_MUON_VERSIONS)):
        if names.issuperset(markers):
            return next(version for version, added in versions if names & added)
    raise _not_t3m(names)


def _not_t3m(names: frozenset[str]) -> SchemaError:
    closest = max((DS_MARKERS, THREE_MUON_MARKERS), key=lambda markers: len(names.intersection(markers)))
    lacking = ", ".join(sorted(set(closest) - names))
    msg = (
        f"the tree, with {len(names)} branches, is no T3M ntuple: expected {', '.join(DS_MARKERS)} (two muons and a track) "
        f"or {', '.join(THREE_MUON_MARKERS)} (three muons); of the closer of the two it lacks {lacking}"
    )
    return SchemaError(msg, advice="name the tree of the candidates, or the schema of this ntuple")
