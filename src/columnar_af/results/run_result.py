"""RunResult: what a run gives back, with everything needed to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hist import Hist
from hist.axis import StrCategory

from columnar_af.errors import ConfigError
from columnar_af.results import lookup
from columnar_af.results.comparison import differences
from columnar_af.results.ledger import Ledger
from columnar_af.results.metrics import Metrics
from columnar_af.results.provenance import Provenance
from columnar_af.selection.cutflow import Cutflow

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class DatasetSummary:
    """What was done of a dataset.

    Attributes:
        name: Name of the dataset.
        metadata: Its metadata (era, luminosity in fb⁻¹, cross_section in pb, is_data, ...).
        entries: Planned entries.
        processed: Entries that were really processed; normalization uses this number.
        failed: Entries in chunks that failed.
        available: Entries of all its files that could be read, planned or not; None where these are the planned ones. A
            run of a part (``--max-chunks``, ``--entries``) plans fewer.
        unknown_files: Number of its files that could not be read, so that nobody knows how many entries they have.
    """

    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    entries: int = 0
    processed: int = 0
    failed: int = 0
    available: int | None = None
    unknown_files: int = 0

    @property
    def fraction(self) -> float | None:
        """Processed entries over those of the whole dataset; None where a file of unknown length is missing."""
        if self.unknown_files:
            return None
        whole = self.entries if self.available is None else self.available
        return self.processed / whole if whole else 1.0

    @property
    def skipped(self) -> int:
        """Entries in bad files that were left out on request."""
        return self.entries - self.processed - self.failed

    @classmethod
    def of(
        cls,
        name: str,
        metadata: Mapping[str, Any],
        ledger: Ledger,
        *,
        available: int | None = None,
        unknown_files: int = 0,
    ) -> DatasetSummary:
        """The summary of a dataset from the ledger of a run."""
        mine = ledger.of(name)
        whole = None if available == mine.planned else available
        return cls(name, metadata, mine.planned, mine.done, mine.failed, whole, unknown_files)


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a run gives back.

    Attributes:
        output: The merged output of the processor, as the processor shapes it: ``{dataset: {...}}`` or flat.
        datasets: Dataset name -> what was done of it.
        ledger: What became of every planned entry.
        metrics: What it cost.
        provenance: What it was made from, with what, where and when.
    """

    output: Any
    datasets: Mapping[str, DatasetSummary] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    metrics: Metrics = field(default_factory=Metrics)
    provenance: Provenance = field(default_factory=Provenance)

    def cutflow(self, dataset: str) -> Cutflow:
        """The cutflow of a dataset.

        Raises:
            ConfigError: Where there is none of that name; the message lists the names.
        """
        cutflows = self.cutflows
        if dataset not in cutflows:
            raise _not_there(cutflows, dataset, "cutflow of a dataset")
        return cutflows[dataset]

    @property
    def cutflows(self) -> dict[str, Cutflow]:
        """Dataset -> cutflow, of all datasets that have one."""
        return _named(lookup.cutflows(self.output, self.datasets))

    @property
    def yields(self) -> dict[str, Mapping[str, Mapping[str, float]]]:
        """Dataset -> name -> ``{"value": sum of weights, "sumw2": its variance, "raw": number of events}``."""
        return _named(lookup.yields(self.output, self.datasets))

    @property
    def hist_names(self) -> tuple[str, ...]:
        """Names of all histograms, sorted."""
        return tuple(sorted(lookup.histograms(self.output, self.datasets)))

    def hists(self, name: str) -> dict[str, Hist]:
        """Dataset -> its histogram of that name; the key is ``all`` where the processor summed over datasets.

        Raises:
            ConfigError: Where there is no histogram of that name; the message lists the names.
        """
        found = lookup.histograms(self.output, self.datasets)
        if name not in found:
            raise _not_there(found, name, "histogram")
        return _named(found[name])

    def hist(self, name: str, dataset: str | None = None, era: str | int | None = None) -> Hist:
        """A histogram: of one dataset, summed over the datasets of an era, or of all datasets.

        Args:
            name: Name of the histogram; parts of nested names are joined with ``/``.
            dataset: Take this dataset's.
            era: Take the sum over the datasets whose metadata name this era.

        Returns:
            With ``dataset`` or ``era``: a copy or sum with the axes that the processor gave it. Without: the same where
            the run has one dataset (or the processor summed over them); else a histogram with a leading category axis
            named ``dataset``, so that ``result.hist("mass").plot()`` overlays the datasets.

        Raises:
            ConfigError: Where there is no such histogram, dataset or era; the message lists what there is.
        """
        found = self.hists(name)
        if dataset is not None and era is not None:
            msg = f"hist({name!r}) takes a dataset or an era, not both"
            raise ConfigError(msg)
        if dataset is not None:
            if dataset not in found:
                raise _not_there(found, dataset, f"histogram {name!r} of a dataset")
            return found[dataset].copy()
        if era is not None:
            return _sum(name, self._of_era(name, found, era))
        if len(found) == 1:
            return next(iter(found.values())).copy()
        return _stacked(name, found)

    def _of_era(self, name: str, found: Mapping[str, Hist], era: str | int) -> list[Hist]:
        # A year may be a number in one fileset file and a text in another.
        eras = {key: str(summary.metadata.get("era")) for key, summary in self.datasets.items()}
        chosen = [histogram for key, histogram in found.items() if eras.get(key) == str(era)]
        if not chosen:
            raise _not_there(set(eras.values()), str(era), f"histogram {name!r} of an era")
        return chosen

    def differences(self, other: RunResult) -> list[str]:
        """Where two results differ, one sentence each; empty where they are the same bit for bit.

        Compared are the whole output (histograms with their variances, cutflows, yields, numbers), the numbers of each
        dataset, and what became of each chunk. Metrics and provenance differ from run to run and are not compared.
        """
        return differences(self, other)

    def same_as(self, other: RunResult) -> bool:
        """Whether both results are the same bit for bit, metrics and provenance aside."""
        return not self.differences(other)

    def save(self, directory: str | Path) -> Path:
        """Write the result into a folder, whole or not at all; see :func:`columnar_af.results.storage.save`."""
        from columnar_af.results.storage import save  # noqa: PLC0415  (it builds on this module)

        return save(self, Path(directory))

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read a result back from its folder; see :func:`columnar_af.results.storage.load`."""
        from columnar_af.results.storage import load  # noqa: PLC0415  (it builds on this module)

        return load(cls, Path(directory))

    def __repr__(self) -> str:
        """One line with what matters."""
        return (
            f"RunResult({len(self.datasets)} datasets, {self.ledger.done} of {self.ledger.planned} entries processed, "
            f"{self.ledger.failed} failed, {self.ledger.skipped} skipped, histograms: {', '.join(self.hist_names)})"
        )

    def __rich__(self) -> RenderableType:
        """Tables for the terminal."""
        from columnar_af.results.presentation import rich_view  # noqa: PLC0415  (it builds on this module)

        return rich_view(self)

    def _repr_html_(self) -> str:
        """Tables for the notebook."""
        from columnar_af.results.presentation import html_view  # noqa: PLC0415  (it builds on this module)

        return html_view(self)


def _named(found: Mapping[str | None, Any]) -> dict[str, Any]:
    return {"all" if dataset is None else dataset: value for dataset, value in found.items()}


def _not_there(available: Iterable[str], name: str, what: str) -> ConfigError:
    return ConfigError(
        f"no {what} named {name!r} in this result",
        advice=f"there is: {', '.join(sorted(available)) or 'none'}",
    )


def _sum(name: str, histograms: Iterable[Hist]) -> Hist:
    try:
        return reduce(add, histograms).copy()
    except ValueError as error:
        msg = f"the histograms {name!r} of these datasets have different axes and do not add up: {error}"
        raise ConfigError(msg, advice="ask for one dataset") from error


def _stacked(name: str, found: Mapping[str, Hist]) -> Hist:
    """One histogram with a leading category axis ``dataset``."""
    # Growing category axes may have met different categories: the sum of empty copies knows them all.
    template = _sum(name, [histogram.copy().reset() for histogram in found.values()])
    axis = StrCategory(sorted(found), name=lookup.DATASET_AXIS, label="dataset", overflow=False)
    stacked = Hist(axis, *template.axes, storage=template.storage_type())
    for position, dataset in enumerate(axis):
        stacked.view(flow=True)[position] = (template + found[dataset]).view(flow=True)
    return stacked
