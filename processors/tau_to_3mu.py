"""τ → 3μ: the search channel of CMS whose normalization is D_s → φ(μμ)π, on T3M ntuples of three muons.

The same three muons pass all cuts; the candidate of an event is the one with the smallest vertex χ² among those that
passed. Candidates are divided by mass resolution into categories A, B and C. In data, the signal window of each category
stays closed: what lies in it never enters a result, unless it is opened on purpose.

Sources, as named below:
    MVA   github fsimone91/Tau3Mu_Analysis_MVA (commit 21ae055): ntupleClass_tau3mu.C, evaluate_fillbdt_CV.C, T3M_common.h
    RUN3  github Ma128-bit/Tau3muRun3 (commit bbcc114): Analysis/myAnalizer.C, Utilities.C, Utilities/New_Ntuple.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import awkward as ak
import hist
import numpy as np
from coffea.processor import ProcessorABC

from columnar_af.corrections import weights_and_counts
from columnar_af.datasets.eras import year_of
from columnar_af.errors import SchemaError
from columnar_af.kernels.best_candidate import best_candidate
from columnar_af.kernels.leg_matching import match_legs
from columnar_af.kernels.trigger_names import any_fired
from columnar_af.mva.flat_columns import flat_columns
from columnar_af.mva.inference import Classifier
from columnar_af.ntuples.t3m import T3MSchema, fall_back, why_missing
from columnar_af.selection import CandidateSelection, fill
from columnar_af.selection.masks import (
    all_of,
    at_least,
    at_most,
    between,
    each_has_any,
    each_has_its_own,
    element,
)

DOUBLE_MU = (
    "L1_DoubleMu0er1p5_SQ_OS_dR_Max1p4",
    "L1_DoubleMu0er1p4_SQ_OS_dR_Max1p4",
    "L1_DoubleMu4_SQ_OS_dR_Max1p2",
    "L1_DoubleMu4p5_SQ_OS_dR_Max1p2",
)
TRIPLE_MU_RUN2 = (
    "L1_TripleMu0",
    "L1_TripleMu_5_0_0",
    "L1_TripleMu_5_3_0_DoubleMu_5_3_OS_Mass_Max17",
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9",
)
SEEDS_RUN3 = (
    "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p6",
    "L1_DoubleMu0er2p0_SQ_OS_dEta_Max1p5",
    "L1_TripleMu_5SQ_3SQ_0_DoubleMu_5_3_SQ_OS_Mass_Max9",
    "L1_TripleMu_5SQ_3SQ_0OQ_DoubleMu_5_3_SQ_OS_Mass_Max9",
    "L1_TripleMu_2SQ_1p5SQ_0OQ_Mass_Max12",
    "L1_TripleMu_3SQ_2p5SQ_0OQ_Mass_Max12",
)
"""Exact names of the Level-1 seeds (MVA ntupleClass_tau3mu.C; RUN3 myAnalizer.C)."""


@dataclass(frozen=True)
class Category:
    """A class of candidates by relative mass resolution.

    Attributes:
        name: A, B or C.
        resolution: σ(m)/m, lower end not included, upper end included.
        signal_window: GeV, ends included; blinded in data.
        vetoes: Windows of the mass of two muons of opposite charge, GeV, ends included: none may lie inside.
    """

    name: str
    resolution: tuple[float, float]
    signal_window: tuple[float, float]
    vetoes: Mapping[str, tuple[float, float]]


def around(mass: float, half_width: float) -> tuple[float, float]:
    """The window of that half width."""
    return mass - half_width, mass + half_width


CATEGORIES_RUN2 = (
    Category("A", (0.0, 0.0070), (1.746, 1.794), {"phi": (0.998, 1.040)}),
    Category("B", (0.0070, 0.0105), (1.732, 1.808), {"phi": (0.991, 1.047)}),
    Category("C", (0.0105, np.inf), (1.720, 1.820), {"phi": (0.984, 1.054)}),
)
"""MVA evaluate_fillbdt_CV.C; the signal window is what lies between the sidebands. The omega veto is not used there."""

CATEGORIES_RUN3 = (
    Category(
        "A", (0.0, 0.0070), (1.727, 1.827), {"phi": around(1.019, 0.033), "omega": around(0.782, 0.033)}
    ),
    Category(
        "B", (0.0070, 0.0105), (1.727, 1.827), {"phi": around(1.019, 0.045), "omega": around(0.782, 0.048)}
    ),
    Category(
        "C", (0.0105, 0.0200), (1.727, 1.827), {"phi": around(1.019, 0.056), "omega": around(0.782, 0.066)}
    ),
)
"""RUN3 Utilities.C and New_Ntuple.py; the window is what the training leaves out (m > 1.827 or m < 1.727)."""


@dataclass(frozen=True)
class Quality:
    """Quality of the muons and the vertex before the classifier (MVA evaluate_fillbdt_CV.C). All windows are open."""

    vertex_chi2: tuple[float, float] = (0.0, 300.0)  # 0 < χ²/3 < 100
    tracker_layers: float = 8
    inner_valid_fraction: float = 0.5
    inner_track_chi2: float = 40.0
    track_kink: float = 900.0


@dataclass(frozen=True)
class Thresholds:
    """The numbers of one published selection for one year. GeV, cm. The defaults are those of MVA for 2018.

    All windows are open (``low < value < high``); None is a cut that this selection does not have.

    Attributes:
        hlt: The path's name contains this.
        l1: Exact names of the seeds.
        first_run_of_2018_trigger: 2017F from this run on is processed with the trigger of 2018, as part of 2018.
        chi2: The vertex χ² is above this.
        flight_significance: Beam spot to vertex, transverse, over its uncertainty.
        muon_id: Flags that all muons carry.
        leg_difference: pt, eta and phi of each pair differ by more than this.
        muon_pt, muon_eta: Of each muon.
        muon_pt_barrel, muon_eta_barrel: A muon with |eta| below the second has pt of at least the first.
        mass: m(3μ).
        delta_r: Largest ΔR of a pair.
        delta_z: Largest distance of the reference points of a pair along the beam.
        trigger_objects: Collection of the trigger objects.
        one_object_per_leg: Whether two muons may not share a trigger object (MVA), or may (RUN3).
        trigger_dr, trigger_dpt: Largest ΔR, and relative difference in pt, of a muon to its trigger object.
        quality: Quality cuts of the chosen candidate.
        categories: By mass resolution; what belongs to none is not used.
    """

    hlt: str = "HLT_DoubleMu3_TkMu_DsTau3Mu_v"
    l1: tuple[str, ...] = DOUBLE_MU + TRIPLE_MU_RUN2
    first_run_of_2018_trigger: int | None = None
    chi2: float | None = at_least(0)
    flight_significance: float = at_least(2)
    muon_id: tuple[str, ...] = ("is_pf", "is_global")
    leg_difference: float | None = None
    muon_pt: float = 2.0
    muon_eta: float = 2.4
    muon_pt_barrel: float = at_least(3.5)
    muon_eta_barrel: float = 1.2
    mass: tuple[float, float] = (1.62, 2.02)
    delta_r: float = 0.8
    delta_z: float = 0.5
    trigger_objects: str = "hlt_muon_signal"
    one_object_per_leg: bool = True
    trigger_dr: float = 0.03
    trigger_dpt: float = 0.1
    quality: Quality | None = Quality()
    categories: tuple[Category, ...] = CATEGORIES_RUN2


RUN2_2018 = Thresholds()
RUN2_2017 = replace(
    RUN2_2018,
    hlt="HLT_DoubleMu3_Trk_Tau3mu_v",
    first_run_of_2018_trigger=306029,
    flight_significance=at_least(3.75),  # T3M_common.h; the ntuple code keeps from 2
    trigger_objects="hlt_muon",
)
RUN3 = Thresholds(
    l1=DOUBLE_MU + SEEDS_RUN3,
    chi2=None,
    flight_significance=at_least(3.5),
    muon_id=("is_global", "is_medium"),
    leg_difference=1e-4,
    muon_pt=at_least(2.0),
    muon_eta=at_most(2.4),
    muon_pt_barrel=at_least(2.0),  # one threshold at all eta
    mass=(at_least(1.62), at_most(2.0)),
    delta_r=0.6,
    delta_z=2.5,
    one_object_per_leg=False,
    quality=None,
    categories=CATEGORIES_RUN3,
)
SELECTIONS: Mapping[str, Thresholds] = {
    "2017": RUN2_2017,
    "2018": RUN2_2018,
    "2022": RUN3,
    "2023": RUN3,
}
"""Year -> thresholds; RUN3 is the same for 2022 and 2023."""

MASS_AXIS = (42, 1.60, 2.02)
"""Bins and range of the mass histograms, GeV (MVA, RUN3)."""

EventWeight = Callable[[ak.Array], ak.Array]
"""Events -> weight of each event, ``(n_events,)``."""


def unit_weight(events: ak.Array) -> ak.Array:
    """Weight 1 for each event: data, and simulation before any correction."""
    return ak.ones_like(events.event, dtype=np.float64)


class TauTo3Mu(ProcessorABC):
    """Selection of τ → 3μ candidates: cutflow, mass spectra and yields per category, inputs of the classifier.

    Args:
        default_era: Era of a dataset whose metadata name none.
        event_weight: Weight of each event of simulation. Data have weight 1.
        classifier: Its output becomes the column ``score`` of the candidates.
        open_signal_window: Look into the signal window of data. The output keeps that it was opened.
    """

    schema: ClassVar[type] = T3MSchema

    def __init__(
        self,
        default_era: str = "2022",
        event_weight: EventWeight = unit_weight,
        classifier: Classifier | None = None,
        open_signal_window: bool = False,
    ) -> None:
        year_of(default_era)
        self.default_era = default_era
        self.event_weight = event_weight
        self.classifier = classifier
        self.open_signal_window = open_signal_window

    def process(self, events: ak.Array) -> dict[str, dict[str, Any]]:
        """Select candidates in one chunk of events.

        Returns:
            dataset -> ``entries``, ``sumw``, ``cutflow``, ``hists``, ``yields``, ``candidates`` (column -> values of the
            selected candidates), ``signal_window`` (entries for which it was blinded or opened; simulation counts in
            neither), ``corrections`` (rule -> how often it was used) and ``windows`` (GeV; sets, so that chunks add up).
        """
        metadata = events.metadata
        era = metadata.get("era") or self.default_era
        cuts = SELECTIONS[year_of(era)]
        require_three_muons(events)
        is_data = bool(metadata.get("is_data"))
        weights, rules = weights_and_counts(unit_weight if is_data else self.event_weight, events)
        blinded = is_data and not self.open_signal_window

        candidates = matched_candidates(events, cuts)
        note = "" if metadata.get("era") else f"the fileset names no era: {self.default_era} assumed"
        selection = select(events, candidates, cuts, weights, Blinding(is_data, blinded, era, note))
        chosen = candidates[selection.passing]
        return {
            metadata["dataset"]: {
                "entries": len(events),
                "sumw": float(ak.sum(weights)),
                "cutflow": selection.cutflow(),
                "hists": histograms(candidates, selection, weights, cuts),
                "yields": yields(chosen, weights, cuts, blinded),
                "candidates": flat_columns(events, chosen, weights, self.classifier),
                "signal_window": {
                    "blinded_entries": len(events) if blinded else 0,
                    "opened_entries": len(events) if is_data and not blinded else 0,
                },
                "corrections": rules,
                "windows": windows(cuts),
            }
        }

    def postprocess(self, accumulator: Any) -> Any:
        """Nothing: all results are sums."""
        return accumulator


# --- candidates -------------------------------------------------------------------------------------------------------


def require_three_muons(events: ak.Array) -> None:
    """An ntuple of the control channel has a track in place of the third muon."""
    if "mu3" not in events.triplet.fields:
        msg = (
            "this is an ntuple of two muons and a track: its triplets have no third muon, which τ → 3μ needs"
        )
        raise SchemaError(msg, advice="give ntuples of the τ → 3μ tree maker, or a processor for D_s → φπ")


def matched_candidates(events: ak.Array, cuts: Thresholds) -> ak.Array:
    """The triplets with their muons of the collection, and what the analysis derives from both.

    Returns:
        ``n_events * var`` records: ``triplet``; ``muon1``, ``muon2``, ``muon3`` (missing where a leg is not found);
        ``mass_resolution``; ``category`` (index in the thresholds, missing where there is none).
    """
    triplet = events.triplet
    muons = {f"muon{n}": element(events.muon, match_legs(triplet[f"mu{n}"], events.muon)) for n in (1, 2, 3)}
    resolution = mass_resolution([triplet[f"mu{n}"] for n in (1, 2, 3)], list(muons.values()))
    return ak.zip(
        {
            "triplet": triplet,
            **muons,
            "mass_resolution": resolution,
            "category": category_of(resolution, cuts.categories),
        },
        depth_limit=2,
    )


def mass_resolution(legs: list[ak.Array], muons: list[ak.Array]) -> ak.Array:
    """σ(m)/m: the mass with one pt shifted by its error, less the mass, in quadrature over the legs (RUN3 ResoTriplMass)."""
    mass = (legs[0] + legs[1] + legs[2]).mass
    square = 0
    for number, muon in enumerate(muons):
        shifted = [
            ak.with_field(leg, leg.pt + muon.best_track_pt_error, "pt") if place == number else leg
            for place, leg in enumerate(legs)
        ]
        square = square + ((shifted[0] + shifted[1] + shifted[2]).mass - mass) ** 2
    return np.sqrt(square) / mass


def category_of(resolution: ak.Array, categories: tuple[Category, ...]) -> ak.Array:
    """Index of the category; missing where the resolution belongs to none."""
    index = ak.full_like(resolution, -1, dtype=np.int64)
    for number, category in enumerate(categories):
        low, high = category.resolution
        index = ak.where((resolution > low) & (resolution <= high), number, index)
    return ak.mask(index, index >= 0)


# --- cuts, in the order of the cutflow --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blinding:
    """What the selection must know of the dataset: data or simulation, window closed or open, era, a note."""

    is_data: bool
    blinded: bool
    era: str
    note: str


def select(
    events: ak.Array, candidates: ak.Array, cuts: Thresholds, weights: ak.Array, dataset: Blinding
) -> CandidateSelection:
    """Apply the selection; each cut narrows the same mask over candidates."""
    triplet, trigger = candidates.triplet, events.trigger
    selection = CandidateSelection(candidates, weights)
    selection.add("all", ak.ones_like(weights, dtype=bool), dataset.note)
    add_run_range(selection, events, cuts, dataset)
    selection.add("hlt", any_fired(trigger.hlt_name, trigger.hlt_decision, (cuts.hlt,)))
    fired = any_fired(trigger.l1_name, trigger.l1_decision, cuts.l1, exact=True)
    selection.add("l1", fired, fall_back(events, "trigger.l1_decision"))
    add_blinding(selection, candidates, cuts, dataset)
    add_or_skip(selection, "vertex_chi2", cuts.chi2, lambda least: triplet.vertex.chi2 > least)
    add_flight_significance(selection, events, cuts)
    add_legs_differ(selection, triplet, cuts)
    add_muon_id(selection, events, candidates, cuts)
    selection.add("acceptance", all_of([in_acceptance(triplet[f"mu{n}"], cuts) for n in (1, 2, 3)]))
    selection.add("mass", between(triplet.mass, *cuts.mass))
    selection.add("delta_r", largest_delta_r(triplet) < cuts.delta_r)
    selection.add("delta_z", largest_delta_z(candidates) < cuts.delta_z)
    add_trigger_match(selection, events, triplet, cuts)
    # The choice does not know of the blinding, so that the sidebands are those of the opened window.
    best = best_candidate(triplet.vertex.chi2, selection.all_but("signal_window"))
    selection.add("best_candidate", ak.local_index(candidates, axis=1) == best)
    add_quality(selection, events, candidates, cuts)
    selection.add("category", ~ak.is_none(candidates.category, axis=1))
    for resonance in ("phi", "omega"):
        add_veto(selection, candidates, cuts, resonance)
    return selection


def add_or_skip(
    selection: CandidateSelection, cut: str, threshold: Any, passing: Callable[[Any], ak.Array]
) -> None:
    """Apply a cut, or report that this selection has none."""
    if threshold is None:
        selection.skip(cut, "this selection has no such cut")
    else:
        selection.add(cut, passing(threshold))


def add_run_range(
    selection: CandidateSelection, events: ak.Array, cuts: Thresholds, dataset: Blinding
) -> None:
    """The end of 2017F was taken with the trigger of 2018 and is counted there."""
    last = cuts.first_run_of_2018_trigger if dataset.is_data and dataset.era == "2017F" else None
    add_or_skip(selection, "run_range", last, lambda run: events.run < run)


def add_blinding(
    selection: CandidateSelection, candidates: ak.Array, cuts: Thresholds, dataset: Blinding
) -> None:
    """Leave out the candidates in the signal window of data.

    It comes before all cuts on candidates, so that no row of the cutflow tells what the selection finds in the window.
    """
    if dataset.blinded:
        selection.add("signal_window", ~in_signal_window(candidates, cuts), "data in the window are blinded")
    elif dataset.is_data:
        selection.skip("signal_window", "THE SIGNAL WINDOW OF DATA WAS OPENED (open_signal_window=True)")
    else:
        selection.skip("signal_window", "simulation is not blinded")


def in_signal_window(candidates: ak.Array, cuts: Thresholds) -> ak.Array:
    """Whether the mass lies in the window of the candidate's category; without category, in the widest of them."""
    windows = [category.signal_window for category in cuts.categories]
    low, high = min(window[0] for window in windows), max(window[1] for window in windows)
    mass, number = candidates.triplet.mass, ak.fill_none(candidates.category, -1, axis=1)
    inside = (mass >= low) & (mass <= high)
    for index, (low, high) in enumerate(windows):
        inside = ak.where(number == index, (mass >= low) & (mass <= high), inside)
    return ak.fill_none(inside, False, axis=1)


