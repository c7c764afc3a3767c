"""Thresholds of the objects that regions are defined with; each publication has its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Objects:
    """What counts as a lepton, a jet and a b-jet. Momenta in GeV must be exceeded, \\|eta\\| must stay below.

    Attributes:
        name: For messages and tables.
        source: Where the numbers were read.
        electron_pt, electron_eta: Baseline electrons.
        muon_pt, muon_eta: Baseline muons.
        jet_pt, jet_eta: Signal jets.
        b_jet_eta: b-jets; they are signal jets, too.
    """

    name: str
    source: str
    electron_pt: float
    electron_eta: float
    muon_pt: float
    muon_eta: float
    jet_pt: float
    jet_eta: float
    b_jet_eta: float

    @property
    def electron(self) -> tuple[float, float]:
        """p_T and \\|eta\\| of baseline electrons."""
        return self.electron_pt, self.electron_eta

    @property
    def muon(self) -> tuple[float, float]:
        """p_T and \\|eta\\| of baseline muons."""
        return self.muon_pt, self.muon_eta


OBJECTS_139 = Objects(
    name="139 fb-1",
    source="GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_139invfb.cpp; b_jet_eta: LoopSUSYFrame",
    electron_pt=4.5,
    electron_eta=2.47,
    muon_pt=4.0,
    muon_eta=2.4,
    jet_pt=20.0,
    jet_eta=2.8,
    b_jet_eta=2.5,
)
"""Of JHEP 04 (2021) 165."""

OBJECTS_36 = Objects(
    name="36 fb-1",
    source="GambitBSM/gambit, Analysis_ATLAS_13TeV_2LEPStop_36invfb.cpp",
    electron_pt=7.0,
    electron_eta=2.47,
    muon_pt=7.0,
    muon_eta=2.5,
    jet_pt=25.0,
    jet_eta=2.5,
    b_jet_eta=2.5,
)
"""Of arXiv:1708.03247."""
