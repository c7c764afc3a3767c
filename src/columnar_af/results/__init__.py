"""Results of a run: histograms, cutflows, yields, ledger, metrics, provenance; saved, loaded, shown, compared."""

from __future__ import annotations

from columnar_af.results.ledger import Ledger, LedgerEntry
from columnar_af.results.metrics import Metrics
from columnar_af.results.provenance import InputRecord, Provenance
from columnar_af.results.run_result import DatasetSummary, RunResult

__all__ = ["DatasetSummary", "InputRecord", "Ledger", "LedgerEntry", "Metrics", "Provenance", "RunResult"]
