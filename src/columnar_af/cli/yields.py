"""``columnar-af yields DIRECTORY``: yields per region, sample and variation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from columnar_af.cli.statistics_options import Choices, read_table, statistics_options, write_text

if TYPE_CHECKING:
    from columnar_af.statistics.yields import YieldTable


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--format", "style", type=click.Choice(["text", "latex", "csv"]), default="text", help="How to print."
)
@click.option("--variations", is_flag=True, help="One row per region, sample and variation.")
@click.option("--region", "regions", multiple=True, help="Only this region; may be repeated.")
@click.option("--figures", is_flag=True, help="Draw the regions with --shape, and the impacts.")
@click.option("--signal", "signals", multiple=True, help="Signal to draw; may be repeated.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: DIRECTORY/yields]")
@statistics_options
def yields(
    choices: Choices,
    directory: Path,
    style: str,
    variations: bool,
    regions: tuple[str, ...],
    figures: bool,
    signals: tuple[str, ...],
    output: Path | None,
) -> None:
    """Print the yields of the run in DIRECTORY, scaled to the luminosity, and write them as text, LaTeX and CSV.

    Simulation is scaled by what was really processed; fakes come from data; a one-sided variation is symmetrized as
    2·nominal − up, not below 0. Uncertainties are statistics and all variations, in quadrature.
    """
    from columnar_af.results.result_folder import YIELDS
    from columnar_af.statistics import tables

    table = read_table(directory, choices, regions)
    rows = tables.variation_rows(table) if variations else tables.yield_rows(table)
    notes = tables.notes_text(table, table.notes)
    folder = output or directory / YIELDS
    csv = tables.yields_csv(table)
    write_text(folder / "yields.csv", csv)
    for name, content in (
        ("yields", tables.yield_rows(table)),
        ("variations", tables.variation_rows(table)),
    ):
        write_text(folder / f"{name}.txt", tables.as_text(content) + notes)
        write_text(folder / f"{name}.tex", _latex_notes(notes) + tables.as_latex(content))
    if figures:
        _draw(table, signals, folder)
    printed = {"text": tables.as_text(rows) + notes, "latex": tables.as_latex(rows), "csv": csv}
    click.echo(printed[style], nl=False)
    if style == "text":
        click.echo(f"wrote {folder}")


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
