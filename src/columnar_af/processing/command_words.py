"""What was asked for as words of a command line, for commands that run a part of it again."""

from __future__ import annotations

import inspect as sources
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from columnar_af.datasets.fileset import Fileset

FilesetSource = Fileset | str | Path | Sequence[str | Path]

PLAIN = (str, int, float, bool, type(None))
"""Values of parameters that a result can keep as they are."""


def source_file(kind: type) -> Path | None:
    """The file that a class was written in; None for one that was typed into a notebook or an interpreter."""
    try:
        path = Path(sources.getsourcefile(kind) or "")
    except (TypeError, OSError):
        return None
    return path if path.is_file() else None


def command_of(processor: Any, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Words of the command line that runs this processor; empty where none can."""
    spec = processor if isinstance(processor, str) else _place_of(processor)
    given = [word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}")]
    return () if spec is None else ("columnar-af", "run", spec, *given)


def for_rerun(processor: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """How ``columnar-af rerun`` finds the processor again: its place, None where it has none, and plain parameters."""
    place = processor if isinstance(processor, str) else _place_of(processor)
    location, colon, name = (place or "").partition(":")
    if Path(location).suffix in (".py", ".ipynb"):
        place = f"{Path(location).expanduser().resolve()}{colon}{name}"
    values = {name: value for name, value in parameters.items() if _is_plain(value)}
    made = not isinstance(processor, str | type)  # an instance: what it was made with is not known
    return {
        "processor": None if made and vars(processor) else place,
        "parameters": values,
        "unknown": sorted(parameters.keys() - values.keys()),
    }


def _is_plain(value: Any) -> bool:
    """Whether a parameter comes back from JSON as it was; an infinity or NaN would come back as a text."""
    return isinstance(value, PLAIN) and not (isinstance(value, float) and not math.isfinite(value))


def sources_of(fileset: FilesetSource) -> tuple[str, ...]:
    """Words of the fileset on a command line; empty for one that was made in Python."""
    if isinstance(fileset, Fileset):
        return ()
    return tuple(str(word) for word in ([fileset] if isinstance(fileset, str | Path) else fileset))


def _place_of(processor: Any) -> str | None:
    kind = processor if isinstance(processor, type) else type(processor)
    path = source_file(kind)
    return None if path is None or "." in kind.__qualname__ else f"{path}:{kind.__name__}"
