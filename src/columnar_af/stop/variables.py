"""StopVariables: what the search cuts on, from lists of leptons and jets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError, SchemaError
from columnar_af.kernels.lepton_pair import LeptonPair, find_lepton_pair, taken
from columnar_af.kernels.lists_at import lists_at
from columnar_af.kernels.min_delta_r import min_delta_r
from columnar_af.kernels.overlap_removal import overlap_removal
from columnar_af.kernels.r_2l2j import r_2l2j
from columnar_af.kernels.r_2l4j import r_2l4j
from columnar_af.kernels.signal_jets import SignalJets, find_signal_jets
from columnar_af.ntuples.fast_reader.layout import Column
from columnar_af.ntuples.stop.sources import StopSource
from columnar_af.stop.needs import JETS, LEPTONS, PAIR, why_missing
from columnar_af.stop.objects import OBJECTS_139, Objects
from columnar_af.stop.pair_functions import Flags, Floats, Leptons, as_floats
from columnar_af.stop.pair_variables import ELECTRON, PairVariables
from columnar_af.stop.prompt import is_prompt
from columnar_af.systematics import partial_quantity, quantity
from columnar_af.systematics.quantities import THE_VARIATION

Overlap = Literal["auto", "flag", "compute"]
"""Where the overlap removal comes from: the ntuple's flags, or the kernel; ``auto``: the flags where there are any."""


OVERLAP_FLAGS = frozenset({"lepton_passes", "jet_passes"})
PAIR_COLUMNS = frozenset({*PAIR, "lepton_passes"})
JET_COLUMNS = frozenset({*JETS, "jet_passes"})
"""What the pair and the jets are found from, where the ntuple has the flags of the overlap removal."""


