"""Limits on a signal and its significance: CLs, asymptotic or with pseudo-experiments, with pyhf and Minuit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from columnar_af.statistics.fitting import failure_reason, pyhf_data, pyhf_model, require_pyhf
from columnar_af.statistics.model import SIGNAL_STRENGTH, Channel, Model, ModelSample

LEVEL = 0.05
"""1 - confidence level of the exclusions."""
PRECISION = 1e-3
"""Relative, of the asymptotic limits."""
FARTHEST = 100.0
"""The signal strength may be fitted up to this multiple of the first guess."""
TOY_POINTS = 7
"""Signal strengths that pseudo-experiments are made for, around the asymptotic limits."""

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
        band: Expected limits at -2, -1, 0, +1, +2 standard deviations of the background; empty where the fit failed.
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


def upper_limit(model: Model, options: HypothesisOptions | None = None) -> UpperLimit:
    """The limit on the signal of a model.

    Args:
        model: Its blinded channels must hold what stands for the data (see ``with_observed``); then ``observed`` of the
            answer is to be ignored.
        options: How.
    """
    require_pyhf()
    import pyhf  # noqa: PLC0415  (an extra)

    from columnar_af.statistics.pyhf_backend import gradient_minuit  # noqa: PLC0415  (imports an extra)

    options = options or HypothesisOptions()
    name = model.signal or ""
    with gradient_minuit():
        try:
            test = _Test(model)
            found = test.asymptotic()
            if options.toys:
                found = test.with_toys(found, options)
        except (pyhf.exceptions.FailedMinimization, ValueError) as error:
            return UpperLimit(name, method=options.method, failure=failure_reason(error))
    if not all(math.isfinite(value) for value in (found.observed or 0.0, *found.band)):
        return UpperLimit(name, method=options.method, failure="the limit is not a finite number")
    if model.blinded:
        return replace(found, observed=None, cls_observed=None)
    return found


class _Test:
    """Tests signal strengths of one model; to be used inside of ``gradient_minuit()``."""

    def __init__(self, model: Model) -> None:
        import pyhf  # noqa: PLC0415  (an extra)

        self.name = model.signal or ""
        self.guess = signal_guess(model)
        self.built = pyhf_model(model)
        self.data = pyhf_data(model, self.built)
        config = self.built.config
        self.bounds = config.suggested_bounds()
        self.bounds[config.poi_index] = (0.0, FARTHEST * max(self.guess, 1.0))
        # All fits start from the one without signal, which is near to most of them.
        start = pyhf.infer.mle.fixed_poi_fit(0.0, self.data, self.built, par_bounds=self.bounds)
        self.start = [float(value) for value in start]

    def p_background(self, toys: int) -> float:
        """p-value of the background alone."""
        measured = self.statistic("q0", 0.0, self.data)
        if not toys:
            return float(norm.sf(math.sqrt(measured)))
        return float(np.mean(self.sampled("q0", 0.0, 0.0, toys) >= measured))

    def hypothesis(self, strength: float) -> tuple[float, list[float]]:
        """Observed and expected CLs, asymptotic."""
        import pyhf  # noqa: PLC0415  (an extra)

        observed, expected = pyhf.infer.hypotest(
            strength, self.data, self.built, init_pars=self.start, par_bounds=self.bounds,
            return_expected_set=True,
        )  # fmt: skip
        return float(observed), [float(value) for value in expected]

    def asymptotic(self) -> UpperLimit:
        from pyhf.infer.intervals import upper_limits  # noqa: PLC0415  (an extra)

        # not upper_limits.upper_limit, which in pyhf 0.7.6 leaves out the level
        observed, expected = upper_limits.toms748_scan(
            self.data, self.built, 0.05 * self.guess, 4 * self.guess, level=LEVEL, rtol=PRECISION,
            init_pars=self.start, par_bounds=self.bounds,
        )  # fmt: skip
        cls_observed, cls_expected = self.hypothesis(1.0)
        band = tuple(float(value) for value in expected)
        return UpperLimit(self.name, float(observed), band, cls_observed, cls_expected[2])

    def with_toys(self, asymptotic: UpperLimit, options: HypothesisOptions) -> UpperLimit:
        """CLs at points around the asymptotic limits, and the limits between them, linear in ln CLs."""
        low = 0.5 * min(asymptotic.band[0], asymptotic.observed or math.inf)
        high = 1.5 * max(asymptotic.band[-1], asymptotic.observed or 0.0)
        points = np.geomspace(low, high, TOY_POINTS)
        with seeded(options.seed):
            rows = [self._toys(float(point), options.toys) for point in points]
            cls_observed, cls_expected = self._toys(1.0, options.toys)
        crossings = [
            _crossing(points, [row[0] for row in rows]),
            *(_crossing(points, [row[1][index] for row in rows]) for index in range(5)),
        ]
        return UpperLimit(
            self.name, crossings[0], tuple(crossings[1:]), cls_observed, cls_expected[2], options.method
        )

    def _toys(self, strength: float, number: int) -> tuple[float, list[float]]:
        """Observed and expected CLs, as :meth:`hypothesis`; pyhf's own breaks with NumPy 2.4 (``percentile``)."""
        measured = self.statistic("qtilde", strength, self.data)
        with_signal = self.sampled("qtilde", strength, strength, number)
        without = self.sampled("qtilde", strength, 0.0, number)
        # What the background gives in 97.7, 84.1, 50, 15.9, 2.3 % of all cases is at -2 to +2 standard deviations.
        typical = np.quantile(without, norm.sf(np.arange(-2, 3)))

        def cls(value: float) -> float:
            below = np.mean(without >= value)
            return float(np.mean(with_signal >= value) / below) if below else 0.0

        return cls(measured), [cls(value) for value in typical]

    def statistic(self, kind: str, strength: float, data: Any) -> float:
        """The test statistic q̃ or q0 of a signal strength."""
        import pyhf  # noqa: PLC0415  (an extra)

        function = pyhf.infer.utils.get_test_stat(kind)
        fixed = self.built.config.suggested_fixed()
        return float(function(strength, data, self.built, self.start, self.bounds, fixed))

    def sampled(self, kind: str, strength: float, truth: float, number: int) -> np.ndarray[Any, Any]:
        """The test statistic of a strength in pseudo-experiments with a true one, nuisance parameters fitted to data."""
        import pyhf  # noqa: PLC0415  (an extra)

        parameters = pyhf.infer.mle.fixed_poi_fit(truth, self.data, self.built, self.start, self.bounds)
        experiments = self.built.make_pdf(parameters).sample((number,))
        return np.array([self.statistic(kind, strength, experiment) for experiment in experiments])


