"""D_s → φ(μμ)π: the normalization channel of the CMS τ→3μ search, on T3M ntuples.

A candidate is two muons and a track from a common vertex (a "triplet"). The same triplet passes all cuts, and the one
with the smallest vertex χ² among those that passed is the candidate of its event.

Sources, as named below:
    SEED  github fsimone91/BPH_interactive_analysis, analysis.ipynb and Utilities.h (commit 75d614f)
    MVA   github fsimone91/Tau3Mu_Analysis_MVA, ntupleClass_Control.C and the mass-fit macros (commit 21ae055)
    RUN3  github Ma128-bit/Tau3muRun3, myAnalizer_control.C (commit bbcc114)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import awkward as ak
import hist
import numpy as np
from coffea.processor import ProcessorABC, column_accumulator

from columnar_af.corrections import corrected_weights
from columnar_af.datasets.eras import YEARS, year_of
from columnar_af.errors import ConfigError, SchemaError
from columnar_af.kernels.best_candidate import best_candidate
from columnar_af.kernels.decay_length import proper_decay_length
from columnar_af.kernels.min_delta_r import nearest_delta_r
from columnar_af.kernels.trigger_objects import match_objects
from columnar_af.mva.flat_columns import one_per_event
from columnar_af.ntuples.fast_reader import events_where
from columnar_af.ntuples.t3m import T3MSchema, fall_back, trigger_fired, why_missing
from columnar_af.selection import CandidateSelection, Cutflow, CutflowRow, fill
from columnar_af.selection.candidate_views import CandidateView, ListView
from columnar_af.selection.candidates import is_recorded, is_typetracer, unrecorded
from columnar_af.selection.declared_cuts import DeclaredCut, Level, apply_cuts
from columnar_af.selection.filling import fill_plane
from columnar_af.selection.masks import all_of, at_least, at_most, between, element
from columnar_af.selection.narrowing import narrowed_selection
from columnar_af.systematics import NOMINAL, MuonMomentum, Shift, vary

DOUBLE_MU_0 = ("L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4", "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4")
DOUBLE_MU_4 = ("L1_DoubleMu4_SQ_OS_dR_Max1p2", "L1_DoubleMu4p5_SQ_OS_dR_Max1p2")
DOUBLE_MU_0_ETA_2 = ("L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p6", "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p5")
"""Exact names of the L1 seeds that the full analysis accepts (MVA; the last pair RUN3)."""


@dataclass(frozen=True)
class Thresholds:
    """The numbers of one published selection for one year. GeV, cm, radians.

    All windows are open (``low < value < high``); None is a cut that this selection does not have. The defaults are those
    of SEED, whose notebook states them for 2017 and uses them for every year.

    Attributes:
        hlt: The path's name contains this, with its ``_v`` (``..._NoL1Mass_v`` is another path).
        l1_contains: SEED takes any seed whose name contains one of these.
        l1_exact: MVA and RUN3 take the seeds with exactly these names.
        mass: m(μμπ), SEED 1.62 to 2.02.
        pv_tracks: Tracks of the refitted primary vertex, SEED more than 1.
        flight_significance: Beam spot to vertex, transverse, over its uncertainty, SEED more than 2.
        muon_pt_barrel, muon_pt_endcap: SEED (Utilities.h) 3.5 and 2.0, divided at ``muon_eta_barrel`` = 1.2.
        muon_eta: Largest absolute pseudorapidity of a muon, SEED 2.4.
        track_pt: SEED 1.2. The ntuples hold no track below 2, so it cannot bite.
        track_eta: Largest absolute pseudorapidity of the track.
        delta_r: Of each pair of legs, SEED 1e-4 to 0.8.
        leg_difference: MVA and RUN3: pt, eta and phi of a muon and the track each differ by more than 1e-4.
        muon_id: Flags that both muons carry, SEED global and particle-flow.
        track_dz, track_dxy: Largest absolute impact parameters, SEED 20 and 0.3. SEED and MVA compare the signed
            values, which lets -30 cm pass; here the absolute value counts.
        dimuon_mass: Of the refitted muons, SEED 1.00 to 1.04.
        opposite_charge: Whether the muons' charges must be opposite; SEED leaves it to the skim.
        trigger_dr: Largest ΔR of a leg to its trigger object, SEED 0.03.
        trigger_dpt: Largest relative pt difference to it, MVA and RUN3 0.1.
        trigger_legs: The legs that must match, SEED the muons.
        one_object_per_leg: Whether two legs may not share a trigger object (MVA), or may (RUN3).
    """

    hlt: str = "HLT_DoubleMu3_Trk_Tau3mu_v"
    l1_contains: tuple[str, ...] = ("L1_DoubleMu", "L1_TripleMu")
    l1_exact: tuple[str, ...] = ()
    mass: tuple[float, float] = (1.62, 2.02)
    pv_tracks: float | None = 1
    flight_significance: float = 2.0
    muon_pt_barrel: float = 3.5
    muon_pt_endcap: float = 2.0
    muon_eta_barrel: float = 1.2
    muon_eta: float = 2.4
    track_pt: float = 1.2
    track_eta: float = math.inf
    delta_r: tuple[float, float] | None = (1e-4, 0.8)
    leg_difference: float | None = None
    muon_id: tuple[str, ...] = ("is_global", "is_pf")
    track_dz: float | None = 20.0
    track_dxy: float | None = 0.3
    dimuon_mass: tuple[float, float] = (1.00, 1.04)
    opposite_charge: bool = False
    trigger_dr: float = 0.03
    trigger_dpt: float | None = None
    trigger_legs: tuple[str, ...] = ("mu1", "mu2")
    one_object_per_leg: bool = True


SEED_NOTEBOOK = Thresholds()

FULL_2017 = Thresholds(
    l1_contains=(),
    l1_exact=DOUBLE_MU_0,  # the fit macros tighten the control code's list to these for 2017
    mass=(1.62, 2.02),  # fit macros; the control code keeps up to 2.1
    pv_tracks=at_least(2),
    flight_significance=3.75,  # fit macros; the control code keeps from 2
    muon_pt_endcap=at_least(2.0),
    muon_eta=at_most(2.4),
    delta_r=None,
    leg_difference=1e-4,
    dimuon_mass=(0.975, 1.065),  # fit macros: |m - 1.02| < 0.045
    opposite_charge=True,
    trigger_dpt=0.1,
    trigger_legs=("mu1", "mu2", "track"),
)
"""MVA, 2017. Its signed eta, which counts every muon of negative eta as barrel, is not repeated: absolute values here."""

FULL_2018 = replace(FULL_2017, l1_exact=DOUBLE_MU_0, flight_significance=2.0)
"""MVA, 2018: displacement > 2.00; L1 "not (DoubleMu4 and not DoubleMu0)", which leaves the DoubleMu0 seeds."""

FULL_RUN3 = Thresholds(
    l1_contains=(),
    l1_exact=DOUBLE_MU_0 + DOUBLE_MU_4 + DOUBLE_MU_0_ETA_2,
    mass=(1.62, 2.1),
    pv_tracks=None,
    flight_significance=at_least(3.5),
    muon_pt_barrel=at_least(2.0),  # one threshold at all eta
    muon_pt_endcap=at_least(2.0),
    muon_eta=at_most(2.4),
    track_pt=at_least(2.0),
    track_eta=at_most(2.4),
    delta_r=None,
    leg_difference=1e-4,
    muon_id=("is_global", "is_medium"),
    track_dz=None,
    track_dxy=None,
    dimuon_mass=(0.98, 1.06),
    opposite_charge=True,
    trigger_dpt=0.1,
    one_object_per_leg=False,
)
"""RUN3, the same for 2022 and 2023."""

SELECTIONS: Mapping[str, Mapping[str, Thresholds]] = {
    "seed-notebook": dict.fromkeys(YEARS, SEED_NOTEBOOK),
    "full-analysis": {"2017": FULL_2017, "2018": FULL_2018, "2022": FULL_RUN3, "2023": FULL_RUN3},
}
"""Published variant -> year -> thresholds."""

CUTS = (
    "all",
    "hlt",
    "l1",
    "mass",
    "pv_tracks",
    "flight_significance",
    "acceptance",
    "delta_r",
    "muon_id",
    "track_ip",
    "dimuon_mass",
    "trigger_match",
    "best_candidate",
)
"""The cuts in the order of the cutflow."""

MASS_RANGE = (1.65, 2.01)
"""Range of the mass histogram, GeV (SEED, 62 bins)."""
SIGNAL_WINDOW = (1.93, 2.01)
"""Where the D_s yield is counted, GeV, both ends included (MVA and RUN3 mass fits)."""

MUON, WEIGHTS = "muon", "weights"
SYSTEMATICS: Mapping[str, str] = {
    MUON: "scale and resolution of the muons' momentum (MuonMomentum)",
    WEIGHTS: "the variations of the corrections that make the event weight",
}
"""Systematic variations that can be asked for, of simulation."""

EventWeight = Callable[[ak.Array], ak.Array]
"""Events -> weight of each event, ``(n_events,)``."""


def unit_weight(events: ak.Array) -> ak.Array:
    """Weight 1 for each event: data, and simulation before any correction."""
    return ak.ones_like(events.event, dtype=np.float64)


def chosen_systematics(choice: str | Iterable[str]) -> tuple[str, ...]:
    """The keys of :data:`SYSTEMATICS` that are asked for: names, in a list or separated by commas; ``all``; ``none``.

    Raises:
        ConfigError: A name is unknown.
    """
    names = choice.split(",") if isinstance(choice, str) else choice
    wanted = {name.strip() for name in names} - {"", "none"}
    if unknown := sorted(wanted - {*SYSTEMATICS, "all"}):
        msg = f"unknown systematics {unknown[0]!r}: expected {', '.join(SYSTEMATICS)}, all or none"
        raise ConfigError(msg)
    return tuple(name for name in SYSTEMATICS if name in wanted or "all" in wanted)


class DsPhiPi(ProcessorABC):
    """Selection of D_s → φ(μμ)π candidates: cutflow, mass spectrum, N-1 distributions, yields.

    With systematics, simulation has in addition, for each variation ``v``, the histograms ``mass_v``, ``mass_fine_v`` and
    ``mass_gen_matched_v`` and all yields as ``signal_window_v`` and so on; everything else is nominal.

    Args:
        variant: ``seed-notebook`` or ``full-analysis``, a key of :data:`SELECTIONS`.
        default_era: Era of a dataset whose metadata name none.
        event_weight: Weight of each event of simulation. Data have weight 1.
        n_minus_one: Whether to fill the N-1 distributions. Without them, candidates that failed a cut are left at once, which
            saves a fifth of the time.
        systematics: Variations of simulation, keys of :data:`SYSTEMATICS` in a list or separated by commas, or ``all``.
        muon_momentum: How well the momentum of muons is known: a MuonMomentum, or its sizes by name.
    """

    schema: ClassVar[type] = T3MSchema

    def __init__(
        self,
        variant: str = "seed-notebook",
        default_era: str = "2017",
        event_weight: EventWeight = unit_weight,
        n_minus_one: bool = True,
        systematics: str | Iterable[str] = (),
        muon_momentum: MuonMomentum | Mapping[str, float] | None = None,
    ) -> None:
        if variant not in SELECTIONS:
            msg = f"unknown variant {variant!r} of the selection: expected one of {', '.join(SELECTIONS)}"
            raise ConfigError(msg)
        year_of(default_era)
        self.variant = variant
        self.default_era = default_era
        self.event_weight = event_weight
        self.n_minus_one = n_minus_one
        self.systematics = chosen_systematics(systematics)
        self.muon_momentum = MuonMomentum.of(muon_momentum)

    def process(self, events: ak.Array) -> dict[str, dict[str, Any]]:
        """Select candidates in one chunk of events.

        Returns:
            dataset -> ``entries``, ``sumw``, ``cutflow``, ``hists``, ``yields``, ``corrections`` (rule -> how often used) and
            ``candidates`` (column -> values of the selected candidates).
        """
        era = events.metadata.get("era") or self.default_era
        thresholds = SELECTIONS[self.variant][year_of(era)]
        if "track" not in events.triplet.fields:
            return {events.metadata["dataset"]: nothing_without_track(events)}
        results = vary(
            events, self.shifts(events), lambda events, variation: self.analyse(events, thresholds, variation)
        )
        output = results.pop(NOMINAL)
        for name, varied in results.items():
            add_variation(output, name, varied)
        return {events.metadata["dataset"]: output}

    def shifts(self, events: ak.Array) -> dict[str, Shift]:
        """Variation -> what it does to the events; data have none."""
        wanted = MUON in self.systematics and not events.metadata.get("is_data")
        return self.muon_momentum.shifts() if wanted else {}

    def analyse(self, events: ak.Array, cuts: Thresholds, variation: str = NOMINAL) -> dict[str, Any]:
        """The selection of the events of one variation: all results of nominal, and masses and yields of any other."""
        is_data = bool(events.metadata.get("is_data"))
        corrected = corrected_weights(unit_weight if is_data else self.event_weight, events)
        weights = corrected.nominal
        by_weight = corrected.variations if WEIGHTS in self.systematics and variation == NOMINAL else {}

        label = ", ".join((variation, *by_weight)) if self.systematics else ""
        spare = 1 if self.n_minus_one and variation == NOMINAL else 0
        selected = select(events, cuts, weights, note=self._era_note(events), label=label, spare=spare)
        chosen = Chosen.of(selected)
        best, left = chosen.candidates, chosen.weights

        results = masses_and_yields(best, left, is_data=is_data)
        if variation != NOMINAL:
            return results
        results["hists"] |= result_histograms(best, left) | decay_length_planes(chosen)
        if self.n_minus_one:
            results["hists"] |= n_minus_one_histograms(selected, cuts)
        if not is_data:
            results["hists"] |= origin_histograms(chosen)
        for name, varied in by_weight.items():
            add_variation(results, name, masses_and_yields(best, selected.of_chosen(varied), is_data=is_data))
        return {
            "entries": len(events),
            "sumw": float(ak.sum(weights)),
            "cutflow": selected.selection.cutflow(),
            **results,
            "corrections": corrected.touched,
            "candidates": candidate_columns(chosen),
        }

    def _era_note(self, events: ak.Array) -> str:
        return "" if events.metadata.get("era") else f"the fileset names no era: {self.default_era} assumed"

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing: all results are sums."""
        return accumulator


