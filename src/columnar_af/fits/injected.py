"""What a simulated sample truly holds, from the truth files that lie beside its ntuples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from columnar_af.results.ledger import LedgerEntry
from columnar_af.results.run_result import RunResult

TRUTH_FILE = "truth.json"


@dataclass(frozen=True)
class Injected:
    """The truth of simulated data.

    Attributes:
        ds: Selected events in 1.93 to 2.01 GeV whose candidate truly is a D_s.
        dplus: The same for the D⁺ at all masses.
        from_b: Fraction from B decays of the selected D_s at all masses; NaN where it is not known.
    """

    ds: int
    dplus: int
    from_b: float


def injected(result: RunResult, datasets: Sequence[str]) -> Injected | None:
    """The truth of some datasets together.

    Returns:
        None where a file has no truth beside it, as real data, or where only a part of a sample was run over.
    """
    entries = [entry for entry in result.ledger if entry.dataset in datasets]
    folders = sorted({Path(entry.file).parent for entry in entries})
    truths = [_truth(folder, entries) for folder in folders]
    known = [truth for truth in truths if truth is not None]
    if not known or len(known) < len(truths):
        return None
    origins = np.concatenate(
        [_is_prompt(folder, truth) for folder, truth in zip(folders, known, strict=True)]
    )
    return Injected(
        ds=sum(truth["selected_in_peak"]["ds"] for truth in known),
        dplus=sum(truth["selected"]["dplus"] for truth in known),
        from_b=float(1 - np.mean(origins)) if len(origins) else float("nan"),
    )


def _truth(folder: Path, entries: Sequence[LedgerEntry]) -> dict[str, Any] | None:
    """The truth of the sample in a folder, if all of the sample is in the ledger and done."""
    try:
        truth = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(truth, dict) or not {"selected_in_peak", "selected", "files", "options"} <= set(truth):
        return None
    here = [entry for entry in entries if Path(entry.file).parent == folder]
    done = sum(entry.entries or 0 for entry in here if entry.status == "done")
    return truth if done == truth["options"]["events"] else None


def _is_prompt(folder: Path, truth: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each selected true D_s of a sample is prompt."""
    parts = [np.zeros(0, np.bool_)]
    for name in truth["files"]:
        if name.endswith(".truth.npz") and (folder / name).is_file():
            with np.load(folder / name, allow_pickle=False) as events:
                chosen = (events["selected"] >= 0) & (events["selected"] == events["true_triplet"])
                parts.append(events["prompt"][chosen & (events["kind"] == 1)])
    return np.concatenate(parts)