def _crossing(points: Sequence[float] | np.ndarray[Any, Any], cls: Sequence[float]) -> float:
    """Where CLs falls below the level.

    Raises:
        ValueError: It does not, between the points.
    """
    logs = np.log(np.maximum(np.asarray(cls, float), 1e-12)) - math.log(LEVEL)
    below = np.flatnonzero(logs < 0)
    if not len(below) or below[0] == 0:
        msg = "CLs does not cross 5 % at any signal strength that was tried; take more pseudo-experiments"
        raise ValueError(msg)
    right = int(below[0])
    share = logs[right - 1] / (logs[right - 1] - logs[right])
    return float(points[right - 1] + share * (points[right] - points[right - 1]))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, which pyhf draws pseudo-experiments from, and set it back in the end."""
    before = np.random.get_state()  # noqa: NPY002  (pyhf has no other)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def signal_guess(model: Model) -> float:
    """Signal strength of about two standard deviations of the background in the best channel: the scale of the limit."""
    scales = []
    for channel in model.channels:
        signal = sum(sum(sample.values) for sample in channel.samples if sample.is_signal)
        if signal > 0:
            scales.append(2 * (1 + math.sqrt(sum(channel.expected))) / signal)
    return min(scales)


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
    require_pyhf()
    import pyhf  # noqa: PLC0415  (an extra)

    from columnar_af.statistics.pyhf_backend import gradient_minuit  # noqa: PLC0415  (imports an extra)

    options = options or HypothesisOptions()
    model = with_dummy_signal(model, region)
    limit = upper_limit(model, options)
    if model.blinded:
        return Discovery(region, None, limit, luminosity)
    with gradient_minuit(), seeded(options.seed):
        try:
            p0 = _Test(model).p_background(options.toys)
        except (pyhf.exceptions.FailedMinimization, ValueError) as error:
            return Discovery(region, None, limit, luminosity, failure_reason(error))
    if not math.isfinite(p0):
        return Discovery(region, None, limit, luminosity, "p0 is not a finite number")
    return Discovery(region, min(p0, 0.5), limit, luminosity)
