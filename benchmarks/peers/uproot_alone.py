"""uproot and awkward without coffea: all columns read at once, then the expert's selection."""

from __future__ import annotations

import time
from pathlib import Path

import awkward as ak
import hist
import numpy as np
import uproot

from peers import awkward_expert, awkward_plain
from peers.layout import DECISIONS, MASS_BINS, MASS_RANGE, NAMES, NUMBERS, TREE, Selected


def run(path: Path, spans: dict[str, float]) -> Selected:
    """Read, then select; ``spans`` gets the seconds of both."""
    started = time.perf_counter()
    with uproot.open(path) as file:
        columns = file[TREE].arrays([*NAMES, *DECISIONS, *NUMBERS], how=dict)
    read = time.perf_counter()
    fired = np.asarray(awkward_plain.fired(_Events(columns)))
    mass = awkward_expert.select(_Events(columns)[fired])
    values = ak.to_numpy(ak.fill_none(mass, np.nan))
    hist.Hist(hist.axis.Regular(MASS_BINS, *MASS_RANGE)).fill(values[~np.isnan(values)])
    whole = np.full(len(fired), np.nan)
    whole[fired] = values
    spans |= {"read": read - started, "select": time.perf_counter() - read}
    return Selected.of_events(whole)


class _Events:
    """Columns by attribute or key; a mask selects events of those that are used, when they are used."""

    def __init__(self, columns: dict[str, ak.Array], mask: np.ndarray | None = None) -> None:
        self._columns, self._mask = columns, mask

    def __getattr__(self, name: str) -> ak.Array:
        values = self._columns[name]
        return values if self._mask is None else values[self._mask]

    def __getitem__(self, key: object) -> object:
        if isinstance(key, str):
            return getattr(self, key)
        if self._mask is None:
            return _Events(self._columns, key)
        whole = self._mask.copy()
        whole[self._mask] = key
        return _Events(self._columns, whole)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()))) if self._mask is None else int(self._mask.sum())
