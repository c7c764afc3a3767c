"""The fraction of D_s from B decays: a template fit of the proper decay length, with the statistics of the templates.

D_s from a B fly farther from the primary vertex: the B flies first. The templates are simulated D_s of either origin; the
data are weighted so that only the D_s peak counts (github Ma128-bit/Tau3muRun3, Utilities/B_D_ratio.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import hist
import numpy as np
from iminuit import Minuit
from iminuit.cost import Template
from numpy.typing import NDArray
from scipy import stats

from columnar_af.fits.fit_result import GoodnessOfFit
from columnar_af.fits.minimization import propagated
from columnar_af.fits.shapes import Values

LEAST_TEMPLATE = 10.0
"""A template of fewer simulated events says nothing about a shape in 25 bins."""
LEAST_EXPECTED, LEAST_SIGNIFICANCE = 10.0, 3.0
"""So many D_s are expected in each bin of the fit at least, and so many times the error of their number."""
LEAST_BINS = 4
"""With fewer bins the fit of two templates has hardly a shape to look at."""
NAMES = ("from_b", "prompt")
START = 0.2
"""Fraction from B where the fit starts (RUN3)."""


@dataclass(frozen=True)
class Distribution:
    """A binned variable with its statistics.

    Attributes:
        values, variances: Sums of weights and of squared weights, ``(n_bins,)``.
        edges: ``(n_bins + 1,)``, mm.
    """

    values: Values = field(repr=False)
    variances: Values = field(repr=False)
    edges: Values = field(repr=False)

    @classmethod
    def of_histogram(cls, histogram: hist.Hist) -> Distribution:
        """A weighted histogram, with its overflow in the last bin."""
        view = histogram.view(flow=True)
        values, variances = (np.array(view[name][1:-1], dtype=float) for name in ("value", "variance"))
        values[-1] += view["value"][-1]
        variances[-1] += view["variance"][-1]
        return cls(values, variances, np.asarray(histogram.axes[0].edges))

    def __add__(self, other: Distribution) -> Distribution:
        """The sum of two distributions in the same bins."""
        return Distribution(self.values + other.values, self.variances + other.variances, self.edges)

    def merged(self, first: NDArray[np.int64]) -> Distribution:
        """The same in wider bins, which begin with these bins."""
        edges = np.append(self.edges[first], self.edges[-1])
        values, variances = (np.add.reduceat(content, first) for content in (self.values, self.variances))
        return Distribution(values, variances, edges)

    @property
    def pairs(self) -> Values:
        """``(n_bins, 2)``: value and variance, as iminuit takes weighted counts."""
        return np.stack([self.values, self.variances], axis=1)


@dataclass(frozen=True)
class PromptFraction:
    """The outcome of the template fit.

    Attributes:
        problems: Why it must not be used; empty for a good fit.
        from_b, from_b_error: Fraction of D_s from B decays, and its uncertainty from data and templates.
        simulated, simulated_error: The same in the simulation that gave the templates.
        goodness: How well the templates describe the data; None for a failed fit.
        data: What was fitted.
        prompt, non_prompt: Fitted templates, ``(n_bins,)`` each.
        template_errors: Uncertainty of their sum from the statistics of the simulation, ``(n_bins,)``.
    """

    problems: tuple[str, ...]
    from_b: float
    from_b_error: float
    simulated: float
    simulated_error: float
    goodness: GoodnessOfFit | None
    data: Distribution = field(repr=False)
    prompt: Values = field(repr=False)
    non_prompt: Values = field(repr=False)
    template_errors: Values = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Whether the fraction may be used."""
        return not self.problems

    @property
    def difference(self) -> float:
        """Data minus simulation in standard deviations; NaN for a failed fit."""
        spread = float(np.hypot(self.from_b_error, self.simulated_error))
        return (self.from_b - self.simulated) / spread if spread > 0 else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Plain values; a failed fit has no fraction."""
        known = self.succeeded
        return {
            "succeeded": known,
            "problems": list(self.problems),
            "from_b": self.from_b if known else None,
            "from_b_error": self.from_b_error if known else None,
            "simulated": self.simulated,
            "simulated_error": self.simulated_error,
            "difference_in_standard_deviations": self.difference if known else None,
            "goodness": None if self.goodness is None else asdict(self.goodness),
            "data": {name: getattr(self.data, name).tolist() for name in ("edges", "values", "variances")},
            "prompt": self.prompt.tolist(),
            "from_b_template": self.non_prompt.tolist(),
        }


def fit_prompt_fraction(data: Distribution, prompt: Distribution, from_b: Distribution) -> PromptFraction:
    """Fraction of D_s from B decays.

    The likelihood is that of Dembinski and Abdelmotteleb (arXiv:2206.12346), which treats the finite templates in the way
    of Barlow and Beeston with one nuisance parameter per bin. It takes weighted bins for scaled Poisson numbers, which a few
    sWeights are not; neighbouring bins are therefore fitted together until enough D_s are expected in them.

    Args:
        data: Decay length of the D_s in data, for example by sWeights.
        prompt, from_b: The same of simulated D_s by origin.
    """
    simulated, simulated_error = _simulated_fraction(prompt, from_b)
    if problems := _unusable(data, prompt, from_b):
        return _failed(problems, data, simulated, simulated_error)
    first = _wide_bins(data, prompt, from_b)
    if len(first) < LEAST_BINS:
        problem = f"the data have too few D_s for {LEAST_BINS} bins of the decay length"
        return _failed((problem,), data, simulated, simulated_error)
    wide, *templates = (part.merged(first) for part in (data, from_b, prompt))
    pairs = [template.pairs for template in templates]
    cost = Template(wide.pairs, wide.edges, pairs, name=NAMES, method="da")
    total = float(np.sum(data.values))
    minuit = Minuit(cost, START * total, (1 - START) * total)
    minuit.limits = (None, None)  # a fraction of 0 must not sit at a limit
    minuit.migrad()
    minuit.hesse()
    if not (minuit.valid and minuit.fmin.has_accurate_covar):
        return _failed(("the template fit did not converge",), data, simulated, simulated_error)
    fraction, variance = propagated(
        lambda yields: yields[:1] / np.sum(yields), np.asarray(minuit.values), np.asarray(minuit.covariance)
    )
    ndof = len(first) - minuit.nfit
    return PromptFraction(
        problems=(),
        from_b=float(fraction[0]),
        from_b_error=float(np.sqrt(variance[0, 0])),
        simulated=simulated,
        simulated_error=simulated_error,
        goodness=GoodnessOfFit("template", minuit.fval, ndof, float(stats.chi2.sf(minuit.fval, ndof))),
        data=data,
        prompt=_scaled(prompt, minuit.values["prompt"]),
        non_prompt=_scaled(from_b, minuit.values["from_b"]),
        template_errors=_template_errors(prompt, from_b, minuit),
    )


def _wide_bins(data: Distribution, prompt: Distribution, from_b: Distribution) -> NDArray[np.int64]:
    """The first of the bins that are fitted together, ``(n_wide,)``.

    In each there are expected, by the simulation, at least :data:`LEAST_EXPECTED` D_s and so many times their error in data.
    """
    shape = prompt.values + from_b.values
    expected = shape * (np.sum(data.values) / np.sum(shape))
    starts, sums = [0], np.zeros(2)
    for number in range(len(shape)):
        sums += expected[number], data.variances[number]
        if sums[0] >= max(LEAST_EXPECTED, LEAST_SIGNIFICANCE * np.sqrt(sums[1])):
            starts.append(number + 1)
            sums = np.zeros(2)
    return np.array(starts[:-1] or [0])  # what is left beyond the last full bin belongs to it


def _template_errors(prompt: Distribution, from_b: Distribution, minuit: Minuit) -> Values:
    """Uncertainty of the sum of the fitted templates from the number of simulated events, ``(n_bins,)``."""
    parts = ((prompt, minuit.values["prompt"]), (from_b, minuit.values["from_b"]))
    return np.sqrt(sum(part.variances * (number / np.sum(part.values)) ** 2 for part, number in parts))


def _unusable(data: Distribution, prompt: Distribution, from_b: Distribution) -> tuple[str, ...]:
    problems = [
        f"the simulation has only {np.sum(part.values):g} {name} D_s; a template needs {LEAST_TEMPLATE:g}"
        for name, part in (("prompt", prompt), ("non-prompt", from_b))
        if np.sum(part.values) < LEAST_TEMPLATE
    ]
    error = float(np.sqrt(np.sum(data.variances)))
    if not np.sum(data.values) > 2 * error:
        problems.append(f"the data have {np.sum(data.values):.3g} ± {error:.2g} D_s: no peak to study")
    return tuple(problems)


def _simulated_fraction(prompt: Distribution, from_b: Distribution) -> tuple[float, float]:
    """Fraction from B in simulation, with its binomial uncertainty for weights."""
    sums = np.array([np.sum(from_b.values), np.sum(prompt.values)])
    if not np.sum(sums) > 0:
        return float("nan"), float("nan")
    covariance = np.diag([np.sum(from_b.variances), np.sum(prompt.variances)])
    fraction, variance = propagated(lambda parts: parts[:1] / np.sum(parts), sums, covariance)
    return float(fraction[0]), float(np.sqrt(variance[0, 0]))


def _failed(
    problems: tuple[str, ...], data: Distribution, simulated: float, simulated_error: float
) -> PromptFraction:
    nothing, nan = np.zeros_like(data.values), float("nan")
    return PromptFraction(
        problems, nan, nan, simulated, simulated_error, None, data, nothing, nothing, nothing
    )


def _scaled(template: Distribution, number: float) -> Values:
    return np.asarray(template.values * (number / np.sum(template.values)))
