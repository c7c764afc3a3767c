"""``columnar-af fit``: measurements on the result of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from columnar_af.fits.ds_study import EraStudy, Study

PEAKS = ("double-gaussian", "crystal-ball", "gaussian", "johnson")
BACKGROUNDS = ("exponential", "polynomial")
TABLE_WIDTH = 110
"""Columns that yields of six digits need."""
YIELD_COLUMNS = ("era", "fb⁻¹", "D_s window", "true", "D_s range", "D⁺ range", "D_s / fb⁻¹", "p")
FRACTION_COLUMNS = ("era", "from B", "true", "in simulation", "p")


@click.group()
def fit() -> None:
    """Measurements on the result of a run."""


@fit.command("ds-mass")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--peak", type=click.Choice(PEAKS), default="double-gaussian", help="Shape of both peaks.")
@click.option("--background", type=click.Choice(BACKGROUNDS), default="exponential", help="Shape below them.")
@click.option(
    "--shared-tails/--own-tails", default=True, help="Same tails for both peaks, or tails of their own."
)
@click.option("--free-tails", is_flag=True, help="Let the data choose the tails, not simulation.")
@click.option(
    "--range",
    "mass_range",
    nargs=2,
    type=float,
    default=(1.65, 2.01),
    metavar="LOW HIGH",
    help="Mass range, GeV.",
)
@click.option("--dataset", "datasets", multiple=True, help="Fit this dataset only; may be repeated.")
@click.option("--era", "eras", multiple=True, help="Fit this era only; may be repeated.")
@click.option(
    "--simulation",
    type=click.Path(path_type=Path),
    help="Result with simulated D_s for tails and templates.  [default: those in DIRECTORY]",
)
@click.option("--unbinned", is_flag=True, help="Fit the masses of the candidates one by one, not in bins.")
@click.option("--toys", type=click.IntRange(min=0), default=0, help="Toys for each goodness of fit.")
@click.option(
    "--variation", default="", help="Systematic variation of the simulation, such as muon_scale_up."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder to write to.  [default: DIRECTORY/fits, or its folder VARIATION]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the yields as JSON.")
def ds_mass(
    directory: Path,
    simulation: Path | None,
    variation: str,
    output: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Fit the D_s peak of the result in DIRECTORY in every era, and in all together.

    Writes the yields (yields.json), a JSON file and a figure per fit, the stability over eras, and the decay length with
    the fraction of D_s from B decays. Exits with 1 when the fit of an era failed.
    """
    from columnar_af.errors import ConfigError

    try:
        from columnar_af.fits.ds_study import StudyOptions, study
    except ModuleNotFoundError as error:
        msg = f"fits need {error.name}, which is not installed"
        raise ConfigError(msg, advice="pip install 'columnar-af[fit,plot]'") from error
    from columnar_af.results.result_folder import FITS
    from columnar_af.results.run_result import RunResult

    simulated = None if simulation is None else RunResult.load(simulation)
    done = study(RunResult.load(directory), StudyOptions(variation=variation, **chosen), simulated)
    folder = output or directory / FITS / variation
    texts = _write(done, folder)
    if as_json:
        click.echo(texts, nl=False)
    else:
        _show(done, folder)
    if not done.succeeded:
        sys.exit(1)


def _write(done: Study, folder: Path) -> str:
    """All files; the text of the one with the yields is given back."""
    from columnar_af.fits.ds_study import ALL_ERAS
    from columnar_af.plotting import mass_fit as figures

    with figures.cms_style():
        for era in done.eras:
            name = _file_name(era.data.era)
            _write_json(folder / f"{name}.json", era.fit.to_json())
            figures.write(figures.mass_figure(era.fit, era.data.era), folder / f"{name}.png")
        _write_json(folder / "simultaneous.json", done.simultaneous.to_json())
        for name, result in done.simultaneous.eras.items():
            title = f"{name}, shapes shared by {ALL_ERAS}"
            figures.write(figures.mass_figure(result, title), folder / f"simultaneous_{_file_name(name)}.png")
        figures.write(figures.stability_figure(done), folder / "stability.png")
        if done.from_b is not None:
            figures.write(figures.decay_length_figure(done.from_b, ALL_ERAS), folder / "decay_length.png")
    return _write_json(folder / "yields.json", done.to_json())