def add_variation(results: dict[str, Any], name: str, varied: Mapping[str, Any]) -> None:
    """Put the histograms and yields of a variation beside nominal, each with the name of the variation behind its own."""
    for kind in ("hists", "yields"):
        results[kind] |= {f"{key}_{name}": value for key, value in varied[kind].items()}


# --- candidates -------------------------------------------------------------------------------------------------------


def nothing_without_track(events: ak.Array) -> dict[str, Any]:
    """The output for a three-muon ntuple without entries, which adds nothing; with entries it is the wrong ntuple.

    Raises:
        SchemaError: There are entries, and no track that could be the pion.
    """
    if len(events):
        msg = (
            "this is a three-muon ntuple (τ → 3μ): its triplets have no track, and D_s → φ(μμ)π needs two muons and "
            "a track"
        )
        raise SchemaError(
            msg, advice="give ntuples of the D_s → φπ tree maker, or a processor for three muons"
        )
    rows = tuple(CutflowRow(cut, notes=("no entries",)) for cut in CUTS)
    return {"entries": 0, "sumw": 0.0, "cutflow": Cutflow(rows), "hists": {}, "yields": {}}


@dataclass(frozen=True)
class Selected:
    """A selection, and what is left of its input: what can no longer matter is left out on the way.

    Attributes:
        events: The events that are left.
        places: Where they are in the chunk; None where all are left.
        weights: Their weights.
        candidates: Their candidates; see :func:`matched_candidates`.
        selection: The cuts on them.
    """

    events: ak.Array
    places: Any
    weights: ak.Array
    candidates: ak.Array
    selection: CandidateSelection

    def of_chosen(self, values: ak.Array) -> ak.Array:
        """Those of values of all events of the chunk that belong to the selected candidates."""
        left = values if self.places is None else values[self.places]
        return left[self.has_one]

    @property
    def has_one(self) -> ak.Array:
        """Which of the events that are left have a selected candidate."""
        return ak.any(self.selection.passing, axis=1)


