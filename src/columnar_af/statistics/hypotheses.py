"""Tests of signal strengths: the profile likelihood ratios q̃ and q0, their asymptotic formulae and pseudo-experiments.

Cowan, Cranmer, Gross, Vitells, arXiv:1007.1727. The model and the minimizations are pyhf's, with Minuit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pyhf
from scipy.optimize import toms748
from scipy.stats import norm

from columnar_af.statistics.fitting import pyhf_data, pyhf_model
from columnar_af.statistics.model import Model
from columnar_af.statistics.yields import Floats

LEVEL = 0.05
"""1 - confidence level of the exclusions."""
SIGMAS = (-2, -1, 0, 1, 2)
"""Of the background, for which expected limits are given."""
PRECISION = 1e-3
"""Relative, of the asymptotic limits."""
FARTHEST = 100.0
"""The signal strength may be fitted up to this multiple of the first guess."""
DOUBLINGS = 30
"""So often the range in which a limit is looked for is doubled: nine orders of magnitude."""
TOY_POINTS = 7
"""Signal strengths that pseudo-experiments are made for, around the asymptotic limits."""


class HypothesisTest:
    """Tests signal strengths of one model; to be used inside of ``gradient_minuit()``.

    The asymptotic formulae are those of pyhf's ``AsymptoticCalculator`` with q̃ (tests compare the two), but a fit that is
    the same for all strengths is done once, and none is done to Asimov data of the background alone: its minimum is known.

    Args:
        model: With a signal.

    Raises:
        FailedMinimization: A fit did not converge; so do all methods.
    """

    def __init__(self, model: Model) -> None:
        self.guess = signal_guess(model)
        self._built = pyhf_model(model)
        config = self._built.config
        self._bounds = config.suggested_bounds()
        self._bounds[config.poi_index] = (0.0, FARTHEST * max(self.guess, 1.0))
        self._start = config.suggested_init()
        self.data = np.asarray(pyhf_data(model, self._built), float)
        self._background = self._nuisances_of(0.0)
        # All fits start from the one without signal, which is near to most of them; but not with the strength at the limit
        # of its range, where Minuit's inner parameter has no slope.
        self._start = [float(value) for value in self._background]
        self._start[config.poi_index] = 0.5 * self.guess
        self._asimov = self._built.expected_data(self._background)
        self._asimov_minimum = float(pyhf.infer.mle.twice_nll(self._background, self._asimov, self._built)[0])
        self._best = self._free(self.data)
        self._roots: dict[float, tuple[float, float]] = {}

    def _free(self, data: Floats) -> tuple[float, float]:
        """Best signal strength, and -2 ln L there."""
        values, minimum = pyhf.infer.mle.fit(
            data, self._built, self._start, self._bounds, return_fitted_val=True
        )
        return float(values[self._built.config.poi_index]), float(minimum)

    def _fixed(self, strength: float, data: Floats) -> float:
        """-2 ln L with the strength fixed."""
        _, minimum = pyhf.infer.mle.fixed_poi_fit(
            strength, data, self._built, self._start, self._bounds, return_fitted_val=True
        )
        return float(minimum)

    def _nuisances_of(self, strength: float) -> Any:
        """All parameters, fitted to the data with the strength fixed."""
        return pyhf.infer.mle.fixed_poi_fit(strength, self.data, self._built, self._start, self._bounds)

    def q_tilde(self, strength: float, data: Floats, best: tuple[float, float]) -> float:
        """q̃ of a strength: how much worse than the best fit the data agree with it; 0 where they have more signal."""
        return max(self._fixed(strength, data) - best[1], 0.0) if best[0] < strength else 0.0

    def q_0(self, data: Floats, best: tuple[float, float]) -> float:
        """q0: how much worse than the best fit the data agree with no signal; 0 where there are too few events."""
        return max(self._fixed(0.0, data) - best[1], 0.0) if best[0] > 0 else 0.0

    def _roots_of(self, strength: float) -> tuple[float, float]:
        """√q̃ of the data and of the Asimov data."""
        if strength not in self._roots:
            measured = self.q_tilde(strength, self.data, self._best)
            typical = max(self._fixed(strength, self._asimov) - self._asimov_minimum, 0.0)
            self._roots[strength] = math.sqrt(measured), math.sqrt(typical)
        return self._roots[strength]

    def cls(self, strength: float) -> tuple[float, list[float]]:
        """CLs observed and expected (-2 to +2 standard deviations), asymptotic."""
        measured, typical = self._roots_of(strength)
        if measured <= typical or typical == 0:
            shifted = measured - typical
        else:
            shifted = (measured**2 - typical**2) / (2 * typical)
        expected = [float(norm.sf(typical - number) / norm.sf(-number)) for number in SIGMAS]
        return float(norm.sf(shifted + typical) / norm.sf(shifted)), expected

    def limits(self) -> tuple[float, tuple[float, ...]]:
        """Strengths with CLs of 5 %, observed and expected, asymptotic.

        Raises:
            ValueError: There is none.
        """
        # In √q̃ of the Asimov data each expected limit is known, and that root is nearly linear in the strength.
        band = []
        for number in SIGMAS:
            wanted = float(norm.isf(LEVEL * norm.sf(-number))) + number
            band.append(_root(partial(self._above, wanted), self.guess))
        return _root(lambda strength: math.log(LEVEL / self.cls(strength)[0]), band[2]), tuple(band)

    def _above(self, wanted: float, strength: float) -> float:
        return self._roots_of(strength)[1] - wanted

    def p_background(self, toys: int = 0) -> float:
        """p-value of the background alone; with pseudo-experiments, where some are asked for."""
        measured = self.q_0(self.data, self._best)
        if not toys:
            return float(norm.sf(math.sqrt(measured)))
        sampled = [self.q_0(data, self._free(data)) for data in self._experiments(0.0, toys)]
        return float(np.mean(np.array(sampled) >= measured))

    def cls_with_toys(self, strength: float, toys: int) -> tuple[float, list[float]]:
        """As :meth:`cls`, with pseudo-experiments. (pyhf's own break with NumPy 2.4: ``percentile``.)"""
        measured = self.q_tilde(strength, self.data, self._best)
        with_signal, without = (self._sampled(strength, truth, toys) for truth in (strength, 0.0))
        # What the background exceeds in 2.3, 15.9, 50, 84.1, 97.7 % of all cases.
        typical = np.quantile(without, [norm.sf(number) for number in SIGMAS])

        def ratio(value: float) -> float:
            below = np.mean(without >= value)
            return float(np.mean(with_signal >= value) / below) if below else 0.0

        return ratio(measured), [ratio(value) for value in typical]

    def _sampled(self, strength: float, truth: float, toys: int) -> Floats:
        experiments = self._experiments(truth, toys)
        return np.array([self.q_tilde(strength, data, self._free(data)) for data in experiments])

    def _experiments(self, truth: float, toys: int) -> Floats:
        """Pseudo-experiments with a true strength, the nuisance parameters as fitted to the data with it."""
        return np.asarray(self._built.make_pdf(self._nuisances_of(truth)).sample((toys,)))

    def limits_with_toys(self, toys: int) -> tuple[float, tuple[float, ...]]:
        """As :meth:`limits`, from pseudo-experiments at points around the asymptotic limits, linear in ln CLs.

        An expected limit away from the median is NaN where there are too few pseudo-experiments to know it.

        Raises:
            ValueError: There are too few for the observed or the median expected limit.
        """
        observed, band = self.limits()
        points = np.geomspace(0.4 * min(band[0], observed), 1.5 * max(band[-1], observed), TOY_POINTS)
        rows = [self.cls_with_toys(float(point), toys) for point in points]
        least = 0.5 / toys
        found = _crossing(points, [row[0] for row in rows], least)
        crossings = [
            _crossing(points, [row[1][index] for row in rows], least) for index in range(len(SIGMAS))
        ]
        if math.isnan(found) or math.isnan(crossings[2]):
            msg = f"CLs from {toys} pseudo-experiments does not cross 5 % where it should; take more"
            raise ValueError(msg)
        return found, tuple(crossings)


def _root(rising: Callable[[float], float], guess: float) -> float:
    """Where a rising function of the signal strength is 0.

    Raises:
        ValueError: Nowhere within many orders of magnitude.
    """
    low, high = 0.8 * guess, 1.25 * guess
    for _ in range(DOUBLINGS):
        if rising(low) <= 0:
            break
        low, high = low / 2, low
    for _ in range(DOUBLINGS):
        if rising(high) >= 0:
            break
        low, high = high, high * 2
    return float(toms748(rising, low, high, rtol=PRECISION, k=1))


def _crossing(points: Floats, cls: Sequence[float], least: float) -> float:
    """Where CLs falls below the level; NaN where it does not between the points.

    Args:
        points: Signal strengths.
        cls: At the points.
        least: What stands for 0, which has no logarithm.
    """
    logs = np.log(np.maximum(np.asarray(cls, float), least)) - math.log(LEVEL)
    below = np.flatnonzero(logs < 0)
    if not len(below) or below[0] == 0:
        return math.nan
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
