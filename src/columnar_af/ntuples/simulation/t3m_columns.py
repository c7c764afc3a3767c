"""The branches of a block of events, with the sentinels and odd lengths of the real ntuples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import FAKE, SIGNAL_PION
from columnar_af.ntuples.simulation.t3m_event import Block
from columnar_af.ntuples.simulation.t3m_generated import generated_columns, muon_truth
from columnar_af.ntuples.simulation.t3m_measured import Measured
from columnar_af.ntuples.simulation.t3m_options import ERAS, Layout, T3MOptions
from columnar_af.ntuples.simulation.t3m_physics import MUON, PION, mass
from columnar_af.ntuples.simulation.t3m_triggers import menus, trigger_columns
from columnar_af.ntuples.simulation.t3m_triplets import (
    Triplets,
    beam_spot_distance,
)
from columnar_af.ntuples.tree_entries import Column, Ragged, offsets_of

Floats = NDArray[np.float64]

FAILED = -99.0
"""Sentinel of a triplet whose primary vertex could not be refitted."""

NO_PILE_UP = 2**32 - 999
"""nPileUpInt of data: -999 in an unsigned number."""

SURPLUS_EVENTS = 111
"""One event in this many has a value too many in RefittedPV2_NTracks: 1 of 111 in the real file."""

NO_REFIT_RATE = 0.003
"""Triplets without a refitted secondary vertex beside the failed ones: 2 of 618 in the real Run 3 file."""

EVENTS_PER_LUMI = 25
"""Events of a luminosity block."""


@dataclass(frozen=True)
class BlockParts:
    """What the columns of a block are made of.

    Attributes:
        options: Of the sample.
        block, triplets, measured: Its events, candidates, and what was measured of muons and tracks.
        candidates: Candidates of each event before the tree maker's cuts.
        place: Number of each event in its file, and how many the file has.
    """

    options: T3MOptions
    block: Block
    triplets: Triplets
    measured: Measured
    candidates: NDArray[np.int64]
    place: tuple[NDArray[np.int64], int]

    def of_triplets(self, values: NDArray[Any], sentinel: bool = True) -> Ragged:
        """A branch with a value per triplet; -99 where the triplet failed."""
        if sentinel and self.triplets.failed.any():
            values = np.where(self.triplets.failed, FAILED, values)
        return Ragged(values, self.triplet_offsets)

    @cached_property
    def triplet_offsets(self) -> NDArray[np.int64]:
        """Where the triplets of each event start."""
        return offsets_of(self.triplet_counts)

    @cached_property
    def triplet_counts(self) -> NDArray[np.int64]:
        """Stored triplets of each event."""
        return np.bincount(self.triplets.event, minlength=len(self.block))


def all_columns(generator: Generator, parts: BlockParts) -> dict[str, Column]:
    """Every branch that has a meaning of its own; :mod:`t3m_fillers` makes the rest of a layout."""
    columns: dict[str, Column] = {}
    columns.update(event_columns(parts))
    columns.update(trigger_columns(parts.options, parts.block.decisions, menu_of(parts)))
    columns.update(generated_columns(generator, parts.options, parts.block))
    columns.update(muon_columns(generator, parts))
    columns.update(track_columns(parts))
    columns.update(leg_columns(parts))
    columns.update(candidate_columns(generator, parts))
    columns.update(vertex_columns(generator, parts))
    if parts.options.layout is Layout.MINI_2021:
        columns.update(refit_columns(generator, parts))
        columns.update(trigger_object_columns(generator, parts))
    return columns


def menu_of(parts: BlockParts) -> NDArray[np.int64]:
    """The trigger menu of each event: they follow each other in every file."""
    entry, entries = parts.place
    return entry * len(menus(parts.options.era, parts.options.is_data)) // entries


def event_columns(parts: BlockParts) -> dict[str, Column]:
    """Event numbers and counts. Event numbers are unique in a sample; the first nPileUpInt of a data file is garbage."""
    options, block = parts.options, parts.block
    entry = parts.place[0]
    number = block.first + np.arange(len(block))
    era = ERAS[options.era]
    run_count = min(options.events, era.last_run - era.first_run + 1)
    run = era.first_run + number * run_count // options.events if options.is_data else np.ones_like(number)
    pile_up = np.where(entry == 0, 2063062989, NO_PILE_UP) if options.is_data else block.pile_up
    stored = parts.triplet_counts
    good = np.bincount(parts.triplets.event[~parts.triplets.failed], minlength=len(block))
    return {
        "evt": 1 + number,
        "run": run,
        "lumi": 1 + number // EVENTS_PER_LUMI,
        "nPileUpInt": pile_up,
        "NGoodTriplets": Ragged(good, np.arange(len(block) + 1)),
        "MuonCollectionSize": block.muons.counts(len(block)),
        "TripletCollectionSize2": parts.candidates,
        "SelectedTripletsSize": stored,
    }


def muon_columns(generator: Generator, parts: BlockParts) -> dict[str, Column]:
    """The muon collection."""
    muons = parts.block.muons
    counts = muons.counts(len(parts.block))
    spread = 0.004 * generator.standard_normal((3, len(muons)))
    point = (muons.origin + spread).astype(np.float32)
    energy = np.sqrt((muons.pt * np.cosh(muons.eta)) ** 2 + mass(MUON) ** 2)
    values: dict[str, NDArray[Any]] = {
        "MuonPt": muons.pt,
        "MuonEta": muons.eta,
        "MuonPhi": muons.phi,
        "MuonEnergy": energy,
        "MuonCharge": muons.charge,
        "Muon_vx": point[0],
        "Muon_vy": point[1],
        "Muon_vz": point[2],
    }
    values.update({f"Muon_{name}": flag for name, flag in parts.measured.flags.items()})
    values.update(muon_truth(parts.options, parts.block))
    return {name: Ragged.from_counts(content, counts) for name, content in values.items()}


def track_columns(parts: BlockParts) -> dict[str, Column]:
    """The track collection; it holds the tracks of the muons, too."""
    tracks, measured = parts.block.tracks, parts.measured
    counts = tracks.counts(len(parts.block))
    is_muon = tracks.source >= 0
    values = {
        "pt": tracks.pt,
        "eta": tracks.eta,
        "phi": tracks.phi,
        "charge": tracks.charge,
        "dxy": measured.dxy,
        "dz": measured.dz,
        "dxyError": measured.dxy_error,
        "dzError": measured.dz_error,
        "pdgId": tracks.charge * np.where(is_muon, -MUON, PION),
        "vx": tracks.origin[0].astype(np.float32),
        "vy": tracks.origin[1].astype(np.float32),
        "vz": tracks.origin[2].astype(np.float32),
    }
    return {f"Track_{name}": Ragged.from_counts(content, counts) for name, content in values.items()}


def leg_columns(parts: BlockParts) -> dict[str, Column]:
    """The legs of the triplets; a muon's values are the floats of the muon collection, a track's its doubles."""
    triplets, measured = parts.triplets, parts.measured
    matches = (
        measured.muon_dr[triplets.legs[0]],
        measured.muon_dr[triplets.legs[1]],
        measured.track_dr[triplets.legs[2]],
    )
    columns: dict[str, Column] = {"selectedTripletsIndex": parts.of_triplets(triplets.number)}
    for leg, name in enumerate(("Mu01", "Mu02", "Tr")):
        for quantity, suffix in enumerate(("Pt", "Eta", "Phi")):
            columns[f"{name}_{suffix}"] = parts.of_triplets(triplets.measured[leg, quantity])
        columns[f"{name}_TripletIndex"] = parts.of_triplets(triplets.number)
        columns[f"{name}_dRtriggerMatch"] = parts.of_triplets(matches[leg])
        columns[f"Mu{leg + 1}_dRtriggerMatch_2017"] = parts.of_triplets(matches[leg])
    return columns


def candidate_columns(generator: Generator, parts: BlockParts) -> dict[str, Column]:
    """Mass, momentum, charge and isolation of the triplets."""
    triplets, block = parts.triplets, parts.block
    count = len(triplets)
    x, y, z, _ = triplets.momentum
    pt = np.hypot(x, y)
    muons, tracks = block.muons, block.tracks
    charge = muons.charge[triplets.legs[0]] + muons.charge[triplets.legs[1]] + tracks.charge[triplets.legs[2]]
    isolated = generator.uniform(0, 1, count) < 0.6
    nearest = np.where(triplets.true, 0.026, 0.16) * np.exp(1.4 * generator.standard_normal(count))
    values = {
        "Triplet2_Mass": triplets.mass,
        "Triplet2_Pt": pt,
        "Triplet2_Eta": np.arcsinh(z / pt),
        "Triplet2_Phi": np.arctan2(y, x),
        "Triplet2_Charge": charge,
        "Triplet_mindca_iso": nearest,
        "Triplet_relativeiso": np.where(isolated, 0, 0.6 * generator.exponential(1.0, count)),
    }
    return {name: parts.of_triplets(content) for name, content in values.items()}


def vertex_columns(generator: Generator, parts: BlockParts) -> dict[str, Column]:
    """Vertices of the triplets, their distances, and the legs' impact parameters."""
    triplets = parts.triplets
    count = len(triplets)
    refitted = triplets.primary + 0.004 * generator.standard_normal((3, count))
    refitted = refitted.astype(np.float32).astype(float)
    distance = np.sqrt(((triplets.vertex - refitted) ** 2).sum(axis=0)).astype(np.float32).astype(float)
    pt = np.hypot(triplets.momentum[0], triplets.momentum[1])
    error = triplets.resolution * np.minimum(np.hypot(1, triplets.momentum[2] / pt), 5)
    columns = {
        "TripletVtx2_Chi2": triplets.chi2,
        "TripletVtx2_NDOF": np.full(count, 3.0),
        "FlightDistPVSV2": distance,
        "FlightDistPVSV2_Err": error,
        "FlightDistPVSV2_Significance": distance / error,
        "FlightDistPVSV2_chi2": ((distance / error) ** 2).astype(np.float32),
    }
    for index, axis in enumerate("xyz"):
        columns[f"TripletVtx2_{axis}"] = triplets.vertex[index]
        columns[f"RefittedPV2_{axis}"] = refitted[index]
        columns[f"PV_{axis}"] = triplets.primary[index].astype(np.float32)
    columns.update(_impact_parameters(generator, parts, refitted))
    ragged: dict[str, Column] = {name: parts.of_triplets(content) for name, content in columns.items()}
    ragged["RefittedPV2_isValid"] = parts.of_triplets(np.ones(count), sentinel=False)
    ragged["RefittedPV2_NTracks"] = _pv_tracks(generator, parts)
    return ragged


