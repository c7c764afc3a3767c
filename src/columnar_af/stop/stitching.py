"""Samples that are made in slices of the generator's ETmiss: each event is taken from one of them.

Declared in YAML::

    - sample: ttbar
      slices:                         # GenFiltMET in GeV: above the first, up to and with the second
        - {channels: [410470, 410472], range: [null, 200]}
        - {channels: [407345], range: [200, 300]}
        - {channels: [407346], range: [300, null]}
      alternatives:                   # samples that hold the same events: only one of them may be used
        - [[410470], [410472]]
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.declarations.located import Located, load
from columnar_af.errors import ConfigError

KEYS = ("sample", "source", "slices", "alternatives")
SLICE = ("channels", "range")


@dataclass(frozen=True)
class Alternatives:
    """Sets of sample numbers that hold the same events.

    Attributes:
        sample: What they are.
        sets: Only one of them may be used.
        place: Where that is declared.
    """

    sample: str
    sets: tuple[frozenset[int], ...]
    place: str


@dataclass(frozen=True)
class Stitching:
    """Which events of which samples are used.

    Attributes:
        windows: Sample number -> ends of GenFiltMET in GeV, the lower one not included, the upper one included.
        alternatives: Samples that must not be used together.
    """

    windows: Mapping[int, tuple[float, float]]
    alternatives: tuple[Alternatives, ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Stitching:
        """Read a YAML file.

        Raises:
            ConfigError: With its line: a sample number in two places, or slices of one sample that overlap.
        """
        return cls.of(load(path))

    @classmethod
    def of(cls, document: Located) -> Stitching:
        """The stitching of a document; see :meth:`load`."""
        windows: dict[int, tuple[float, float]] = {}
        alternatives: list[Alternatives] = []
        for item in document.items():
            keys = item.mapping(KEYS, required=("sample", "slices"))
            for number, window, place in _slices(keys["slices"]):
                if number in windows:
                    msg = f"the sample number {number} is declared twice"
                    raise place.error(msg, advice="leave it out in one place")
                windows[number] = window
            alternatives += _alternatives(keys, windows)
        return cls(windows, tuple(alternatives))

    def keeps(self, channel: NDArray[Any], gen_filt_met: NDArray[Any]) -> NDArray[np.bool_]:
        """Which events are used; a sample that is not declared keeps all.

        Args:
            channel: Number of the sample of each event, shape (events,).
            gen_filt_met: The generator's ETmiss in GeV, same shape.

        Returns:
            Shape (events,). An event of a declared sample whose ETmiss is NaN is in no slice.
        """
        kept = np.ones(len(channel), np.bool_)
        for number in np.unique(channel).tolist():
            if number in self.windows:
                low, high = self.windows[number]
                here = channel == number
                kept[here] = (gen_filt_met[here] > low) & (gen_filt_met[here] <= high)
        return kept

    def require_no_alternatives(self, channels: Collection[int]) -> None:
        """Refuse samples that hold the same events.

        Args:
            channels: Numbers of all samples of a result.

        Raises:
            ConfigError: Two of them are alternatives.
        """
        for alternatives in self.alternatives:
            used = [
                sorted(numbers & set(channels)) for numbers in alternatives.sets if numbers & set(channels)
            ]
            if len(used) > 1:
                msg = (
                    f"the samples {used[0][0]} and {used[1][0]} hold the same events of {alternatives.sample} "
                    f"({alternatives.place}), which would count twice"
                )
                raise ConfigError(msg, advice="leave one of them out of the fileset")


def _slices(item: Located) -> Iterator[tuple[int, tuple[float, float], Located]]:
    """Sample number, window and place; the windows of a sample touch and do not overlap."""
    last = -math.inf
    for number, each in enumerate(item.items()):
        keys = each.mapping(SLICE, required=SLICE)
        low, high = _ends(keys["range"])
        if low < last or (number and low == -math.inf):
            msg = f"the slice begins at {low:g} GeV, and the one before it ends at {last:g} GeV: events would count twice"
            raise each.error(msg, advice="let slices follow one another")
        last = high
        for channel in keys["channels"].items():
            yield channel.whole(), (low, high), each


def _ends(item: Located) -> tuple[float, float]:
    ends = item.items()
    if len(ends) != 2:
        msg = f"a range has two ends, this one {len(ends)}"
        raise item.error(msg, advice="write [200, 300], or null for an open end")
    low = -math.inf if ends[0].value is None else ends[0].number()
    high = math.inf if ends[1].value is None else ends[1].number()
    if not low < high:
        msg = f"the range goes from {low:g} to {high:g}"
        raise item.error(msg)
    return low, high


def _alternatives(keys: Mapping[str, Located], windows: Mapping[int, Any]) -> Iterator[Alternatives]:
    for item in keys["alternatives"].items() if "alternatives" in keys else []:
        sets = []
        for numbers in item.items():
            for number in numbers.items():
                if number.whole() not in windows:
                    msg = f"the sample number {number.value} is in no slice"
                    raise number.error(msg)
            sets.append(frozenset(number.whole() for number in numbers.items()))
        yield Alternatives(keys["sample"].string(), tuple(sets), f"{item.file}, line {item.line}")
