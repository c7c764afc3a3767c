"""What truly passes the cuts of the D_s → φπ selection, counted on the simulation's own values.

The selection is that of the notebook github fsimone91/BPH_interactive_analysis (commit 75d614f), the same triplet
passing all cuts. It is written here on the stored numbers and on the rows of the legs, without any of the analysis code,
so that the cutflow of the analysis can be held against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_columns import BlockParts, menu_of
from columnar_af.ntuples.simulation.t3m_event import DPLUS_EVENT, DS_EVENT, Block
from columnar_af.ntuples.simulation.t3m_options import Layout
from columnar_af.ntuples.simulation.t3m_physics import MUON, from_pt_eta_phi, mass
from columnar_af.ntuples.simulation.t3m_triggers import menus
from columnar_af.ntuples.simulation.t3m_triplets import delta_r
from columnar_af.ntuples.tree_entries import Column, Ragged

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
"""The cuts in order; ``flight_significance`` is not applied in the AOD layout, which lacks the branch."""

Booleans = NDArray[np.bool_]


@dataclass
class Truth:
    """Counts of a file or a sample, which add up.

    Attributes:
        events: By class: background, ds, dplus; and those of the D that are prompt.
        generated: D_s and D+ decays that were generated for them, before any acceptance.
        candidates: Stored triplets, those that are a true D, and those that are sentinels.
        cutflow: Cut -> [events, candidates] of all triplets.
        signal_cutflow: The same of the true D_s triplets alone.
        peak: Selected events by what their candidate is, with the mass in 1.93 to 2.01 GeV.
        selected: The same for all masses.
    """

    events: dict[str, int] = field(default_factory=dict)
    generated: dict[str, int] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    cutflow: dict[str, list[int]] = field(default_factory=dict)
    signal_cutflow: dict[str, list[int]] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)
    selected: dict[str, int] = field(default_factory=dict)

    def add(self, other: Truth) -> None:
        """Add the counts of another part."""
        for name in ("events", "generated", "candidates", "peak", "selected"):
            own = getattr(self, name)
            for key, value in getattr(other, name).items():
                own[key] = own.get(key, 0) + value
        for name in ("cutflow", "signal_cutflow"):
            own = getattr(self, name)
            for key, pair in getattr(other, name).items():
                before = own.get(key, [0, 0])
                own[key] = [before[0] + pair[0], before[1] + pair[1]]


def _content(columns: Mapping[str, Column], name: str) -> NDArray[np.float64]:
    column = columns[name]
    if not isinstance(column, Ragged):
        msg = f"{name} is not a branch of numbers per triplet"
        raise TypeError(msg)
    return np.asarray(column.content, np.float64)


def _legs(columns: Mapping[str, Column], names: tuple[str, ...]) -> NDArray[np.float64]:
    """``(legs, 3, n)``: pt, eta, phi."""
    return np.array([[_content(columns, f"{name}_{q}") for q in ("Pt", "Eta", "Phi")] for name in names])


def _masks(parts: BlockParts, columns: Mapping[str, Column]) -> dict[str, Booleans]:
    """What each cut on triplets says, cut by cut, each for itself."""
    triplets, measured = parts.triplets, parts.measured
    is_mini = parts.options.layout is Layout.MINI_2021
    legs = _legs(columns, ("Mu01", "Mu02", "Tr"))
    eta = np.abs(legs[:2, 1])
    muons_in = ((eta < 1.2) & (legs[:2, 0] > 3.5)) | ((eta >= 1.2) & (eta < 2.4) & (legs[:2, 0] > 2.0))
    pairs = np.array([delta_r(legs[i], legs[j]) for i, j in ((0, 1), (0, 2), (1, 2))])
    flags = measured.flags["isGlobal"] * measured.flags["isPF"]
    track = triplets.legs[2]
    dimuon = _dimuon_mass(_legs(columns, ("RefTrack1", "RefTrack2")) if is_mini else legs[:2])
    suffix = "_2017" if is_mini else ""
    names = ("Mu1", "Mu2") if is_mini else ("Mu01", "Mu02")
    matches = np.array([_content(columns, f"{name}_dRtriggerMatch{suffix}") for name in names])
    values = _content(columns, "Triplet2_Mass")
    masks = {
        "mass": (values > 1.62) & (values < 2.02),
        "pv_tracks": np.ones(len(triplets), np.bool_),  # a stored triplet has 2 tracks or more
        "acceptance": muons_in.all(axis=0) & (legs[2, 0] > 1.2),
        "delta_r": ((pairs > 1e-4) & (pairs < 0.8)).all(axis=0),
        "muon_id": (flags[triplets.legs[0]] * flags[triplets.legs[1]] == 1) & ~triplets.failed,
        "track_ip": (np.abs(measured.dz[track]) < 20)
        & (np.abs(measured.dxy[track]) < 0.3)
        & ~triplets.failed,
        "dimuon_mass": (dimuon > 1.0) & (dimuon < 1.04),
        "trigger_match": ((matches >= 0) & (matches < 0.03)).all(axis=0),
    }
    if is_mini:
        masks["flight_significance"] = _content(columns, "FlightDistBS_SV_Significance") > 2
    return masks


def _dimuon_mass(legs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mass of two legs; nothing where a refitted leg is a sentinel."""
    usable = (legs[:, 0] > 0).all(axis=0)
    safe = np.where(usable, legs, 1.0)
    one, other = (np.stack(from_pt_eta_phi(leg[0], leg[1], leg[2], mass(MUON))) for leg in safe)
    x, y, z, energy = one + other
    return np.where(usable, np.sqrt(np.maximum(energy**2 - x**2 - y**2 - z**2, 0)), 0.0)


