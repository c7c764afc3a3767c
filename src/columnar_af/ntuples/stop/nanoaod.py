"""The columns of the stop search from CMS NanoAOD, through coffea's NanoAODSchema.

CMS has no twin of the ATLAS definitions, so the nearest ones stand in: this layout exercises the analysis on real events of
another experiment, it does not reproduce the search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import awkward as ak

from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.chunk_columns import as_column
from columnar_af.ntuples.stop.records import RecordSource, inverted


@dataclass(frozen=True)
class NanoAODDefinitions:
    """What identifies objects in NanoAOD. Chosen as nearest to ATLAS', none is part of the published search.

    Attributes:
        muon_isolation: Largest relative isolation (pfRelIso03_all) of an ID muon. Chosen.
        tag_threshold: Smallest btagDeepFlavB of a b-jet: DeepJet's medium working point for 2018, from memory, not verified.
    """

    muon_isolation: float = 0.15
    tag_threshold: float = 0.2783


class NanoAODSource(RecordSource):
    """See :class:`~columnar_af.ntuples.stop.records.RecordSource`.

    Args:
        events: Of coffea's NanoAODSchema.
        definitions: What identifies objects.
    """

    layout = "nanoaod"
    absent: ClassVar[Mapping[str, str]] = {
        "met_significance": "MET_significance of NanoAOD is not the object-based significance of ATLAS",
        "met_trigger": "the search is defined with ETmiss chains of ATLAS",
        "channel_number": "NanoAOD has no dataset numbers",
        "gen_filt_met": "NanoAOD has no ETmiss of a generator filter",
        "gen_filt_ht": "NanoAOD has no HT of a generator filter",
        "lepton_passes": "overlap removal is not stored, it is computed",
        "jet_passes": "overlap removal is not stored, it is computed",
        "lepton_origin": "NanoAOD has no origins of ATLAS' MCTruthClassifier",
    }
    notes: ClassVar[tuple[str, ...]] = (
        "ID electrons pass mvaFall17V2Iso_WP90, ID muons mediumId and relative isolation below 0.15",
        "b-jets have btagDeepFlavB above 0.2783 (medium working point of 2018 from memory, not verified)",
        "baseline leptons are all electrons and muons of NanoAOD above the thresholds, without a loose identification",
    )

    def __init__(self, events: ak.Array, definitions: NanoAODDefinitions | None = None) -> None:
        super().__init__(events)
        self._definitions = definitions or NanoAODDefinitions()

    @cached_property
    def columns(self) -> Mapping[str, Callable[[], Any]]:
        """How each column is made."""
        events, chosen = self._events, self._definitions
        return {
            **{f"lepton_{name}": partial(self._lepton, name) for name in ("pt", "eta", "phi", "mass")},
            **{f"jet_{name}": partial(self._jet, name) for name in ("pt", "eta", "phi")},
            "lepton_flavour": lambda: self.flavours(events.Electron.charge, events.Muon.charge),
            "lepton_identified": self._identified,
            "lepton_anti_identified": lambda: inverted(self._identified()),
            "jet_is_tagged": lambda: as_column(events.Jet.btagDeepFlavB > chosen.tag_threshold, "tag"),
            "met": lambda: ak.to_numpy(events.MET.pt),
            "met_phi": lambda: ak.to_numpy(events.MET.phi),
            "cleaning_veto": lambda: ~ak.to_numpy(events.Flag.METFilters),
            "run": lambda: ak.to_numpy(events.run),
            "event": lambda: ak.to_numpy(events.event),
            "WeightEvents": lambda: ak.to_numpy(events.genWeight),
        }

    def _lepton(self, name: str) -> Column:
        return self.leptons(self._events.Electron[name], self._events.Muon[name])

    def _jet(self, name: str) -> Column:
        return as_column(self._events.Jet[name], f"Jet_{name}")

    def _identified(self) -> Column:
        muons = self._events.Muon
        isolated = muons.pfRelIso03_all < self._definitions.muon_isolation
        return self.leptons(self._events.Electron.mvaFall17V2Iso_WP90, muons.mediumId & isolated)
