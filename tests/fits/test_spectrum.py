from __future__ import annotations

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from columnar_af.errors import ConfigError
from columnar_af.fits.spectrum import Spectrum


def test_range_of_a_weighted_histogram():
    histogram = hist.Hist(hist.axis.Regular(4, 0, 4), storage=hist.storage.Weight())
    histogram.fill([0.5, 1.5, 1.6, 2.5, 3.5], weight=[1, 2, 3, 4, 5])
    spectrum = Spectrum.of_histogram(histogram, 1, 3)
    assert spectrum.counts.tolist() == [5, 4]
    assert spectrum.variances.tolist() == [13, 16]
    assert spectrum.edges.tolist() == [1, 2, 3]
    assert spectrum.is_weighted
    assert spectrum.entries == 9


def test_counts_have_their_own_variance():
    histogram = hist.Hist(hist.axis.Regular(4, 0, 4))
    histogram.fill([0.5, 0.6])
    assert not Spectrum.of_histogram(histogram, 0, 4).is_weighted


@given(st.lists(st.floats(0, 0.999), max_size=50), st.lists(st.floats(0, 0.999), max_size=50))
def test_rebinning_and_adding_lose_nothing(one, other):
    first, second = (Spectrum.of_masses(np.array(values), 0, 1, 12) for values in (one, other))
    both = Spectrum.of_masses(np.array(one + other), 0, 1, 12)
    assert (first + second).counts.tolist() == both.counts.tolist()
    assert both.rebinned(3).counts.tolist() == np.histogram(one + other, 4, (0, 1))[0].tolist()
    assert both.rebinned(3).edges == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_other_bins_do_not_add_up():
    with pytest.raises(ConfigError, match="different bins"):
        Spectrum.of_masses(np.zeros(1), 0, 1, 3) + Spectrum.of_masses(np.zeros(1), 0, 1, 4)
