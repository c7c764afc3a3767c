"""``columnar-af datasets``: look at filesets and the files in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from columnar_af.datasets.fileset import Fileset
    from columnar_af.datasets.inspection import Inspection


@click.group()
def datasets() -> None:
    """Look at filesets and the files in them."""


@datasets.command()
@click.argument("fileset", nargs=-1, required=True)
@click.option(
    "--workers", type=click.IntRange(min=1), default=4, help="Files that are opened at the same time."
)
@click.option("--json", "as_json", is_flag=True, help="Print plain values instead of tables.")
@click.pass_context
def inspect(ctx: click.Context, fileset: tuple[str, ...], workers: int, as_json: bool) -> None:
    """Open every file of FILESET and tell entries, ntuple version, missing branches, size, and what is wrong.

    FILESET is a fileset file (YAML or JSON), or ROOT paths, URLs and globs, each optionally with :path/of/tree.
    Exit code 1 tells that there are bad files.
    """
    import json

    from columnar_af.datasets.fileset import Fileset

    found = _inspected(Fileset.load(fileset), workers)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        _print_tables(found)
    ctx.exit(1 if found.bad else 0)


def _inspected(fileset: Fileset, workers: int) -> Inspection:
    """The inspection, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from columnar_af.datasets.inspection import inspect as inspect_files

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("inspecting files", total=len(fileset.files))
        return inspect_files(fileset, workers=workers, on_file_done=lambda _: progress.advance(bar))


def _print_tables(found: Inspection) -> None:
    import sys

    from columnar_af.datasets.tables import plain_text, rich_tables

    if not sys.stdout.isatty():
        click.echo(plain_text(found))
        return
    from rich.console import Console

    console = Console(highlight=False)
    for table in rich_tables(found):
        console.print(table)
