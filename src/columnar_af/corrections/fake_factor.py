"""Converter of fake factors from ROOT TH2 (x pt, y |η|, one for electrons and one for muons) to correctionlib.

The format is that of the public ``fake_factors_Stop2L.root`` of github root-project/rootbench (LoopSUSYFrame), whose bins are empty
where nothing was measured. Its reader falls back to bins of lower pt and then of lower |η|, and so does this converter, once;
where there is no lower pt, to the next higher one. Bins are half-open, and what lies outside takes the nearest bin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import correctionlib.schemav2 as schema
import numpy as np
from numpy.typing import NDArray

from columnar_af.corrections.conversion import BinnedFactors
from columnar_af.errors import ConfigError

NAME = "fake_factor"
SIGNS = {"nominal": 0, "up": 1, "down": -1}


def filled_up(factors: BinnedFactors) -> tuple[BinnedFactors, int]:
    """The factors with empty bins filled, and the number of these.

    Raises:
        ConfigError: No bin is filled, or one is negative or no number.
    """
    values, errors = factors.values.copy(), factors.errors.copy()
    measured = values > 0
    if not measured.any() or not np.isfinite(values).all() or (values < 0).any():
        msg = "a table of fake factors needs numbers, none of which is negative, and at least one above 0"
        raise ConfigError(msg, advice="choose another histogram")
    rows = np.flatnonzero(measured.any(axis=1))
    for row in range(len(values)):
        lower = rows[rows <= row]
        source = lower[-1] if len(lower) else rows[0]
        filled = _nearest_lower(np.flatnonzero(measured[source]), values.shape[1])
        values[row], errors[row] = factors.values[source, filled], factors.errors[source, filled]
    return replace(factors, values=values, errors=errors), int(np.count_nonzero(~measured))


def _nearest_lower(measured: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """For each bin the nearest measured one that is not higher; the lowest measured one where there is none."""
    return measured[np.maximum(np.searchsorted(measured, np.arange(size), side="right") - 1, 0)]


def fake_factor_correction(flavours: Mapping[str, BinnedFactors], description: str) -> schema.Correction:
    """A correctionlib correction in flavour, shift, abseta and pt (GeV).

    Args:
        flavours: ``electron`` and ``muon`` -> factors; empty bins are filled.
        description: Where they are from.
    """
    items, notes = [], []
    for flavour, factors in flavours.items():
        full, empty = filled_up(factors)
        if empty:
            notes.append(f"{empty} empty bins of {flavour}s filled from lower pt, then lower |eta|")
        items.append(schema.CategoryItem(key=flavour, value=_shifts(full)))
    return schema.Correction(
        name=NAME,
        description="; ".join([description, *notes]),
        version=1,
        inputs=[
            schema.Variable(name="flavour", type="string", description="electron or muon"),
            schema.Variable(name="shift", type="string", description="nominal, up or down"),
            schema.Variable(name="abseta", type="real", description="absolute pseudorapidity"),
            schema.Variable(name="pt", type="real", description="transverse momentum, GeV"),
        ],
        output=schema.Variable(
            name="factor", type="real", description="identified over anti-identified non-prompt leptons"
        ),
        data=schema.Category(nodetype="category", input="flavour", content=items),
    )


def _shifts(factors: BinnedFactors) -> schema.Category:
    content = []
    for key, sign in SIGNS.items():
        values: list[Any] = np.maximum(factors.values + sign * factors.errors, 0.0).ravel().tolist()
        bins = schema.MultiBinning(
            nodetype="multibinning",
            inputs=["abseta", "pt"],
            edges=[factors.eta_edges.tolist(), factors.pt_edges.tolist()],
            content=values,
            flow="clamp",
        )
        content.append(schema.CategoryItem(key=key, value=bins))
    return schema.Category(nodetype="category", input="shift", content=content)
