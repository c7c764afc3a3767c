"""``columnar-af candidates DIR OUTPUT``: the selected candidates of a run as a flat ntuple."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--dataset", "datasets", multiple=True, help="Of this dataset; may be repeated.  [default: all]"
)
def candidates(directory: Path, output: Path, datasets: tuple[str, ...]) -> None:
    """Write the candidates of the result in DIRECTORY, with the inputs of the classifier, to OUTPUT.

    OUTPUT ends in .root or .parquet; the list of columns is written beside it.
    """
    from columnar_af.mva.export import candidates_of, write
    from columnar_af.results.run_result import RunResult

    columns = candidates_of(RunResult.load(directory), datasets)
    write(columns, output)
    click.echo(f"wrote {len(columns['dataset'])} candidates with {len(columns)} columns to {output}")
    click.echo(f"the columns are explained in {output.with_suffix('.md')}")
