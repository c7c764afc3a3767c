"""``columnar-af benchmark PROCESSOR FILESET``: what a processor costs, against data, workers and variations."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from columnar_af.cli.run import Parameter

SHOWN_NAMES = 3
"""Datasets that the title of a picture names."""


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers with commas between them."""

    name = "N,N,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """``"1,2,4"`` -> ``(1, 2, 4)``."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(word) for word in str(value).split(",") if word.strip())
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers such as 1,2,4", param, ctx)


@click.command()
@click.argument("processor")
@click.argument("fileset", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=Parameter(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Argument of the processor's class; may be repeated.",
)
@click.option("--sizes", type=Numbers(), default="1", help="How often each file is listed.")
@click.option("--workers", type=Numbers(), default="1", help="Numbers of workers, at the largest size.")
@click.option("--variations", type=Numbers(), default="", help="Numbers of variations, at size 1.")
@click.option(
    "--variations-parameter",
    default="systematics",
    metavar="NAME",
    help="Argument of the processor's class that takes their names, or their number where it declares none.",
)
@click.option("--cold", is_flag=True, help="Measure each size with files dropped from the page cache, too.")
@click.option("--repeats", type=click.IntRange(min=1), default=3, help="Measurements of each point.")
@click.option(
    "--executor",
    type=click.Choice(("futures", "dask", "dask-awkward")),
    default="futures",
    help="For more than one worker.",
)
@click.option(
    "--chunksize",
    type=click.IntRange(min=1),
    show_default="chosen for each file, as in a run",
    help="Entries per chunk, nearly.",
)
def benchmark(
    processor: str,
    fileset: tuple[str, ...],
    output: Path,
    parameters: tuple[tuple[str, object], ...],
    sizes: tuple[int, ...],
    workers: tuple[int, ...],
    variations: tuple[int, ...],
    variations_parameter: str,
    cold: bool,
    repeats: int,
    executor: str,
    chunksize: int | None,
) -> None:
    """Measure PROCESSOR on FILESET: times, rates, stages, efficiency, memory; as JSON, CSV and pictures.

    Each measurement is a fresh process. A run that lost an event does not count, and the command ends with 1. Sizes list the
    same files more than once, under names of their own; nothing is copied.
    """
    from columnar_af.benchmarking.report import write_report
    from columnar_af.benchmarking.sweep import Benchmark, run_benchmark
    from columnar_af.datasets.fileset import Fileset

    source = Fileset.load(fileset[0] if len(fileset) == 1 else fileset)
    asked = Benchmark(
        processor=processor,
        fileset=source,
        parameters=dict(parameters),
        executor=executor,
        chunksize=chunksize,
        sizes=sizes,
        workers=workers,
        variations=variations,
        variations_parameter=variations_parameter,
        cold=cold,
        repeats=repeats,
    )
    measured = run_benchmark(asked, output / "inputs", lambda text: click.echo(text, err=True))
    settings = {**vars(asked), "fileset": source.to_coffea()}
    names = list(source.datasets)
    inputs = ", ".join(names) if len(names) <= SHOWN_NAMES else f"{len(names)} datasets"
    title = (
        f"{processor}, {inputs}, median of {repeats} measurements"
        if repeats > 1
        else f"{processor}, {inputs}"
    )
    for path in write_report(measured, output, title=title, settings=settings):
        click.echo(f"wrote {path}")
    for note in sorted({each.note for each in measured if each.note}):
        click.echo(f"note: the page cache was not dropped: {note}", err=True)
    if not all(each.valid for each in measured):
        click.echo("error: events were lost or counted wrongly; these runs do not count", err=True)
        sys.exit(1)
