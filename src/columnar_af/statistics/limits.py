"""Limits on a signal and its significance: CLs, asymptotic or with pseudo-experiments, with pyhf and Minuit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from scipy.stats import norm

from columnar_af.statistics.fitting import failure_reason, fit_failures, require_pyhf
from columnar_af.statistics.model import SIGNAL_STRENGTH, Channel, Model, ModelSample

DUMMY = "signal"
"""The signal of a discovery fit: one event in the region, none elsewhere."""


@dataclass(frozen=True)
class HypothesisOptions:
    """How hypotheses are tested.

    Attributes:
        toys: Pseudo-experiments per hypothesis; 0 for the asymptotic formulae (Cowan et al., arXiv:1007.1727).
        seed: Of the pseudo-experiments.
    """

    toys: int = 0
    seed: int = 1

    @property
    def method(self) -> str:
        """In words."""
        return f"{self.toys} pseudo-experiments per hypothesis" if self.toys else "asymptotic"


@dataclass(frozen=True)
class UpperLimit:
    """CLs limit at 95 % on the strength of a signal.

    Attributes:
        signal: Its name.
        observed: None where data are blinded, or the fit failed.
        band: Expected limits at -2, -1, 0, +1, +2 standard deviations of the background; empty where the fit failed, NaN
            where there were too few pseudo-experiments.
        cls_observed, cls_expected: CLs of the signal with strength 1.
        method: ``asymptotic``, or how many pseudo-experiments.
        failure: Why there are no numbers; empty for a success.
    """

    signal: str
    observed: float | None = None
    band: tuple[float, ...] = ()
    cls_observed: float | None = None
    cls_expected: float | None = None
    method: str = "asymptotic"
    failure: str = ""

    @property
    def expected(self) -> float | None:
        """The median expected limit."""
        return self.band[2] if self.band else None

    @property
    def is_excluded(self) -> bool | None:
        """Whether data exclude the signal at 95 %; None where nothing is known."""
        return None if self.observed is None else self.observed < 1


@dataclass(frozen=True)
class Discovery:
    """What a region says about any signal in it.

    Attributes:
        region: Its name.
        p0: p-value of the background alone, at most 0.5; None where data are blinded, or the fit failed.
        s95: Limit on the number of signal events; see :class:`UpperLimit`.
        luminosity: In fb⁻¹; NaN where it is not known.
        failure: Why there is no p0; empty for a success.
    """

    region: str
    p0: float | None
    s95: UpperLimit
    luminosity: float = math.nan
    failure: str = ""

    @property
    def significance(self) -> float | None:
        """In standard deviations, one-sided."""
        return None if self.p0 is None else float(norm.isf(self.p0))

    @property
    def visible_cross_section(self) -> tuple[float | None, float | None]:
        """Observed and expected limit on cross-section x acceptance x efficiency in fb; None where not known."""
        if math.isnan(self.luminosity):
            return None, None
        observed, expected = (
            None if value is None else value / self.luminosity
            for value in (self.s95.observed, self.s95.expected)
        )
        return observed, expected


@contextmanager
def _minuit(seed: int) -> Iterator[None]:
    require_pyhf()
    from columnar_af.statistics.hypotheses import seeded  # noqa: PLC0415  (imports an extra)
    from columnar_af.statistics.pyhf_backend import gradient_minuit  # noqa: PLC0415

    with gradient_minuit(), seeded(seed):
        yield


def upper_limit(model: Model, options: HypothesisOptions | None = None) -> UpperLimit:
    """The limit on the signal of a model.

    Args:
        model: The model; where one of its channels is blinded, the expected background stands there, and ``observed`` is None.
        options: How.
    """
    options = options or HypothesisOptions()
    name = model.signal or ""
    with _minuit(options.seed):
        from columnar_af.statistics.hypotheses import HypothesisTest  # noqa: PLC0415  (imports an extra)

        try:
            test = HypothesisTest(model)
            if options.toys:
                observed, band = test.limits_with_toys(options.toys)
                cls_observed, cls_expected = test.cls_with_toys(1.0, options.toys)
            else:
                observed, band = test.limits()
                cls_observed, cls_expected = test.cls(1.0)
        except fit_failures() as error:
            return UpperLimit(name, method=options.method, failure=failure_reason(error))
    if not (math.isfinite(observed) and math.isfinite(band[2])):
        return UpperLimit(name, method=options.method, failure="the limit is not a finite number")
    found = UpperLimit(name, observed, band, cls_observed, cls_expected[2], options.method)
    return replace(found, observed=None, cls_observed=None) if model.blinded else found


def with_dummy_signal(model: Model, region: str) -> Model:
    """The model without its signal, and with one event of any signal in a region, in its last bin."""
    return replace(
        model,
        signal=DUMMY,
        channels=tuple(
            replace(
                channel,
                samples=(
                    *(sample for sample in channel.samples if not sample.is_signal),
                    *((_one_event(channel),) if channel.name == region else ()),
                ),
            )
            for channel in model.channels
        ),
    )


def _one_event(channel: Channel) -> ModelSample:
    bins = len(channel.edges) - 1
    values = (0.0,) * (bins - 1) + (1.0,)
    return ModelSample(DUMMY, values, (0.0,) * bins, (SIGNAL_STRENGTH,), is_signal=True)


def discovery(
    model: Model,
    region: str,
    luminosity: float = math.nan,
    options: HypothesisOptions | None = None,
) -> Discovery:
    """Look for any signal in one region.

    Args:
        model: The region and the control regions.
        region: Its name.
        luminosity: In fb⁻¹, for the visible cross-section.
        options: How.
    """
    options = options or HypothesisOptions()
    model = with_dummy_signal(model, region)
    limit = upper_limit(model, options)
    if model.blinded:
        return Discovery(region, None, limit, luminosity)
    with _minuit(options.seed):
        from columnar_af.statistics.hypotheses import HypothesisTest  # noqa: PLC0415  (imports an extra)

        try:
            p0 = HypothesisTest(model).p_background(options.toys)
        except fit_failures() as error:
            return Discovery(region, None, limit, luminosity, failure_reason(error))
    if not math.isfinite(p0):
        return Discovery(region, None, limit, luminosity, "p0 is not a finite number")
    return Discovery(region, min(p0, 0.5), limit, luminosity)