def _impact_parameters(generator: Generator, parts: BlockParts, refitted: Floats) -> dict[str, Floats]:
    """Signed transverse impact parameters of the legs to the refitted primary vertex, and their uncertainties."""
    triplets, block = parts.triplets, parts.block
    columns = {}
    for leg, source in enumerate((block.muons, block.muons, block.tracks)):
        row = triplets.legs[leg]
        x, y = source.origin[0, row] - refitted[0], source.origin[1, row] - refitted[1]
        phi = source.phi[row]
        error = (0.0012 + 0.006 / source.pt[row]) * np.exp(0.3 * generator.standard_normal(len(row)))
        columns[f"dxy_mu{leg + 1}"] = y * np.cos(phi) - x * np.sin(phi) + 0.3 * error
        columns[f"dxyErr_mu{leg + 1}"] = error
    return columns


def _pv_tracks(generator: Generator, parts: BlockParts) -> Ragged:
    """Tracks of the refitted primary vertex, at least 2; in some events one value of 1 too many among them."""
    count = len(parts.triplets)
    tracks = np.maximum(np.rint(17 * np.exp(0.95 * generator.standard_normal(count))), 2.0)
    counts = parts.triplet_counts
    number = parts.block.first + np.arange(len(parts.block))
    surplus = (number % SURPLUS_EVENTS == SURPLUS_EVENTS - 1) & (counts > 0)
    starts = np.cumsum(counts) - counts
    where = starts[surplus] + (counts[surplus] * generator.uniform(0, 1, int(surplus.sum()))).astype(int)
    return Ragged.from_counts(np.insert(tracks, where, 1.0), counts + surplus)


