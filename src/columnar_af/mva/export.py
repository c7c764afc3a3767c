"""The candidates of a result as a flat ntuple: a ROOT tree or a Parquet file, with what each column means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from coffea.processor import column_accumulator
from numpy.typing import NDArray

from columnar_af.errors import ConfigError, MissingModuleError, OutputError
from columnar_af.mva.three_muon_inputs import CONTROL_COLUMNS, ONLY_CONTROL, documentation
from columnar_af.results.run_result import RunResult

TREE = "candidates"
Columns = dict[str, NDArray[Any]]


def candidates_of(result: RunResult, datasets: tuple[str, ...] = ()) -> Columns:
    """The candidate columns of datasets, one dataset after the other.

    Args:
        result: Of a processor with ``candidates`` in its output, such as TauTo3Mu.
        datasets: Names; all where empty.

    Returns:
        Column -> values, ``(n_candidates,)``, with a column ``dataset`` that counts the datasets in their order.

    Raises:
        ConfigError: A dataset is unknown or has no candidates in its output, or the columns differ.
    """
    unknown = sorted(set(datasets) - set(result.datasets))
    if unknown:
        msg = f"the result has no dataset {', '.join(unknown)}; it has {', '.join(result.datasets)}"
        raise ConfigError(msg, advice="name one of them")
    tables = [_table(result, name) for name in datasets or tuple(result.datasets)]
    names = list(tables[0])
    if any(list(table) != names for table in tables):
        msg = "the datasets have different columns, for example because one was run with a classifier"
        raise ConfigError(msg, advice="run all datasets with the same processor, or name one dataset")
    columns = {name: np.concatenate([table[name] for table in tables]) for name in names}
    columns["dataset"] = np.repeat(np.arange(len(tables)), [len(table[names[0]]) for table in tables])
    return columns


def _table(result: RunResult, dataset: str) -> Columns:
    part = result.output.get(dataset, {}) if isinstance(result.output, Mapping) else {}
    columns = part.get("candidates") if isinstance(part, Mapping) else None
    if not isinstance(columns, Mapping) or not columns:
        msg = f"dataset {dataset} has no candidates in its result"
        raise ConfigError(msg, advice="run a processor that exports them, such as tau_to_3mu")
    return {
        name: np.asarray(values.value if isinstance(values, column_accumulator) else values)
        for name, values in columns.items()
    }


def _meanings(columns: Collection[str]) -> dict[str, str]:
    """Column -> meaning, for candidates of three muons or of the control channel."""
    return {
        **documentation(),
        **(CONTROL_COLUMNS if ONLY_CONTROL in columns else {}),
        "dataset": "number of the dataset, in the order of the result",
    }


def column_list(columns: Mapping[str, Any]) -> str:
    """A Markdown table of the columns and their meaning."""
    meanings = _meanings(columns)
    rows = [f"| `{name}` | {meanings.get(name, '')} |" for name in columns]
    return "\n".join(["| column | meaning |", "|---|---|", *rows]) + "\n"


def write(columns: Columns, path: Path) -> None:
    """Write ``.root`` (tree ``candidates``) or ``.parquet``, and beside it the list of columns as ``.md``.

    Raises:
        ConfigError: The name has another ending.
        MissingModuleError: Parquet needs pyarrow.
        OutputError: It cannot be written.
    """
    if path.suffix not in (".root", ".parquet"):
        msg = f"{path} ends in neither .root nor .parquet"
        raise ConfigError(msg, advice="choose one of the two")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".root":
            with uproot.recreate(path) as file:
                file.mktree(
                    TREE,
                    {name: values.dtype for name, values in columns.items()},
                    title="selected candidates",
                )
                file[TREE].extend(columns)
        else:
            _write_parquet(columns, path)
        path.with_suffix(".md").write_text(column_list(columns), encoding="utf-8")
    except OSError as error:
        msg = f"{path} cannot be written: {error}"
        raise OutputError(msg) from error


def _write_parquet(columns: Columns, path: Path) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415  (an extra)
        from pyarrow import parquet  # noqa: PLC0415  (an extra)
    except ImportError as error:
        msg = "a Parquet file needs the package pyarrow, which is not installed"
        raise MissingModuleError(msg, advice="install columnar-af[dask-awkward], or write .root") from error
    meanings = _meanings(columns)
    fields = [
        pa.field(name, pa.from_numpy_dtype(values.dtype), metadata={"doc": meanings.get(name, "")})
        for name, values in columns.items()
    ]
    table = pa.table(list(columns.values()), schema=pa.schema(fields))
    parquet.write_table(table, path)
