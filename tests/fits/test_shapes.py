from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from columnar_af.errors import ConfigError
from columnar_af.fits.mass_model import DPLUS_MEAN, DPLUS_SIGMA, DS_MEAN, DS_SIGMA, mass_model
from columnar_af.fits.shapes import BACKGROUNDS, PEAKS, Shape, johnson

LOW, HIGH = 1.65, 2.01


def all_shapes() -> list[Shape]:
    peaks = [make(DS_MEAN, DS_SIGMA, LOW, HIGH) for make in PEAKS.values()]
    return peaks + [make(LOW, HIGH) for make in BACKGROUNDS.values()]


@pytest.mark.parametrize("shape", all_shapes(), ids=lambda shape: shape.name)
@settings(max_examples=20)
@given(data=st.data())
def test_density_integrates_to_the_cdf_and_that_to_one(shape, data):
    """At the start, and anywhere in the inner half of the limits."""
    values = [data.draw(st.floats(p.start, p.start + 0.5 * (p.high - p.start))) for p in shape.parameters]
    x = np.linspace(LOW, HIGH, 4_001)
    cdf, pdf = shape.cdf(x, *values), shape.pdf(x, *values)
    assert cdf[0] == pytest.approx(0, abs=1e-12)
    assert cdf[-1] == pytest.approx(1)
    steps = (pdf[1:] + pdf[:-1]) / 2 * np.diff(x)
    assert np.abs(np.cumsum(steps) - cdf[1:]).max() < 2e-5


@pytest.mark.parametrize(("skewness", "tail"), [(0.0, 0.02), (-1.0, 0.4), (2.0, 0.3)])
def test_johnson_has_the_mean_and_standard_deviation_of_its_parameters(skewness, tail):
    wide = johnson(DS_MEAN, DS_SIGMA, 0.0, 4.0)
    x = np.linspace(0, 4, 400_001)
    density = wide.pdf(x, 1.97, 0.02, skewness, tail) * (x[1] - x[0])
    mean = np.sum(x * density)
    assert mean == pytest.approx(1.97, abs=1e-6)
    assert np.sqrt(np.sum((x - mean) ** 2 * density)) == pytest.approx(0.02, rel=1e-4)


def test_simplest_forms_are_gaussians():
    """What a peak becomes when no tail can be measured."""
    x = np.linspace(1.9, 2.01, 200)
    expected = stats.norm.pdf(x, 1.97, 0.015)
    for make in PEAKS.values():
        shape = make(DS_MEAN, DS_SIGMA, 1.0, 3.0)
        values = {"mean": 1.97, "sigma": 0.015} | (
            dict(shape.simplifications[-1].fixed) if shape.simplifications else {}
        )
        density = shape.pdf(x, *[values[parameter.name] for parameter in shape.parameters])
        assert density == pytest.approx(expected, abs=2e-3 * expected.max())


def test_a_flat_exponential_is_the_limit_of_small_slopes():
    shape = BACKGROUNDS["exponential"](LOW, HIGH)
    x = np.linspace(LOW, HIGH, 11)
    assert shape.pdf(x, 0.0) == pytest.approx(shape.pdf(x, 1e-6), rel=1e-5)
    assert shape.cdf(x, 0.0) == pytest.approx(shape.cdf(x, 1e-6), abs=1e-5)


def test_shared_tails_are_one_parameter():
    shared = mass_model(LOW, HIGH, peak="crystal-ball")
    own = mass_model(LOW, HIGH, peak="crystal-ball", shared_tails=False)
    assert {"tail_alpha", "tail_n"} < set(shared.names)
    assert {"ds_alpha", "ds_n", "dplus_alpha", "dplus_n"} < set(own.names)
    assert len(own.names) == len(shared.names) + 2
    assert [step.note.split(":")[0] for step in shared.simplifications[:2]] == ["both peaks", "both peaks"]


def test_model_is_the_sum_of_its_components():
    model = mass_model(LOW, HIGH, peak="johnson")
    start = {name: parameter.start for name, parameter in model.shape_parameters.items()}
    values = [100.0, 50.0, 300.0, *[start[name] for name in model.names[3:]]]
    edges = np.linspace(LOW, HIGH, 37)
    parts = model.component_counts(edges, values)
    assert [sum(counts) for counts in parts.values()] == pytest.approx([100, 50, 300])
    assert sum(parts.values()) == pytest.approx(np.diff(model.scaled_cdf(edges, *values)))
    number, density = model.scaled_pdf(edges, *values)
    assert number == 450
    assert np.sum(density) * 0.01 == pytest.approx(450, rel=0.02)
    assert DPLUS_MEAN.start < DS_MEAN.start
    assert DPLUS_SIGMA.high == 0.05


@pytest.mark.parametrize("kind", ["peak", "background"])
def test_unknown_shapes_are_refused_with_those_there_are(kind):
    with pytest.raises(ConfigError, match=rf"unknown {kind} shape 'voigt': expected one of "):
        mass_model(LOW, HIGH, **{kind: "voigt"})
