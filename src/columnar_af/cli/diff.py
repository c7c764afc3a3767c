"""``columnar-af diff DIR_A DIR_B``: whether two results are the same, and where they are not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from columnar_af.results.comparison import Difference

DIFFERENT = 1
CANNOT_TELL = 2
"""Exit codes, as ``diff`` has them; 0 tells that the results are the same."""


@click.command()
@click.argument("first", metavar="DIR_A", type=click.Path(path_type=Path))
@click.argument("second", metavar="DIR_B", type=click.Path(path_type=Path))
@click.option("--rtol", type=float, default=0.0, help="Relative tolerance of numbers.")
@click.option("--atol", type=float, default=0.0, help="Absolute tolerance of numbers.")
@click.option("--chunks", is_flag=True, help="Compare what became of each chunk, too.")
@click.option("--max-rows", type=click.IntRange(min=1), default=50, help="Most values in the table.")
@click.option("--json", "as_json", is_flag=True, help="Print all differences as JSON.")
def diff(
    first: Path, second: Path, rtol: float, atol: float, chunks: bool, max_rows: int, as_json: bool
) -> None:
    """Compare the results in DIR_A and DIR_B, cut by cut, bin by bin, yield by yield.

    Without tolerances they are compared bit for bit. Exit codes: 0 the same, 1 different, 2 one of them cannot be read.
    """
    from columnar_af.errors import ColumnarAFError
    from columnar_af.results.comparison import Tolerance, compare
    from columnar_af.results.run_result import RunResult

    try:
        found = compare(RunResult.load(first), RunResult.load(second), Tolerance(rtol, atol), chunks=chunks)
    except ColumnarAFError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(CANNOT_TELL)
    if as_json:
        click.echo(_as_json(found))
    else:
        _print(found, first, second, max_rows)
    if found:
        sys.exit(DIFFERENT)


def _as_json(found: list[Difference]) -> str:
    import json
    from dataclasses import asdict

    from columnar_af.results.plain_values import plain

    record = {"equal": not found, "differences": [plain(asdict(difference)) for difference in found]}
    return json.dumps(record, indent=1, allow_nan=False)


def _print(found: list[Difference], first: Path, second: Path, max_rows: int) -> None:
    from rich.console import Console

    if not found:
        click.echo("the results are the same")
        return
    values = sum(max(len(difference.cells), 1) for difference in found)
    click.echo(f"the results differ in {len(found)} places ({values} values): {first} and {second}")
    # In a file or a pipe a table must not be cut to 80 columns.
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(_table(found, max_rows))
    if values > max_rows:
        click.echo(f"and {values - max_rows} more: see --max-rows, or --json for all of them")


def _table(found: list[Difference], max_rows: int) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("place", "which", "first", "second", "difference", "relative"):
        table.add_column(name, justify="left" if name in ("place", "which") else "right", overflow="fold")
    rows = [row for difference in found for row in _rows(difference)]
    for row in rows[:max_rows]:
        table.add_row(*map(Text, row))
    return table


def _rows(difference: Difference) -> list[tuple[str, ...]]:
    place = difference.place.removeprefix("output/")
    if not difference.cells:
        return [(place, difference.what, "", "", "", "")]
    return [
        (place, cell.label, str(cell.left), str(cell.right), *_distance(cell.left, cell.right))
        for cell in difference.cells
    ]


def _distance(left: Any, right: Any) -> tuple[str, str]:
    """Difference and relative difference of two numbers; empty for what is none."""
    numbers = [
        value for value in (left, right) if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if len(numbers) < 2:
        return "", ""
    largest = max(abs(left), abs(right))
    return f"{right - left:.3g}", f"{abs(right - left) / largest:.2g}" if largest else ""
