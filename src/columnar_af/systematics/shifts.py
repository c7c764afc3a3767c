"""Variations that a processor makes itself: functions of the events that replace some of their fields.

```python
def higher_muons(events):
    return {"muon.pt": events.muon.pt * 1.002}

results = vary(events, {"muon_scale_up": higher_muons}, lambda events, variation: my_analysis(events))
results["nominal"], results["muon_scale_up"]
```

The varied events are the events with other contents in these fields. All other columns are the same arrays: virtual ones are
read once, whoever asks first, and stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import awkward as ak

from columnar_af.errors import ConfigError
from columnar_af.systematics.variation import NOMINAL

T = TypeVar("T")

Shift = Callable[[ak.Array], Mapping[str, ak.Array]]
"""Events -> path of a field, such as ``triplet.mu1.pt``, -> its shifted values, of the structure of the field."""


def with_fields(events: ak.Array, fields: Mapping[str, ak.Array]) -> ak.Array:
    """Events with some fields replaced; everything else is shared with the events given.

    Args:
        events: Events, or any record array.
        fields: Path of a field -> its values.

    Raises:
        ConfigError: There is no such field; a shift changes what there is.
    """
    for path, values in fields.items():
        parts = path.split(".")
        _require(events, parts)
        events = ak.with_field(events, values, tuple(parts))
    return events


def _require(events: ak.Array, parts: list[str]) -> None:
    array = events
    for depth, part in enumerate(parts):
        if part not in ak.fields(array):
            where = ".".join(["events", *parts[:depth]])
            msg = f"a shift replaces {'.'.join(parts)}, but {where} has no field {part!r}"
            raise ConfigError(msg, advice=f"there is {', '.join(ak.fields(array)) or 'nothing'}")
        array = array[part]


def vary(
    events: ak.Array, shifts: Mapping[str, Shift], analyse: Callable[[ak.Array, str], T]
) -> dict[str, T]:
    """Analyse the events as they are, and once for each shift.

    Args:
        events: Events, or any record array.
        shifts: Variation -> shift.
        analyse: Gets the events and the name of the variation, ``nominal`` first.

    Returns:
        Variation -> what ``analyse`` gave.

    Raises:
        ConfigError: A shift is called nominal, or replaces a field that is not there.
    """
    if NOMINAL in shifts:
        msg = f"a shift is called {NOMINAL!r}, which are the events as they are"
        raise ConfigError(msg, advice="give it another name")
    results = {NOMINAL: analyse(events, NOMINAL)}
    for name, shift in shifts.items():
        results[name] = analyse(with_fields(events, shift(events)), name)
    return results
