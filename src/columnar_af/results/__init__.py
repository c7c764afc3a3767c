"""Results: cutflows, histograms, yields, ledger, metrics and provenance of a run; saved, loaded, shown."""
