"""Columns of a small tree with every type of branch."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np

BRANCHES = {
    "event": "unsigned long long",
    "good": "bool",
    "pt": "vector<float>",
    "mass": "vector<double>",
    "charge": "vector<int>",
    "is_global": "vector<bool>",
    "name": "vector<string>",
    "decision": "vector<int>",
}


def make_columns(entries: int, seed: int = 1) -> dict[str, Any]:
    """Columns for :data:`BRANCHES`; every seventh entry is empty, and the list of names changes at two thirds."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, 9, entries)
    counts[::7] = 0
    total = int(counts.sum())
    menus = [["HLT_A_v1", "HLT_B_v3", "L" * 300], ["HLT_A_v2", "HLT_C_v1"]]
    names = [menus[0] if entry < 2 * entries // 3 else menus[1] for entry in range(entries)]
    names = [[] if entry % 11 == 5 else name for entry, name in enumerate(names)]

    def jagged(values: np.ndarray) -> ak.Array:
        return ak.unflatten(values, counts)

    return {
        "event": np.arange(entries, dtype=np.uint64) + 2**63,
        "good": random.random(entries) < 0.5,
        "pt": jagged(random.normal(size=total).astype(np.float32)),
        "mass": jagged(random.normal(size=total)),
        "charge": jagged(random.integers(-1, 2, total).astype(np.int32)),
        "is_global": jagged(random.random(total) < 0.3),
        "name": ak.Array(names),
        "decision": ak.unflatten(
            random.integers(0, 2, sum(map(len, names))).astype(np.int32), list(map(len, names))
        ),
    }


def short_names(columns: dict[str, Any]) -> dict[str, Any]:
    """The same columns with the long name cut: the writer has no long strings."""
    names = [[name[:200] for name in entry] for entry in columns["name"].to_list()]
    return {**columns, "name": ak.Array(names) if any(names) else ak.Array([[""]])[:, 1:]}
