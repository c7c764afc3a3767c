"""Sums of generated weights of the file of a chunk, as a set that merges without counting a file twice."""

from __future__ import annotations

from typing import Any

from columnar_af.ntuples.stop import sums_of_weights
from columnar_af.ntuples.stop.chunk_columns import mapping_of


def generated_sums(events: Any) -> set[tuple[str, str, float]]:
    """File, histogram and sum of weights, for each histogram of sums in the file of the events.

    Args:
        events: As the processor gets them, or a selection of them.

    Raises:
        ReadError: The file has no sum of weights, or one that is not positive.
    """
    name = str(events.metadata["filename"])
    sums = sums_of_weights(events if mapping_of(events) is not None else name)
    return {(name, histogram, value) for histogram, value in sums.items()}
