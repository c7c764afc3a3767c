"""The journal of a run on disk: what was planned, what became of it, and the partial results to go on from."""
