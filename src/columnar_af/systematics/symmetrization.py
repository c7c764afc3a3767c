"""The other side of a one-sided variation."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])


def mirrored(nominal: Number, varied: Number) -> Number:
    """2·nominal − varied, and not below 0: the down side of an up variation, or the reverse.

    It is what the notebook of adonofri/INFN_na_interactive_analysis does with its one-sided trees. A yield or bin whose
    variation is more than twice the nominal one gets 0, so that the mirrored side is then smaller than the given one.

    Args:
        nominal, varied: Yields or contents of bins, of the same shape.
    """
    return np.maximum(2.0 * nominal - varied, 0.0)
