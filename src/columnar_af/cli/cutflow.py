"""``columnar-af cutflow DIR``: the cutflow of a run, for a log, an issue, a paper or a spreadsheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from columnar_af.results.run_result import RunResult
    from columnar_af.selection.cutflow import Cutflow


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--dataset", "-d", multiple=True, help="Only this dataset; may be repeated.  [default: all]")
@click.option("--region", "-r", help="The cutflow of this region, where the processor gives one per region.")
@click.option(
    "--format",
    "-f",
    "kind",
    type=click.Choice(["text", "markdown", "latex", "csv"]),
    default="text",
    help="Format of the table.",
)
def cutflow(directory: Path, dataset: tuple[str, ...], region: str | None, kind: str) -> None:
    """Print the cutflow of the result in DIRECTORY."""
    from columnar_af.errors import ConfigError
    from columnar_af.results.run_result import RunResult
    from columnar_af.results.tables import FORMATS

    result = RunResult.load(directory)
    if region is not None:
        every = _of_region(result, region)
        chosen = {name: every[name] for name in dataset or every if name in every}
    else:
        chosen = {name: result.cutflow(name) for name in dataset} or result.cutflows
    if not chosen:
        msg = f"the result in {directory} has no cutflow"
        raise ConfigError(
            msg, advice='return one from the processor, as {dataset: {"cutflow": Cutflow(...)}}'
        )
    click.echo(FORMATS[kind](chosen), nl=False)


def _of_region(result: RunResult, region: str) -> dict[str, Cutflow]:
    """Dataset -> cutflow of a region, for the datasets that have it."""
    from columnar_af.errors import ConfigError

    found = {
        name: part["region_cutflows"] for name, part in result.output.items() if "region_cutflows" in part
    }
    chosen = {name: cutflows[region] for name, cutflows in found.items() if region in cutflows}
    if not chosen:
        known = dict.fromkeys(name for cutflows in found.values() for name in cutflows)
        msg = f"the result has no cutflow of a region {region!r}"
        raise ConfigError(msg, advice=f"it has those of {', '.join(known) or 'none'}")
    return chosen
