"""What a processor filled: histograms over regions and variations, and sums of generated weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from columnar_af.errors import ConfigError, IncompleteRunError
from columnar_af.statistics.variations import NOMINAL, is_nominal
from columnar_af.statistics.yields import Floats

if TYPE_CHECKING:
    from hist import Hist

YIELDS, RAW = "yields", "raw_events"
"""Histograms of a dataset with the axes region and variation."""
FAKE_PREFIX = "fake_"
"""The same of the anti-identified events, with the weights of the fake factors."""


@dataclass(frozen=True, eq=False)
class Filled:
    """Contents of one histogram as the processor filled it: sums of weights and of their squares, shape (bins,); events."""

    values: Floats
    variances: Floats
    raw: float


def filled(
    hists: Mapping[str, Any], region: str, variable: str | None, *, fakes: bool = False
) -> dict[str, Filled]:
    """Variation -> what was filled in a region; empty where the dataset has no such histogram or region.

    Args:
        hists: Histograms of one dataset.
        region: Name of a region.
        variable: What is histogrammed; None for the counts. Events below and above the axis are in its outermost bins, so
            that the sum of the bins is the count.
        fakes: Whether to read the anti-identified events.
    """
    prefix = FAKE_PREFIX if fakes else ""
    histogram = hists.get(f"{prefix}{YIELDS}" if variable is None else f"{region}/{prefix}{variable}")
    if histogram is None:
        return {}
    raw = hists.get(f"{prefix}{RAW}")
    where = _places(raw, region)
    found = {}
    for variation, place in _places(histogram, region).items():
        name = NOMINAL if is_nominal(variation) else variation
        count = math.nan if raw is None or variation not in where else _sum_at(raw, where[variation])
        values, variances = histogram.values(flow=True)[place], histogram.variances(flow=True)
        if variances is None:
            msg = f"the histogram of {region} keeps no sums of squared weights"
            raise ConfigError(msg, advice="fill histograms with the storage hist.storage.Weight()")
        found[name] = Filled(_folded(values), _folded(variances[place]), count)
    return found


Place = tuple[int | slice, ...]


def _sum_at(histogram: Hist, place: Place) -> float:
    return float(np.sum(histogram.values(flow=True)[place]))


def _places(histogram: Hist | None, region: str) -> dict[str, Place]:
    """Variation -> index of its contents over the axis that is neither region nor variation, with the flow bins."""
    if histogram is None:
        return {}
    names = [axis.name for axis in histogram.axes]
    index: dict[str, int] = {}
    if "region" in names:
        if region not in list(histogram.axes["region"]):
            return {}
        index["region"] = list(histogram.axes["region"]).index(region)
    return {
        str(variation): tuple((index | {"variation": position}).get(name, slice(None)) for name in names)
        for position, variation in enumerate(histogram.axes["variation"])
    }


def _folded(contents: Floats | float) -> Floats:
    """With the underflow in the first bin and the overflow in the last; a count has neither."""
    contents = np.atleast_1d(np.asarray(contents, float))
    if len(contents) == 1:
        return contents
    inner = contents[1:-1].copy()
    inner[0] += contents[0]
    inner[-1] += contents[-1]
    return inner


def shape_histogram(datasets: Iterable[Mapping[str, Any]], region: str, variable: str) -> Hist:
    """The first histogram of a variable in a region.

    Raises:
        ConfigError: No dataset has it; the message lists what there is.
    """
    prefix = f"{region}/"
    known: set[str] = set()
    for hists in datasets:
        if prefix + variable in hists:
            return hists[prefix + variable]
        known |= {name.removeprefix(prefix) for name in hists if name.startswith(prefix)}
    msg = f"region {region} has no histogram of {variable!r}"
    raise ConfigError(msg, advice=f"there are {', '.join(sorted(known)) or 'none'}")


def sums_of_weights(output: Mapping[str, Any], dataset: str) -> dict[str, float]:
    """Variation -> sum of weights of the generated events in the files that were processed.

    A file's sum counts once, however many chunks it was read in. Variations of the theory have histograms of their own,
    named as the variation.

    Raises:
        IncompleteRunError: There is none, or one is not a positive number.
    """
    found = {(str(file), str(name)): float(value) for file, name, value in output.get("sums_of_weights", ())}
    sums: dict[str, float] = {}
    for (_, name), value in found.items():
        variation = NOMINAL if is_nominal(name) or name == "NumberEvents" else name
        sums[variation] = sums.get(variation, 0.0) + value
    if not sums and output.get("sumw"):
        sums[NOMINAL] = float(output["sumw"])
    bad = [f"{name}: {value}" for name, value in sums.items() if not value > 0 or math.isinf(value)]
    if bad or NOMINAL not in sums:
        what = "; ".join(bad) or "the result has none"
        msg = f"dataset {dataset} cannot be scaled, its sum of weights is wrong: {what}"
        raise IncompleteRunError(msg, advice="look at the histogram NumberEvents of its files")
    return sums