@dataclass(frozen=True)
class Chosen:
    """The selected candidates, one behind the other.

    Attributes:
        events: The event of each.
        candidates: The candidates, ``(n_selected,)``; see :func:`matched_candidates`.
        weights: Weight of the event of each.
        decay_lengths: Their decay lengths; see :func:`decay_lengths`.
    """

    events: ak.Array
    candidates: ak.Array
    weights: ak.Array
    decay_lengths: Mapping[str, ak.Array]

    @classmethod
    def of(cls, selected: Selected) -> Chosen:
        """Those that pass all cuts, one per event at most."""
        has_one = selected.has_one
        best = ak.flatten(selected.candidates[selected.selection.passing], axis=1)
        events = events_where(selected.events, has_one)
        return cls(events, best, selected.weights[has_one], decay_lengths(best.triplet))


def dimuon_mass(view: CandidateView) -> ak.Array:
    """Mass of the refitted muons, GeV."""
    return (view.candidates.mu1_refitted + view.candidates.mu2_refitted).mass


def matched_candidates(view: ListView) -> ak.Array:
    """The triplets, with the muon and the track of the collections that each leg is.

    Returns:
        ``n_events * var`` records: ``triplet``; ``muon1``, ``muon2``, ``pion`` (missing where a leg is not found);
        ``dimuon_mass`` of the refitted muons, GeV.
    """
    return ak.zip(
        {
            "triplet": view.candidates,
            **{name: partner(view, name) for name in PARTNERS},
            "dimuon_mass": dimuon_mass(view),
        },
        depth_limit=2,
    )


