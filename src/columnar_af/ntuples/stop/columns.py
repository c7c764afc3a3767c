"""The columns of the stop search, under the same names whatever the ntuple: which branches they are made of, and how.

Momenta and energies are in GeV, angles in radians. A column of objects is a :class:`~columnar_af.ntuples.fast_reader.Column`
with offsets, a column of events a numpy array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.fast_reader.layout import Column

MEV = 1000.0
"""MeV in a GeV."""

TAGGED_BIN = 2
"""A jet in a pseudo-continuous b-tagging bin above this one is b-tagged (LoopSUSYFrame; that this is the 77 % working point is
not verified)."""

ELECTRON = 11
"""PDG number."""

FACTORS = (
    "WeightEventsPU",
    "WeightEventselSF",
    "WeightEventsmuSF",
    "WeightEventsJVT",
    "WeightEventsbTag",
    "WeightEventsSF_global",
)
"""Scale factors that multiply the generator's weight (LoopSUSYFrame). The search triggers on ETmiss, so that
``WeightEvents_trigger_single`` stays out."""

Flat = NDArray[Any]


@dataclass(frozen=True)
class Recipe:
    """How a column is made.

    Attributes:
        branches: What it is made of; base names, where the ntuple has suffixes.
        make: From their contents to the content of the column.
        objects: Whether it has a list per event.
        suffixed: Whether the branches exist per variation.
        doc: What it is.
    """

    branches: tuple[str, ...]
    make: Callable[..., Flat]
    doc: str
    objects: bool = False
    suffixed: bool = True

    def apply(self, columns: Mapping[str, Column], names: Mapping[str, str]) -> Any:
        """The column.

        Args:
            columns: What was read, by branch.
            names: Base name -> branch.
        """
        read = [columns[names[branch]] for branch in self.branches]
        content = self.make(*(column.content for column in read))
        return Column(content, read[0].offsets) if self.objects else content


def in_gev(values: Flat) -> Flat:
    """MeV to GeV, in double precision."""
    return np.asarray(np.divide(values, MEV, dtype=np.float64))


def as_it_is(values: Flat) -> Flat:
    """The content of the branch."""
    return values


def flag(values: Flat) -> Flat:
    """Bool, whatever type the branch has."""
    return values if values.dtype == np.bool_ else values > 0


def is_tagged(tag_bin: Flat) -> Flat:
    """b-tagged, whatever the direction of the jet."""
    return np.asarray(tag_bin > TAGGED_BIN)


def identified(flavour: Flat, signal: Flat, gradient: Flat, fc_loose: Flat) -> Flat:
    """Electrons are ID when they pass isSignal and the isolation Gradient, muons when they pass isSignal and FCLoose."""
    isolated = np.where(np.abs(flavour) == ELECTRON, flag(gradient), flag(fc_loose))
    return np.asarray(flag(signal) & isolated)


def anti_identified(flavour: Flat, signal: Flat, gradient: Flat, fc_loose: Flat) -> Flat:
    """Every other electron is anti-ID; a muon only where it passes isSignal (LoopSUSYFrame, fake weights)."""
    usable = (np.abs(flavour) == ELECTRON) | flag(signal)
    return np.asarray(usable & ~identified(flavour, signal, gradient, fc_loose))


_ID = ("flavlep", "isSignallep", "LepIsoGradient", "LepIsoFCLoose")


def _leptons(branch: str, doc: str, make: Callable[..., Flat] = as_it_is) -> Recipe:
    return Recipe((branch,), make, doc, objects=True)


LOOPSUSY: Mapping[str, Recipe] = {
    "lepton_pt": _leptons("ptleptons", "p_T of baseline leptons, GeV", in_gev),
    "lepton_eta": _leptons("etaleptons", "pseudorapidity"),
    "lepton_phi": _leptons("phileptons", "azimuth"),
    "lepton_mass": _leptons("massleptons", "mass, GeV", in_gev),
    "lepton_flavour": _leptons("flavlep", "11 or 13 with the sign of the charge"),
    "lepton_identified": Recipe(_ID, identified, "whether it is ID", objects=True),
    "lepton_anti_identified": Recipe(_ID, anti_identified, "whether it is anti-ID", objects=True),
    "lepton_passes": _leptons("passORlep", "whether it survives the overlap removal", flag),
    "lepton_origin": _leptons("Originlep", "origin of MCTruthClassifier"),
    "jet_pt": _leptons("ptjets", "p_T of jets, GeV", in_gev),
    "jet_eta": _leptons("etajets", "pseudorapidity"),
    "jet_phi": _leptons("phijets", "azimuth"),
    "jet_is_tagged": _leptons("isBjets", "whether it is b-tagged, whatever its direction", is_tagged),
    "jet_passes": _leptons("passORjet", "whether it survives the overlap removal", flag),
    "met": Recipe(("EtMiss_tst",), in_gev, "ETmiss with track soft term, GeV"),
    "met_phi": Recipe(("EtMiss_tstPhi",), as_it_is, "its azimuth"),
    "met_significance": Recipe(("EtMiss_SigObj",), as_it_is, "object-based ETmiss significance"),
    **{name: Recipe((name,), as_it_is, "scale factor") for name in FACTORS},
    "WeightEvents": Recipe(("WeightEvents",), as_it_is, "weight of the generator", suffixed=False),
    "run": Recipe(("RunNumber",), as_it_is, "run", suffixed=False),
    "event": Recipe(("EventNumber",), as_it_is, "number of the event", suffixed=False),
    "channel_number": Recipe(("ChannelNumber",), as_it_is, "number of the sample", suffixed=False),
    "gen_filt_met": Recipe(("GenFiltMET",), in_gev, "ETmiss of the generator filter, GeV", suffixed=False),
    "gen_filt_ht": Recipe(("GenFiltHT",), in_gev, "HT of the generator filter, GeV", suffixed=False),
    "cleaning_veto": Recipe(("cleaningVeto",), flag, "whether the event is to be rejected", suffixed=False),
}
"""Columns of the layout ``loopsusy`` (root-project/rootbench, LoopSUSYFrame). ``met_trigger`` comes on top."""
