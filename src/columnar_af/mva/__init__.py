"""Classifiers: their input columns, export of the columns as a flat ntuple, inference with a given model."""

from __future__ import annotations
