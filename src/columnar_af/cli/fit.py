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
COLUMNS = (
    "era", "fb⁻¹", "D_s in window", "D_s in range", "D⁺ in range", "D_s per fb⁻¹", "p-value", "true D_s in window",
    "from B", "true from B",
)  # fmt: skip


@click.group()
def fit() -> None:
    """Measurements on the result of a run."""


@fit.command("ds-mass")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--peak", type=click.Choice(PEAKS), default="double-gaussian", help="Shape of both peaks.")
@click.option("--background", type=click.Choice(BACKGROUNDS), default="exponential", help="Shape below them.")
@click.option(
    "--range", "mass_range", nargs=2, type=float, default=(1.65, 2.01), metavar="LOW HIGH", help="Mass range, GeV."
)
@click.option("--dataset", "datasets", multiple=True, help="Fit this dataset only; may be repeated.")
@click.option("--era", "eras", multiple=True, help="Fit this era only; may be repeated.")
@click.option(
    "--simulation",
    type=click.Path(path_type=Path),
    help="Result with simulated D_s for tails and templates.  [default: those in DIRECTORY]",
)
@click.option("--unbinned", is_flag=True, help="Fit masses one by one (to 0.5 MeV), not in bins.")
@click.option("--toys", type=click.IntRange(min=0), default=0, help="Toys for each goodness of fit.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Folder to write to.  [default: DIRECTORY/fits]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the yields as JSON.")
def ds_mass(
    directory: Path, simulation: Path | None, output: Path | None, as_json: bool, **chosen: Any
) -> None:
    """Fit the D_s peak of the result in DIRECTORY in every era, and in all together.

    Writes the yields (yields.json), a JSON file and a figure per fit, the stability over eras, and the decay length with
    the fraction of D_s from B decays. Exits with 1 when the fit of an era failed.
    """
    from columnar_af.fits.ds_study import StudyOptions, study
    from columnar_af.results.run_result import RunResult

    simulated = None if simulation is None else RunResult.load(simulation)
    done = study(RunResult.load(directory), StudyOptions(**chosen), simulated)
    folder = output or directory / "fits"
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
            _write_json(folder / f"{era.data.era}.json", era.fit.to_json())
            figures.write(figures.mass_figure(era.fit, era.data.era), folder / f"{era.data.era}.png")
        _write_json(folder / "simultaneous.json", done.simultaneous.to_json())
        for name, result in done.simultaneous.eras.items():
            title = f"{name}, shapes shared by {ALL_ERAS}"
            figures.write(figures.mass_figure(result, title), folder / f"simultaneous_{name}.png")
        figures.write(figures.stability_figure(done), folder / "stability.png")
        if done.from_b is not None:
            figures.write(figures.decay_length_figure(done.from_b, ALL_ERAS), folder / "decay_length.png")
    return _write_json(folder / "yields.json", done.to_json())


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
    console.print(_table(done))
    for note in done.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    for era in done.eras:
        for problem in era.fit.problems:
            console.print(f"{era.data.era}: FIT FAILED, no yield: {problem}", style="bold red", markup=False)
        for note in era.fit.notes:
            console.print(f"{era.data.era}: {note}", highlight=False, markup=False)
    for line in _summary(done):
        console.print(line, highlight=False, markup=False)
    console.print(f"figures and JSON in {folder}", highlight=False, markup=False)


def _table(done: Study) -> Table:
    from rich import box
    from rich.table import Table

    rows = [_row(era) for era in done.eras]
    shown = [index for index in range(len(COLUMNS)) if index == 0 or any(row[index] != "" for row in rows)]
    table = Table(title="D_s yields", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for index in shown:
        table.add_column(COLUMNS[index], justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*[row[index] for index in shown])
    return table


def _row(era: EraStudy) -> tuple[str, ...]:
    luminosity = "" if era.data.luminosity is None else f"{era.data.luminosity:g}"
    truth = ("", "") if era.truth is None else (f"{era.truth.ds:,}", f"{era.truth.from_b:.3f}")
    if not era.fit.succeeded:
        return (era.data.era, luminosity, "fit failed", "", "", "", "", truth[0], "", truth[1])
    window, total, rate = era.fit.window("ds"), era.fit.total("ds"), era.per_luminosity()
    fraction = era.from_b if era.from_b is not None and era.from_b.succeeded else None
    return (
        era.data.era,
        luminosity,
        f"{window.value:,.0f} ± {window.error:,.0f}",
        f"{total.value:,.0f} ± {total.error:,.0f}",
        f"{era.fit.total('dplus').value:,.0f} ± {era.fit.total('dplus').error:,.0f}",
        "" if rate is None else f"{rate[0]:,.0f} ± {rate[1]:,.0f}",
        "" if era.fit.goodness is None else f"{era.fit.goodness.p_value:.2g}",
        truth[0],
        "" if fraction is None else f"{fraction.from_b:.3f} ± {fraction.from_b_error:.3f}",
        truth[1],
    )


def _summary(done: Study) -> list[str]:
    lines = []
    if done.simultaneous.succeeded:
        total = done.simultaneous.total[0]
        lines.append(f"all eras, shared shapes: {total.value:,.0f} ± {total.error:,.0f} D_s in the window")
    lines += [f"shared shapes: {problem}" for problem in done.simultaneous.problems]
    if (stability := done.stability()) is not None:
        mean, error, p_value = stability
        lines.append(f"mean over eras: {mean:,.0f} ± {error:,.0f} per fb⁻¹; p-value of being constant {p_value:.2g}")
    if done.from_b is not None and done.from_b.succeeded:
        lines.append(
            f"fraction of D_s from B: {done.from_b.from_b:.3f} ± {done.from_b.from_b_error:.3f}; in simulation "
            f"{done.from_b.simulated:.3f} ± {done.from_b.simulated_error:.3f} "
            f"({done.from_b.difference:+.1f} standard deviations)"
        )
    elif done.from_b is not None:
        lines.append(f"no fraction of D_s from B: {'; '.join(done.from_b.problems)}")
    return lines
