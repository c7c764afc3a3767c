"""The columns of the stop search from ATLAS PHYSLITE, through coffea's PHYSLITESchema.

PHYSLITE holds calibrated objects and no final ETmiss: it is built here from the objects and the soft term. There are neither
scale factors (but that of pile-up) nor variations in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import SchemaError
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.chunk_columns import address_of, as_column
from columnar_af.ntuples.stop.columns import in_gev
from columnar_af.ntuples.stop.records import RecordSource, inverted

ELECTRON_MASS, MUON_MASS = 0.00051099895, 0.1056583755
"""GeV; PDG 2022."""

SOFT_TERM = "PVSoftTrkCore"
"""The soft term of tracks from the primary vertex, in the container MET_Core."""

ELECTRON_CONE = 0.2
"""A jet this close to an electron is the electron (overlap removal of the search)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PhysliteDefinitions:
    """What identifies objects in PHYSLITE.

    Attributes:
        electron_isolation, muon_isolation: Largest ptvarcone30 over p_T of an ID lepton. Chosen: the working points Gradient
            and FCLoose of the search need maps that PHYSLITE does not hold.
        charm_fraction, tag_threshold: b-jets have log(p_b / (f_c p_c + (1 - f_c) p_u)) of DL1dv01 above the threshold, its
            77 % working point; both from memory, not verified.
        jet_met_pt: Smallest p_T of jets that enter ETmiss, GeV: that of signal jets.
    """

    electron_isolation: float = 0.15
    muon_isolation: float = 0.15
    charm_fraction: float = 0.018
    tag_threshold: float = 2.456
    jet_met_pt: float = 20.0