PARTNERS = {"muon1": ("mu1", "muon"), "muon2": ("mu2", "muon"), "pion": ("track", "track")}
"""Object of a collection that a leg is -> the leg, and the collection."""


def partner(view: CandidateView, name: str) -> Any:
    """One of :data:`PARTNERS` of each candidate."""
    return view.partner(*PARTNERS[name])


# --- cuts, in the order of the cutflow --------------------------------------------------------------------------------


def select(
    events: ak.Array,
    cuts: Thresholds,
    weights: ak.Array,
    note: str,
    label: str = "",
    spare: int | None = None,
) -> Selected:
    """Apply the selection; each cut narrows the same mask over candidates.

    Args:
        events: The events.
        cuts: The thresholds.
        weights: Weights of the events.
        note: For the first row of the cutflow.
        label: What tells this selection from others, for the explanation of an event.
        spare: Leave out events without trigger, and candidates that failed more cuts than this; None to keep all, as where columns
            are traced and events explained.
    """
    declared = declared_cuts(events, cuts, note)
    if spare is None or is_recorded() or is_typetracer(weights):
        view = ListView(events, events.triplet)
        selection = apply_cuts(declared, CandidateSelection(events.triplet, weights, label), view)
        return Selected(events, None, weights, matched_candidates(view), selection)
    left = narrowed_selection(declared, events, "triplet", weights, spare=spare, where=events_where)
    candidates = matched_candidates(left.lists)
    return Selected(left.events, left.places, weights[left.places], candidates, left.selection)


def declared_cuts(events: ak.Array, cuts: Thresholds, note: str) -> tuple[DeclaredCut, ...]:
    """All cuts, :data:`CUTS`, in order; the events tell which columns their ntuple has."""
    return (
        DeclaredCut("all", lambda events: ak.ones_like(events.event, dtype=bool), Level.EVENTS, note=note),
        *trigger_cuts(events, cuts),
        DeclaredCut(
            "mass",
            lambda view: between(view.candidates.mass, *cuts.mass),
            values=lambda view: {"mass": view.candidates.mass},
            threshold=f"{window('mass', cuts.mass)} GeV",
        ),
        pv_tracks_cut(cuts),
        flight_significance_cut(events, cuts),
        DeclaredCut(
            "acceptance",
            lambda view: in_acceptance(view.candidates, cuts),
            values=lambda view: of_legs(view, ("mu1", "mu2", "track"), ("pt", "eta")),
            threshold=acceptance_words(cuts),
        ),
        legs_apart_cut(cuts),
        muon_id_cut(events, cuts),
        track_ip_cut(cuts),
        DeclaredCut(
            "dimuon_mass",
            lambda view: is_phi(view, cuts),
            note=fall_back(events, "triplet.mu1_refitted") or "",
            values=lambda view: {
                "m(mumu)": dimuon_mass(view),
                "charges": partner(view, "muon1").charge * partner(view, "muon2").charge,
            },
            threshold=f"{window('m(mumu)', cuts.dimuon_mass)} GeV{', charges < 0' if cuts.opposite_charge else ''}",
        ),
        trigger_match_cut(events, cuts),
        DeclaredCut(
            "best_candidate",
            has_smallest_chi2,
            Level.CHOICE,
            values=lambda view: {"chi2": view.candidates.vertex.chi2},
            threshold="smallest chi2 of those that pass",
        ),
    )


def trigger_cuts(events: ak.Array, cuts: Thresholds) -> tuple[DeclaredCut, DeclaredCut]:
    """The path, and one of the level-1 seeds. SEED takes seeds whose name contains a text; MVA and RUN3 have exact names."""
    seeds, exact = cuts.l1_exact or cuts.l1_contains, bool(cuts.l1_exact)
    hlt = DeclaredCut(
        "hlt",
        lambda events: trigger_fired(events, "hlt", (cuts.hlt,)),
        Level.EVENTS,
        values=lambda view: fired_names(view, "hlt"),
        threshold=f"a name with {cuts.hlt}",
    )
    l1 = DeclaredCut(
        "l1",
        lambda events: trigger_fired(events, "l1", seeds, exact=exact),
        Level.EVENTS,
        note=fall_back(events, "trigger.l1_decision") or "",
        values=lambda view: fired_names(view, "l1"),
        threshold=f"one of {', '.join(seeds)}" if exact else f"a name with {' or '.join(seeds)}",
    )
    return hlt, l1


def fired_names(view: ListView, level: str) -> dict[str, ak.Array]:
    """Names of the triggers that accepted each event."""
    trigger = view.events.trigger
    return {"fired": trigger[f"{level}_name"][trigger[f"{level}_decision"] == 1]}


NO_SUCH_CUT = "this selection has no such cut"


def pv_tracks_cut(cuts: Thresholds) -> DeclaredCut:
    """The refitted primary vertex has tracks."""
    least = cuts.pv_tracks
    return DeclaredCut(
        "pv_tracks",
        None if least is None else lambda view: view.candidates.refitted_pv.n_tracks > least,
        values=lambda view: {"tracks": view.candidates.refitted_pv.n_tracks},
        threshold=f"tracks > {least}",
        not_applied=NO_SUCH_CUT if least is None else "",
    )


def flight_significance_cut(events: ak.Array, cuts: Thresholds) -> DeclaredCut:
    """The vertex is away from the beam spot."""
    reason = why_missing(events, "triplet.flight_distance_bs_significance")
    if reason:
        return DeclaredCut("flight_significance", None, not_applied=reason)
    return DeclaredCut(
        "flight_significance",
        lambda view: view.candidates.flight_distance_bs_significance > cuts.flight_significance,
        values=lambda view: {"Lxy/sigma": view.candidates.flight_distance_bs_significance},
        threshold=f"Lxy/sigma > {cuts.flight_significance:.6g}",
    )


