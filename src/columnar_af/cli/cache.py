"""``columnar-af cache``: look at the local cache of columns, or empty it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from columnar_af.ntuples.fast_reader.column_cache import CacheInfo

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the cache; default $COLUMNAR_AF_COLUMN_CACHE, else ~/.cache/columnar-af/columns.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print plain values.")


@click.group()
def cache() -> None:
    """Look at the local cache of columns, or empty it."""


@cache.command()
@folder_option
@json_option
def info(folder: Path | None, as_json: bool) -> None:
    """Tell where the cache is and what it holds."""
    from columnar_af.ntuples.fast_reader.column_cache import ColumnCache

    _print(ColumnCache(folder).info(), as_json, "holds")


@cache.command()
@folder_option
@json_option
def clear(folder: Path | None, as_json: bool) -> None:
    """Remove all columns; they are read from the ROOT files again when they are needed."""
    from columnar_af.ntuples.fast_reader.column_cache import ColumnCache

    _print(ColumnCache(folder).clear(), as_json, "held")


def _print(found: CacheInfo, as_json: bool, verb: str) -> None:
    if as_json:
        values = {"folder": str(found.folder), "entries": found.entries, "bytes": found.n_bytes}
        click.echo(json.dumps({**values, "max_bytes": found.max_bytes}))
        return
    size, limit = found.n_bytes / 1e9, found.max_bytes / 1e9
    click.echo(f"{found.folder} {verb} {found.entries} columns, {size:.3f} GB of at most {limit:.1f} GB")