class PhysliteSource(RecordSource):
    """See :class:`~columnar_af.ntuples.stop.records.RecordSource`.

    Args:
        events: Of coffea's PHYSLITESchema.
        definitions: What identifies objects.
    """

    layout = "physlite"
    absent: ClassVar[Mapping[str, str]] = {
        "met_significance": "PHYSLITE holds no ETmiss significance",
        "met_trigger": "PHYSLITE holds trigger matches of leptons, no decisions of the ETmiss chains",
        "lepton_passes": "overlap removal is not stored, it is computed",
        "jet_passes": "overlap removal is not stored, it is computed",
    }
    notes: ClassVar[tuple[str, ...]] = (
        "ETmiss is built from electrons, muons, jets above 20 GeV that are no electrons, and the track soft term",
        "isolation of ID leptons is ptvarcone30 / pT < 0.15 in place of Gradient and FCLoose",
        "b-jets are those of DL1dv01 above 2.456 with f_c = 0.018 (77 % working point from memory, not verified)",
    )

    def __init__(self, events: ak.Array, definitions: PhysliteDefinitions | None = None) -> None:
        super().__init__(events)
        self._definitions = definitions or PhysliteDefinitions()

    @cached_property
    def columns(self) -> Mapping[str, Callable[[], Any]]:
        """How each column is made."""
        events = self._events
        info = events.EventInfo
        return {
            **self._object_columns(),
            "lepton_identified": self._identified,
            "lepton_anti_identified": lambda: inverted(self._identified()),
            "lepton_origin": lambda: self.leptons(self._electrons.truthOrigin, self._muons.truthOrigin),
            "jet_is_tagged": self._tagged,
            "met": lambda: np.hypot(*self.met_components),
            "met_phi": lambda: np.arctan2(self.met_components[1], self.met_components[0]),
            "cleaning_veto": lambda: ak.to_numpy(info.DFCommonJets_eventClean_LooseBad) == 0,
            "run": lambda: ak.to_numpy(info.RandomRunNumber),
            "event": lambda: ak.to_numpy(info.eventNumber),
            "channel_number": lambda: ak.to_numpy(info.mcChannelNumber),
            "gen_filt_met": lambda: in_gev(ak.to_numpy(info.GenFiltMET)),
            "gen_filt_ht": lambda: in_gev(ak.to_numpy(info.GenFiltHT)),
            "WeightEvents": lambda: ak.to_numpy(info.mcEventWeights[:, 0]),
            "WeightEventsPU": lambda: ak.to_numpy(info.PileupWeight_NOSYS),
        }

    @cached_property
    def _electrons(self) -> ak.Array:
        """Baseline electrons: loose likelihood identification."""
        electrons = self._events.Electrons
        return electrons[electrons.DFCommonElectronsLHLoose != 0]

    @cached_property
    def _muons(self) -> ak.Array:
        """Baseline muons: quality Medium or better, which the three low bits hold (0 Tight, 1 Medium)."""
        muons = self._events.Muons
        return muons[(muons.quality & 7) <= 1]

    @cached_property
    def _vertex_jets(self) -> ak.Array:
        """Whether each jet passes the jet vertex tagger; jets that it is not meant for pass."""
        return self._events.Jets.NNJvtPass != 0

    @cached_property
    def _jets(self) -> ak.Array:
        return self._events.Jets[self._vertex_jets]

    def _object_columns(self) -> dict[str, Callable[[], Any]]:
        return {
            "lepton_pt": lambda: _gev(self.leptons(self._electrons.pt, self._muons.pt)),
            "lepton_eta": lambda: self.leptons(self._electrons.eta, self._muons.eta),
            "lepton_phi": lambda: self.leptons(self._electrons.phi, self._muons.phi),
            "lepton_mass": lambda: self.leptons(
                ak.full_like(self._electrons.pt, ELECTRON_MASS, dtype=np.float64),
                ak.full_like(self._muons.pt, MUON_MASS, dtype=np.float64),
            ),
            "lepton_flavour": lambda: self.flavours(self._electrons.charge, self._muons.charge),
            "jet_pt": lambda: _gev(as_column(self._jets.pt, "jet pt")),
            "jet_eta": lambda: as_column(self._jets.eta, "jet eta"),
            "jet_phi": lambda: as_column(self._jets.phi, "jet phi"),
        }

    def _identified(self) -> Column:
        electrons, muons, chosen = self._electrons, self._muons, self._definitions
        cone_e = electrons["ptvarcone30_Nonprompt_All_MaxWeightTTVALooseCone_pt1000"] / electrons.pt
        cone_mu = muons["ptvarcone30_Nonprompt_All_MaxWeightTTVA_pt1000"] / muons.pt
        medium = electrons.DFCommonElectronsLHMedium != 0
        return self.leptons(medium & (cone_e < chosen.electron_isolation), cone_mu < chosen.muon_isolation)

    def _tagged(self) -> Column:
        tagger, fraction = self._events.BTagging_AntiKt4EMPFlow, self._definitions.charm_fraction
        if not ak.all(ak.num(tagger) == ak.num(self._events.Jets)):
            msg = "BTagging_AntiKt4EMPFlow has not as many entries as there are jets in each event"
            raise SchemaError(msg, address=address_of(self._events))
        passes = self._vertex_jets
        b, c, light = (as_column(tagger[f"DL1dv01_{name}"][passes], name) for name in ("pb", "pc", "pu"))
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.log(b.content / (fraction * c.content + (1.0 - fraction) * light.content))
        return Column(score > self._definitions.tag_threshold, b.offsets)

    @cached_property
    def met_components(self) -> tuple[Floats, Floats]:
        """x and y of ETmiss in GeV: minus the sum of electrons, muons and jets, plus the track soft term.

        Jets within 0.2 of an electron are the electron. The soft term is stored as missing momentum, so it is added.
        """
        jets = self._jets[self._jets.pt > 1000.0 * self._definitions.jet_met_pt]
        jets = jets[~_near(jets, self._electrons)]
        x, y = self._soft_term()
        for objects in (self._electrons, self._muons, jets):
            x = x - ak.to_numpy(ak.sum(objects.pt * np.cos(objects.phi), axis=1))
            y = y - ak.to_numpy(ak.sum(objects.pt * np.sin(objects.phi), axis=1))
        return in_gev(x), in_gev(y)

    def _soft_term(self) -> tuple[Floats, Floats]:
        terms = self._events.MET_Core_MET
        names = terms.name
        found = names == SOFT_TERM
        if not ak.all(ak.any(found, axis=1)):
            msg = f"an event has no term {SOFT_TERM} in MET_Core_AnalysisMET"
            raise SchemaError(msg, address=address_of(self._events))
        x, y = (ak.to_numpy(ak.flatten(terms[part][found][:, :1])) for part in ("mpx", "mpy"))
        return x, y


def _gev(column: Column) -> Column:
    return Column(in_gev(column.content), column.offsets)


def _near(jets: ak.Array, electrons: ak.Array) -> ak.Array:
    """Whether an electron is within the cone of each jet."""
    pairs = ak.cartesian({"jet": jets[["eta", "phi"]], "electron": electrons[["eta", "phi"]]}, nested=True)
    dphi = (pairs.jet.phi - pairs.electron.phi + np.pi) % (2 * np.pi) - np.pi
    return ak.any(np.hypot(pairs.jet.eta - pairs.electron.eta, dphi) < ELECTRON_CONE, axis=2)
