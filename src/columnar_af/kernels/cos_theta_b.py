"""cos(theta_b): polar angle of the leptons along the beam in the frame where their rapidities are opposite."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(nogil=True, cache=True)
def cos_theta_b(
    eta_positive: NDArray[np.floating], eta_negative: NDArray[np.floating]
) -> NDArray[np.float64]:
    """tanh((eta+ - eta-) / 2), per event; analyses cut on its modulus.

    Definition: alexarmstrongvi/LexStop2LAnalysis (leptons taken as massless).

    Args:
        eta_positive, eta_negative: Pseudorapidities of the positive and the negative lepton, shape (events,).

    Returns:
        The cosine, in [-1, 1], shape (events,).
    """
    cosine = np.empty(len(eta_positive), np.float64)
    for event in range(len(eta_positive)):
        cosine[event] = math.tanh((eta_positive[event] - eta_negative[event]) / 2)
    return cosine
