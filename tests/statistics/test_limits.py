"""Limits: published numbers, pyhf's own formulae, pseudo-experiments, and signals that are found back."""

from __future__ import annotations

import math

import numpy as np
import pyhf
import pytest

from columnar_af.errors import ConfigError
from columnar_af.statistics.building import ModelOptions, build_model
from columnar_af.statistics.by_hand import counted
from columnar_af.statistics.counts import Counts, count
from columnar_af.statistics.fitting import expectations, fit, pyhf_data, pyhf_model
from columnar_af.statistics.hypotheses import HypothesisTest, seeded
from columnar_af.statistics.limits import HypothesisOptions, UpperLimit, discovery, upper_limit
from columnar_af.statistics.pyhf_backend import gradient_minuit
from columnar_af.statistics.yields import YieldTable
from tests.statistics.stop_results import stop_result

PUBLISHED = {"10 12.8 3.2": (8.2, 9.6), "19 19.3 2.7": (11.1, 11.1)}
"""arXiv:2102.01444, both four-body signal regions: S95 observed and expected, as SModelS' database has them."""


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_counts_give_published_limits(text):
    found = count(Counts.parse(text), luminosity=139)
    observed, expected = PUBLISHED[text]
    assert found.s95.observed == pytest.approx(observed, rel=0.15)
    assert found.s95.expected == pytest.approx(expected, rel=0.15)
    assert found.p0 == pytest.approx(0.5, abs=1e-3)
    visible = found.visible_cross_section
    assert visible[0] == pytest.approx(observed / 139, rel=0.15)


def test_the_region_of_36_fb_has_a_small_excess():
    found = count(Counts.parse("SR4body 30 28 6"))
    # 2 events more, with √28 and 6 as uncertainties: a quarter of a standard deviation
    assert found.significance == pytest.approx(2 / math.sqrt(28 + 36), abs=0.05)
    assert found.s95.observed > found.s95.expected
    assert found.visible_cross_section == (None, None)


def test_pseudo_experiments_agree_with_the_asymptotic_formulae():
    # 30 on 28: many events, so that the formulae hold
    asymptotic = count(Counts.parse("30 28 6"))
    toys = count(Counts.parse("30 28 6"), options=HypothesisOptions(toys=50, seed=3))
    assert toys.s95.method == "50 pseudo-experiments per hypothesis"
    assert toys.s95.observed == pytest.approx(asymptotic.s95.observed, rel=0.35)
    assert toys.p0 == pytest.approx(asymptotic.p0, abs=0.2)


@pytest.mark.parametrize(
    "text", ["10 12.8", "10 12.8 x", "-1 12.8 3", "10 0 3", "10 12 -3", "1 2 3 4 5", "10 nan 3"]
)
def test_wrong_counts_are_errors(text):
    with pytest.raises(ConfigError, match="expected events observed"):
        Counts.parse(text)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.5])
def test_asymptotic_formulae_are_those_of_pyhf(strength):
    model = build_model(YieldTable.of(stop_result()), ModelOptions(), "stop4body_450_40")
    with gradient_minuit():
        test = HypothesisTest(model)
        observed, expected = test.cls(strength)
        built = pyhf_model(model)
        start = built.config.suggested_init()
        theirs = pyhf.infer.hypotest(
            strength, pyhf_data(model, built), built, init_pars=start, return_expected_set=True
        )
    assert observed == pytest.approx(float(theirs[0]), rel=2e-3)
    np.testing.assert_allclose(expected, np.array(theirs[1], float), rtol=2e-3)


def test_limits_are_where_cls_is_five_percent():
    model = build_model(YieldTable.of(stop_result()), ModelOptions(), "stop4body_450_40")
    with gradient_minuit():
        test = HypothesisTest(model)
        observed, band = test.limits()
        assert test.cls(observed)[0] == pytest.approx(0.05, rel=5e-3)
        for index, limit in enumerate(band):
            assert test.cls(limit)[1][index] == pytest.approx(0.05, rel=1e-2)
    assert list(band) == sorted(band)


def test_a_fit_that_does_not_converge_gives_no_number():
    model = Counts.parse("10 12.8 3.2").model()
    broken = model.with_observed({"SR": (math.nan,)})
    found = discovery(broken, "SR")
    assert found.failure
    assert found.p0 is None
    assert (found.s95.observed, found.s95.expected, found.s95.band) == (None, None, ())
    assert found.visible_cross_section == (None, None)
    assert fit(broken).failure
    assert fit(broken).parameters == ()


def test_pseudo_experiments_have_a_seed_and_leave_the_generator_as_it_was():
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    with seeded(1):
        first = np.random.random(3)  # noqa: NPY002
    with seeded(1):
        np.testing.assert_array_equal(first, np.random.random(3))  # noqa: NPY002
    assert np.random.random() == expected  # noqa: NPY002


