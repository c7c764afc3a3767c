"""``columnar-af why DIR CHUNK``: why a chunk was run again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("chunk", type=click.IntRange(min=0))
def why(directory: Path, chunk: int) -> None:
    """Say why the latest run in DIRECTORY ran CHUNK, or did not: which ingredient of its result had changed."""
    from columnar_af.processing.journal.why import why as answer

    click.echo(str(answer(directory, chunk)))