class StopVariables(PairVariables):
    """The variables of the search, one value per event, from lists of objects.

    Numbers are double precision, flags bool. GeV and radians. NaN stands for what an event has not (a second lepton, a third
    jet) unless said otherwise. Where a layout lacks what a variable is made of, :meth:`why_missing` says so, and reading it
    raises MissingBranchError.

    Args:
        source: Columns of nominal; see :func:`columnar_af.ntuples.stop.stop_source`. Variations: :meth:`varied`.
        objects: Thresholds of the objects.
        overlap: Where the overlap removal comes from.

    Raises:
        ConfigError: The flags of the overlap removal are asked for, and the ntuple has none.
    """

    def __init__(self, source: StopSource, objects: Objects = OBJECTS_139, overlap: Overlap = "auto") -> None:
        super().__init__(source)
        self.objects = objects
        reason = source.why_missing("lepton_passes") or source.why_missing("jet_passes")
        if overlap == "flag" and reason:
            msg = f"the flags of the overlap removal are not there: {reason}"
            raise ConfigError(msg, advice="use overlap='compute'")
        self._computes_overlap = overlap == "compute" or (overlap == "auto" and reason is not None)
        self._stop_source = source
        self._reasons: dict[str, str | None] = {}  # the same for all variations, which share it

    def why_missing(self, variable: str) -> str | None:
        """Why there is no such variable in this ntuple; None where there is.

        Raises:
            ConfigError: No ntuple has a variable of this name.
        """
        if variable not in self._reasons:
            self._reasons[variable] = why_missing(variable, type(self).names(), self._stop_source)
        return self._reasons[variable]

    @quantity
    def overlap(self) -> tuple[Flags, Flags]:
        """Which leptons and which jets stay after the overlap removal."""
        if not self._computes_overlap:
            return self._objects("lepton_passes")[0], self._objects("jet_passes")[0]
        pt, offsets = self._objects("lepton_pt")
        eta, phi, flavour = (self._objects(f"lepton_{name}")[0] for name in ("eta", "phi", "flavour"))
        jet_pt, jet_offsets = self._objects("jet_pt")
        jet_eta, jet_phi, tagged = (self._objects(f"jet_{name}")[0] for name in ("eta", "phi", "is_tagged"))
        chosen, lepton_eta = self.objects, np.abs(eta)
        electron = np.abs(flavour) == ELECTRON
        baseline = np.where(
            electron,
            (pt > chosen.electron_pt) & (lepton_eta < chosen.electron_eta),
            (pt > chosen.muon_pt) & (lepton_eta < chosen.muon_eta),
        )
        jets = (jet_pt > chosen.jet_pt) & (np.abs(jet_eta) < chosen.jet_eta)
        central = np.abs(jet_eta) < chosen.b_jet_eta
        return overlap_removal(
            pt, eta, phi, flavour, baseline, offsets, jet_eta, jet_phi, tagged & central, jets, jet_offsets
        )

    @quantity
    def pair(self) -> LeptonPair:
        """Where the pair is in the lists, and how many leptons there are."""
        pt, offsets = self._objects("lepton_pt")
        eta, flavour, identified = (
            self._objects(f"lepton_{name}")[0] for name in ("eta", "flavour", "identified")
        )
        passes = self._lepton_passes()
        events, nominal = self._walk(PAIR_COLUMNS, len(offsets) - 1)
        if nominal is not None and not len(events):
            return nominal.pair
        pair = LeptonPair.none(len(offsets) - 1) if nominal is None else nominal.pair.copy()
        find_lepton_pair(
            pair,
            events,
            pt,
            eta,
            flavour,
            passes,
            identified,
            offsets,
            self.objects.electron,
            self.objects.muon,
        )
        return pair

    def _lepton(self, which: int, what: str) -> Floats:
        return taken(self._objects(f"lepton_{what}")[0], self._places[which])

    def _leptons_at(self, where: Flags, wanted: Sequence[str]) -> Leptons:
        events = np.flatnonzero(where)
        chosen = [places[events] for places in self._places]
        columns = [column if column.removeprefix("lepton_") in wanted else None for column in LEPTONS]
        return Leptons(
            *(
                taken(self._objects(column)[0], places) if column else np.empty(0)
                for places in chosen
                for column in columns
            )
        )

    @property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the harder and the softer lepton of the pair are in the lists."""
        return self.pair.first, self.pair.second

    @quantity
    def n_leptons(self) -> Floats:
        """Signal leptons."""
        return as_floats(self.pair.n_signal)

    @quantity
    def n_baseline_leptons(self) -> Floats:
        """Baseline leptons."""
        return as_floats(self.pair.n_baseline)

    @quantity
    def identified1(self) -> Flags:
        """Whether the harder lepton is ID."""
        return self._flag("lepton_identified", self.pair.first)

    @quantity
    def identified2(self) -> Flags:
        """Whether the softer lepton is ID."""
        return self._flag("lepton_identified", self.pair.second)

    @quantity
    def anti_identified1(self) -> Flags:
        """Whether the harder lepton is anti-ID: not ID, but usable for the fake-factor method."""
        return self._flag("lepton_anti_identified", self.pair.first)

    @quantity
    def anti_identified2(self) -> Flags:
        """Whether the softer lepton is anti-ID."""
        return self._flag("lepton_anti_identified", self.pair.second)

    @partial_quantity
    def prompt_where(self, where: Flags) -> Floats:
        """Whether both leptons of the pair are prompt (1, else 0) by their origin in simulation, only for some events."""
        events = np.flatnonzero(where)
        channel = self.column("channel_number")[events]
        origin = self._objects("lepton_origin")[0]
        both = [is_prompt(taken(origin, places[events]), channel) for places in self._places]
        return as_floats(both[0] & both[1])

    @quantity
    def prompt(self) -> Flags:
        """Whether both leptons of the pair are prompt by their origin in simulation; not in data."""
        return np.asarray(self.prompt_where(self._all) == 1.0)

    @quantity
    def jets(self) -> SignalJets:
        """Signal jets, the leading ones in falling order."""
        pt, offsets = self._objects("jet_pt")
        eta, tagged = (self._objects(f"jet_{name}")[0] for name in ("eta", "is_tagged"))
        passes, chosen = self._jet_passes(), self.objects
        events, nominal = self._walk(JET_COLUMNS, len(offsets) - 1)
        if nominal is not None and not len(events):
            return nominal.jets
        jets = SignalJets.none(len(offsets) - 1) if nominal is None else nominal.jets.copy()
        find_signal_jets(
            jets, events, pt, eta, tagged, passes, offsets, chosen.jet_pt, chosen.jet_eta, chosen.b_jet_eta
        )
        return jets

    @quantity
    def n_jets(self) -> Floats:
        """Signal jets."""
        return as_floats(self.jets.number)

    @quantity
    def n_b_jets(self) -> Floats:
        """b-jets."""
        return as_floats(self.jets.n_tagged)

    @quantity
    def jet1_pt(self) -> Floats:
        """p_T of the leading jet, GeV."""
        return self.jets.leading_pt[0]

    @quantity
    def jet2_pt(self) -> Floats:
        """p_T of the second jet, GeV."""
        return self.jets.leading_pt[1]

    @quantity
    def jet3_pt(self) -> Floats:
        """p_T of the third jet, GeV."""
        return self.jets.leading_pt[2]

    @quantity
    def jet1_is_b(self) -> Flags:
        """Whether the leading jet is b-tagged; False without a jet."""
        return self.jets.leading_tagged[0]

    @quantity
    def jet2_is_b(self) -> Flags:
        """Whether the second jet is b-tagged; False without one."""
        return self.jets.leading_tagged[1]

    @quantity
    def jet3_pt_over_met(self) -> Floats:
        """p_T of the third jet over ETmiss; 0 with fewer than three jets, so that a cut from above passes."""
        return np.asarray(np.where(np.isnan(self.jet3_pt), 0.0, self.jet3_pt) / self.met)

    @partial_quantity
    def r_2l4j_where(self, where: Flags) -> Floats:
        """ETmiss over the sum of ETmiss, lepton p_T and p_T of up to four leading jets, only for some events."""
        return self._share(r_2l4j, np.flatnonzero(where))

    @quantity
    def r_2l4j(self) -> Floats:
        """ETmiss over the sum of ETmiss, lepton p_T and p_T of up to four leading jets."""
        return self.r_2l4j_where(self._all)

    @quantity
    def r_2l2j(self) -> Floats:
        """ETmiss over the sum of ETmiss, lepton p_T and p_T of up to two leading jets."""
        return self._share(r_2l2j, np.arange(len(self.met)))

    def _share(self, share: Callable[..., Floats], events: NDArray[np.intp]) -> Floats:
        """The share of ETmiss in some events, from their leading jets as lists."""
        columns = self.jets.leading_pt[:, events].T
        counts = np.minimum(self.jets.number[events], len(self.jets.leading_pt))
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        jet_pt = columns[np.arange(columns.shape[1]) < counts[:, None]]
        met, pt1, pt2 = (values[events] for values in (self.met, self.lep1_pt, self.lep2_pt))
        return share(met, pt1, pt2, jet_pt, offsets)

    @partial_quantity
    def min_dr_l2_jets_where(self, where: Flags) -> Floats:
        """Smallest distance of the softer lepton to a signal jet, only for some events."""
        events = np.flatnonzero(where)
        lep_eta, lep_phi = self.lep2_eta[events], self.lep2_phi[events]
        pt, offsets = self._objects("jet_pt")
        eta, phi = (self._objects(f"jet_{name}")[0] for name in ("eta", "phi"))
        places, starts = lists_at(offsets, events)
        eta, phi = as_floats(eta[places]), phi[places]
        chosen = self._jet_passes()[places] & (pt[places] > self.objects.jet_pt)
        chosen &= np.abs(eta) < self.objects.jet_eta
        starts = np.concatenate([[0], np.cumsum(chosen, dtype=np.int64)])[starts]
        distance = min_delta_r(lep_eta, lep_phi, eta[chosen], phi[chosen], starts)
        return np.where(np.isnan(lep_eta), np.nan, distance)

    @quantity
    def min_dr_l2_jets(self) -> Floats:
        """Smallest distance of the softer lepton to a signal jet; +inf without jets, NaN without a second lepton."""
        return self.min_dr_l2_jets_where(self._all)

    @quantity
    def trigger(self) -> Flags:
        """Whether an ETmiss chain of the event's run fired."""
        return np.asarray(self.column("met_trigger"))

    @property
    def missing_chains(self) -> tuple[str, ...]:
        """Chains of the trigger that the runs of these events need and the ntuple lacks; they count as if they never fired."""
        source: Any = self._stop_source
        if source.why_missing("met_trigger") is not None or not hasattr(source, "missing_chains"):
            return ()
        chains: tuple[str, ...] = source.missing_chains(self.run)
        return chains

    @quantity
    def cleaning(self) -> Flags:
        """Whether the event passes the cleaning."""
        return ~np.asarray(self.column("cleaning_veto"))

    @quantity
    def gen_filt_met(self) -> Floats:
        """ETmiss of the generator filter, GeV."""
        return as_floats(self.column("gen_filt_met"))

    @quantity
    def channel_number(self) -> NDArray[Any]:
        """Number of the sample."""
        return np.asarray(self.column("channel_number"))

    @quantity
    def run(self) -> NDArray[Any]:
        """Run."""
        return np.asarray(self.column("run"))

    @quantity
    def event(self) -> NDArray[Any]:
        """Number of the event."""
        return np.asarray(self.column("event"))

    def changed_events(self, columns: frozenset[str]) -> Flags | None:
        """Events whose leptons or jets stay in another way, where nothing but that is shifted: they are few."""
        nominal = self._nominal
        if nominal is None or not columns or not columns <= OVERLAP_FLAGS:
            return None
        parts = []
        for name in columns:
            (mine, offsets), (others, _) = self._objects(name), nominal._objects(name)
            changed = np.zeros(len(offsets) - 1, np.bool_)
            changed[np.searchsorted(offsets, np.flatnonzero(mine != others), side="right") - 1] = True
            parts.append(changed)
        return np.asarray(np.logical_or.reduce(parts))

    def _walk(self, columns: frozenset[str], size: int) -> tuple[NDArray[np.intp], Self | None]:
        """The events to walk over for what is found from some columns, and whose values hold for all others, if any's."""
        changed, asked = None, self._asked
        if self._nominal is not None and self._shifted is not None and not self._computes_overlap:
            shifted = columns & self._shifted
            changed = self.changed_events(shifted) if shifted else np.zeros(size, np.bool_)
        if asked is not None:
            self._note(THE_VARIATION)  # what is found for some events only is not shared
        parts = [mask for mask in (changed, asked) if mask is not None]
        events = np.flatnonzero(np.logical_and.reduce(parts)) if parts else np.arange(size)
        return events, None if changed is None else self._nominal

    def _lepton_passes(self) -> Flags:
        """Depends on the leptons' column alone, where there is one, so that the jets' does not count as read."""
        return self.overlap[0] if self._computes_overlap else self._objects("lepton_passes")[0]

    def _jet_passes(self) -> Flags:
        return self.overlap[1] if self._computes_overlap else self._objects("jet_passes")[0]

    def _flag(self, column: str, places: NDArray[np.int64]) -> Flags:
        return np.asarray(taken(self._objects(column)[0], places) == 1)

    def _objects(self, name: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Content and offsets of a column of objects, of the lengths of their p_T."""
        column = self.column(name)
        momentum = f"{name.partition('_')[0]}_pt"
        reference = column if name == momentum else self.column(momentum)
        content, offsets = _checked(column, reference, name, momentum)
        if column.offsets is not offsets:  # so that it is not compared again
            self._columns[name] = Column(content, offsets)
        return content, offsets


def _checked(
    column: Column, reference: Column, name: str, reference_name: str
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if column.offsets is None or reference.offsets is None:
        msg = f"the column {name} has no list per event"
        raise SchemaError(msg)
    if column.offsets is not reference.offsets and not np.array_equal(column.offsets, reference.offsets):
        here, there = np.diff(column.offsets), np.diff(reference.offsets)
        event = (
            int(np.flatnonzero(here != there)[0]) if len(here) == len(there) else min(len(here), len(there))
        )
        msg = f"the columns {name} and {reference_name} differ in length, first in event {event} of the chunk"
        raise SchemaError(msg, advice="make the ntuple again, or leave out this file")
    return column.content, reference.offsets
