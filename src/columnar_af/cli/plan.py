"""``columnar-af plan PROCESSOR FILESET``: what a run will cost, before it is run."""

from __future__ import annotations

from pathlib import Path

import click

from columnar_af.cli.chunk_options import with_chunk_options
from columnar_af.cli.run import Parameter


@click.command()
@click.argument("processor")
@click.argument("fileset", nargs=-1, required=True)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=Parameter(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Argument of the processor's class; may be repeated.",
)
@with_chunk_options
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Number of workers of the run.")
@click.option(
    "--compare",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Show the estimate beside what the run in DIR really took.",
)
@click.option("--json", "as_json", is_flag=True, help="Print plain values.")
def plan(
    processor: str,
    fileset: tuple[str, ...],
    parameters: tuple[tuple[str, object], ...],
    chunksize: int | None,
    memory_per_worker: int,
    workers: int,
    compare: Path | None,
    as_json: bool,
) -> None:
    """Estimate columns, bytes, memory and time of a run of PROCESSOR over FILESET; tell its chunks, why, and a good size.

    The columns are traced, their bytes are read off the trees, and time and memory are calibrated by running one small
    chunk here and now. With --compare, chunk size and workers are those of the run in DIR.
    """
    from columnar_af.processing.estimate import estimate
    from columnar_af.processing.estimate_view import as_text, comparison, to_json
    from columnar_af.results import RunResult

    result = None if compare is None else RunResult.load(compare)
    if result is not None:
        chunksize = result.provenance.parameters.get("chunksize", chunksize)
        memory_per_worker = result.provenance.parameters.get("memory_per_worker", memory_per_worker)
        workers = max(result.metrics.workers, 1)
    source = fileset[0] if len(fileset) == 1 else fileset
    found = estimate(
        processor,
        source,
        parameters=dict(parameters),
        chunksize=chunksize,
        memory_per_worker=memory_per_worker,
        workers=workers,
    )
    rows = [] if result is None else comparison(found, result)
    if as_json:
        import json

        click.echo(json.dumps({**to_json(found), "compared": rows}, indent=1))
        return
    click.echo(as_text(found))
    table = [("", "estimate", "truth", "ratio"), *rows] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