def track_ip_cut(cuts: Thresholds) -> DeclaredCut:
    """The track comes from near the origin."""
    return DeclaredCut(
        "track_ip",
        None if cuts.track_dz is None else lambda view: near_origin(partner(view, "pion"), cuts),
        values=lambda view: {"dz": partner(view, "pion").dz, "dxy": partner(view, "pion").dxy},
        threshold=f"|dz| < {cuts.track_dz}, |dxy| < {cuts.track_dxy} cm",
        not_applied=NO_SUCH_CUT if cuts.track_dz is None else "",
    )


def has_smallest_chi2(view: ListView, passing: ak.Array) -> ak.Array:
    """The candidate with the smallest vertex χ² of those that pass all other cuts."""
    best = best_candidate(view.candidates.vertex.chi2, passing)
    return ak.local_index(view.candidates, axis=1) == best


def window(name: str, limits: tuple[float, float]) -> str:
    """An open window in words."""
    return f"{limits[0]:.6g} < {name} < {limits[1]:.6g}"


def of_legs(view: ListView, legs: tuple[str, ...], fields: tuple[str, ...]) -> dict[str, ak.Array]:
    """Fields of legs by name, for the explanation of an event."""
    return {f"{leg} {field}": view.candidates[leg][field] for leg in legs for field in fields}


def acceptance_words(cuts: Thresholds) -> str:
    """The acceptance in words."""
    return (
        f"muons pt > {cuts.muon_pt_barrel:.6g} at |eta| < {cuts.muon_eta_barrel:.6g}, "
        f"pt > {cuts.muon_pt_endcap:.6g} at |eta| < {cuts.muon_eta:.6g}; "
        f"track pt > {cuts.track_pt:.6g}, |eta| < {cuts.track_eta:.6g}"
    )


def in_acceptance(triplet: ak.Array, cuts: Thresholds) -> ak.Array:
    """Both muons in the acceptance of the muon system, the track above its threshold."""
    track = (triplet.track.pt > cuts.track_pt) & (abs(triplet.track.eta) < cuts.track_eta)
    return muon_in_acceptance(triplet.mu1, cuts) & muon_in_acceptance(triplet.mu2, cuts) & track


def muon_in_acceptance(muon: ak.Array, cuts: Thresholds) -> ak.Array:
    """Barrel muons need more pt to reach the muon stations than endcap muons."""
    eta = abs(muon.eta)
    barrel = (eta < cuts.muon_eta_barrel) & (muon.pt > cuts.muon_pt_barrel)
    endcap = (eta >= cuts.muon_eta_barrel) & (eta < cuts.muon_eta) & (muon.pt > cuts.muon_pt_endcap)
    return barrel | endcap


def leg_delta_r(triplet: ak.Array) -> dict[str, ak.Array]:
    """ΔR of the three pairs of legs."""
    return {
        "delta_r_mu1_mu2": triplet.mu1.delta_r(triplet.mu2),
        "delta_r_mu1_track": triplet.mu1.delta_r(triplet.track),
        "delta_r_mu2_track": triplet.mu2.delta_r(triplet.track),
    }


def legs_apart_cut(cuts: Thresholds) -> DeclaredCut:
    """Three different particles that are close: ΔR of each pair (SEED), or muons that are not the track."""
    if cuts.delta_r is not None:
        limits = cuts.delta_r
        return DeclaredCut(
            "delta_r",
            lambda view: all_of([between(value, *limits) for value in leg_delta_r(view.candidates).values()]),
            values=lambda view: leg_delta_r(view.candidates),
            threshold=f"each {window('delta_r', limits)}",
        )
    if cuts.leg_difference is not None:
        least = cuts.leg_difference
        return DeclaredCut(
            "delta_r",
            lambda view: muons_differ_from_track(view.candidates, least),
            note="pt, eta and phi of muon and track differ, no ΔR cut in this selection",
            values=lambda view: of_legs(view, ("mu1", "mu2", "track"), ("pt", "eta", "phi")),
            threshold=f"differences of muon and track > {least:.6g}",
        )
    return DeclaredCut("delta_r", None, not_applied=NO_SUCH_CUT)


def muons_differ_from_track(triplet: ak.Array, least: float) -> ak.Array:
    """Neither muon is the track."""
    return differs(triplet.mu1, triplet.track, least) & differs(triplet.mu2, triplet.track, least)


def differs(muon: ak.Array, track: ak.Array, least: float) -> ak.Array:
    """Whether two legs differ in each of pt, eta and phi."""
    return (
        (abs(muon.pt - track.pt) > least)
        & (abs(muon.eta - track.eta) > least)
        & (abs(muon.phi - track.phi) > least)
    )


def muon_id_cut(events: ak.Array, cuts: Thresholds) -> DeclaredCut:
    """Both muons carry all identification flags; a leg that is no muon of the event carries none."""
    missing = {flag: why_missing(events, f"muon.{flag}") for flag in cuts.muon_id}
    present = [flag for flag, reason in missing.items() if reason is None]
    return DeclaredCut(
        "muon_id",
        lambda view: all_of(list(id_flags(view, present).values())),
        values=lambda view: id_flags(view, present),
        threshold=f"both muons {' and '.join(present)}",
        not_applied=", ".join(reason for reason in missing.values() if reason),
    )


def id_flags(view: CandidateView, flags: Sequence[str]) -> dict[str, ak.Array]:
    """Identification flags of both muons by name."""
    return {f"{leg} {flag}": partner(view, leg)[flag] for leg in ("muon1", "muon2") for flag in flags}


def near_origin(pion: ak.Array, cuts: Thresholds) -> ak.Array:
    """Track impact parameters, absolute, with respect to the CMS origin (as the tree makers store them), cm."""
    return (abs(pion.dz) < cuts.track_dz) & (abs(pion.dxy) < cuts.track_dxy)


