"""``columnar-af yields DIRECTORY``: yields per region, sample and variation."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from columnar_af.cli.statistics_options import Choices, read_table, statistics_options, write_text

if TYPE_CHECKING:
    from columnar_af.statistics.yields import YieldTable

WIDTH = 160
"""Characters of a line in a file."""


class Names(click.ParamType[tuple[str, ...]]):
    """Names or patterns with commas between them."""

    name = "names"

    def convert(self, value: Any, *_: object) -> tuple[str, ...]:
        """See click."""
        return value if isinstance(value, tuple) else tuple(filter(None, map(str.strip, value.split(","))))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--format", "style", type=click.Choice(["text", "latex", "csv"]), default="text", help="How to print."
)
@click.option("--variations", is_flag=True, help="One row per region, sample and variation.")
@click.option(
    "--region",
    "--regions",
    "regions",
    type=Names(),
    multiple=True,
    metavar="PATTERN[,PATTERN...]",
    help="Only these regions; may be repeated.",
)
@click.option(
    "--sample",
    "--samples",
    "samples",
    type=Names(),
    multiple=True,
    metavar="PATTERN[,PATTERN...]",
    help="Only these samples in the tables of text and LaTeX; may be repeated. The background is always that of all.",
)
@click.option("--figures", is_flag=True, help="Draw the regions with --shape, and the impacts.")
@click.option("--signal", "signals", multiple=True, help="Signal to draw; may be repeated.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: DIRECTORY/yields]")
@statistics_options
def yields(
    choices: Choices,
    directory: Path,
    style: str,
    variations: bool,
    regions: tuple[tuple[str, ...], ...],
    samples: tuple[tuple[str, ...], ...],
    figures: bool,
    signals: tuple[str, ...],
    output: Path | None,
) -> None:
    """Print the yields of the run in DIRECTORY, scaled to the luminosity, and write them as text, LaTeX and CSV.

    Simulation is scaled by what was really processed; fakes come from data; a one-sided variation is symmetrized as
    2·nominal − up, not below 0. Uncertainties are statistics and all variations, in quadrature. A table of many regions is
    printed in the form that suits the terminal: regions below one another, or in blocks.
    """
    from columnar_af.results.result_folder import YIELDS
    from columnar_af.statistics import tables

    table = read_table(directory, choices, tuple(chain.from_iterable(regions)))
    chosen = table.samples_like(tuple(chain.from_iterable(samples)))
    content = {
        "yields": tables.yield_rows(table, chosen),
        "variations": tables.variation_rows(table, samples=chosen),
    }
    notes = tables.notes_text(table, table.notes)
    folder = output or directory / YIELDS
    csv = tables.yields_csv(table)
    write_text(folder / "yields.csv", csv)
    for name, rows in content.items():
        write_text(folder / f"{name}.txt", tables.as_fitted_text(rows, WIDTH) + notes)
        write_text(folder / f"{name}.tex", _latex_notes(notes) + tables.as_latex(rows))
    if figures:
        _draw(table, signals, folder)
    rows = content["variations" if variations else "yields"]
    if style == "text":
        click.echo(tables.as_fitted_text(rows, _width()) + notes, nl=False)
        click.echo(f"wrote {folder}")
    else:
        click.echo(csv if style == "csv" else tables.as_latex(rows), nl=False)


def _width() -> int:
    """Of the terminal; of a file, which is not as narrow, :data:`WIDTH`, unless the environment says otherwise."""
    from rich.console import Console

    console = Console()
    return console.width if console.is_terminal or "COLUMNS" in os.environ else WIDTH


def _latex_notes(notes: str) -> str:
    return "".join(f"% {line}\n" for line in notes.splitlines())


def _draw(table: YieldTable, signals: tuple[str, ...], folder: Path) -> None:
    from columnar_af.plotting.style import atlas_style, write
    from columnar_af.plotting.yields import impact_figure, variable_figure

    with atlas_style():
        for region in table.regions:
            if table.nuisances:
                write(impact_figure(table, region.name), folder / "figures" / f"impact_{region.name}.png")
            if region.bins > 1 or region.variable != "cuts":
                figure = variable_figure(table, region.name, signals=signals)
                write(figure, folder / "figures" / f"{region.name}_{region.variable}.png")