def _file_name(era: str) -> str:
    """The name of an era that is a dataset's may hold letters that a path cannot."""
    import re

    return re.sub(r"[^\w+-]+", "_", era)


def _write_json(path: Path, content: dict[str, Any]) -> str:
    import json

    from columnar_af.errors import OutputError
    from columnar_af.results.plain_values import plain

    text = json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}"
        raise OutputError(msg, advice="check the disk and the permissions, or name another folder") from error
    return text


def _show(done: Study, folder: Path) -> None:
    from rich.console import Console

    console = Console()
    console = Console(width=max(console.width, TABLE_WIDTH))  # a cut number is worse than a long line
    low, high = done.eras[0].fit.model.low, done.eras[0].fit.model.high
    console.print(f"window: 1.93 to 2.01 GeV; range: {low:g} to {high:g} GeV", highlight=False)
    console.print(_table("D_s yields", YIELD_COLUMNS, [_yields(era) for era in done.eras]))
    fractions = [_fraction(era) for era in done.eras if era.from_b is not None]
    if fractions:
        console.print(_table("Fraction of D_s from B decays", FRACTION_COLUMNS, fractions))
    for line in _lines(done):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"figures and JSON in {folder}", highlight=False, markup=False, soft_wrap=True)


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    """A table without the columns that are empty."""
    from rich import box
    from rich.table import Table

    shown = [index for index in range(len(columns)) if index == 0 or any(row[index] for row in rows)]
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for index in shown:
        table.add_column(columns[index], justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*[row[index] for index in shown])
    return table


def _yields(era: EraStudy) -> tuple[str, ...]:
    luminosity = "" if era.data.luminosity is None else f"{era.data.luminosity:g}"
    truth = "" if era.truth is None else f"{era.truth.ds:,}"
    if not era.fit.succeeded:
        return (era.data.era, luminosity, "fit failed", truth, "", "", "", "")
    window, rate, p_value = era.fit.window("ds"), era.per_luminosity(), era.fit.p_value
    return (
        era.data.era,
        luminosity,
        _number(window.value, window.error),
        truth,
        *(_number(found.value, found.error) for found in map(era.fit.total, ("ds", "dplus"))),
        "" if rate is None else _number(*rate),
        "" if p_value is None else f"{p_value:.2g}",
    )


def _number(value: float, error: float) -> str:
    decimals = 0 if error >= 3 else 1 if error >= 0.3 else 2
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}"


def _fraction(era: EraStudy) -> tuple[str, ...]:
    found = era.from_b
    truth = "" if era.truth is None else f"{era.truth.from_b:.3f}"
    if found is None or not found.succeeded:
        return (era.data.era, "fit failed", truth, "", "")
    simulated = f"{found.simulated:.3f} ± {found.simulated_error:.3f}"
    p_value = "" if found.goodness is None else f"{found.goodness.p_value:.2g}"
    return (era.data.era, f"{found.from_b:.3f} ± {found.from_b_error:.3f}", truth, simulated, p_value)


def _lines(done: Study) -> list[str]:
    """Notes, failures and sums below the tables."""
    lines = [f"note: {note}" for note in done.notes]
    for era in done.eras:
        lines += [f"{era.data.era}: FIT FAILED, no yield: {problem}" for problem in era.fit.problems]
        lines += [f"{era.data.era}: {note}" for note in era.fit.notes]
    return lines + _summary(done)


def _summary(done: Study) -> list[str]:
    lines = []
    if done.simultaneous.succeeded:
        total = done.simultaneous.total[0]
        lines.append(f"all eras, shared shapes: {total.value:,.0f} ± {total.error:,.0f} D_s in the window")
    lines += [f"shared shapes: {problem}" for problem in done.simultaneous.problems]
    if (stability := done.stability()) is not None:
        mean, error, p_value = stability
        lines.append(
            f"mean over eras: {_number(mean, error)} per fb⁻¹; p-value of being constant {p_value:.2g}"
        )
    if done.from_b is not None and done.from_b.succeeded:
        lines.append(
            f"fraction of D_s from B: {done.from_b.from_b:.3f} ± {done.from_b.from_b_error:.3f}; in simulation "
            f"{done.from_b.simulated:.3f} ± {done.from_b.simulated_error:.3f} "
            f"({done.from_b.difference:+.1f} standard deviations)"
        )
    elif done.from_b is not None:
        lines.append(f"no fraction of D_s from B: {'; '.join(done.from_b.problems)}")
    return lines
