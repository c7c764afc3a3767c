"""``columnar-af limit DIRECTORY``: background-only fit, exclusions, discovery fits, contour; or published counts."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from columnar_af.cli.statistics_options import (
    Choices,
    model_options,
    read_table,
    statistics_options,
    write_text,
)

if TYPE_CHECKING:
    from columnar_af.statistics.study import Study


MOST_PARAMETERS = 12
"""Nuisance parameters on the screen; all are in the files."""


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--counts", multiple=True, metavar='"[NAME] OBSERVED BACKGROUND UNCERTAINTY"',
    help="A published region in place of a run; may be repeated.",
)  # fmt: skip
@click.option("--luminosity", type=float, help="In fb⁻¹, with --counts: also print visible cross-sections.")
@click.option("--signal", "signals", multiple=True, help="Only this signal; may be repeated.")
@click.option(
    "--toys", type=click.IntRange(min=0), default=0, help="Pseudo-experiments per hypothesis; 0: asymptotic."
)
@click.option("--seed", type=int, default=1, help="Of the pseudo-experiments.")
@click.option("--exclusion/--no-exclusion", default=True, help="Set limits on the signals.")
@click.option("--discovery/--no-discovery", default=True, help="Compute p0 and S95 of each signal region.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: DIRECTORY/limits]")
@statistics_options
def limit(
    choices: Choices,
    directory: Path | None,
    counts: tuple[str, ...],
    luminosity: float | None,
    signals: tuple[str, ...],
    toys: int,
    seed: int,
    exclusion: bool,
    discovery: bool,
    output: Path | None,
) -> None:
    """Fit and set limits with the run in DIRECTORY, or with --counts, at 95 % CLs.

    \b
    background-only fit  ttbar and VV normalized in the control regions; validation and signal regions compared with it
    exclusion            of each signal, control and signal regions together; contour over the masses
    discovery            p0, S95 and visible cross-section of each signal region

    Blinded regions have expected limits only. A fit that does not converge is reported as FAILED, and the command exits with 1.
    """
    from columnar_af.errors import ConfigError
    from columnar_af.results.result_folder import LIMITS
    from columnar_af.statistics.limits import HypothesisOptions

    if (directory is None) == (not counts):
        msg = "give either the DIRECTORY of a run or --counts"
        raise ConfigError(msg, advice='for example columnar-af limit --counts "10 12.8 3.2"')
    hypotheses = HypothesisOptions(toys, seed)
    if directory is None:
        failed = _published(counts, math.nan if luminosity is None else luminosity, hypotheses, output)
    else:
        from columnar_af.statistics.study import StudyOptions, study

        modelling = model_options(choices)
        options = StudyOptions(
            modelling, hypotheses, signals, with_exclusion=exclusion, with_discovery=discovery
        )
        done = study(read_table(directory, choices, modelling.roles.patterns), options)
        folder = output or directory / LIMITS
        _write(done, folder)
        click.echo(_report(done) + f"wrote {folder}")
        failed = bool(done.failures)
    if failed:
        sys.exit(1)


def _published(texts: tuple[str, ...], luminosity: float, hypotheses: Any, output: Path | None) -> bool:
    """Limits of published regions; whether one failed."""
    from dataclasses import asdict

    from columnar_af.statistics import tables
    from columnar_af.statistics.counts import Counts, count

    regions = [Counts.parse(text) for text in texts]
    found = [count(region, luminosity, hypotheses) for region in regions]
    rows = tables.discovery_rows(found)
    head, *body = rows
    described = [f"{r.observed:g} on {r.background:g} ± {r.uncertainty:g}" for r in regions]
    table = [["data", *head], *([text, *row] for text, row in zip(described, body, strict=True))]
    click.echo(tables.as_text(table, f"95 % CLs, {hypotheses.method}"), nl=False)
    if output is not None:
        _write_json(output / "limits.json", {"published": [asdict(result) for result in found]})
    return any(result.failure or result.s95.failure for result in found)


def _report(done: Study) -> str:
    from columnar_af.statistics import tables

    parts = [tables.as_text(rows, title) for title, rows in _tables(done).items()]
    parts.append(tables.notes_text(done.table, done.notes))
    parts += [f"FAILED: {failure}\n" for failure in done.failures]
    return "\n".join(parts)


def _tables(done: Study) -> dict[str, list[list[str]]]:
    from columnar_af.statistics import tables

    method = done.options.hypotheses.method
    found = {
        "Data and background, after and before the background-only fit": tables.fit_rows(done),
        "Parameters of the background-only fit": tables.parameter_rows(done, MOST_PARAMETERS),
    }
    if done.exclusions:
        title = f"Limits on signal strengths, 95 % CLs, {method}"
        found[title] = tables.exclusion_rows(done.exclusions.values())
    if done.discoveries:
        found[f"Discovery fits, {method}"] = tables.discovery_rows(done.discoveries.values())
    return found


def _write(done: Study, folder: Path) -> None:
    from columnar_af.statistics import tables

    _write_json(folder / "limits.json", done.to_json())
    write_text(folder / "report.txt", _report(done))
    names = ("background_fit", "parameters", "exclusion", "discovery")
    for name, rows in zip(names, _named_tables(done), strict=True):
        if rows:
            write_text(folder / f"{name}.tex", tables.as_latex(rows))
    _draw(done, folder / "figures")


def _named_tables(done: Study) -> list[list[list[str]]]:
    from columnar_af.statistics import tables

    return [
        tables.fit_rows(done),
        tables.parameter_rows(done),
        tables.exclusion_rows(done.exclusions.values()) if done.exclusions else [],
        tables.discovery_rows(done.discoveries.values()) if done.discoveries else [],
    ]


def _draw(done: Study, folder: Path) -> None:
    from columnar_af.plotting.limits import contour_figure, pull_figure
    from columnar_af.plotting.style import atlas_style, write
    from columnar_af.plotting.yields import impact_figure, region_figure

    with atlas_style():
        write(region_figure(done), folder / "regions.png")
        write(pull_figure(done.background), folder / "pulls.png")
        for region in done.regions:
            if done.table.nuisances and region.role == "signal":
                write(impact_figure(done.table, region.region), folder / f"impact_{region.region}.png")
        if done.points:
            title = f"Exclusion, {done.options.hypotheses.method}"
            write(contour_figure(done.points, title), folder / "exclusion.png")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    import json

    from columnar_af.results.plain_values import plain

    write_text(path, json.dumps(plain(content), indent=2, ensure_ascii=False) + "\n")
