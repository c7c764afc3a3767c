"""What a processor says about its result that any reader must know: what was missing, and what was taken instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult

REMARKS = "remarks"
"""Texts in the output of a dataset."""

FALLBACKS = "fallbacks"
"""Variation -> columns or trees that the ntuple lacks, so that nominal was taken; in the output of a dataset."""


def remarks_of(result: RunResult) -> Iterator[str]:
    """One line per remark: the datasets that it is about, and the text."""
    datasets: dict[str, list[str]] = {}
    for dataset, part in result.output.items() if isinstance(result.output, Mapping) else ():
        for text in _texts(part) if isinstance(part, Mapping) else ():
            datasets.setdefault(text, []).append(str(dataset))
    for text, names in datasets.items():
        yield f"{', '.join(names)}: {text}"


def _texts(part: Mapping[str, Any]) -> Iterator[str]:
    remarks = part.get(REMARKS)
    if isinstance(remarks, set | frozenset | list | tuple):
        yield from sorted(str(text) for text in remarks)
    fallbacks = part.get(FALLBACKS)
    for variation, columns in fallbacks.items() if isinstance(fallbacks, Mapping) else ():
        yield f"{variation} fell back to nominal, for want of {', '.join(sorted(columns))}"
