"""Metadata of datasets: what is understood, and what can only be a slip of the pen."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from columnar_af.datasets.fileset import KNOWN_METADATA, Metadata
from columnar_af.errors import FilesetError

RESERVED = frozenset(
    {
        "dataset",
        "filename",
        "treename",
        "metadata",
        "entrystart",
        "entrystop",
        "fileuuid",
        "numentries",
        "uuid",
    }
    | {"clusters", "preload"}
)
"""Names that coffea's Runner writes into ``events.metadata`` itself (``coffea.processor.executor._PROTECTED_NAMES``)."""

LIKENESS = 0.8
"""From this ratio of :mod:`difflib` on, an unknown key counts as a misspelling of a known one: ``isdata`` has 0.92
against ``is_data``, ``cross-section`` 0.92; a key of its own, such as ``eras_used``, stays below."""


def read_metadata(values: Mapping[str, Any], origin: str) -> Metadata:
    """Metadata from plain values that the schema has accepted.

    Args:
        values: Keys and values as written.
        origin: The file they come from, for messages.

    Raises:
        FilesetError: A key is reserved, or misspells a known one; a number is not finite.
    """
    for key in values:
        _refuse_reserved(key, origin)
        _refuse_misspelled(key, origin)
    return Metadata(
        era=None if values.get("era") is None else str(values["era"]),
        luminosity=_finite("luminosity", values, origin),
        cross_section=_finite("cross_section", values, origin),
        is_data=values.get("is_data"),
        extra={key: value for key, value in values.items() if key not in KNOWN_METADATA},
    )


def _finite(key: str, values: Mapping[str, Any], origin: str) -> float | None:
    if values.get(key) is None:
        return None
    value = float(values[key])
    if not math.isfinite(value):
        msg = f"{origin}, at metadata > {key}: expected a finite number above 0, not {value}"
        raise FilesetError(msg, advice="leave the key out where the value is unknown")
    return value


def _refuse_reserved(key: str, origin: str) -> None:
    if key in RESERVED:
        msg = f"{origin}, at metadata > {key}: coffea sets this key itself in events.metadata"
        raise FilesetError(msg, advice="choose another name")


def _refuse_misspelled(key: str, origin: str) -> None:
    match = difflib.get_close_matches(key.lower(), KNOWN_METADATA, n=1, cutoff=LIKENESS)
    if match and key not in KNOWN_METADATA:
        msg = f"{origin}, at metadata > {key}: unknown key, which looks like {match[0]!r}"
        raise FilesetError(msg, advice=f"write {match[0]!r}, or choose a name that cannot be mistaken for it")
