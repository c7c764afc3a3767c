"""Ntuples: the schemas that turn branches into events, their writers, and the simulation of both layouts."""