def add_flight_significance(selection: CandidateSelection, events: ak.Array, cuts: Thresholds) -> None:
    """The vertex is away from the beam spot."""
    reason = why_missing(events, "triplet.flight_distance_bs_significance")
    if reason:
        selection.skip("flight_significance", reason)
        return
    significance = events.triplet.flight_distance_bs_significance
    selection.add("flight_significance", significance > cuts.flight_significance)


def pairs_of(items: list[ak.Array]) -> list[tuple[ak.Array, ak.Array]]:
    """The pairs 12, 13, 23."""
    return [(items[0], items[1]), (items[0], items[2]), (items[1], items[2])]


def legs_of(triplet: ak.Array) -> list[ak.Array]:
    """The three muons as the triplet has them."""
    return [triplet.mu1, triplet.mu2, triplet.mu3]


def add_legs_differ(selection: CandidateSelection, triplet: ak.Array, cuts: Thresholds) -> None:
    """No muon is there twice."""

    def differ(least: float) -> ak.Array:
        return all_of(
            [abs(a[q] - b[q]) >= least for a, b in pairs_of(legs_of(triplet)) for q in ("pt", "eta", "phi")]
        )

    add_or_skip(selection, "legs_differ", cuts.leg_difference, differ)


def add_muon_id(
    selection: CandidateSelection, events: ak.Array, candidates: ak.Array, cuts: Thresholds
) -> None:
    """All muons carry all identification flags that the ntuple holds; a leg that is no muon of the event carries none."""
    reasons = {flag: why_missing(events, f"muon.{flag}") for flag in cuts.muon_id}
    present = [flag for flag, reason in reasons.items() if reason is None]
    passing = all_of([candidates[f"muon{n}"][flag] for n in (1, 2, 3) for flag in present])
    if len(present) < len(reasons):
        selection.skip("muon_id", ", ".join(reason for reason in reasons.values() if reason), passing)
    else:
        selection.add("muon_id", passing)


