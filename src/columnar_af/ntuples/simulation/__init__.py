"""Simulated ntuples in the real layouts, with a truth that an analysis must find back."""
