"""Yields with all their variations as HistFitter's input file, named as the stop search's notebook names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hist import Hist
from hist.axis import Variable
from hist.storage import Weight

from columnar_af.statistics.combine_card import identifier, write_root
from columnar_af.statistics.yields import Floats, Region, YieldTable

PREFIX = "Stop4b_"
"""In front of the regions, ``hWtNom_Stop4b_SRA_obs_cuts``: adonofri/INFN_na_interactive_analysis,
Sept_DistributedClient_Selector.ipynb."""

NOTEBOOK_SAMPLES = {"FNP": "Fakes", "other": "Others"}
"""Our samples that the notebook calls something else."""

DATA = "Data"


def histogram_name(sample: str, variation: str, region: str, variable: str, prefix: str = PREFIX) -> str:
    """Name of a histogram.

    Args:
        sample: ``Wt``, ``ttbar``, ...
        variation: ``Nom``, or a nuisance parameter with ``High`` or ``Low``; empty for data.
        region: ``SRA``, ...
        variable: ``cuts`` for a counted region.
        prefix: In front of the region, where its name does not begin with it.
    """
    region = identifier(region)
    place = region if region.startswith(prefix) else prefix + region
    return (
        f"h{identifier(NOTEBOOK_SAMPLES.get(sample, sample))}{identifier(variation)}_{place}_obs_{variable}"
    )


def histograms(table: YieldTable, prefix: str = PREFIX) -> dict[str, Hist]:
    """Name -> histogram: nominal with its statistical uncertainty, High and Low of each nuisance parameter, data.

    The missing side of a one-sided variation is 2·nominal − High, not below 0. Data are ``hData_..._obs_...``, as HistFitter
    looks for them; blinded regions have none.
    """
    return dict(_histograms(table, prefix))


def _histograms(table: YieldTable, prefix: str) -> Iterator[tuple[str, Hist]]:
    for region in table.regions:
        for sample in table.samples:
            if not table.has(region.name, sample.name):
                continue
            nominal = table.template(region.name, sample.name)
            place = (region.name, region.variable, prefix)
            yield (
                histogram_name(sample.name, "Nom", *place),
                _histogram(region, nominal.values, nominal.variances),
            )
            for nuisance in table.nuisances:
                sides = table.up_and_down(region.name, sample.name, nuisance)
                for ending, values in zip(("High", "Low"), sides, strict=True):
                    name = histogram_name(sample.name, nuisance.name + ending, *place)
                    yield name, _histogram(region, values, np.zeros_like(values))
        if region.name in table.observed:
            observed = table.observed[region.name]
            name = histogram_name(DATA, "", region.name, region.variable, prefix)
            yield name, _histogram(region, observed, observed)


def _histogram(region: Region, values: Floats, variances: Floats) -> Hist:
    filled = Hist(Variable(region.edges, name=region.variable), storage=Weight())
    view: Any = filled.view()
    view.value, view.variance = values, variances
    return filled


def write_histfitter(table: YieldTable, path: Path, prefix: str = PREFIX) -> Path:
    """Write the file.

    Raises:
        OutputError: It cannot be written.
    """
    return write_root(path, histograms(table, prefix))
