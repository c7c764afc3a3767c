"""Benchmarks: what a processor costs on a fileset, against the size of the data, workers and variations."""

from __future__ import annotations
