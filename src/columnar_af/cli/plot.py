"""``columnar-af plot DIR``: a picture of every histogram of a run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder for the figures.  [default: DIRECTORY/figures]",
)
@click.option(
    "--histogram", "names", multiple=True, help="Draw this one only; may be repeated.  [default: all]"
)
def plot(directory: Path, output: Path | None, names: tuple[str, ...]) -> None:
    """Draw the histograms of the result in DIRECTORY, one PNG each, datasets laid over one another."""
    from columnar_af.plotting.histograms import plot_histograms
    from columnar_af.results.presentation import counted
    from columnar_af.results.result_folder import FIGURES
    from columnar_af.results.run_result import RunResult

    folder = output or directory / FIGURES
    paths = plot_histograms(RunResult.load(directory), folder, names)
    click.echo(f"{counted(len(paths), 'figure')} in {folder}")
