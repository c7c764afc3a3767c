"""Guards against installed versions that do not work together, found before anything is imported."""

from __future__ import annotations

import re
import warnings
from importlib.metadata import PackageNotFoundError, version

from columnar_af.errors import VersionError

MIN_COFFEA = (2026, 9)
"""First coffea that the chunk function was written for and tested with; older ones lack virtual arrays or ``preload``."""

FIRST_BROKEN_DASK = (2025, 4, 1)
"""dask-awkward computes nothing with dask from here on ("Cannot fuse tasks with multiple outputs", dask-awkward #582); it
works with 2024.12.1 to 2025.4.0 and pins dask below 2025.4."""

SET_A = 'pip install "columnar-af[dask-awkward]"'
"""Installs the pair that works: dask and distributed 2025.3.1 with dask-awkward 2026.2.1."""


class VersionWarning(UserWarning):
    """Installed versions do not work together."""


def installed(package: str) -> tuple[int, ...] | None:
    """The leading numbers of a package's version; None where it is not installed."""
    try:
        return tuple(int(part) for part in re.findall(r"\d+", version(package))[:3])
    except PackageNotFoundError:
        return None


def pair_problem() -> str | None:
    """What is wrong with the installed dask and dask-awkward together, in one line; None where nothing is."""
    dask, dask_awkward = installed("dask"), installed("dask-awkward")
    if dask is None or dask_awkward is None or dask < FIRST_BROKEN_DASK:
        return None
    return f"dask-awkward {version('dask-awkward')} fails with dask {version('dask')}: it needs dask 2025.3.1 ({SET_A})"


def coffea_problem() -> str | None:
    """What is wrong with the installed coffea, in one line; None where nothing is."""
    coffea = installed("coffea")
    if coffea is None or coffea >= MIN_COFFEA:
        return None
    return f"coffea {version('coffea')} is too old: columnar-af needs 2026.9 or newer (pip install -U coffea)"


def warn_of_problems() -> None:
    """One line per problem, at import; not an error, because all but one executor may still work."""
    for problem in (pair_problem(), coffea_problem()):
        if problem is not None:
            # explicit, so that the line does not quote source code of ours
            warnings.warn_explicit(problem, VersionWarning, filename="columnar_af", lineno=0)


def require_dask_awkward() -> None:
    """Make sure that dask-awkward can compute.

    Raises:
        VersionError: It is not installed, or fails with the installed dask.
    """
    if installed("dask-awkward") is None:
        msg = "the executor dask-awkward needs dask-awkward, which is not installed"
        raise VersionError(msg, advice=f"{SET_A}, or take the executor dask")
    problem = pair_problem()
    if problem is not None:
        raise VersionError(problem, advice="take the executor dask, which works with any dask")
