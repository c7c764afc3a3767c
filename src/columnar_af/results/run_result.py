"""RunResult: what a run gives back, with everything needed to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from columnar_af.results.ledger import Ledger
from columnar_af.results.metrics import Metrics
from columnar_af.results.provenance import Provenance


@dataclass(frozen=True)
class DatasetSummary:
    """What was done of a dataset.

    Attributes:
        name: Name of the dataset.
        metadata: Its metadata (era, luminosity in fb⁻¹, cross_section in pb, is_data, ...).
        entries: Planned entries.
        processed: Entries that were really processed; normalization uses this number.
        failed: Entries in chunks that failed.
    """

    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    entries: int = 0
    processed: int = 0
    failed: int = 0

    @property
    def skipped(self) -> int:
        """Entries in bad files that were left out on request."""
        return self.entries - self.processed - self.failed

    @classmethod
    def of(cls, name: str, metadata: Mapping[str, Any], ledger: Ledger) -> DatasetSummary:
        """The summary of a dataset from the ledger of a run."""
        mine = ledger.of(name)
        return cls(name, metadata, mine.planned, mine.done, mine.failed)


@dataclass(frozen=True)
class RunResult:
    """What a run gives back.

    Attributes:
        output: The merged output of the processor, as the processor shapes it: ``{dataset: {...}}`` or flat.
        datasets: Dataset name -> what was done of it.
        ledger: What became of every planned entry.
        metrics: What it cost.
        provenance: What it was made from, with what, where and when.
    """

    output: Any
    datasets: Mapping[str, DatasetSummary] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    metrics: Metrics = field(default_factory=Metrics)
    provenance: Provenance = field(default_factory=Provenance)
