"""columnar-af: columnar analysis of collider ntuples, from files to cutflows, histograms and yields."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from columnar_af.processing.versions import warn_of_problems

if TYPE_CHECKING:
    from columnar_af.datasets.fileset import Fileset
    from columnar_af.processing.explain import explain
    from columnar_af.processing.run import run
    from columnar_af.results import RunResult

__all__ = ["Fileset", "RunResult", "explain", "run"]

_HOMES = {
    "Fileset": "columnar_af.datasets.fileset",
    "RunResult": "columnar_af.results",
    "explain": "columnar_af.processing.explain",
    "run": "columnar_af.processing.run",
}
"""Public name -> module. They are imported when they are used: coffea alone takes two seconds."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


warn_of_problems()
