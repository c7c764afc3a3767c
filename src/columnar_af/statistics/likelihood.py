"""The likelihood of a pyhf model with its gradient, for fits with many nuisance parameters.

pyhf's NumPy backend has no gradients: Minuit then takes two calls per parameter and step, which makes a fit with sixty
parameters take seconds. This is the same function of the same parameters (tests compare it with ``Model.logpdf``),
written out with its derivatives, so that sixty parameters cost about as much as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

SUPPORTED = frozenset({"normfactor", "normsys", "histosys", "staterror", "lumi"})
"""Types of modifiers that are written out here; a model with others is left to pyhf."""

TINY = 1e-300
"""Expected events below this count as this, so that a logarithm exists."""

HESSIAN_STEP = 1e-4
"""Step of the differences; parameters are about 1 in size and their errors 0.01 to 1."""

POWERS = 7
"""Coefficients of the polynomials of interpolation code 4: up to the sixth power."""


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
        self.number_of_bins: int = config.nmaindata
        self.bins = np.array([cell.bin for cell in cells], np.intp)
        self.samples = [cell.sample for cell in cells]
        self._nominal = np.array([cell.nominal for cell in cells])
        found: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
        for index, cell in enumerate(cells):
            for modifier in cell.modifiers:
                _sort_in(modifier, index, cell, config, found)
        self._factors, self._scaling, self._shifting = (_table(rows) for rows in found)
        self._polynomials = _code4_coefficients(self._scaling[:, 2], self._scaling[:, 3])
        self._constrained, self._sigmas = _constraints(config)

    def expected(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Expected events, shape (cells,), and their derivatives, shape (cells, parameters); ``bins`` sorts them into bins."""
        jacobian = np.zeros((len(self._nominal), self.size))
        values = _expected_events(
            parameters,
            self._nominal,
            self._factors,
            self._scaling,
            self._polynomials,
            self._shifting,
            jacobian,
        )
        return values, jacobian

    def function(self, data: Floats) -> tuple[Callable[[Floats], float], Callable[[Floats], Floats]]:
        """-2 ln L and its gradient as functions of the parameters.

        Args:
            data: Observed counts of all bins, then the auxiliary data, as pyhf orders them.
        """
        counts, auxiliary = data[: self.number_of_bins], data[self.number_of_bins :]
        constant = 2 * gammaln(counts + 1).sum() + 2 * np.log(self._sigmas * np.sqrt(2 * np.pi)).sum()
        without = np.zeros((0, 0))

        def value(parameters: Floats) -> float:
            parameters = np.asarray(parameters, float)
            values = _expected_events(
                parameters,
                self._nominal,
                self._factors,
                self._scaling,
                self._polynomials,
                self._shifting,
                without,
            )
            per_bin = self._binned(values)
            pulls = (parameters[self._constrained] - auxiliary) / self._sigmas
            return float(2 * (per_bin - counts * np.log(per_bin)).sum() + (pulls * pulls).sum() + constant)

        def gradient(parameters: Floats) -> Floats:
            parameters = np.asarray(parameters, float)
            values, jacobian = self.expected(parameters)
            weights = 2 * (1 - counts / self._binned(values))[self.bins]
            found = weights @ jacobian
            pulls = (parameters[self._constrained] - auxiliary) / self._sigmas**2
            np.add.at(found, self._constrained, 2 * pulls)
            return found

        return value, gradient

    def curvature(self, data: Floats) -> Callable[[Floats], Floats]:
        """Second derivatives of -2 ln L without those of the expected events, which Minuit starts from; always positive."""
        counts = data[: self.number_of_bins]

        def matrix(parameters: Floats) -> Floats:
            values, by_cell = self.expected(np.asarray(parameters, float))
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