def in_acceptance(muon: ak.Array, cuts: Thresholds) -> ak.Array:
    """Barrel muons need more pt to reach the muon stations than endcap muons."""
    eta = abs(muon.eta)
    reaches_stations = (eta >= cuts.muon_eta_barrel) | (muon.pt > cuts.muon_pt_barrel)
    return (muon.pt > cuts.muon_pt) & (eta < cuts.muon_eta) & reaches_stations


def largest_of(values: list[ak.Array]) -> ak.Array:
    """The largest of three; missing where one is missing."""
    first = ak.where(values[0] > values[1], values[0], values[1])
    return ak.where(first > values[2], first, values[2])


def largest_delta_r(triplet: ak.Array) -> ak.Array:
    """ΔR of the pair that is farthest apart."""
    return largest_of([a.delta_r(b) for a, b in pairs_of(legs_of(triplet))])


def largest_delta_z(candidates: ak.Array) -> ak.Array:
    """Distance along the beam of the pair that is farthest apart, cm."""
    vertices = [candidates[f"muon{n}"].vertex_z for n in (1, 2, 3)]
    return largest_of([abs(a - b) for a, b in pairs_of(vertices)])


def add_trigger_match(
    selection: CandidateSelection, events: ak.Array, triplet: ak.Array, cuts: Thresholds
) -> None:
    """The three muons are those that fired the trigger."""
    legs = legs_of(triplet)
    if reason := why_missing(events, cuts.trigger_objects):
        field = "trigger_match_dr_2017" if cuts.trigger_objects == "hlt_muon" else "trigger_match_dr"
        field = field if field in triplet.mu1.fields else "trigger_match_dr"
        near = all_of([(leg[field] >= 0) & (leg[field] < cuts.trigger_dr) for leg in legs])
        note = f"ΔR as stored in the ntuple, relative pt difference not compared: {reason}"
        selection.add("trigger_match", near, note)
        return
    match = each_has_its_own if cuts.one_object_per_leg else each_has_any
    objects = events[cuts.trigger_objects]
    selection.add("trigger_match", match(legs, objects, cuts.trigger_dr, cuts.trigger_dpt))


