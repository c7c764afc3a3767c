"""``columnar-af show DIR``: the result of a run on the screen."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print summary.json as it is, after checking it.")
@click.option("--provenance", is_flag=True, help="Print what it was made from, with what, where and when.")
def show(directory: Path, as_json: bool, provenance: bool) -> None:
    """Print the result in DIRECTORY: cutflows, yields, ledger and metrics."""
    from columnar_af.results.result_folder import SUMMARY
    from columnar_af.results.run_result import RunResult

    result = RunResult.load(directory)
    if as_json:
        click.echo((directory / SUMMARY).read_text(encoding="utf-8"), nl=False)
        return
    if provenance:
        from columnar_af.results.provenance_text import as_text

        click.echo(as_text(result.provenance))
        return
    from rich.console import Console

    Console().print(result)
