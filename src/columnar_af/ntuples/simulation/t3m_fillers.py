"""Branches of the full layouts that no cut looks at: values of the right size and shape, independent of the rest.

Ranges are those of the public 2017 simulation file (AOD) and of the real Run 3 file (branches that came with MINI).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_columns import BlockParts
from columnar_af.ntuples.simulation.t3m_options import Layout
from columnar_af.ntuples.tree_entries import Column, Ragged

NOT_GLOBAL = -999.0
"""Sentinel of a muon that is not global, or has no outer track."""


@dataclass(frozen=True)
class Recipe:
    """How to draw the values of a branch.

    Attributes:
        kind: ``constant``, ``flag`` (1 with a probability), ``normal``, ``lognormal`` (median, spread), ``exponential``,
            ``uniform`` or ``integers`` (both ends included).
        parameters: Of the distribution.
        needs_global: -999 for muons that are not global.
    """

    kind: str
    parameters: tuple[float, ...]
    needs_global: bool = False

    def draw(self, generator: Generator, count: int) -> NDArray[np.float64]:
        """``count`` values, with float precision as most of the real branches."""
        return DRAW[self.kind](generator, count, *self.parameters).astype(np.float32).astype(float)


DRAW: Mapping[str, Callable[..., NDArray[Any]]] = {
    "constant": lambda _, count, value: np.full(count, value),
    "flag": lambda generator, count, rate: generator.uniform(0, 1, count) < rate,
    "normal": lambda generator, count, mean, width: mean + width * generator.standard_normal(count),
    "lognormal": lambda generator, count, median, spread: (
        median * np.exp(spread * generator.standard_normal(count))
    ),
    "exponential": lambda generator, count, mean: generator.exponential(mean, count),
    "uniform": lambda generator, count, low, high: generator.uniform(low, high, count),
    "integers": lambda generator, count, low, high: generator.integers(low, high, count, endpoint=True),
}

MUON_RECIPES: dict[str, Recipe] = {
    "MuonChi2P": Recipe("exponential", (6.0,)),
    "MuonChi2LocalPosition": Recipe("exponential", (1.5,)),
    "MuonGlbTrackProbability": Recipe("exponential", (1.5,)),
    "MuonTrkRelChi2": Recipe("lognormal", (0.2, 0.8)),
    "MuonTrkKink": Recipe("lognormal", (6.4, 0.9)),
    "Muon_isCaloMuon": Recipe("constant", (0.0,)),
    "Muon_isQualityValid": Recipe("flag", (0.98,)),
    "Muon_isTimeValid": Recipe("flag", (0.9,)),
    "Muon_isIsolationValid": Recipe("constant", (1.0,)),
    "Muon_numberOfMatchedStations": Recipe("integers", (0, 4)),
    "Muon_numberOfMatches": Recipe("integers", (0, 5)),
    "Muon_SoftMVA_Val": Recipe("uniform", (-1, 0.75)),
    "Muon_timeAtIpInOut": Recipe("normal", (0, 12)),
    "Muon_timeAtIpInOutErr": Recipe("lognormal", (1.1, 0.5)),
    "Muon_GLnormChi2": Recipe("lognormal", (1.0, 0.4), needs_global=True),
    "Muon_GLhitPattern_numberOfValidMuonHits": Recipe("integers", (5, 48), needs_global=True),
    "Muon_trackerLayersWithMeasurement": Recipe("integers", (6, 17)),
    "Muon_Numberofvalidpixelhits": Recipe("integers", (1, 7)),
    "Muon_outerTrack_normalizedChi2": Recipe("lognormal", (0.85, 0.6), needs_global=True),
    "Muon_outerTrack_muonStationsWithValidHits": Recipe("integers", (1, 4), needs_global=True),
    "Muon_innerTrack_normalizedChi2": Recipe("lognormal", (1.0, 0.5)),
    "Muon_QInnerOuter": Recipe("constant", (1.0,), needs_global=True),
    "Muon_combinedQuality_updatedSta": Recipe("flag", (0.75,)),
    "Muon_combinedQuality_trkKink": Recipe("lognormal", (6.4, 0.9)),
    "Muon_combinedQuality_glbKink": Recipe("lognormal", (2e4, 2.0)),
    "Muon_combinedQuality_trkRelChi2": Recipe("lognormal", (0.2, 0.8)),
    "Muon_combinedQuality_staRelChi2": Recipe("lognormal", (0.4, 0.6)),
    "Muon_combinedQuality_chi2LocalPosition": Recipe("exponential", (1.5,)),
    "Muon_combinedQuality_chi2LocalMomentum": Recipe("exponential", (6.0,)),
    "Muon_combinedQuality_localDistance": Recipe("exponential", (8.0,)),
    "Muon_combinedQuality_globalDeltaEtaPhi": Recipe("exponential", (0.02,)),
    "Muon_combinedQuality_tightMatch": Recipe("flag", (0.7,)),
    "Muon_combinedQuality_glbTrackProbability": Recipe("exponential", (1.5,)),
    "Muon_calEnergy_em": Recipe("exponential", (0.3,)),
    "Muon_calEnergy_emS9": Recipe("exponential", (0.7,)),
    "Muon_calEnergy_emS25": Recipe("exponential", (1.3,)),
    "Muon_calEnergy_had": Recipe("exponential", (2.8,)),
    "Muon_calEnergy_hadS9": Recipe("exponential", (4.5,)),
    "Muon_segmentCompatibility": Recipe("uniform", (0, 1)),
    "Muon_caloCompatibility": Recipe("uniform", (0, 1)),
    "Muon_validMuonHitComb": Recipe("integers", (5, 29)),
    "Muon_innerTrack_ValidFraction": Recipe("uniform", (0.8, 1)),
    "Muon_Numberofvalidtrackerhits": Recipe("integers", (10, 26)),
    "Muon_innerTrack_highPurity": Recipe("flag", (0.99,)),
}
for _cone in ("03", "05"):
    MUON_RECIPES |= {
        f"Muon_emEt{_cone}": Recipe("exponential", (4.0,)),
        f"Muon_hadEt{_cone}": Recipe("exponential", (4.5,)),
        f"Muon_nJets{_cone}": Recipe("flag", (0.2,)),
        f"Muon_nTracks{_cone}": Recipe("integers", (0, 8)),
        f"Muon_sumPt{_cone}": Recipe("exponential", (13.0,)),
        f"Muon_hadVetoEt{_cone}": Recipe("exponential", (2.2,)),
        f"Muon_emVetoEt{_cone}": Recipe("exponential", (1.5,)),
    }

TRACK_RECIPES: dict[str, Recipe] = {
    "Track_normalizedChi2": Recipe("lognormal", (0.95, 0.45)),
    "Track_numberOfValidHits": Recipe("integers", (10, 25)),
}

TRIPLET_RECIPES: dict[str, Recipe] = {
    "Mu1_NTracks03iso": Recipe("integers", (0, 8)),
    "Mu2_NTracks03iso": Recipe("integers", (0, 8)),
    "Tr_NTracks03iso": Recipe("integers", (0, 8)),
    "Triplet_relativeiso2": Recipe("exponential", (1.5,)),
    "RefittedPV_Chi2": Recipe("lognormal", (74.0, 0.8)),
    "RefittedPV_nDOF": Recipe("integers", (5, 180)),
    "PV_bis_Chi2": Recipe("lognormal", (76.0, 0.8)),
    "PV_bis_nDOF": Recipe("integers", (5, 183)),
    "DistXY_PVSV": Recipe("lognormal", (0.16, 1.5)),
    "DistXY_significance_PVSV": Recipe("lognormal", (10.7, 1.5)),
}
for _leg in "123":
    TRIPLET_RECIPES[f"Triplet_IsoMu{_leg}"] = Recipe("exponential", (20.0,))
    TRIPLET_RECIPES[f"IsoTrackMu{_leg}_Pt"] = Recipe("lognormal", (0.9, 0.7))
    TRIPLET_RECIPES[f"IsoTrackMu{_leg}_Eta"] = Recipe("uniform", (-2.4, 2.4))
    TRIPLET_RECIPES[f"IsoTrackMu{_leg}_Phi"] = Recipe("uniform", (-3.14, 3.14))
for _pair in ("12", "23", "13"):
    TRIPLET_RECIPES[f"Vtx{_pair}_Chi2"] = Recipe("exponential", (2.0,))
    TRIPLET_RECIPES[f"Vtx{_pair}_nDOF"] = Recipe("constant", (1.0,))
    for _axis, _width in (("x", 0.5), ("y", 0.5), ("z", 4.0)):
        TRIPLET_RECIPES[f"Vtx{_pair}_{_axis}"] = Recipe("normal", (0.0, _width))


def filled(
    generator: Generator, parts: BlockParts, columns: Mapping[str, Column], names: Mapping[str, str]
) -> dict[str, Column]:
    """The branches ``names`` that ``columns`` lacks.

    Args:
        generator: Random numbers.
        parts: Of the block.
        columns: The branches that have a meaning of their own.
        names: All branches to write.
    """
    copies = _copies(parts)
    return {
        name: copies[name] if name in copies else _draw(generator, parts, name)
        for name in names
        if name not in columns
    }


def _draw(generator: Generator, parts: BlockParts, name: str) -> Column:
    block = parts.block
    if name in MUON_RECIPES:
        recipe = MUON_RECIPES[name]
        values = recipe.draw(generator, len(block.muons))
        if recipe.needs_global:
            values = np.where(parts.measured.flags["isGlobal"] == 1, values, NOT_GLOBAL)
        return Ragged.from_counts(values, block.muons.counts(len(block)))
    if name in TRACK_RECIPES:
        values = TRACK_RECIPES[name].draw(generator, len(block.tracks))
        return Ragged.from_counts(values, block.tracks.counts(len(block)))
    if name in TRIPLET_RECIPES:
        return parts.of_triplets(TRIPLET_RECIPES[name].draw(generator, len(parts.triplets)))
    # trigger objects of paths that did not fire, their matches, and generated matches that the tree maker only fills
    # for both muons of a φ: empty lists
    return Ragged.from_counts(np.zeros(0), np.zeros(len(block), int))


def _copies(parts: BlockParts) -> dict[str, Column]:
    """Branches that repeat others: inner and best tracks of muons, vertex counts."""
    muons = parts.block.muons
    counts = muons.counts(len(parts.block))
    is_global = parts.measured.flags["isGlobal"] == 1
    momentum = muons.pt * np.cosh(muons.eta)
    relative = 0.008 + 0.004 * np.abs(muons.eta)
    values: dict[str, NDArray[Any]] = {
        "Muon_isStandAloneMuon": np.maximum(
            parts.measured.flags["isGlobal"], parts.measured.flags["isRPCMuon"]
        ),
        "Muon_innerTrack_p": momentum,
        "Muon_innerTrack_eta": muons.eta,
        "Muon_innerTrack_phi": muons.phi,
        "Muon_outerTrack_p": np.where(is_global, momentum, NOT_GLOBAL),
        "Muon_outerTrack_eta": np.where(is_global, muons.eta, NOT_GLOBAL),
        "Muon_outerTrack_phi": np.where(is_global, muons.phi, NOT_GLOBAL),
        "Muon_ptErrOverPt": relative,
        "Muon_trackerVetoPt03": muons.pt.astype(np.float32),
        "Muon_trackerVetoPt05": muons.pt.astype(np.float32),
        "Muon_BestTrackPt": muons.pt,
        "Muon_BestTrackPtErr": relative * muons.pt,
        "Muon_BestTrackEta": muons.eta,
        "Muon_BestTrackEtaErr": np.full(len(muons), 6e-4),
        "Muon_BestTrackPhi": muons.phi,
        "Muon_BestTrackPhiErr": np.full(len(muons), 6e-4),
    }
    copies: dict[str, Column] = {
        name: Ragged.from_counts(content, counts) for name, content in values.items()
    }
    is_aod = parts.options.layout is Layout.AOD_2017
    copies["PVCollection_Size"] = np.zeros(len(parts.block), int) if is_aod else parts.block.pile_up
    # the tree maker of MINI lost them: 0 in every event of the real Run 3 file
    copies["PV_NTracks"] = parts.of_triplets(np.full(len(parts.triplets), 17.0 if is_aod else 0.0))
    return copies
