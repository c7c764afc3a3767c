"""Which of the four layouts a tree or its events have."""

from __future__ import annotations

import enum
from collections.abc import Collection

from columnar_af.errors import SchemaError, WorkAddress


class Layout(enum.Enum):
    """Layouts that the stop search reads, and names by which each is recognised."""

    LOOPSUSY = "loopsusy"
    HISTFITTER = "histfitter"
    NANOAOD = "nanoaod"
    PHYSLITE = "physlite"


BRANCHES = {
    Layout.LOOPSUSY: ("ptleptons_Nominal", "ptjets_Nominal", "EtMiss_tst_Nominal"),
    Layout.HISTFITTER: ("lep1pT", "lep2pT", "MET", "METphi"),
    Layout.NANOAOD: ("Electron_pt", "Muon_pt", "Jet_pt", "MET_pt"),
    Layout.PHYSLITE: ("AnalysisElectronsAuxDyn.pt", "AnalysisMuonsAuxDyn.pt", "AnalysisJetsAuxDyn.pt"),
}
"""Branches that a tree of the layout has, all of them."""

FIELDS = {
    Layout.NANOAOD: ("Electron", "Muon", "Jet", "MET"),
    Layout.PHYSLITE: ("Electrons", "Muons", "Jets"),
}
"""Fields of the events of coffea's schemas, whose branches are not there under their own names."""

SUFFIXED = "_Nominal"


def recognise(names: Collection[str], address: WorkAddress | None = None) -> Layout:
    """The layout of a tree or of events.

    Args:
        names: All branches, or the fields of events.
        address: For messages.

    Raises:
        SchemaError: It is none of the four; says what the closest one lacks.
    """
    there = set(names)
    tables = [*BRANCHES.items(), *FIELDS.items()]
    for layout, needed in tables:
        if there.issuperset(needed):
            return layout
    layout, needed = max(tables, key=lambda item: len(there.intersection(item[1])))
    known = ", ".join(layout.value for layout in Layout)
    if not there.intersection(needed):
        msg = f"the tree has none of the layouts of the stop search ({known})"
    else:
        lacking = next(name for name in needed if name not in there)
        msg = f"the tree is none of the layouts of the stop search ({known}): closest is {layout.value}, but {lacking} is not there"
    raise SchemaError(msg, advice="name the tree of the ntuple in the fileset", address=address)
