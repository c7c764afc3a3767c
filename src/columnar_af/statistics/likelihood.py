"""The likelihood of a pyhf model with its gradient, for fits with many nuisance parameters.

pyhf's NumPy backend has no gradients: Minuit then takes two calls per parameter and step, which makes a fit with sixty
parameters take seconds. This is the same function of the same parameters (tests compare it with ``Model.logpdf``),
written out with its derivatives. Sixty parameters then cost about as much as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

SUPPORTED = frozenset({"normfactor", "normsys", "histosys", "staterror", "lumi"})
"""Types of modifiers that are written out here; a model with others is left to pyhf."""

TINY = 1e-300
"""Expected events below this count as this, so that a logarithm exists."""


HESSIAN_STEP = 1e-4
"""Step of the differences; parameters are about 1 in size and their errors 0.01 to 1."""


@dataclass(frozen=True, eq=False)
class _Entries:
    """What nuisance parameters do: entry by entry a parameter, a cell (channel, sample, bin), both sides of the effect."""

    parameter: Integers
    cell: Integers
    up: Floats
    down: Floats

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, float, float]]) -> _Entries:
        table = np.array(rows, float).reshape(-1, 4)
        return cls(table[:, 0].astype(np.intp), table[:, 1].astype(np.intp), table[:, 2], table[:, 3])


class Likelihood:
    """-2 ln L of a pyhf model and its derivatives.

    Args:
        model: A ``pyhf.Model`` with modifiers of the :data:`SUPPORTED` types only, and interpolation codes 4 and 4p, which
            are pyhf's defaults.
    """

    def __init__(self, model: Any) -> None:
        config = model.config
        cells = _cells(model)
        self.size: int = config.npars
        self.bins = np.array([cell.bin for cell in cells], np.intp)
        self.number_of_bins: int = config.nmaindata
        self.samples = [cell.sample for cell in cells]
        self._nominal = np.array([cell.nominal for cell in cells])
        factors: list[list[int]] = []
        scaling: list[tuple[int, int, float, float]] = []
        shifting: list[tuple[int, int, float, float]] = []
        for index, cell in enumerate(cells):
            factors.append([])
            for modifier in cell.modifiers:
                _sort_in(modifier, index, cell, config, (factors[-1], scaling, shifting))
        # A last parameter that is always 1 fills the rows of the cells with fewer factors than others.
        width = max(len(row) for row in factors)
        self._factors = np.array([row + [self.size] * (width - len(row)) for row in factors], np.intp)
        self._scaling, self._shifting = _Entries.of(scaling), _Entries.of(shifting)
        self._polynomials = _code4_coefficients(self._scaling.up, self._scaling.down)
        self._log_up, self._log_down = np.log(self._scaling.up), np.log(self._scaling.down)
        self._constrained, self._sigmas = _constraints(config)

    def expected(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Expected events, shape (cells,), and their derivatives, shape (cells, parameters); ``bins`` sorts them into bins."""
        values, direct, scaled, shifted = self._evaluate(parameters)
        jacobian = np.zeros((len(values), self.size + 1))
        for column in range(self._factors.shape[1]):
            np.add.at(jacobian, (np.arange(len(values)), self._factors[:, column]), direct[:, column])
        np.add.at(jacobian, (self._scaling.cell, self._scaling.parameter), scaled)
        np.add.at(jacobian, (self._shifting.cell, self._shifting.parameter), shifted)
        return values, jacobian[:, :-1]

    def function(self, data: Floats) -> tuple[Callable[[Floats], float], Callable[[Floats], Floats]]:
        """-2 ln L and its gradient as functions of the parameters.

        Args:
            data: Observed counts of all bins, then the auxiliary data, as pyhf orders them.
        """
        counts, auxiliary = data[: self.number_of_bins], data[self.number_of_bins :]
        constant = 2 * gammaln(counts + 1).sum() + 2 * np.log(self._sigmas * np.sqrt(2 * np.pi)).sum()
        last: dict[bytes, tuple[Floats, Floats, Floats, Floats]] = {}

        def evaluate(parameters: Floats) -> tuple[Floats, Floats, Floats, Floats]:
            # Minuit asks for value and gradient of the same point, one after the other.
            key = parameters.tobytes()
            if key not in last:
                last.clear()
                last[key] = self._evaluate(parameters)
            return last[key]

        def value(parameters: Floats) -> float:
            parameters = np.asarray(parameters)
            per_bin = self._binned(evaluate(parameters)[0])
            pulls = (parameters[self._constrained] - auxiliary) / self._sigmas
            return float(2 * (per_bin - xlogy(counts, per_bin)).sum() + (pulls**2).sum() + constant)

        def gradient(parameters: Floats) -> Floats:
            parameters = np.asarray(parameters)
            values, direct, scaled, shifted = evaluate(parameters)
            weights = 2 * (1 - counts / self._binned(values))[self.bins]
            found: Floats = np.zeros(self.size + 1)
            np.add.at(found, self._factors, weights[:, None] * direct)
            for entries, derivatives in ((self._scaling, scaled), (self._shifting, shifted)):
                np.add.at(found, entries.parameter, weights[entries.cell] * derivatives)
            pulls = (parameters[self._constrained] - auxiliary) / self._sigmas**2
            np.add.at(found, self._constrained, 2 * pulls)
            return found[:-1]

        return value, gradient

    def curvature(self, data: Floats) -> Callable[[Floats], Floats]:
        """Second derivatives of -2 ln L without those of the expected events, which Minuit starts from; always positive."""
        counts = data[: self.number_of_bins]

        def matrix(parameters: Floats) -> Floats:
            values, by_cell = self.expected(np.asarray(parameters))
            by_bin = np.zeros((self.number_of_bins, self.size))
            np.add.at(by_bin, self.bins, by_cell)
            found = 2 * by_bin.T @ ((counts / self._binned(values) ** 2)[:, None] * by_bin)
            found[self._constrained, self._constrained] += 2 / self._sigmas**2
            return found

        return matrix

    def hessian(self, parameters: Floats, data: Floats) -> Floats:
        """Second derivatives of -2 ln L, from central differences of the gradient; shape (parameters, parameters)."""
        _, gradient = self.function(data)
        step = HESSIAN_STEP
        rows = [
            (gradient(parameters + step * unit) - gradient(parameters - step * unit)) / (2 * step)
            for unit in np.eye(self.size)
        ]
        matrix = np.array(rows)
        return 0.5 * (matrix + matrix.T)

    def _binned(self, values: Floats) -> Floats:
        return np.maximum(np.bincount(self.bins, values, minlength=self.number_of_bins), TINY)

    def _evaluate(self, parameters: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Expected events per cell; their derivatives by each factor of a cell, and by each entry that scales or shifts."""
        cells = len(self._nominal)
        factors = np.append(parameters, 1.0)[self._factors]
        logs, slopes = self._scaling_logs(parameters[self._scaling.parameter])
        scale = np.exp(np.bincount(self._scaling.cell, logs, minlength=cells))
        shifts, shift_slopes = _code4p(
            parameters[self._shifting.parameter], self._shifting.up, self._shifting.down
        )
        base = self._nominal + np.bincount(self._shifting.cell, shifts, minlength=cells)
        product = np.prod(factors, axis=1)
        values = base * scale * product
        return (
            values,
            (base * scale)[:, None] * _products_of_others(factors),
            values[self._scaling.cell] * slopes,
            (scale * product)[self._shifting.cell] * shift_slopes,
        )

    def _scaling_logs(self, alpha: Floats) -> tuple[Floats, Floats]:
        """Logarithm of the factor of each entry and its derivative: pyhf's interpolation code 4."""
        inside = np.abs(alpha) < 1
        bounded = np.where(inside, alpha, 0.0)
        polynomial, slope = np.zeros_like(alpha), np.zeros_like(alpha)
        for coefficient in self._polynomials[::-1]:  # Horner
            slope = slope * bounded + polynomial
            polynomial = polynomial * bounded + coefficient
        polynomial = np.maximum(polynomial, TINY)
        logs, slopes = np.log(polynomial), slope / polynomial
        if not inside.all():
            beyond = np.where(alpha >= 0, self._log_up, -self._log_down)
            logs = np.where(inside, logs, alpha * beyond)
            slopes = np.where(inside, slopes, beyond)
        return logs, slopes


@dataclass(frozen=True)
class _Cell:
    sample: str
    bin: int
    bin_in_channel: int
    nominal: float
    modifiers: Sequence[Mapping[str, Any]]


def _cells(model: Any) -> list[_Cell]:
    channels = {channel["name"]: channel for channel in model.spec["channels"]}
    return [
        _Cell(sample["name"], model.config.channel_slices[name].start + position, position, value, sample["modifiers"])
        for name in model.config.channels
        for sample in channels[name]["samples"]
        for position, value in enumerate(sample["data"])
    ]  # fmt: skip


Sinks = tuple[list[int], list[tuple[int, int, float, float]], list[tuple[int, int, float, float]]]


def _sort_in(modifier: Mapping[str, Any], index: int, cell: _Cell, config: Any, sinks: Sinks) -> None:
    first = config.par_slice(modifier["name"]).start
    factors, scaling, shifting = sinks
    data, kind = modifier["data"], modifier["type"]
    if kind == "normsys":
        scaling.append((first, index, data["hi"], data["lo"]))
    elif kind == "histosys":
        position = cell.bin_in_channel
        up, down = data["hi_data"][position], data["lo_data"][position]
        shifting.append((first, index, up - cell.nominal, cell.nominal - down))
    else:
        factors.append(first + (cell.bin_in_channel if kind == "staterror" else 0))


def is_supported(model: Any) -> bool:
    """Whether all modifiers of a model are among the :data:`SUPPORTED`."""
    return {kind for _, kind in model.config.modifiers} <= SUPPORTED


def _constraints(config: Any) -> tuple[Integers, Floats]:
    """Index and standard deviation of each constrained parameter, in the order of the auxiliary data."""
    indices: list[int] = []
    sigmas: list[float] = []
    for name in config.auxdata_order:
        place = config.par_slice(name)
        indices += range(place.start, place.stop)
        sigmas += list(getattr(config.param_set(name), "sigmas", None) or [1.0] * (place.stop - place.start))
    return np.array(indices, np.intp), np.array(sigmas, float)


def _code4_coefficients(up: Floats, down: Floats) -> Floats:
    """Polynomials of degree 6 that join up^α and down^-α with two continuous derivatives; shape (7, entries)."""
    powers = np.arange(1, 7)
    rows = [
        np.ones(6), (-1.0) ** powers,
        powers, powers * (-1.0) ** (powers - 1),
        powers * (powers - 1), powers * (powers - 1) * (-1.0) ** powers,
    ]  # fmt: skip
    log_up, log_down = np.log(up), np.log(down)
    wanted = [up - 1, down - 1, log_up * up, -log_down * down, log_up**2 * up, log_down**2 * down]
    solved = np.linalg.solve(np.array(rows, float), np.array(wanted, float).reshape(6, -1))
    return np.concatenate([np.ones((1, len(up))), solved])


def _code4p(alpha: Floats, up: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Shift of each entry and its derivative: pyhf's interpolation code 4p; ``up`` and ``down`` are differences."""
    half_sum, sixteenth = 0.5 * (up + down), 0.0625 * (up - down)
    square = alpha**2
    inside = alpha * half_sum + sixteenth * square * (15 + square * (3 * square - 10))
    inside_slope = half_sum + sixteenth * alpha * (30 + square * (18 * square - 40))
    outside = np.where(alpha > 0, up, down)
    is_inside = np.abs(alpha) <= 1
    return np.where(is_inside, inside, alpha * outside), np.where(is_inside, inside_slope, outside)


def _products_of_others(factors: Floats) -> Floats:
    """For each factor of a row the product of the others; no division, as a factor may be 0."""
    products = np.ones_like(factors)
    for column in range(factors.shape[1]):
        others = [other for other in range(factors.shape[1]) if other != column]
        products[:, column] = np.prod(factors[:, others], axis=1)
    return products