def is_phi(view: CandidateView, cuts: Thresholds) -> ak.Array:
    """Dimuon mass in the φ window, and opposite charges where the selection asks for them."""
    passing = between(dimuon_mass(view), *cuts.dimuon_mass)
    if cuts.opposite_charge:
        passing = passing & (partner(view, "muon1").charge * partner(view, "muon2").charge < 0)
    return passing


def trigger_match_cut(events: ak.Array, cuts: Thresholds) -> DeclaredCut:
    """The legs are those that fired the trigger: a trigger object near each, and of similar pt where asked for."""
    reason = None if cuts.trigger_dpt is None else why_missing(events, "hlt_muon")
    compares_pt = cuts.trigger_dpt is not None and reason is None
    match = own_objects if cuts.one_object_per_leg else any_objects
    if compares_pt:
        note = ""
    elif reason:
        note = f"ΔR as stored in the ntuple, relative pt difference not compared: {reason}"
    else:
        note = fall_back(events, "triplet.mu1.trigger_match_dr") or ""
    return DeclaredCut(
        "trigger_match",
        (lambda view: match(view.candidates, view.events.hlt_muon, cuts))
        if compares_pt
        else (lambda view: near_stored_objects(view.candidates, cuts)),
        Level.LISTS if compares_pt else Level.CANDIDATES,
        note=note,
        values=lambda view: {
            f"dR({leg}, trigger)": view.candidates[leg].trigger_match_dr for leg in cuts.trigger_legs
        },
        threshold=f"dR < {cuts.trigger_dr:.6g}{f', relative pt difference < {cuts.trigger_dpt:.6g}' if cuts.trigger_dpt else ''}",
    )


def near_stored_objects(triplet: ak.Array, cuts: Thresholds) -> ak.Array:
    """ΔR to the nearest object as the ntuple stores it; where it stores a sentinel, there is none and nothing passes."""
    distances = [triplet[leg].trigger_match_dr for leg in cuts.trigger_legs]
    return all_of([(delta_r >= 0) & (delta_r < cuts.trigger_dr) for delta_r in distances])


def own_objects(triplet: ak.Array, objects: ak.Array, cuts: Thresholds) -> ak.Array:
    """Each leg has an object of its own (MVA: the three legs take objects by the smallest ΔR first)."""
    names = ("mu1", "mu2", "track")
    matches = dict(zip(names, match_objects([triplet[leg] for leg in names], objects), strict=True))
    return all_of([is_close(triplet[leg], element(objects, matches[leg]), cuts) for leg in cuts.trigger_legs])


def any_objects(triplet: ak.Array, objects: ak.Array, cuts: Thresholds) -> ak.Array:
    """Each leg has some object, whichever (RUN3)."""
    return all_of(
        [
            ak.any(is_close(triplet[leg][:, :, np.newaxis], objects[:, np.newaxis, :], cuts), axis=2)
            for leg in cuts.trigger_legs
        ]
    )


def is_close(leg: ak.Array, trigger_object: ak.Array, cuts: Thresholds) -> ak.Array:
    """Direction and transverse momentum agree; relative to the leg's momentum."""
    near = leg.delta_r(trigger_object) < cuts.trigger_dr
    return near & (abs(leg.pt - trigger_object.pt) / leg.pt < cuts.trigger_dpt)


# --- results ----------------------------------------------------------------------------------------------------------


def masses_and_yields(best: ak.Array, weights: ak.Array, *, is_data: bool) -> dict[str, dict[str, Any]]:
    """Mass histograms and yields of the selected candidates: what is made for each variation."""
    hists = {"mass": mass_histogram(best, weights), "mass_fine": fine_mass_histogram(best, weights)}
    yields = mass_yields(best, weights)
    if not is_data:
        from_phi = is_from_phi(best)
        hists["mass_gen_matched"] = mass_histogram(best[from_phi], weights[from_phi])
        yields["gen_matched"] = yield_of(weights[from_phi])
    return {"hists": hists, "yields": yields}


def mass_histogram(candidates: ak.Array, weights: ak.Array) -> hist.Hist:
    """m(μμπ) with the binning of SEED: 62 bins from 1.65 to 2.01 GeV."""
    histogram = new_histogram(62, *MASS_RANGE, "mass", "$m(\\mu\\mu\\pi)$ [GeV]")
    fill(histogram, candidates.triplet.mass, weights)
    return histogram


def new_histogram(bins: int, low: float, high: float, name: str, label: str) -> hist.Hist:
    """An empty weighted histogram with one regular axis."""
    return hist.Hist(
        hist.axis.Regular(bins, low, high, name=name, label=label), storage=hist.storage.Weight()
    )


def filled(bins: int, low: float, high: float, name: str, label: str) -> Callable[..., hist.Hist]:
    """A function of (values, weights, passing) that makes one filled histogram."""

    def make(values: ak.Array, weights: ak.Array, passing: ak.Array | None = None) -> hist.Hist:
        histogram = new_histogram(bins, low, high, name, label)
        fill(histogram, values, weights, passing)
        return histogram

    return make


def result_histograms(best: ak.Array, weights: ak.Array) -> dict[str, hist.Hist]:
    """Distributions of the selected candidates, besides their mass."""
    triplet = best.triplet
    histograms = {
        "dimuon_mass": filled(60, 0.96, 1.08, "dimuon_mass", "$m(\\mu\\mu)$ [GeV]")(
            best.dimuon_mass, weights
        ),
        "vertex_chi2": filled(50, 0, 25, "vertex_chi2", "vertex $\\chi^2$")(triplet.vertex.chi2, weights),
    }
    for leg, symbol in (("mu1", "\\mu_1"), ("mu2", "\\mu_2"), ("track", "\\pi")):
        histograms[f"{leg}_pt"] = filled(50, 0, 25, f"{leg}_pt", f"$p_T({symbol})$ [GeV]")(
            triplet[leg].pt, weights
        )
        histograms[f"{leg}_eta"] = filled(48, -2.4, 2.4, f"{leg}_eta", f"$\\eta({symbol})$")(
            triplet[leg].eta, weights
        )
    if "flight_distance_bs_significance" in triplet.fields:
        make = filled(50, 0, 100, "flight_significance", "$L_{xy}/\\sigma$ (beam spot)")
        histograms["flight_significance"] = make(triplet.flight_distance_bs_significance, weights)
    return histograms