def refit_columns(generator: Generator, parts: BlockParts) -> dict[str, Column]:
    """What only MINI has: refitted tracks and vertex, and the distance to the beam spot."""
    triplets = parts.triplets
    absent = generator.uniform(0, 1, len(triplets)) < NO_REFIT_RATE
    columns: dict[str, Column] = {}
    for leg in range(3):
        for quantity, suffix in enumerate(("Pt", "Eta", "Phi")):
            values = np.where(absent, FAILED, triplets.refitted[leg, quantity])
            columns[f"RefTrack{leg + 1}_{suffix}"] = parts.of_triplets(values)
        columns[f"RefTrack{leg + 1}_TripletIndex"] = parts.of_triplets(triplets.number)
    distance = beam_spot_distance(triplets.vertex)
    error = np.hypot(triplets.resolution, 0.0015)
    values_of = {
        "RefittedSV_Mass": np.where(absent, FAILED, triplets.mass),
        "RefittedSV_Chi2": np.where(absent, FAILED, triplets.chi2),
        "RefittedSV_nDOF": np.where(absent, FAILED, 3.0),
        "FlightDistBS_SV": distance,
        "FlightDistBS_SV_Err": error,
        "FlightDistBS_SV_Significance": distance / error,
        "BS_x": np.full(len(triplets), -0.0248),
        "BS_y": np.full(len(triplets), 0.0693),
        "BS_z": np.zeros(len(triplets)),
    }
    columns.update({name: parts.of_triplets(values) for name, values in values_of.items()})
    return columns


