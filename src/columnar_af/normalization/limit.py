"""Upper limit on B(τ → 3μ) from counting experiments, with pyhf."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from columnar_af.errors import ConfigError, MissingModuleError
from columnar_af.normalization.cards import CountingBin, effects_of, merged, pyhf_specification
from columnar_af.normalization.uncertainties import Nuisance

CONFIDENCE = 0.90
"""Confidence level of the published limits (arXiv:2312.02371)."""
PRECISION = 1e-3
"""Relative precision of the limits."""


@dataclass(frozen=True)
class Limit:
    """Upper limit on the branching fraction, CLs, asymptotic formulae (Cowan et al., arXiv:1007.1727).

    Attributes:
        expected: If there is no signal: median.
        band: Expected limits at -2, -1, 0, +1, +2 standard deviations of the background.
        observed: None while a bin is blinded.
        confidence: Confidence level.
    """

    expected: float
    band: tuple[float, ...]
    observed: float | None
    confidence: float


def upper_limit(
    bins: Sequence[CountingBin],
    nuisances: Sequence[Nuisance],
    reference: float,
    confidence: float = CONFIDENCE,
) -> Limit:
    """The limit.

    Args:
        bins: Counting experiments; the expected background stands for what is blinded.
        nuisances: Of the signal.
        reference: Branching fraction that the signal is expected for.
        confidence: Confidence level.

    Raises:
        MissingModuleError: pyhf is not installed.
        ConfigError: No signal is expected.
    """
    try:
        import pyhf  # noqa: PLC0415  (an extra)
        from pyhf.infer.intervals import upper_limits  # noqa: PLC0415  (an extra)
    except ImportError as error:
        msg = "a limit needs the package pyhf, which is not installed"
        raise MissingModuleError(msg, advice="install pyhf, or give the datacard to combine") from error
    specification = pyhf_specification(bins, merged(effects_of(bins, nuisances)))
    model = pyhf.Model(specification, poi_name="mu", validate=False)
    by_name = {bin_.name: bin_ for bin_ in bins}
    counts = [_count(by_name[name]) for name in model.config.channels]
    data = [*counts, *model.config.auxdata]
    guess = _guess(bins)
    bounds = model.config.suggested_bounds()
    bounds[model.config.poi_index] = (0.0, FARTHEST * guess)
    # not upper_limits.upper_limit, which in pyhf 0.7.6 leaves out the level and gives limits at 95 %
    observed, expected = upper_limits.toms748_scan(
        data, model, 0.05 * guess, 4 * guess, level=1 - confidence, rtol=PRECISION, par_bounds=bounds
    )
    band = tuple(float(np.asarray(value)) * reference for value in expected)
    is_open = all(bin_.observed is not None for bin_ in bins)
    return Limit(band[2], band, float(np.asarray(observed)) * reference if is_open else None, confidence)


FARTHEST = 100.0
"""The signal strength may be fitted up to this multiple of the first guess."""


def _guess(bins: Sequence[CountingBin]) -> float:
    """Signal strength that is about two standard deviations of the background, the scale of the limit."""
    signal = sum(sum(bin_.signal.values()) for bin_ in bins)
    if not signal:
        msg = "no signal is expected in any bin, so no limit can be set"
        raise ConfigError(msg, advice="give efficiencies above 0")
    return 2 * (1 + math.sqrt(sum(bin_.background.expected for bin_ in bins))) / signal


def _count(bin_: CountingBin) -> float:
    return bin_.background.expected if bin_.observed is None else float(bin_.observed)
