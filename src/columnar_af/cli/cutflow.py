"""``columnar-af cutflow DIR``: the cutflow of a run, for a log, an issue, a paper or a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--dataset", "-d", multiple=True, help="Only this dataset; may be repeated.  [default: all]")
@click.option(
    "--format",
    "-f",
    "kind",
    type=click.Choice(["text", "markdown", "latex", "csv"]),
    default="text",
    help="Format of the table.",
)
def cutflow(directory: Path, dataset: tuple[str, ...], kind: str) -> None:
    """Print the cutflow of the result in DIRECTORY."""
    from columnar_af.errors import ConfigError
    from columnar_af.results.run_result import RunResult
    from columnar_af.results.tables import FORMATS

    result = RunResult.load(directory)
    chosen = {name: result.cutflow(name) for name in dataset} or result.cutflows
    if not chosen:
        msg = f"the result in {directory} has no cutflow"
        raise ConfigError(
            msg, advice='return one from the processor, as {dataset: {"cutflow": Cutflow(...)}}'
        )
    click.echo(FORMATS[kind](chosen), nl=False)
