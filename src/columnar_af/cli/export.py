"""``columnar-af export DIRECTORY``: the model of a search for pyhf, combine and HistFitter."""

from __future__ import annotations

from pathlib import Path

import click

from columnar_af.cli.statistics_options import Choices, model_options, read_table, statistics_options

FORMATS = ("pyhf", "combine", "histfitter")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--format", "formats", type=click.Choice(FORMATS), multiple=True, help="May be repeated.  [default: all]"
)
@click.option("--signal", "signals", multiple=True, help="Only this signal; may be repeated.")
@click.option("--prefix", default="Stop4b_", help="In front of region names in the file for HistFitter.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: DIRECTORY/export]")
@statistics_options
def export(
    choices: Choices,
    directory: Path,
    formats: tuple[str, ...],
    signals: tuple[str, ...],
    prefix: str,
    output: Path | None,
) -> None:
    """Write the model of the run in DIRECTORY.

    \b
    pyhf        a workspace per signal, and background_only.json; pyhf and cabinetry open them
    combine     a datacard with its histograms per signal
    histfitter  one ROOT file with all samples, variations and regions: hWtNom_Stop4b_SRA_obs_cuts, ...High_..., ...Low_...
    """
    from columnar_af.results.result_folder import EXPORT
    from columnar_af.statistics.building import build_model
    from columnar_af.statistics.combine_card import write_card
    from columnar_af.statistics.histfitter_file import write_histfitter
    from columnar_af.statistics.pyhf_workspace import write_workspace

    table, options = read_table(directory, choices), model_options(choices)
    folder = output or directory / EXPORT
    chosen = formats or FORMATS
    written: list[Path] = []
    if "histfitter" in chosen:
        written.append(write_histfitter(table, folder / "histfitter.root", prefix))
    if {"pyhf", "combine"} & set(chosen):
        models = {"background_only": build_model(table, options)}
        models |= {name: build_model(table, options, name) for name in signals or table.signals}
        for name, model in models.items():
            if "pyhf" in chosen:
                written.append(write_workspace(model, folder / "pyhf" / f"{name}.json"))
            if "combine" in chosen:
                written.extend(write_card(model, folder / "combine" / f"{name}.txt"))
        for note in dict.fromkeys(note for model in models.values() for note in model.notes):
            click.echo(f"note: {note}")
    for path in written:
        click.echo(path)
