"""From awkward arrays to the flat arrays that kernels take, and back.

The functions that analyses call take awkward arrays of any kind. On a dask collection they become one step of the graph;
on a typetracer, with which coffea and dask-awkward find out which columns an analysis needs, they touch their inputs and
give a typetracer back; on anything else they run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec

import awkward as ak
import numpy as np
import numpy.typing as npt

P = ParamSpec("P")

SENTINELS = "__sentinels__"
"""Parameter of a column with missing values: the values that stand for a missing one, where these tell them all. Who needs some of
the values only can so tell from them which are missing, without the mask of all."""

Offsets = npt.NDArray[np.int64]


def on_any_backend(
    shape: Callable[..., ak.Array],
) -> Callable[[Callable[P, ak.Array]], Callable[P, ak.Array]]:
    """Make a function of awkward arrays work on typetracers and dask collections.

    Args:
        shape: Gives, from the same arguments, an array of the type that the function returns, by means of awkward alone.
            It runs on typetracers, so its values do not matter.
    """

    def decorate(function: Callable[P, ak.Array]) -> Callable[P, ak.Array]:
        @wraps(function)
        def dispatch(*args: P.args, **kwargs: P.kwargs) -> ak.Array:
            if any(_is_dask(argument) for argument in args):
                return _map_partitions(dispatch, *args, **kwargs)
            arrays = [argument for argument in args if isinstance(argument, ak.Array)]
            if any(ak.backend(array) == "typetracer" for array in arrays):
                for array in arrays:
                    ak.typetracer.touch_data(array)
                return shape(*args)
            return function(*args, **kwargs)

        return dispatch

    return decorate


def _is_dask(argument: object) -> bool:
    return hasattr(argument, "__dask_graph__") and hasattr(argument, "_meta")


def _map_partitions(function: Callable[..., ak.Array], *args: Any, **kwargs: Any) -> Any:
    import dask_awkward  # noqa: PLC0415  only where a dask-awkward collection came in, so it is installed

    return dask_awkward.map_partitions(partial(function, **kwargs), *args, label=function.__name__)


def flat_numbers(array: ak.Array, missing: float) -> tuple[npt.NDArray[Any], Offsets]:
    """The values of all lists one after the other, and where each list begins.

    Args:
        array: A list of numbers or of bools per event; a missing list counts as empty.
        missing: Stands for a missing value.

    Returns:
        Flat values, and offsets of length ``len(array) + 1``.
    """
    array = ak.materialize(array)
    lists = ak.fill_none(array, [], axis=0)
    offsets = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum(ak.to_numpy(ak.num(lists, axis=1)), out=offsets[1:])
    return ak.to_numpy(ak.fill_none(ak.flatten(lists, axis=1), missing)), offsets


def require_equal(first: Offsets, second: Offsets, names: str) -> None:
    """Raise unless both arrays have the same number of values in every event.

    Raises:
        ValueError: They differ; names the first event.
    """
    if len(first) != len(second):
        msg = f"{names}: expected as many events in both, got {len(first) - 1} and {len(second) - 1}"
        raise ValueError(msg)
    different = np.flatnonzero(np.diff(first) != np.diff(second))
    if len(different):
        event = int(different[0])
        here, there = int(np.diff(first)[event]), int(np.diff(second)[event])
        msg = f"{names}: expected as many values in both, got {here} and {there} in event {event}"
        raise ValueError(msg)
