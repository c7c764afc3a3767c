"""``columnar-af rerun DIR CHUNK``: one chunk of a result alone, here, to see what it does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from columnar_af.processing.rerun import SavedChunk


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("chunk", type=click.IntRange(min=0))
@click.option("--file", help="Where its file is now.  [default: where it was]", show_default=False)
@click.option(
    "--debug", is_flag=True, help="Show the full traceback; on a terminal, open the debugger in it."
)
def rerun(directory: Path, chunk: int, file: str | None, debug: bool) -> None:
    """Run CHUNK of the result in DIR again, alone, in this process; DIR stays as it is.

    The processor is the one that is there now, with the parameters of the result. Exit code 1 tells that it failed.
    """
    from columnar_af.processing.rerun import saved_chunk

    saved = saved_chunk(directory, chunk).in_file(file)
    address = saved.chunk.address
    click.echo(f"chunk {chunk} ({saved.status} in {directory}): {address}", err=True)
    if debug:
        sys.exit(1 if _debug(saved) else 0)
    _show(saved)


def _show(saved: SavedChunk) -> None:
    from rich.console import Console

    from columnar_af.errors import IncompleteRunError
    from columnar_af.processing.rerun import rerun as run_again

    try:
        Console().print(run_again(saved))
    except IncompleteRunError as error:
        for entry in error.result.ledger.with_status("failed"):
            click.echo(f"error: {entry.error}", err=True)
        click.echo("with --debug the whole traceback is shown", err=True)
        sys.exit(1)


def _debug(saved: SavedChunk) -> bool:
    """Whether the processor raised; its traceback is shown then."""
    import traceback

    from columnar_af.processing.rerun import debug
    from columnar_af.redaction import redact

    raised: list[Exception] = []

    def on_error(error: Exception) -> None:
        raised.append(error)
        click.echo(redact("".join(traceback.format_exception(error))), err=True)
        if sys.stdin.isatty() and sys.stdout.isatty():
            import pdb  # this is what --debug asks for

            pdb.post_mortem(error.__traceback__)

    debug(saved, on_error)
    if not raised:
        click.echo("the processor ended without an error", err=True)
    return bool(raised)
