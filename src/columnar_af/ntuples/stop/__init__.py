"""Ntuples of the soft-lepton stop search."""
