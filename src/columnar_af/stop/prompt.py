"""Which simulated leptons are prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PROMPT_ORIGINS = (10, 12, 13, 14, 22, 43)
"""Origins of MCTruthClassifier that count as prompt: top, W, Z, Higgs, SUSY, diboson (LoopSUSYFrame)."""

UNKNOWN_ORIGIN = 0

SAMPLES_WITHOUT_ORIGIN = (410142, 410144, *range(364242, 364250))
"""Numbers of samples in which a lepton of unknown origin counts as prompt, too (LoopSUSYFrame)."""


def is_prompt(origin: NDArray[Any], channel_number: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a lepton of this origin, in this sample, is prompt.

    Args:
        origin: Of MCTruthClassifier, NaN where there is no lepton.
        channel_number: Number of the sample, same shape.
    """
    known = np.isin(origin, PROMPT_ORIGINS)
    return known | ((origin == UNKNOWN_ORIGIN) & np.isin(channel_number, SAMPLES_WITHOUT_ORIGIN))
