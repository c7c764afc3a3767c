"""The branches of a block of three-muon events, with the sentinels of the real ntuples. GeV, cm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import BEAM_SPOT, FAKE, wrap
from columnar_af.ntuples.simulation.t3m_columns import EVENTS_PER_LUMI, FAILED, NO_PILE_UP, NO_REFIT_RATE
from columnar_af.ntuples.simulation.t3m_measured import NO_OBJECT, muon_flags, object_distances
from columnar_af.ntuples.simulation.t3m_physics import MUON
from columnar_af.ntuples.simulation.t3m_tau_event import SIGNAL, ThreeMuonBlock
from columnar_af.ntuples.simulation.t3m_tau_options import TAU_ERAS, TauOptions
from columnar_af.ntuples.simulation.t3m_tau_physics import TAU
from columnar_af.ntuples.simulation.t3m_tau_trigger import paths_of, signal_path, trigger_columns
from columnar_af.ntuples.simulation.t3m_triggers import TAU3MU
from columnar_af.ntuples.simulation.t3m_triplets import Triplets, beam_spot_distance
from columnar_af.ntuples.tree_entries import Column, Ragged, offsets_of

Floats = NDArray[np.float64]

QUANTITIES = ("Pt", "Eta", "Phi")
PT_ERROR = 1.25
"""Stated uncertainty of pt over the resolution of a muon's pt: medians of 0.9, 1.4 and 1.8 % at |eta| below 0.9, 1.5 and 2.4
in the real Run 3 file."""
MATCHED, MATCHED_FAKE = 0.985, 0.3
"""A muon of the three has a trigger object; one that does not belong to the others, or is none of the three."""


@dataclass(frozen=True)
class TauParts:
    """What the columns of a block are made of.

    Attributes:
        options: Of the sample.
        block, triplets: Its events and candidates.
        place: Number of each event in its file.
    """

    options: TauOptions
    block: ThreeMuonBlock
    triplets: Triplets
    place: NDArray[np.int64]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Triplets of each event."""
        return np.bincount(self.triplets.event, minlength=len(self.block))

    def of_triplets(self, values: NDArray[Any], sentinel: bool = True) -> Ragged:
        """A branch with a value per triplet; -99 where the triplet failed."""
        if sentinel and self.triplets.failed.any():
            values = np.where(self.triplets.failed, FAILED, values)
        return Ragged(values, offsets_of(self.counts))

    def of_muons(self, values: NDArray[Any]) -> Ragged:
        """A branch with a value per muon."""
        return Ragged.from_counts(values, self.block.muons.counts(len(self.block)))


def all_columns(generator: Generator, parts: TauParts) -> dict[str, Column]:
    """Every branch, by name."""
    return {
        **event_columns(parts),
        **trigger_columns(parts.options, parts.block.decisions),
        **generated_columns(parts),
        **muon_columns(generator, parts),
        **candidate_columns(generator, parts),
        **vertex_columns(generator, parts),
        **refit_columns(generator, parts),
        **trigger_object_columns(generator, parts),
    }


def event_columns(parts: TauParts) -> dict[str, Column]:
    """Event numbers and counts; event numbers are unique in a sample."""
    options, block = parts.options, parts.block
    number = block.first + np.arange(len(block))
    era = TAU_ERAS[options.era]
    runs = min(options.events, era.last_run - era.first_run + 1)
    run = era.first_run + number * runs // options.events if options.is_data else np.ones_like(number)
    good = np.bincount(parts.triplets.event[~parts.triplets.failed], minlength=len(block))
    return {
        "evt": 1 + number,
        "run": run,
        "lumi": 1 + number // EVENTS_PER_LUMI,
        "nPileUpInt": np.full_like(number, NO_PILE_UP) if options.is_data else block.pile_up,
        "NGoodTriplets": Ragged(good, np.arange(len(block) + 1)),
        "MuonCollectionSize": block.muons.counts(len(block)),
        "PVCollection_Size": block.pile_up,
        "TripletCollectionSize": parts.counts,
    }


def generated_columns(parts: TauParts) -> dict[str, Column]:
    """The τ, what it comes from and its muons in simulation; nothing in data. The real ntuples list all other particles, too."""
    block = parts.block
    has_tau = (block.kind == SIGNAL) & (not parts.options.is_data)
    triples = block.triples.take(np.nonzero(has_tau)[0])
    # a B⁰ has no charge: the τ has that of its muons
    charge = triples.charges.sum(axis=0)
    codes = np.stack([triples.parent, -TAU * charge, *(-MUON * triples.charges)])
    mothers = np.stack([np.full(len(triples), 21), triples.parent, *np.repeat(codes[1:2], 3, axis=0)])
    legs = np.stack([*triples.parents, *triples.legs])
    counts = np.where(has_tau, len(codes), 0)
    columns: dict[str, Column] = {
        "GenParticle_PdgId": Ragged.from_counts(codes.T.reshape(-1).astype(int), counts),
        "GenParticle_MotherPdgId": Ragged.from_counts(mothers.T.reshape(-1).astype(int), counts),
    }
    for place, quantity in enumerate(QUANTITIES):
        columns[f"GenParticle_{quantity}"] = Ragged.from_counts(legs[:, place].T.reshape(-1), counts)
    return columns