FINE_RANGE = (1.60, 2.10)
FINE_BINS = 1000
"""Range, GeV, and number of bins of the histogram ``mass_fine``: 0.5 MeV, a thirtieth of the resolution, so that a fit loses
nothing, and any coarser binning in a range that is a multiple of it can be made later."""
DECAY_LENGTH_BINS = 25
DECAY_LENGTH_RANGE = (0.0, 1.0)
"""Bins of the proper decay length, mm (RUN3 Utilities/B_D_ratio.py, which adds what lies above to the last bin)."""


def fine_mass_histogram(candidates: ak.Array, weights: ak.Array) -> hist.Hist:
    """m(μμπ) in fine bins, for the mass fit."""
    histogram = new_histogram(FINE_BINS, *FINE_RANGE, "mass", "$m(\\mu\\mu\\pi)$ [GeV]")
    fill(histogram, candidates.triplet.mass, weights)
    return histogram


def candidate_columns(chosen: Chosen) -> dict[str, column_accumulator]:
    """The selected candidates one by one: for the unbinned mass fit, and for export. Some 60 bytes each."""
    triplet = chosen.candidates.triplet
    values = {"tripletMass": triplet.mass, "Pt_tripl": triplet.pt, "Eta_tripl": triplet.eta}
    values["phiMass"] = chosen.candidates.dimuon_mass
    lengths, unknown = chosen.decay_lengths, ak.full_like(triplet.mass, np.nan)
    values |= {f"decay_length_{name}": lengths.get(name, unknown) for name in DECAY_LENGTHS}
    return one_per_event(chosen.events, chosen.weights, values)


def decay_length_planes(chosen: Chosen) -> dict[str, hist.Hist]:
    """Mass against decay length, for the fit of the prompt fraction.

    Histograms, not columns: they add up, in any order, and their size does not grow with the data. Weights that unfold the
    components (sPlot) depend on the mass alone and can be given per bin of it.
    """
    mass = chosen.candidates.triplet.mass
    histograms = {}
    for name, values in chosen.decay_lengths.items():
        plane = hist.Hist(
            hist.axis.Regular(62, *MASS_RANGE, name="mass", label="$m(\\mu\\mu\\pi)$ [GeV]"),
            decay_length_axis(),
            storage=hist.storage.Weight(),
        )
        fill_plane(plane, mass, values, chosen.weights)
        histograms[f"mass_decay_length_{name}"] = plane
    return histograms


def decay_length_axis() -> hist.axis.Regular:
    """Axis of the proper decay length."""
    label = "proper decay length [mm]"
    return hist.axis.Regular(DECAY_LENGTH_BINS, *DECAY_LENGTH_RANGE, name="decay_length", label=label)


DECAY_LENGTHS = ("xy", "3d")


def decay_lengths(triplet: ak.Array) -> dict[str, ak.Array]:
    """Proper decay lengths, mm: ``3d`` from the primary vertex, and ``xy`` from the beam spot where the ntuple has it."""
    momentum = triplet.pt * np.cosh(triplet.eta)
    lengths = {"3d": proper_decay_length(triplet.flight_distance, triplet.mass, momentum)}
    if "flight_distance_bs" in triplet.fields:
        lengths["xy"] = proper_decay_length(triplet.flight_distance_bs, triplet.mass, triplet.pt)
    return lengths


PROMPT_DS, DS_FROM_B = 1, 2
"""``gen.is_ds``: from the primary vertex, and from a B (tree maker; 0 is another origin, -1 no D_s)."""


def origin_histograms(chosen: Chosen) -> dict[str, hist.Hist]:
    """Decay length of simulated D_s by their origin: that of the generated D_s in the direction of the candidate."""
    if why_missing(chosen.events, "gen.is_ds"):
        return {}
    mass = chosen.candidates.triplet.mass
    wanted = is_from_phi(chosen.candidates) & (mass >= MASS_RANGE[0]) & (mass < MASS_RANGE[1])
    gen = chosen.events.gen
    prompt, from_b = (nearest_ds(chosen.candidates.triplet, gen, origin) for origin in (PROMPT_DS, DS_FROM_B))
    histograms = {}
    for name, values in chosen.decay_lengths.items():
        for origin, passing in (("prompt", prompt < from_b), ("from_b", from_b < prompt)):
            histogram = hist.Hist(decay_length_axis(), storage=hist.storage.Weight())
            fill(histogram, values, chosen.weights, wanted & passing)
            histograms[f"decay_length_{name}_{origin}"] = histogram
    return histograms


def nearest_ds(triplet: ak.Array, gen: ak.Array, origin: int) -> ak.Array:
    """ΔR of the candidate of each event to the nearest generated D_s of an origin; infinite where there is none."""
    eta = ak.mask(gen.eta, gen.is_ds == origin)  # a missing direction is near nothing
    return nearest_delta_r(triplet.eta, triplet.phi, eta, gen.phi)


Variables = dict[str, tuple[Callable[..., hist.Hist], ak.Array]]
"""Name of a variable -> the function that makes its histogram, and its values."""


def cut_variables(cut: str, candidates: ak.Array, cuts: Thresholds) -> Variables:
    """The variables that a cut cuts on, each with the histogram to draw it in."""
    variables: Mapping[str, Callable[[ak.Array, Thresholds], Variables]] = {
        "mass": mass_variables,
        "pv_tracks": vertex_variables,
        "flight_significance": flight_variables,
        "acceptance": leg_variables,
        "delta_r": distance_variables,
        "muon_id": flag_variables,
        "track_ip": track_variables,
        "dimuon_mass": dimuon_variables,
        "trigger_match": match_variables,
    }
    return variables[cut](candidates, cuts) if cut in variables else {}


