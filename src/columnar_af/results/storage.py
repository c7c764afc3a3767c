"""A result as a folder: ``summary.json``, ``histograms.json`` and ``histograms.root``, readable without this package.

``summary.json`` holds everything but the bins of histograms and is checked against ``summary_schema.json`` when it is
written and when it is read. ``histograms.json`` holds the histograms in UHI's JSON and gives them back bit for bit.
``histograms.root`` holds the same for readers with ROOT or uproot. Nothing in the folder is executed when it is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import hist
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from columnar_af.errors import OutputError
from columnar_af.results.histogram_files import histogram_from_json, histogram_to_json, write_root
from columnar_af.results.ledger import Ledger
from columnar_af.results.metrics import Metrics
from columnar_af.results.plain_values import (
    KeyPath,
    OutputDecoder,
    OutputEncoder,
    cutflow_from_json,
    plain,
    yields_from_json,
)
from columnar_af.results.provenance import Provenance
from columnar_af.results.result_folder import (
    FORMAT,
    HISTOGRAMS_JSON,
    HISTOGRAMS_ROOT,
    SUMMARY,
    ensure_replaceable,
    replacing,
)

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult

VERSION = 1
"""Version of the layout; to be raised when an older reader would misread it."""

MAX_MESSAGE = 300
"""Characters of a schema error that are shown; it repeats the wrong value, which may be a whole file."""

Result = TypeVar("Result", bound="RunResult")


@cache
def summary_schema() -> dict[str, Any]:
    """The JSON schema of ``summary.json``."""
    text = files("columnar_af.results").joinpath("summary_schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def save(result: RunResult, directory: Path) -> Path:
    """Write a result into a folder: whole or not at all.

    Everything is written to a hidden folder beside, which then takes the place of ``directory``. A result that is
    already there is replaced, with its figures; files of other origin in the folder stay.

    Returns:
        The folder.

    Raises:
        OutputError: Where something else is in the way, the disk refuses, or the output holds what cannot be saved.
    """
    directory = Path(os.path.realpath(directory))  # a link to a folder stays a link
    ensure_replaceable(directory)
    histograms: dict[str, hist.BaseHist] = {}
    summary = summary_of(result, histograms)
    try:
        with replacing(directory) as new:
            _write(new, summary, histograms)
    except OSError as error:
        msg = f"cannot write the result to {directory}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return directory


def summary_of(result: RunResult, histograms: dict[str, hist.BaseHist]) -> dict[str, Any]:
    """The contents of ``summary.json``, without the list of histograms; those go into ``histograms`` by their keys."""
    cutflows, yields = result.cutflows, result.yields
    references = {id(value): {"$type": "cutflow", "dataset": name} for name, value in cutflows.items()}
    references |= {id(value): {"$type": "yields", "dataset": name} for name, value in yields.items()}
    return {
        "format": FORMAT,
        "version": VERSION,
        "datasets": {
            name: {
                "entries": summary.entries,
                "processed": summary.processed,
                "failed": summary.failed,
                "skipped": summary.skipped,
                "available": summary.available,
                "unknown_files": summary.unknown_files,
                "metadata": plain(summary.metadata, ("datasets", name, "metadata")),
                "cutflow": plain(cutflows[name].to_json()) if name in cutflows else [],
                "yields": plain(yields.get(name, {}), ("datasets", name, "yields")),
            }
            for name, summary in result.datasets.items()
        },
        "ledger": plain(result.ledger.to_json()),
        "metrics": plain(result.metrics.to_json()),
        "provenance": plain(result.provenance.to_json(), ("provenance",)),
        "output": OutputEncoder(_histogram_keeper(histograms), _kept(references, result)).encode(
            result.output
        ),
    }


def _kept(references: dict[int, dict[str, Any]], result: RunResult) -> dict[int, dict[str, Any]]:
    """Only the references whose dataset has a place in the summary (a flat output may name others)."""
    return {
        key: reference for key, reference in references.items() if reference["dataset"] in result.datasets
    }


def _histogram_keeper(histograms: dict[str, hist.BaseHist]) -> Callable[[KeyPath, hist.BaseHist], str]:
    def keep(path: KeyPath, histogram: hist.BaseHist) -> str:
        short = "/".join(part for part in path if part != "hists") or "histogram"
        key, count = short, 1
        while key in histograms:
            count += 1
            key = f"{short}_{count}"
        histograms[key] = histogram
        return key

    return keep


def _write(folder: Path, summary: dict[str, Any], histograms: Mapping[str, hist.BaseHist]) -> None:
    places = write_root(folder / HISTOGRAMS_ROOT, histograms)
    summary = {**summary, "histograms": {key: {"root": place} for key, place in places.items()}}
    wrong = check_summary(summary)
    if wrong is not None:
        msg = f"the result does not fit the schema of {SUMMARY}: {wrong}"
        raise OutputError(msg, advice="give the run result numbers and texts where the schema expects them")
    records = {key: histogram_to_json(histogram) for key, histogram in histograms.items()}
    _write_json(
        folder / HISTOGRAMS_JSON, {"format": FORMAT, "version": VERSION, "histograms": records}, indent=None
    )
    _write_json(folder / SUMMARY, summary, indent=1)


def _write_json(path: Path, record: Mapping[str, Any], indent: int | None) -> None:
    text = json.dumps(record, indent=indent, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def load(kind: type[Result], directory: Path) -> Result:
    """Read a result back.

    Args:
        kind: The class to make, :class:`columnar_af.results.run_result.RunResult`.
        directory: Its folder.

    Raises:
        OutputError: Where it is no result, or a file in it is damaged; the message names the file and the key path.
    """
    from columnar_af.results.run_result import DatasetSummary  # noqa: PLC0415  (it imports this module)

    summary = _read_json(directory / SUMMARY)
    wrong = check_summary(summary)
    if wrong is not None:
        raise _damaged(directory / SUMMARY, wrong)
    histograms = _read_histograms(directory, summary["histograms"])
    with _naming(directory / SUMMARY):
        cutflows = {name: cutflow_from_json(entry["cutflow"]) for name, entry in summary["datasets"].items()}
        yields = {name: yields_from_json(entry["yields"]) for name, entry in summary["datasets"].items()}
        output = OutputDecoder(histograms, cutflows, yields).decode(summary["output"])
        ledger = _ledger(summary["ledger"])
    datasets = {
        name: DatasetSummary(
            name,
            entry["metadata"],
            entry["entries"],
            entry["processed"],
            entry["failed"],
            entry.get("available"),
            entry.get("unknown_files", 0),
        )
        for name, entry in summary["datasets"].items()
    }
    metrics, provenance = Metrics.from_json(summary["metrics"]), Provenance.from_json(summary["provenance"])
    return kind(output, datasets, ledger, metrics, provenance)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        msg = f"{path} is missing; expected the folder of a result, as columnar-af run -o DIR writes it"
        raise OutputError(msg, advice="name the folder of a result") from error
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"it is not JSON: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise _damaged(path, f"$.format is not {FORMAT!r}")
    if record.get("version") != VERSION:
        raise _damaged(path, f"$.version is {record.get('version')!r}, this release reads {VERSION}")
    return record


def _refuse_constant(name: str) -> None:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _damaged(path: Path, what: str) -> OutputError:
    return OutputError(
        f"cannot read {path}: {what}", advice="restore the file from a copy, or run the processor again"
    )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file it was where something inside cannot be read."""
    try:
        yield
    except OutputError as error:
        raise _damaged(path, error.message) from error
    except RecursionError as error:
        raise _damaged(path, "it is nested too deeply") from error


def check_summary(summary: Mapping[str, Any]) -> str | None:
    """What is wrong with a summary according to its schema, with the key path; None where nothing is."""
    error = best_match(Draft202012Validator(summary_schema()).iter_errors(summary))
    return None if error is None else f"{error.json_path}: {error.message[:MAX_MESSAGE]}"


def _read_histograms(directory: Path, expected: Mapping[str, Any]) -> dict[str, hist.Hist]:
    path = directory / HISTOGRAMS_JSON
    records = _read_json(path).get("histograms")
    if not isinstance(records, dict) or records.keys() != expected.keys():
        raise _damaged(
            path, f"$.histograms does not hold what {SUMMARY} lists: {', '.join(expected) or 'nothing'}"
        )
    with _naming(path):
        return {key: histogram_from_json(record, f"$.histograms[{key!r}]") for key, record in records.items()}


def _ledger(record: Mapping[str, Any]) -> Ledger:
    ledger = Ledger.from_json(record)
    for key, counted in ledger.to_json().items():
        if key != "chunks" and record[key] != counted:
            msg = f"$.ledger.{key} is {record[key]}, but the chunks give {counted}"
            raise OutputError(msg)
    return ledger