def muon_columns(generator: Generator, parts: TauParts) -> dict[str, Column]:
    """The muon collection: kinematics, identification, and the inputs of the classifiers."""
    muons, block = parts.block.muons, parts.block
    count, is_real = len(muons), muons.role != FAKE
    point = (muons.origin + 0.004 * generator.standard_normal((3, count))).astype(np.float32)
    relative = PT_ERROR * (0.0065 + 0.0022 * muons.eta**2 + 0.0001 * muons.pt)
    is_true = is_real & (block.kind[muons.event] == SIGNAL) & (not parts.options.is_data)
    values: dict[str, NDArray[Any]] = {
        "MuonPt": muons.pt,
        "MuonEta": muons.eta,
        "MuonPhi": muons.phi,
        "MuonCharge": muons.charge,
        "Muon_simPdgId": np.where(is_true, -MUON * muons.charge, 0).astype(int),
        "Muon_simMotherPdgId": np.where(is_true, TAU, 0),
        **{f"Muon_v{axis}": point[index] for index, axis in enumerate("xyz")},
        **{f"Muon_{name}": flag for name, flag in muon_flags(generator, muons).items()},
        **_quality(generator, is_real),
        "Muon_BestTrackPt": muons.pt,
        "Muon_BestTrackPtErr": relative * muons.pt * np.exp(0.1 * generator.standard_normal(count)),
    }
    values["Muon_isMVASoft"] = values["Muon_isSoft"]
    return {name: parts.of_muons(content) for name, content in values.items()}


def _quality(generator: Generator, is_real: NDArray[np.bool_]) -> dict[str, Floats]:
    """Quality of the tracks, in the ranges of the real Run 3 file; better for muons that are none from decays in flight."""
    count = len(is_real)
    uniform = generator.uniform(0, 1, (4, count))
    normal = generator.standard_normal((2, count))
    return {
        "Muon_trackerLayersWithMeasurement": np.where(is_real, 9, 6) + np.floor(8 * uniform[0]),
        "Muon_innerTrack_ValidFraction": 0.8 + 0.2 * uniform[1],
        "Muon_innerTrack_normalizedChi2": np.exp(0.5 * normal[0]),
        "Muon_combinedQuality_trkKink": np.where(is_real, 6.2, 12.0) * np.exp(0.8 * normal[1]),
        "Muon_combinedQuality_chi2LocalPosition": generator.exponential(np.where(is_real, 1.0, 4.0), count),
        "Muon_segmentCompatibility": np.where(is_real, 0.3 + 0.7 * uniform[2], 0.8 * uniform[2]),
        "Muon_SoftMVA_Val": np.where(is_real, 0.75 - 0.6 * uniform[3] ** 2, 1.4 * uniform[3] - 1.0),
    }


def candidate_columns(generator: Generator, parts: TauParts) -> dict[str, Column]:
    """Legs, mass, momentum, charge and isolation of the triplets."""
    triplets, muons = parts.triplets, parts.block.muons
    count = len(triplets)
    x, y, z, _ = triplets.momentum
    pt = np.hypot(x, y)
    near = np.where(triplets.true, 0.026, 0.016) * np.exp(1.4 * generator.standard_normal(count))
    alone = generator.uniform(0, 1, count) < np.where(triplets.true, 0.6, 0.35)
    values: dict[str, NDArray[Any]] = {
        "Triplet_Mass": triplets.mass,
        "Triplet_Pt": pt,
        "Triplet_Eta": np.arcsinh(z / pt),
        "Triplet_Phi": np.arctan2(y, x),
        "Triplet_Charge": muons.charge[triplets.legs].sum(axis=0),
        "Triplet_mindca_iso": near,
        "Triplet_relativeiso": np.where(alone, 0, 0.6 * generator.exponential(1.0, count)),
        "Triplet_relativeiso2": np.where(alone, 0, 1.5 * generator.exponential(1.0, count)),
    }
    for leg in range(3):
        values[f"Mu{leg + 1}_TripletIndex"] = triplets.number
        for quantity, suffix in enumerate(QUANTITIES):
            values[f"Mu{leg + 1}_{suffix}"] = triplets.measured[leg, quantity]
    return {name: parts.of_triplets(content) for name, content in values.items()}