def add_quality(
    selection: CandidateSelection, events: ak.Array, candidates: ak.Array, cuts: Thresholds
) -> None:
    """Well measured muons and vertex."""
    fields = ("tracker_layers", "inner_valid_fraction", "inner_track_chi2", "track_kink")
    reasons = [reason for field in fields if (reason := why_missing(events, f"muon.{field}"))]
    if cuts.quality is None or reasons:
        selection.skip("quality", ", ".join(reasons) if cuts.quality else "this selection has no such cut")
        return
    good = [is_well_measured(candidates[f"muon{n}"], cuts.quality) for n in (1, 2, 3)]
    selection.add(
        "quality", all_of([between(candidates.triplet.vertex.chi2, *cuts.quality.vertex_chi2), *good])
    )


def is_well_measured(muon: ak.Array, quality: Quality) -> ak.Array:
    """Quality of the inner track of a muon."""
    return (
        (muon.tracker_layers > quality.tracker_layers)
        & (muon.inner_valid_fraction > quality.inner_valid_fraction)
        & (muon.inner_track_chi2 < quality.inner_track_chi2)
        & (muon.track_kink < quality.track_kink)
    )


def add_veto(selection: CandidateSelection, candidates: ak.Array, cuts: Thresholds, resonance: str) -> None:
    """No two muons of opposite charge come from this resonance."""
    if resonance not in cuts.categories[0].vetoes:
        selection.skip(f"{resonance}_veto", "this selection has no such cut")
        return
    number = ak.fill_none(candidates.category, -1, axis=1)
    hit = ak.zeros_like(number, dtype=bool)
    for opposite, mass in opposite_pairs(candidates, refitted=cuts.one_object_per_leg):
        for index, category in enumerate(cuts.categories):
            low, high = category.vetoes[resonance]
            inside = ak.fill_none(opposite & (mass >= low) & (mass <= high), False, axis=1)
            hit = hit | ((number == index) & inside)
    selection.add(f"{resonance}_veto", ~hit)


