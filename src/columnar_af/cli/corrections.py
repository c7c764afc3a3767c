"""``columnar-af corrections``: tables of corrections, made and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from correctionlib.schemav2 import Correction

    from columnar_af.corrections.conversion import Axis


@click.group()
def corrections() -> None:
    """Make correctionlib tables from the analysts' formats, and look at them."""


@corrections.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--kind",
    type=click.Choice(("muon", "pile-up", "fake-factor")),
    default="muon",
    help="What the table corrects.",
)
@click.option(
    "--histogram", help="Path of the TH2 (muon, fake-factor of electrons) or TH1 (pile-up) in a ROOT file."
)
@click.option("--muon-histogram", help="Path of the TH2 with the fake factors of muons.")
@click.option("--x", type=click.Choice(("pt", "abseta")), default="pt", help="x axis of the TH2.")
@click.option("--up", help="TH1 of the pile-up weights shifted up.")
@click.option("--down", help="TH1 of the pile-up weights shifted down.")
@click.option("--name", help="Name of the correction.  [default: the kind]")
def convert(
    source: Path,
    output: Path,
    kind: str,
    histogram: str | None,
    muon_histogram: str | None,
    x: str,
    up: str | None,
    down: str | None,
    name: str | None,
) -> None:
    """Convert SOURCE (ROOT histogram, or JSON dump of muon factors) to the correctionlib file OUTPUT."""
    from columnar_af.corrections import conversion
    from columnar_af.errors import ConfigError

    is_json = source.suffix == ".json"
    if not is_json and not histogram:
        msg = f"{source} is a ROOT file: name the histogram in it"
        raise ConfigError(msg, advice="give --histogram")
    description = f"converted from {source.name}{'' if is_json else ':' + str(histogram)}"
    axis: conversion.Axis = "pt" if x == "pt" else "abseta"
    if kind == "fake-factor":
        correction = _fake_factor(source, histogram, muon_histogram, axis)
    elif kind == "pile-up":
        shifts = {"nominal": histogram, "up": up, "down": down}
        read = {shift: conversion.from_th1(source, path) for shift, path in shifts.items() if path}
        weights = {shift: values for shift, (_, values) in read.items()}
        correction = conversion.pile_up_correction(
            name or "pile_up", read["nominal"][0], weights, description
        )
    else:
        factors = (
            conversion.from_json_dump(source)
            if is_json
            else conversion.from_th2(source, str(histogram), axis)
        )
        correction = conversion.muon_correction(name or "muon", factors, description)
    conversion.write(output, [correction], description)
    click.echo(f"wrote {correction.name} to {output}")


def _fake_factor(source: Path, electrons: str | None, muons: str | None, axis: Axis) -> Correction:
    from columnar_af.corrections.conversion import from_th2
    from columnar_af.corrections.fake_factor import fake_factor_correction
    from columnar_af.errors import ConfigError

    if not electrons or not muons:
        msg = "fake factors are measured for electrons and for muons: two histograms are needed"
        raise ConfigError(msg, advice="give --histogram and --muon-histogram")
    flavours = {"electron": electrons, "muon": muons}
    tables = {flavour: from_th2(source, path, axis) for flavour, path in flavours.items()}
    return fake_factor_correction(tables, f"converted from {source.name}:{electrons}, {muons}")


@corrections.command()
@click.argument("path", type=click.Path(path_type=Path))
def show(path: Path) -> None:
    """List the corrections in a correctionlib file with their inputs and bin edges."""
    import correctionlib

    from columnar_af.corrections.table import Table
    from columnar_af.errors import ConfigError

    try:
        names = list(correctionlib.CorrectionSet.from_file(str(path)))
    except (RuntimeError, OSError) as error:
        msg = f"{path} cannot be read as a correctionlib file: {error}"
        raise ConfigError(msg, advice="give a JSON file of correctionlib's schema 2") from error
    for name in names:
        table = Table.load(path, name)
        click.echo(name)
        for variable, kind in table.inputs.items():
            values = (
                table.keys(variable) if kind == "string" else tuple(f"{e:g}" for e in table.edges(variable))
            )
            click.echo(f"  {variable}: {', '.join(values)}")