def test_excluded_is_what_has_a_limit_below_one():
    assert UpperLimit("a", 0.8, (1, 2, 3, 4, 5)).is_excluded is True
    assert UpperLimit("a", 1.2, (1, 2, 3, 4, 5)).is_excluded is False
    assert UpperLimit("a", None, (1, 2, 3, 4, 5)).is_excluded is None


STRENGTH = 1.5


def search(observed):
    """Two control regions, a signal region, two free normalizations, two nuisance parameters."""
    expected = {
        "CRtop": {"ttbar": (400.0, 8.0), "VV": (30.0, 2.0), "sig": 0.3},
        "CRDib": {"ttbar": (40.0, 3.0), "VV": (150.0, 5.0), "sig": 0.3},
        "SRA": {
            "ttbar": {"Nominal": (12.0, 0.6), "JET__1up": 12.6, "JET__1down": 11.5},
            "VV": {"Nominal": (10.0, 0.5), "JET__1up": 10.3, "JET__1down": 9.8, "MET": 10.2},
            "sig": {"Nominal": (20.0, 0.5), "JET__1up": 20.8, "JET__1down": 19.4},
        },
    }  # fmt: skip
    return build_model(counted(expected, observed, signals=["sig"]), ModelOptions(), "sig")


TRUTH = {"CRtop": 430.0 + 0.3 * STRENGTH, "CRDib": 190.0 + 0.3 * STRENGTH, "SRA": 22.0 + 20.0 * STRENGTH}


def test_an_injected_signal_is_found_back():
    fitted = fit(search({name: float(round(value)) for name, value in TRUTH.items()}))
    assert fitted.succeeded
    strength = fitted["mu_sig"]
    assert abs(strength.value - STRENGTH) < strength.error
    assert strength.error == pytest.approx(math.sqrt(52) / 20, rel=0.25)
    assert fitted["mu_ttbar"].value == pytest.approx(1, abs=3 * fitted["mu_ttbar"].error)


def test_pulls_of_an_injected_signal_are_unbiased():
    generator = np.random.default_rng(2102)
    pulls = []
    for _ in range(50):
        observed = {name: float(generator.poisson(value)) for name, value in TRUTH.items()}
        strength = fit(search(observed))["mu_sig"]
        pulls.append((strength.value - STRENGTH) / strength.error)
    # 50 pulls of width 1: mean known to 0.14, width to 0.10
    assert abs(np.mean(pulls)) < 3 / math.sqrt(50)
    assert np.std(pulls, ddof=1) == pytest.approx(1, abs=0.3)


def test_expectations_before_and_after_a_fit():
    model = search({"CRtop": 500.0, "CRDib": 190.0, "SRA": 20.0}).only(["CRtop", "CRDib"])
    before = expectations(model)
    assert before["CRtop"].sample_all_bins["ttbar"][0] == 400
    # before the fit free normalizations have no error: statistics of the simulation only
    assert before["CRtop"].total_all_bins == (pytest.approx(430), pytest.approx(math.hypot(8, 2), rel=1e-6))
    background = build_model(
        counted(
            {"CRtop": {"ttbar": (400.0, 8.0), "VV": 30.0}, "CRDib": {"ttbar": 40.0, "VV": 150.0}, "SRA": {"ttbar": 12.0, "VV": 10.0}},
            {"CRtop": 500.0, "CRDib": 190.0, "SRA": 20.0},
        ),
        ModelOptions(),
    )  # fmt: skip
    fitted = fit(background.only(["CRtop", "CRDib"]))
    after = expectations(background, fitted)
    assert after["CRtop"].total_all_bins == (
        pytest.approx(500, rel=1e-3),
        pytest.approx(math.sqrt(500), rel=0.01),
    )
    assert after["CRDib"].total_all_bins[0] == pytest.approx(190, rel=1e-3)
    scale = fitted["mu_ttbar"].value
    assert after["SRA"].sample_all_bins["ttbar"][0] == pytest.approx(12 * scale)
    # the sum knows that the two normalizations are anticorrelated
    parts = [after["SRA"].sample_all_bins[name][1] for name in ("ttbar", "VV")]
    assert after["SRA"].total_all_bins[1] < math.hypot(*parts)


def test_blinded_channels_give_expected_limits_only():
    model = search({"CRtop": 430.0, "CRDib": 190.0})
    assert model.blinded == ("SRA",)
    limit = upper_limit(model)
    assert limit.observed is None
    assert 0.3 < limit.expected < 1.0
    assert (
        discovery(build_model(counted({"SRA": {"b": 10.0}}), ModelOptions(normalized=())), "SRA").p0 is None
    )
