"""What a simulated sample truly holds, from the truth files that lie beside its ntuples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from columnar_af.results.run_result import RunResult

TRUTH_FILES = "*truth.json"
"""``truth.json`` of one sample, or a file with the truth of several by name, beside the ntuples."""
NEEDED = {"selected_in_peak", "selected", "files", "options"}
"""Keys of the truth of a sample."""


@dataclass(frozen=True)
class Injected:
    """The truth of simulated data.

    Attributes:
        ds: Selected events in 1.93 to 2.01 GeV whose candidate truly is a D_s.
        dplus: The same for the D⁺ at all masses.
        from_b: Fraction from B decays of the selected D_s at all masses; NaN where it is not known.
        generated: D_s → φ(μμ)π before any selection; None where it is not known.
    """

    ds: int
    dplus: int
    from_b: float
    generated: int | None = None


def injected(result: RunResult, datasets: Sequence[str]) -> Injected | None:
    """The truth of some datasets together.

    Returns:
        None where a file has no truth beside it, as real data, or where only a part of a sample was run over.
    """
    entries = [entry for entry in result.ledger if entry.dataset in datasets]
    paths = sorted({Path(entry.file) for entry in entries})
    samples = [truth for folder in sorted({path.parent for path in paths}) for truth in _truths(folder)]
    chosen = [truth for truth in samples if any(path.name in truth["files"] for path in paths)]
    covered = {name for truth in chosen for name in truth["files"]}
    done = sum(entry.entries for entry in entries if entry.status == "done")
    if not chosen or any(path.name not in covered for path in paths):
        return None
    if done != sum(truth["options"]["events"] for truth in chosen):
        return None
    origins = np.concatenate([_is_prompt(path) for path in paths])
    return Injected(
        ds=sum(truth["selected_in_peak"]["ds"] for truth in chosen),
        dplus=sum(truth["selected"]["dplus"] for truth in chosen),
        from_b=float(1 - np.mean(origins)) if len(origins) else float("nan"),
        generated=sum(numbers) if None not in (numbers := _generated(chosen)) else None,
    )


def _generated(truths: Sequence[dict[str, Any]]) -> list[Any]:
    """Generated D_s of each sample; None where a sample of an older version does not say."""
    return [truth.get("generated", {}).get("ds") for truth in truths]


def _truths(folder: Path) -> list[dict[str, Any]]:
    """The truths of the samples in a folder; what is no truth is passed over."""
    truths = []
    for path in sorted(folder.glob(TRUTH_FILES)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            candidates = [content, *content.values()]
            truths += [each for each in candidates if isinstance(each, dict) and set(each) >= NEEDED]
    return truths


def _is_prompt(path: Path) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each selected true D_s of a file is prompt; nothing where the truth of its events is not there."""
    beside = path.with_suffix(".truth.npz")
    if not beside.is_file():
        return np.zeros(0, np.bool_)
    with np.load(beside, allow_pickle=False) as events:
        chosen = (events["selected"] >= 0) & (events["selected"] == events["true_triplet"])
        return np.asarray(events["prompt"][chosen & (events["kind"] == 1)])
