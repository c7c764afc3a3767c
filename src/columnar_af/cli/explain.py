"""``columnar-af explain PROCESSOR FILE --event RUN:LUMI:EVENT``: why an event is selected, or not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from columnar_af.cli.run import Parameter

if TYPE_CHECKING:
    from columnar_af.processing.explain import Explanation

NOT_FOUND = 3
"""Exit code where the event is in none of the files; 2 is that of a wrong command line, 1 of all other errors."""


@click.command()
@click.argument("processor")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--event", metavar="RUN:LUMI:EVENT", required=True, help="The event; RUN:EVENT without luminosity blocks."
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=Parameter(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Argument of the processor's class; may be repeated.",
)
@click.option("--all", "all_candidates", is_flag=True, help="Show every candidate, or region, cut by cut.")
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="PATTERN",
    help="Show this region cut by cut; may be repeated.  [default: those that the event comes nearest to]",
)
@click.option(
    "--variation",
    "variations",
    multiple=True,
    metavar="NAME",
    help="Show the event under this variation, too; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print plain values.")
def explain(
    processor: str,
    files: tuple[str, ...],
    event: str,
    parameters: tuple[tuple[str, object], ...],
    all_candidates: bool,
    regions: tuple[str, ...],
    variations: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what every cut of PROCESSOR says about one event: its values, its threshold and its verdict.

    A processor of regions is shown region by region. Data in blinded regions are not shown.

    FILE is a ROOT file, or a fileset file, whose metadata (era, ...) the processor is then given. Exit codes: 0 the event
    is explained, 1 an error, 2 a wrong command line, 3 the event is not there.
    """
    from columnar_af.processing.explain import EventNotFoundError
    from columnar_af.processing.explain import explain as explain_event

    source = files[0] if len(files) == 1 else files
    try:
        explanation = explain_event(
            processor, source, event, parameters=dict(parameters), variations=variations
        )
    except EventNotFoundError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(NOT_FOUND)
    if as_json:
        click.echo(_as_json(explanation))
    else:
        _print(explanation, all_candidates, regions)


def _as_json(explanation: Explanation) -> str:
    import json
    from dataclasses import asdict

    from columnar_af.results.plain_values import plain

    return json.dumps(plain(asdict(explanation)), indent=1, allow_nan=False)


def _print(explanation: Explanation, all_candidates: bool, regions: tuple[str, ...]) -> None:
    from rich.console import Console

    from columnar_af.processing.explanation_view import as_rich

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)  # a file is not as narrow as a terminal
    console.print(as_rich(explanation, all_candidates=all_candidates, regions=regions))
