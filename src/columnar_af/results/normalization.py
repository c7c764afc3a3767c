"""Normalization: by the events that were really processed, not by those that were planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from columnar_af.errors import IncompleteRunError

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult


@dataclass(frozen=True)
class Processed:
    """What was really processed of a dataset.

    Attributes:
        dataset: Its name.
        entries: Entries that were processed.
        planned: Entries that were planned.
        fraction: Processed entries over those of the whole dataset, planned or not; None where a file of unknown length is
            missing.
        sumw: Sum of the weights of the processed entries, as the processor counted it; None where it did not.
        luminosity: Integrated luminosity of the processed entries in fb⁻¹: that of the dataset times the processed fraction of
            its entries, which is exact where all were processed and holds on average where some are missing; None where
            the metadata name none or the fraction is not known.
        cross_section: In pb; None where the metadata name none.
    """

    dataset: str
    entries: int
    planned: int
    fraction: float | None
    sumw: float | None
    luminosity: float | None
    cross_section: float | None

    def scale(self, luminosity: float) -> float:
        """The factor that makes simulated events of this dataset stand for a luminosity.

        Args:
            luminosity: In fb⁻¹.

        Raises:
            IncompleteRunError: Cross-section or sum of weights are not known.
        """
        if self.cross_section is None or not self.sumw:
            msg = (
                f"dataset {self.dataset} cannot be scaled: its cross-section is {self.cross_section} pb and its sum of "
                f"weights {self.sumw}"
            )
            advice = 'give cross_section in the fileset, and let process() return "sumw"'
            raise IncompleteRunError(msg, advice=advice)
        return self.cross_section * 1000.0 * luminosity / self.sumw  # 1 pb = 1000 fb


def processed(result: RunResult, dataset: str, *, allow_incomplete: bool = False) -> Processed:
    """What was really processed of a dataset, to normalize with.

    Args:
        result: The result of a run.
        dataset: Name of the dataset.
        allow_incomplete: Whether to go on although entries failed, were skipped, or were not asked for.

    Raises:
        IncompleteRunError: The books do not close, or not all entries were processed and that is not allowed.
    """
    summary = result.datasets[dataset]
    _require_closed(result, dataset, allow_incomplete)
    metadata = summary.metadata
    if summary.fraction is not None and summary.fraction < 1 and not allow_incomplete:
        msg = (
            f"only a part of dataset {dataset} was run: {summary.processed} of {summary.available or summary.entries} "
            "entries"
        )
        raise IncompleteRunError(
            msg, advice="run all of it, or say that it may be incomplete (allow_incomplete=True)"
        )
    luminosity = _number(metadata.get("luminosity"))
    return Processed(
        dataset,
        entries=summary.processed,
        planned=summary.entries,
        fraction=summary.fraction,
        sumw=_sumw(result.output, dataset),
        luminosity=None if luminosity is None or summary.fraction is None else luminosity * summary.fraction,
        cross_section=_number(metadata.get("cross_section")),
    )


def _require_closed(result: RunResult, dataset: str, allow_incomplete: bool) -> None:
    ledger = result.ledger.of(dataset)
    problems = ledger.problems()
    if problems:
        msg = f"dataset {dataset} cannot be normalized, its books do not close: {'; '.join(problems)}"
        raise IncompleteRunError(msg, advice="run it again")
    lost = [entry for entry in ledger if entry.status != "done"]
    if lost and not allow_incomplete:
        msg = (
            f"dataset {dataset} is not complete: {len(lost)} of {len(ledger)} chunks failed or were skipped, "
            f"{ledger.planned - ledger.done} of {ledger.planned} known entries, first {lost[0].place}"
        )
        advice = (
            "run what is missing with --resume, or say that it may be incomplete (allow_incomplete=True): the events that "
            "were processed then count"
        )
        raise IncompleteRunError(msg, advice=advice)


def _sumw(output: Any, dataset: str) -> float | None:
    part = output.get(dataset) if isinstance(output, Mapping) else None
    return _number(part.get("sumw")) if isinstance(part, Mapping) else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
