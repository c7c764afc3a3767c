"""The generated particles of simulated events, as the ntuples list them."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from columnar_af.ntuples.simulation.t3m_collections import FAKE, wrap
from columnar_af.ntuples.simulation.t3m_event import BACKGROUND, Block
from columnar_af.ntuples.simulation.t3m_options import T3MOptions
from columnar_af.ntuples.simulation.t3m_physics import MUON, PHI, PION
from columnar_af.ntuples.tree_entries import Column, Ragged

OTHER_KINDS = (211, 321, 13, 14, 11, 12)
OTHER_RATES = (0.865, 0.115, 0.005, 0.005, 0.008, 0.002)
"""Kinds of other particles: 16698 π, 2209 K, 256 μ, 30 ν_μ, 255 e, 29 ν_e among 19884 in the real file."""

OTHERS_MEDIAN, OTHERS_SPREAD = 165.0, 0.45
"""Particles per event beside the decay chain: log-normal, median 170 and 5 % to 95 % from 78 to 333 in the real file."""

CHAIN = 5
"""D, φ, μ+, μ-, π."""

PROMPT_DS, DS_FROM_B = 1, 2
"""GenParticle_isDs; -1 for what is no D_s."""


def generated_columns(generator: Generator, options: T3MOptions, block: Block) -> dict[str, Column]:
    """The GenParticle branches of a block; data has none."""
    if options.is_data:
        return _empty(len(block))
    has_chain = block.kind != BACKGROUND
    size = OTHERS_MEDIAN * np.exp(OTHERS_SPREAD * generator.standard_normal(len(block)))
    others = np.maximum(size, 20).astype(int)
    counts = others + CHAIN * has_chain
    total = int(counts.sum())
    starts = np.cumsum(counts) - counts
    sign = generator.choice(np.array([-1, 1]), total)
    pdg = generator.choice(np.array(OTHER_KINDS), total, p=OTHER_RATES) * sign
    mother = generator.choice(np.array([21, 1, 2, 113, 213, 223, 311, 2101]), total)
    pt = 0.47 * np.exp(1.15 * generator.standard_normal(total))
    values = np.stack([pt, 2.9 * generator.standard_normal(total), generator.uniform(-np.pi, np.pi, total)])
    is_ds = np.full(total, -1)
    _put_chain(block, starts[has_chain], pdg, mother, values, is_ds)
    integers = {"PdgId": pdg, "MotherPdgId": mother, "isDs": is_ds}
    integers["isB"] = integers["isBdecay"] = np.full(total, -1)
    floats = dict(zip(("Pt", "Eta", "Phi"), values.astype(np.float32), strict=True))
    return {
        f"GenParticle_{name}": Ragged.from_counts(content, counts)
        for name, content in {**integers, **floats}.items()
    }


def _put_chain(
    block: Block,
    rows: NDArray[np.int64],
    pdg: NDArray[np.int64],
    mother: NDArray[np.int64],
    values: NDArray[np.float64],
    is_ds: NDArray[np.int64],
) -> None:
    """Write the D and what it decays to over the first particles of the events that have one."""
    decays = block.decays
    sign = np.sign(decays.pdg_id)
    codes = (
        decays.pdg_id,
        np.full(len(decays), PHI),
        np.full(len(decays), -MUON),
        np.full(len(decays), MUON),
    )
    mothers = (decays.mother, decays.pdg_id, np.full(len(decays), PHI), np.full(len(decays), PHI))
    momenta = (*decays.parents, decays.legs[0], decays.legs[1], decays.legs[2])
    for place, (code, parent) in enumerate(
        zip((*codes, PION * sign), (*mothers, decays.pdg_id), strict=True)
    ):
        pdg[rows + place], mother[rows + place] = code, parent
        values[:, rows + place] = momenta[place]
        values[2, rows + place] = wrap(momenta[place][2])
    is_ds[rows[np.abs(decays.pdg_id) == 431]] = np.where(np.abs(decays.mother) == 4, PROMPT_DS, DS_FROM_B)[
        np.abs(decays.pdg_id) == 431
    ]


def _empty(events: int) -> dict[str, Column]:
    names = ("PdgId", "MotherPdgId", "isDs", "isB", "isBdecay", "Pt", "Eta", "Phi")
    nothing = np.zeros(events, int)
    return {f"GenParticle_{name}": Ragged.from_counts(np.zeros(0), nothing) for name in names}


def muon_truth(options: T3MOptions, block: Block) -> dict[str, NDArray[np.int64]]:
    """PDG codes of the muons and their mothers, and the flavour of simulated hits: 0 where nothing was matched."""
    muons = block.muons
    true = (muons.role != FAKE) & (block.kind[muons.event] != BACKGROUND)
    if options.is_data:
        true = np.zeros(len(muons), np.bool_)
    return {
        "Muon_PdgId": np.where(true, -MUON * muons.charge, 0).astype(int),
        "Muon_MotherPdgId": np.where(true, PHI, 0),
        "Muon_simFlavour": np.where(true, 3, 0),
    }