def trigger_object_columns(generator: Generator, parts: BlockParts) -> dict[str, Column]:
    """Trigger objects of the tau3mu filter: one at the stored ΔR of each matched leg; the first is listed twice."""
    block, measured = parts.block, parts.measured
    near_muon = (measured.muon_dr < 0.03) & (block.muons.role != FAKE)
    near_track = (measured.track_dr < 0.03) & (block.tracks.role == SIGNAL_PION)
    event = np.concatenate([block.muons.event[near_muon], block.tracks.event[near_track]])
    distance = np.concatenate([measured.muon_dr[near_muon], measured.track_dr[near_track]])
    legs = np.concatenate(
        [
            np.stack([block.muons.pt, block.muons.eta, block.muons.phi])[:, near_muon],
            np.stack([block.tracks.pt, block.tracks.eta, block.tracks.phi])[:, near_track],
        ],
        axis=1,
    )
    angle = generator.uniform(-np.pi, np.pi, len(event))
    legs[0] *= 1 + 0.015 * generator.standard_normal(len(event))
    legs[1] += distance * np.cos(angle)
    legs[2] += distance * np.sin(angle)
    order = np.argsort(event, kind="stable")
    event, legs = event[order], legs[:, order]
    first = np.unique(event, return_index=True)[1]
    event, legs = np.insert(event, first, event[first]), np.insert(legs, first, legs[:, first], axis=1)
    counts = np.bincount(event, minlength=len(block))
    names = ("MuonPt_HLT2017", "MuonEta_HLT2017", "MuonPhi_HLT2017")
    columns: dict[str, Column] = {
        name: Ragged.from_counts(values.astype(np.float32), counts)
        for name, values in zip(names, legs, strict=True)
    }
    columns["MuonPt_HLT_Dimuon"] = Ragged.from_counts(np.zeros(0), np.zeros(len(block), int))
    return columns