def opposite_pairs(candidates: ak.Array, *, refitted: bool) -> list[tuple[ak.Array, ak.Array]]:
    """For each pair, whether the charges are opposite and its mass (MVA: of the refitted muons; RUN3: as measured)."""
    suffix = "_refitted" if refitted else ""
    legs = [candidates.triplet[f"mu{n}{suffix}"] for n in (1, 2, 3)]
    charges = [candidates[f"muon{n}"].charge for n in (1, 2, 3)]
    return [
        (charge_a * charge_b < 0, (a + b).mass)
        for (a, b), (charge_a, charge_b) in zip(pairs_of(legs), pairs_of(charges), strict=True)
    ]


# --- results ----------------------------------------------------------------------------------------------------------


def new_histogram(bins: int, low: float, high: float, name: str, label: str) -> hist.Hist:
    """An empty weighted histogram with one regular axis."""
    return hist.Hist(
        hist.axis.Regular(bins, low, high, name=name, label=label), storage=hist.storage.Weight()
    )


def histograms(
    candidates: ak.Array, selection: CandidateSelection, weights: ak.Array, cuts: Thresholds
) -> dict[str, hist.Hist]:
    """Mass spectra, in all and per category; resolution; what the selected candidates and those of N-1 look like."""
    triplet, passing = candidates.triplet, selection.passing
    number = ak.fill_none(candidates.category, -1, axis=1)
    variables: dict[str, tuple[hist.Hist, ak.Array, ak.Array]] = {
        "mass": (new_histogram(*MASS_AXIS, "mass", "$m(3\\mu)$ [GeV]"), triplet.mass, passing)
    }
    for index, category in enumerate(cuts.categories):
        empty = new_histogram(*MASS_AXIS, "mass", f"$m(3\\mu)$, category {category.name} [GeV]")
        variables[f"mass_{category.name}"] = (empty, triplet.mass, passing & (number == index))
    others = {
        "mass_resolution": (50, 0.0, 0.025, "$\\sigma_m/m$", candidates.mass_resolution, "category"),
        "delta_r": (60, 0.0, 1.2, "largest $\\Delta R$", largest_delta_r(triplet), "delta_r"),
        "delta_z": (60, 0.0, 3.0, "largest $\\Delta z$ [cm]", largest_delta_z(candidates), "delta_z"),
    }
    for name, (bins, low, high, label, values, cut) in others.items():
        variables[name] = (new_histogram(bins, low, high, name, label), values, passing)
        all_but = selection.all_but(cut, "best_candidate")
        variables[f"n_minus_1_{name}"] = (new_histogram(bins, low, high, name, label), values, all_but)
    for histogram, values, chosen in variables.values():
        fill(histogram, values, weights, ak.fill_none(chosen, False, axis=1))
    return {name: histogram for name, (histogram, _, _) in variables.items()}