def _event_masks(parts: BlockParts) -> dict[str, Booleans]:
    """HLT: the control channel's path; L1: any seed of two or three muons, as the notebook asks."""
    decisions = parts.block.decisions
    books = menus(parts.options.era, parts.options.is_data)
    sizes = np.array([len(book.l1_names) for book in books])[menu_of(parts)]
    in_menu = np.arange(decisions.l1.shape[1]) < sizes[:, None]
    # every seed of the menus is one of two or three muons
    return {"hlt": decisions.tau3mu, "l1": ((decisions.l1 == 1) & in_menu).any(axis=1)}


def block_truth(parts: BlockParts, columns: Mapping[str, Column]) -> tuple[Truth, dict[str, NDArray[Any]]]:
    """The counts of a block, and its truth event by event.

    Returns:
        Counts, and arrays with an element per event: ``kind`` (0 background, 1 D_s, 2 D+), ``prompt``, ``evt``,
        ``true_triplet`` (index of the true D among the event's triplets, -1 where it is not stored), ``selected``
        (index of the selected triplet, -1 for none).
    """
    triplets, block = parts.triplets, parts.block
    events = len(block)
    applied, passing = _event_masks(parts), np.ones(len(triplets), np.bool_)
    masks = _masks(parts, columns)
    is_ds = triplets.true & (block.kind[triplets.event] == DS_EVENT)
    truth = Truth(_classes(block.kind, block.prompt), _generated(block))
    truth.candidates = {
        "stored": len(triplets),
        "true": int(triplets.true.sum()),
        "sentinels": int(triplets.failed.sum()),
    }
    alive = np.ones(events, np.bool_)
    for cut in CUTS[:-1]:
        if cut in applied:
            alive &= applied[cut]
            passing &= alive[triplets.event]
        elif cut in masks:
            passing &= masks[cut]
            alive = np.bincount(triplets.event[passing], minlength=events) > 0
        truth.cutflow[cut] = [int(alive.sum()), int(passing.sum())]
        truth.signal_cutflow[cut] = [int((passing & is_ds).sum())] * 2
    best = _best(parts, passing)
    truth.cutflow["best_candidate"] = [len(best), len(best)]
    truth.signal_cutflow["best_candidate"] = [int(is_ds[best].sum())] * 2
    _count_selected(truth, parts, columns, best)
    return truth, _per_event(parts, best)


def _classes(kind: NDArray[np.int64], prompt: Booleans) -> dict[str, int]:
    names = {"background": 0, "ds": DS_EVENT, "dplus": DPLUS_EVENT}
    counts = {name: int((kind == number).sum()) for name, number in names.items()}
    counts["prompt_ds"] = int((prompt & (kind == DS_EVENT)).sum())
    counts["prompt_dplus"] = int((prompt & (kind == DPLUS_EVENT)).sum())
    return counts


def _generated(block: Block) -> dict[str, int]:
    """Generated decays behind the accepted ones, by kind of D."""
    kind = block.kind[block.decay_of >= 0]
    return {
        name: int(block.attempts[kind == number].sum())
        for name, number in (("ds", DS_EVENT), ("dplus", DPLUS_EVENT))
    }


def _best(parts: BlockParts, passing: Booleans) -> NDArray[np.int64]:
    """Rows of the passing triplets with the smallest χ² of their events; the first of equal ones."""
    rows = np.nonzero(passing)[0]
    event = parts.triplets.event[rows]
    order = np.lexsort((rows, parts.triplets.chi2[rows], event))
    return rows[order][np.unique(event[order], return_index=True)[1]]


def _count_selected(
    truth: Truth, parts: BlockParts, columns: Mapping[str, Column], best: NDArray[np.int64]
) -> None:
    triplets = parts.triplets
    kind = np.where(triplets.true[best], parts.block.kind[triplets.event[best]], 0)
    values = _content(columns, "Triplet2_Mass")[best]
    in_peak = (values > 1.93) & (values < 2.01)
    for name, number in {"other": 0, "ds": DS_EVENT, "dplus": DPLUS_EVENT}.items():
        truth.selected[name] = int((kind == number).sum())
        truth.peak[name] = int((in_peak & (kind == number)).sum())


def _per_event(parts: BlockParts, best: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    triplets, block = parts.triplets, parts.block
    counts = parts.triplet_counts
    local = np.arange(len(triplets)) - np.repeat(np.cumsum(counts) - counts, counts)
    true_triplet, selected = np.full((2, len(block)), -1, np.int16)
    true_triplet[triplets.event[triplets.true]] = local[triplets.true]
    selected[triplets.event[best]] = local[best]
    return {
        "evt": (1 + block.first + np.arange(len(block))).astype(np.uint32),
        "kind": block.kind.astype(np.int8),
        "prompt": block.prompt,
        "true_triplet": true_triplet,
        "selected": selected,
    }
