"""Converters from the analysts' tables to correctionlib: ROOT TH2 and JSON dumps of muon factors, ROOT TH1 of pile-up.

The formats are those of the public code: ``TH2F pt_abseta_ratio`` (x pt, y |η|) of github fsimone91/Tau3Mu_Analysis_MVA and
``NUM_MediumAndGlobal_DEN_Tracks_abseta_pt`` (x |η|, y pt) of github Ma128-bit/Tau3muRun3; ``SF2017_SF.json`` with the keys
``"0.9,1.2"`` -> ``"3.0,3.25"`` -> ``value``, ``error``; ``TH1 PileUp_Reweighting``. Values are converted as they are: what is
not believable in them is left to the rules that evaluate the table, which count it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import correctionlib.schemav2 as schema
import numpy as np
import uproot
from numpy.typing import NDArray

from columnar_af.errors import ConfigError, OutputError

Values = NDArray[np.float64]
Axis = Literal["pt", "abseta"]

SHIFT = "scale_factors"
"""Name of the string input, as in the muon tables of CMS."""


@dataclass(frozen=True)
class BinnedFactors:
    """Muon factors in |η| and pt.

    Attributes:
        eta_edges, pt_edges: GeV.
        values, errors: ``(n_eta, n_pt)``; 0 where nothing was measured.
    """

    eta_edges: Values
    pt_edges: Values
    values: Values
    errors: Values


def from_th2(path: str | Path, histogram: str, x: Axis) -> BinnedFactors:
    """Muon factors of a ROOT histogram.

    Args:
        path: ROOT file.
        histogram: Path of a TH2 in it.
        x: What its x axis is; the y axis is the other one.

    Raises:
        ConfigError: The file cannot be read, has no such TH2, or an axis that is no |η| or pt.
    """
    values, errors, edges = _histogram(path, histogram, 2)
    eta_edges, pt_edges = (edges[1], edges[0]) if x == "pt" else (edges[0], edges[1])
    values, errors = (values.T, errors.T) if x == "pt" else (values, errors)
    if eta_edges[-1] > pt_edges[-1] or eta_edges[0] < 0:
        msg = f"{path}: the axis of |η| would go from {eta_edges[0]:g} to {eta_edges[-1]:g}, that of pt to {pt_edges[-1]:g}"
        raise ConfigError(msg, advice=f"say with --x which axis is x: it is not {x}")
    return BinnedFactors(eta_edges, pt_edges, values, errors)


def from_th1(path: str | Path, histogram: str) -> tuple[Values, Values]:
    """Pile-up weights of a ROOT histogram: edges ``(n + 1,)`` and weights ``(n,)``."""
    values, _, edges = _histogram(path, histogram, 1)
    return edges[0], values


def _histogram(path: str | Path, name: str, dimension: int) -> tuple[Values, Values, list[Values]]:
    try:
        with uproot.open(path) as file:
            if name not in file:
                found = [
                    key.split(";")[0] for key, kind in file.classnames().items() if kind.startswith("TH")
                ]
                msg = f"{path} has no histogram {name!r}; it has {', '.join(found) or 'none'}"
                raise ConfigError(msg, advice="name one of them")
            histogram = file[name]
            if not histogram.classname.startswith(f"TH{dimension}"):
                msg = f"{name} in {path} is a {histogram.classname}; expected a TH{dimension}"
                raise ConfigError(msg, advice="name another histogram")
            edges = [np.asarray(histogram.axis(axis).edges(), dtype=float) for axis in range(dimension)]
            return np.asarray(histogram.values(), float), np.asarray(histogram.errors(), float), edges
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read as a ROOT file: {error}"
        raise ConfigError(msg, advice="give a ROOT file with histograms") from error


def from_json_dump(path: str | Path) -> BinnedFactors:
    """Muon factors of a JSON dump; bins that are ``null`` are 0, and those beyond the measured range left out.

    Raises:
        ConfigError: The file is no such dump, or its bins leave gaps or overlap.
    """
    try:
        table = json.loads(Path(path).read_text(encoding="utf-8"))
        while not _is_bins(table):
            (table,) = table.values()  # names of the identification and of the axes
        rows = {_pair(key): {_pair(p): _cell(c) for p, c in row.items()} for key, row in table.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        msg = f"{path} is no dump of muon factors: {error}"
        raise ConfigError(
            msg, advice='expected {"0,0.9": {"2.0,2.5": {"value": ..., "error": ...}}}'
        ) from error
    measured = {p for row in rows.values() for p, cell in row.items() if cell[1] > 0 or cell[0] != 0}
    if not measured:
        msg = f"{path} holds no measured bin"
        raise ConfigError(msg)
    every = {p for row in rows.values() for p in row}
    pt_bins = [p for p in sorted(every) if min(measured)[0] <= p[0] <= max(measured)[0]]
    eta_bins = sorted(rows)
    cells = np.array([[rows[eta].get(pt, (0.0, 0.0)) for pt in pt_bins] for eta in eta_bins])
    return BinnedFactors(_edges(eta_bins, path), _edges(pt_bins, path), cells[..., 0], cells[..., 1])


def _is_bins(table: Mapping[str, Any]) -> bool:
    return all("," in key for key in table)


def _pair(key: str) -> tuple[float, float]:
    low, high = key.strip("[]() ").split(",")
    return float(low), float(high)


def _cell(cell: Mapping[str, float | None]) -> tuple[float, float]:
    return float(cell["value"] or 0.0), float(cell["error"] or 0.0)


def _edges(bins: Sequence[tuple[float, float]], path: str | Path) -> Values:
    for (_, end), (begin, _) in pairwise(bins):
        if end != begin:
            msg = f"{path}: a bin ends at {end:g} and the next begins at {begin:g}"
            raise ConfigError(msg, advice="correct the bins of the dump")
    return np.array([bins[0][0], *(high for _, high in bins)])


def muon_correction(name: str, factors: BinnedFactors, description: str) -> schema.Correction:
    """A correctionlib correction in abseta, pt and the shift (``nominal``, ``systup``, ``systdown``).

    A muon outside of the bins raises when the table is evaluated directly; :class:`MuonFactor` has a rule for it.
    """
    shifts = {
        "nominal": factors.values,
        "systup": factors.values + factors.errors,
        "systdown": factors.values - factors.errors,
    }
    content = [
        schema.CategoryItem(key=key, value=_grid(factors, np.nan_to_num(values)))
        for key, values in shifts.items()
    ]
    return schema.Correction(
        name=name,
        description=description,
        version=1,
        inputs=[
            schema.Variable(name="abseta", type="real", description="absolute pseudorapidity"),
            schema.Variable(name="pt", type="real", description="transverse momentum, GeV"),
            schema.Variable(name=SHIFT, type="string", description="nominal, systup or systdown"),
        ],
        output=schema.Variable(name="weight", type="real", description="data over simulation"),
        data=schema.Category(nodetype="category", input=SHIFT, content=content),
    )


def _grid(factors: BinnedFactors, values: Values) -> schema.MultiBinning:
    content: list[Any] = values.ravel().tolist()  # of numbers; the field's type is a list of any node
    return schema.MultiBinning(
        nodetype="multibinning",
        inputs=["abseta", "pt"],
        edges=[factors.eta_edges.tolist(), factors.pt_edges.tolist()],
        content=content,
        flow="error",
    )


def pile_up_correction(
    name: str, edges: Values, weights: Mapping[str, Values], description: str
) -> schema.Correction:
    """A correctionlib correction in the true number of interactions.

    Args:
        name: Of the correction.
        edges: ``(n + 1,)``.
        weights: ``nominal`` and, where there are, ``up`` and ``down`` -> ``(n,)``.
        description: Of the correction.
    """
    content = [
        schema.CategoryItem(
            key=key,
            value=schema.Binning(
                nodetype="binning",
                input="NumTrueInteractions",
                edges=edges.tolist(),
                content=np.nan_to_num(values).tolist(),
                flow="clamp",
            ),
        )
        for key, values in weights.items()
    ]
    return schema.Correction(
        name=name,
        description=description,
        version=1,
        inputs=[
            schema.Variable(
                name="NumTrueInteractions", type="real", description="true number of interactions"
            ),
            schema.Variable(name="weights", type="string", description="nominal, up or down"),
        ],
        output=schema.Variable(name="weight", type="real", description="data over simulation"),
        data=schema.Category(nodetype="category", input="weights", content=content),
    )


def write(path: str | Path, corrections: Sequence[schema.Correction], description: str) -> None:
    """Write a correctionlib file.

    Raises:
        OutputError: It cannot be written.
    """
    content = schema.CorrectionSet(schema_version=2, description=description, corrections=list(corrections))
    try:
        Path(path).write_text(content.model_dump_json(exclude_unset=True, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"{path} cannot be written: {error}"
        raise OutputError(msg) from error
