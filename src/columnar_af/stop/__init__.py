"""The soft-lepton stop search: its variables by name, fake leptons, stitching of samples, blinding."""