def vertex_columns(generator: Generator, parts: TauParts) -> dict[str, Column]:
    """Vertices of the triplets, their distances, and the legs' impact parameters."""
    triplets, muons = parts.triplets, parts.block.muons
    count = len(triplets)
    refitted = triplets.primary + 0.004 * generator.standard_normal((3, count))
    distance = np.sqrt(((triplets.vertex - refitted) ** 2).sum(axis=0))
    pt = np.hypot(triplets.momentum[0], triplets.momentum[1])
    error = triplets.resolution * np.minimum(np.hypot(1, triplets.momentum[2] / pt), 5)
    transverse, transverse_error = beam_spot_distance(triplets.vertex), np.hypot(triplets.resolution, 0.0015)
    values: dict[str, NDArray[Any]] = {
        "TripletVtx_Chi2": triplets.chi2,
        "TripletVtx_NDOF": np.full(count, 3.0),
        "FlightDistPVSV": distance,
        "FlightDistPVSV_Err": error,
        "FlightDistPVSV_Significance": distance / error,
        "FlightDistBS_SV": transverse,
        "FlightDistBS_SV_Err": transverse_error,
        "FlightDistBS_SV_Significance": transverse / transverse_error,
    }
    for index, axis in enumerate("xyz"):
        values[f"TripletVtx_{axis}"] = triplets.vertex[index]
        values[f"RefittedPV_{axis}"] = refitted[index]
        values[f"PV_{axis}"] = triplets.primary[index]
        values[f"BS_{axis}"] = np.full(count, BEAM_SPOT[index])
    for leg, row in enumerate(triplets.legs):
        x, y = muons.origin[0, row] - refitted[0], muons.origin[1, row] - refitted[1]
        leg_error = (0.0012 + 0.006 / muons.pt[row]) * np.exp(0.3 * generator.standard_normal(count))
        impact = y * np.cos(muons.phi[row]) - x * np.sin(muons.phi[row])
        values[f"dxy_mu{leg + 1}"] = impact + 0.3 * leg_error
        values[f"dxyErr_mu{leg + 1}"] = leg_error
    columns: dict[str, Column] = {name: parts.of_triplets(content) for name, content in values.items()}
    tracks = np.maximum(np.rint(30 * np.exp(0.8 * generator.standard_normal(count))), 2.0)
    # these two stay valid where the triplet failed
    columns["RefittedPV_NTracks"] = parts.of_triplets(tracks, sentinel=False)
    columns["RefittedPV_isValid"] = parts.of_triplets(np.ones(count), sentinel=False)
    return columns


def refit_columns(generator: Generator, parts: TauParts) -> dict[str, Column]:
    """The muons refitted to the vertex; -99 in some triplets."""
    triplets = parts.triplets
    absent = generator.uniform(0, 1, len(triplets)) < NO_REFIT_RATE
    values = {
        f"RefTrack{leg + 1}_{suffix}": triplets.refitted[leg, quantity]
        for leg in range(3)
        for quantity, suffix in enumerate(QUANTITIES)
    }
    values |= {"RefittedSV_Mass": triplets.mass, "RefittedSV_Chi2": triplets.chi2}
    return {name: parts.of_triplets(np.where(absent, FAILED, content)) for name, content in values.items()}


def trigger_object_columns(generator: Generator, parts: TauParts) -> dict[str, Column]:
    """Trigger objects of both τ → 3μ filters, at the stored ΔR of each matched muon, and the ΔR of the legs."""
    options, block = parts.options, parts.block
    probability = np.where(block.muons.role == FAKE, MATCHED_FAKE, MATCHED)
    columns: dict[str, Column] = {}
    for suffix, path in (("", signal_path(options)), ("2017", TAU3MU)):
        fired = block.decisions.hlt[:, paths_of(options).index(path)] == 1
        distance = object_distances(generator, probability, fired[block.muons.event], NO_OBJECT)
        if suffix == "" and path == TAU3MU:  # 2017 has no objects of the later filter
            distance = np.full_like(distance, NO_OBJECT)
        tag = f"_{suffix}" if suffix else ""
        for leg, row in enumerate(parts.triplets.legs):
            columns[f"Mu{leg + 1}_dRtriggerMatch{tag}"] = parts.of_triplets(distance[row])
        columns |= _objects(generator, block, distance, f"_HLT{suffix}")
    return columns


def _objects(generator: Generator, block: ThreeMuonBlock, distance: Floats, suffix: str) -> dict[str, Column]:
    """An object near each matched muon; the real ntuples list some twice."""
    near = np.nonzero(distance < 0.03)[0]
    near = np.sort(np.concatenate([near, near[::7]]))
    muons, angle = block.muons, generator.uniform(-np.pi, np.pi, len(block.muons))
    values = {
        "Pt": muons.pt * (1 + 0.015 * generator.standard_normal(len(muons))),
        "Eta": muons.eta + distance * np.cos(angle),
        "Phi": wrap(muons.phi + distance * np.sin(angle)),
    }
    counts = np.bincount(muons.event[near], minlength=len(block))
    return {
        f"Muon{name}{suffix}": Ragged.from_counts(content[near], counts) for name, content in values.items()
    }
