"""Fits: mass spectra to yields, sWeights, and the fraction of D_s from B decays."""