@numba.njit(cache=True, nogil=True)
def _expected_events(
    parameters: Floats,
    nominal: Floats,
    factors: Floats,
    scaling: Floats,
    polynomials: Floats,
    shifting: Floats,
    jacobian: Floats,
) -> Floats:
    """Expected events per cell: (nominal + shifts) x scalings x factors.

    Args:
        parameters: Shape (parameters,).
        nominal: Shape (cells,).
        factors, scaling, shifting: Rows of parameter, cell, up, down.
        polynomials: Of the rows of scaling, shape (rows, 7).
        jacobian: Zeros of shape (cells, parameters), filled with the derivatives; shape (0, 0) where none are wanted.
    """
    base, scale, product = nominal.copy(), np.ones(len(nominal)), np.ones(len(nominal))
    for row in range(len(shifting)):
        cell = int(shifting[row, 1])
        base[cell] += _shift(parameters[int(shifting[row, 0])], shifting[row, 2], shifting[row, 3])[0]
    for row in range(len(scaling)):
        cell = int(scaling[row, 1])
        scale[cell] *= _scale(
            parameters[int(scaling[row, 0])], polynomials[row], scaling[row, 2], scaling[row, 3]
        )[0]
    for row in range(len(factors)):
        product[int(factors[row, 1])] *= parameters[int(factors[row, 0])]
    values = base * scale * product
    if jacobian.size == 0:
        return values
    for row in range(len(shifting)):
        parameter, cell = int(shifting[row, 0]), int(shifting[row, 1])
        slope = _shift(parameters[parameter], shifting[row, 2], shifting[row, 3])[1]
        jacobian[cell, parameter] += slope * scale[cell] * product[cell]
    for row in range(len(scaling)):
        parameter, cell = int(scaling[row, 0]), int(scaling[row, 1])
        factor, slope = _scale(parameters[parameter], polynomials[row], scaling[row, 2], scaling[row, 3])
        jacobian[cell, parameter] += values[cell] * slope / factor
    for row in range(len(factors)):
        cell = int(factors[row, 1])
        # The product of the others, without division: a factor may be 0. Rows of a cell follow one another.
        others, other = 1.0, row
        while other > 0 and factors[other - 1, 1] == cell:
            other -= 1
        while other < len(factors) and factors[other, 1] == cell:
            if other != row:
                others *= parameters[int(factors[other, 0])]
            other += 1
        jacobian[cell, int(factors[row, 0])] += base[cell] * scale[cell] * others
    return values


@numba.njit(cache=True, nogil=True)
def _scale(alpha: float, polynomial: Floats, up: float, down: float) -> tuple[float, float]:
    """A factor and its derivative, pyhf's interpolation code 4: exponential outside of ±1, a polynomial inside."""
    if alpha >= 1:
        factor = up**alpha
        return factor, factor * math.log(up)
    if alpha <= -1:
        factor = down**-alpha
        return factor, -factor * math.log(down)
    factor, slope = 0.0, 0.0
    for power in range(POWERS - 1, -1, -1):  # Horner
        slope = slope * alpha + factor
        factor = factor * alpha + polynomial[power]
    return max(factor, TINY), slope


@numba.njit(cache=True, nogil=True)
def _shift(alpha: float, up: float, down: float) -> tuple[float, float]:
    """A difference and its derivative, pyhf's interpolation code 4p; ``up`` and ``down`` are differences to nominal."""
    if alpha > 1:
        return alpha * up, up
    if alpha < -1:
        return alpha * down, down
    half_sum, sixteenth, square = 0.5 * (up + down), 0.0625 * (up - down), alpha * alpha
    value = alpha * half_sum + sixteenth * square * (15 + square * (3 * square - 10))
    return value, half_sum + sixteenth * alpha * (30 + square * (18 * square - 40))


Row = tuple[int, int, float, float]
"""Parameter, cell, and what +1 and -1 standard deviation do."""


@dataclass(frozen=True)
class _Cell:
    """A bin of a sample in a channel."""

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


def _sort_in(
    modifier: Mapping[str, Any], index: int, cell: _Cell, config: Any, found: tuple[list[Row], ...]
) -> None:
    first = config.par_slice(modifier["name"]).start
    factors, scaling, shifting = found
    data, kind = modifier["data"], modifier["type"]
    if kind == "normsys":
        scaling.append((first, index, data["hi"], data["lo"]))
    elif kind == "histosys":
        position = cell.bin_in_channel
        up, down = data["hi_data"][position], data["lo_data"][position]
        shifting.append((first, index, up - cell.nominal, cell.nominal - down))
    else:
        factors.append((first + (cell.bin_in_channel if kind == "staterror" else 0), index, 0.0, 0.0))


def _table(rows: Sequence[Row]) -> Floats:
    return np.array(rows, float).reshape(-1, 4)


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
    """Polynomials of degree 6 that join up^α and down^-α with two continuous derivatives; shape (entries, 7)."""
    powers = np.arange(1, POWERS)
    rows = [
        np.ones(6), (-1.0) ** powers,
        powers, powers * (-1.0) ** (powers - 1),
        powers * (powers - 1), powers * (powers - 1) * (-1.0) ** powers,
    ]  # fmt: skip
    log_up, log_down = np.log(up), np.log(down)
    wanted = [up - 1, down - 1, log_up * up, -log_down * down, log_up**2 * up, log_down**2 * down]
    solved = np.linalg.solve(np.array(rows, float), np.array(wanted, float).reshape(6, -1))
    return np.ascontiguousarray(np.concatenate([np.ones((1, len(up))), solved]).T)