def mass_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Mass of the candidate."""
    make = filled(100, 1.4, 2.4, "mass", "$m(\\mu\\mu\\pi)$ [GeV]")
    return {"mass": (make, candidates.triplet.mass)}


def vertex_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Tracks of the primary vertex."""
    make = filled(100, -0.5, 99.5, "pv_tracks", "tracks of the primary vertex")
    return {"pv_tracks": (make, candidates.triplet.refitted_pv.n_tracks)}


def flight_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Significance of the flight distance, where the ntuple holds it."""
    if "flight_distance_bs_significance" not in candidates.triplet.fields:
        return {}
    make = filled(50, 0, 20, "flight_significance", "$L_{xy}/\\sigma$ (beam spot)")
    return {"flight_significance": (make, candidates.triplet.flight_distance_bs_significance)}


def distance_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Distances of the legs."""
    return {
        name: (filled(60, 0, 1.2, name, f"$\\Delta R$ ({name[8:].replace('_', ', ')})"), value)
        for name, value in leg_delta_r(candidates.triplet).items()
    }


def track_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Impact parameters of the track."""
    dz, dxy = (
        filled(60, -30, 30, "track_dz", "$d_z$(track) [cm]"),
        filled(60, -0.6, 0.6, "track_dxy", "$d_{xy}$(track) [cm]"),
    )
    return {"track_dz": (dz, candidates.pion.dz), "track_dxy": (dxy, candidates.pion.dxy)}


def dimuon_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Mass of the muons."""
    make = filled(100, 0.9, 1.15, "dimuon_mass", "$m(\\mu\\mu)$ [GeV]")
    return {"dimuon_mass": (make, candidates.dimuon_mass)}


def match_variables(candidates: ak.Array, cuts: Thresholds) -> Variables:
    """Distances of the legs to their trigger objects."""
    return {
        f"{leg}_trigger_dr": (
            filled(50, 0, 0.1, f"{leg}_trigger_dr", f"$\\Delta R$({leg}, trigger)"),
            candidates.triplet[leg].trigger_match_dr,
        )
        for leg in cuts.trigger_legs
    }


def leg_variables(candidates: ak.Array, _: Thresholds) -> Variables:
    """Transverse momentum and pseudorapidity of the legs."""
    triplet = candidates.triplet
    legs = ("mu1", "mu2", "track")
    pt = {
        f"{leg}_pt": (filled(50, 0, 10, f"{leg}_pt", f"$p_T$({leg}) [GeV]"), triplet[leg].pt) for leg in legs
    }
    eta = {
        f"{leg}_eta": (filled(60, -3, 3, f"{leg}_eta", f"$\\eta$({leg})"), triplet[leg].eta) for leg in legs
    }
    return pt | eta


def flag_variables(candidates: ak.Array, cuts: Thresholds) -> Variables:
    """The identification flags that the ntuple holds."""
    return {
        f"{leg}_{flag}": (
            filled(2, -0.5, 1.5, f"{leg}_{flag}", f"{leg} {flag.replace('_', ' ')}"),
            candidates[leg][flag],
        )
        for leg in ("muon1", "muon2")
        for flag in cuts.muon_id
        if flag in candidates[leg].fields
    }


def n_minus_one_histograms(selected: Selected, cuts: Thresholds) -> dict[str, hist.Hist]:
    """Each cut variable of the candidates that pass all other cuts on candidates (the choice of the best left out)."""
    histograms = {}
    for cut in CUTS:
        others = selected.selection.all_but(cut, "best_candidate")
        candidates = ak.flatten(selected.candidates[others], axis=1)
        weights = ak.flatten(ak.broadcast_arrays(selected.weights, others)[0][others], axis=1)
        for name, (make, values) in cut_variables(cut, candidates, cuts).items():
            histograms[f"n_minus_1_{name}"] = make(values, weights)
    return histograms


def yield_of(weights: ak.Array) -> dict[str, float]:
    """Sum of weights of the selected events, its sum of squares and their raw number."""
    return {"value": float(ak.sum(weights)), "sumw2": float(ak.sum(weights**2)), "raw": len(weights)}


def mass_yields(best: ak.Array, weights: ak.Array) -> dict[str, dict[str, float]]:
    """Selected events: all, in the range of the mass histogram, and in the D_s window."""
    mass = best.triplet.mass
    in_range = (mass >= MASS_RANGE[0]) & (mass < MASS_RANGE[1])
    in_window = (mass >= SIGNAL_WINDOW[0]) & (mass <= SIGNAL_WINDOW[1])
    return {
        "selected": yield_of(weights),
        "mass_range": yield_of(weights[in_range]),
        "signal_window": yield_of(weights[in_window]),
    }


def is_from_phi(candidates: ak.Array) -> ak.Array:
    """Whether both muons come from a φ (PDG code 333) by the generator's record; False for data-like files."""
    from_phi = (abs(candidates.muon1.mother_pdg_id) == 333) & (abs(candidates.muon2.mother_pdg_id) == 333)
    return ak.fill_none(from_phi, False, axis=-1)


class SelectedMuons:
    """Events -> the two muons of the selected candidate, for scale factors; none in an event without a candidate.

    Args:
        variant: Of the selection, a key of :data:`SELECTIONS`.
        default_era: Era of a dataset whose metadata name none.
    """

    def __init__(self, variant: str = "seed-notebook", default_era: str = "2017") -> None:
        self.variant = variant
        self.default_era = default_era

    def __call__(self, events: ak.Array) -> ak.Array:
        """``n_events * var`` muons: two or none."""
        cuts = SELECTIONS[self.variant][year_of(events.metadata.get("era") or self.default_era)]
        with unrecorded():
            selected = select(events, cuts, unit_weight(events), note="")
        best = selected.candidates[selected.selection.passing].triplet
        return ak.concatenate([best.mu1, best.mu2], axis=1)