def yield_of(candidates: ak.Array, weights: ak.Array) -> dict[str, float]:
    """Sum of weights, its sum of squares and the raw number of events that have a candidate."""
    chosen = weights[ak.num(candidates, axis=1) > 0]
    return {"value": float(ak.sum(chosen)), "sumw2": float(ak.sum(chosen**2)), "raw": len(chosen)}


def yields(
    chosen: ak.Array, weights: ak.Array, cuts: Thresholds, blinded: bool
) -> dict[str, dict[str, float]]:
    """Selected events in all; per category in the sidebands and, unless blinded, in the signal window."""
    found = {"selected": yield_of(chosen, weights)}
    inside = in_signal_window(chosen, cuts)
    for index, category in enumerate(cuts.categories):
        mine = chosen.category == index
        found[f"{category.name}_sidebands"] = yield_of(chosen[mine & ~inside], weights)
        if not blinded:
            found[f"{category.name}_signal_window"] = yield_of(chosen[mine & inside], weights)
    return found


def windows(cuts: Thresholds) -> dict[str, set[tuple[float, float]]]:
    """Category -> its signal window, and ``mass`` -> the range of the selection, each the only element of a set."""
    return {"mass": {cuts.mass}, **{category.name: {category.signal_window} for category in cuts.categories}}


class SelectedMuons:
    """Events -> the three muons of the selected candidate, for scale factors; none in an event without a candidate.

    Args:
        default_era: Era of a dataset whose metadata name none.
    """

    def __init__(self, default_era: str = "2022") -> None:
        self.default_era = default_era

    def __call__(self, events: ak.Array) -> ak.Array:
        """``n_events * var`` muons: three or none."""
        era = events.metadata.get("era") or self.default_era
        cuts = SELECTIONS[year_of(era)]
        candidates = matched_candidates(events, cuts)
        dataset = Blinding(is_data=False, blinded=False, era=era, note="")
        chosen = candidates[select(events, candidates, cuts, unit_weight(events), dataset).passing]
        return ak.concatenate([chosen.triplet[f"mu{n}"] for n in (1, 2, 3)], axis=1)
