from __future__ import annotations

import numpy as np
import pytest

from columnar_af.kernels.decay_length import proper_decay_length


def test_by_hand():
    """0.1 cm at βγ = 10: 0.1 mm."""
    assert proper_decay_length(0.1, 2.0, 20.0) == pytest.approx(0.1)


def test_mean_is_c_tau():
    generator = np.random.default_rng(1)
    momentum = generator.uniform(5, 30, 100_000)
    flight = generator.exponential(0.0151, 100_000) * momentum / 1.968
    assert proper_decay_length(flight, 1.968, momentum).mean() == pytest.approx(0.151, rel=0.02)
