"""``columnar-af simulate stop-loopsusy`` and ``stop-histfitter``: simulated ntuples of the soft-lepton stop search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from columnar_af.errors import ConfigError

if TYPE_CHECKING:
    from columnar_af.ntuples.simulation.stop_options import Layout

OPTIONS = (
    click.option(
        "--events", type=int, required=True, help="Events per simulated sample, over all campaigns."
    ),
    click.option("--files", type=int, default=1, help="Files per sample and campaign."),
    click.option("--seed", type=int, default=1, help="Fixes every value in every file."),
    click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        required=True,
        help="Output folder.",
    ),
    click.option(
        "--samples",
        default="all",
        help="Samples, separated by commas: Wt, ttbar, VV, Zjets, ttZ, other, fakes, data, "
        "stop4body_<stop mass>_<mass difference>, or all.",
    ),
    click.option("--campaigns", default="mc16a,mc16d,mc16e", help="Campaigns, separated by commas."),
    click.option(
        "--variations",
        default="all",
        help="Kinematic variations: all, none, notebook, a number, or names separated by commas.",
    ),
    click.option(
        "--weights/--no-weights", default=True, help="The 122 branches of the 50 weight variations."
    ),
    click.option("--signal", default=None, help="Signal that is mixed into data.", show_default="none"),
    click.option("--signal-strength", type=float, default=1.0, help="Its strength."),
    click.option("--compression", default="zlib1", help="zlib1, zlib9, lz4, lzma or none."),
    click.option("--processes", type=int, default=1, help="Processes; the files do not depend on it."),
    click.option("--overwrite", is_flag=True, help="Replace an earlier simulation in the output folder."),
)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True)
class _Arguments:
    """What both layouts take from the command line."""

    events: int
    files: int
    seed: int
    samples: str
    campaigns: str
    variations: str
    weights: bool
    signal: str | None
    signal_strength: float
    compression: str
    theory: bool = False


def _simulate(layout: Layout, output: Path, overwrite: bool, processes: int, arguments: _Arguments) -> None:
    from columnar_af.ntuples.simulation.stop_options import StopOptions
    from columnar_af.ntuples.simulation.stop_simulation import simulate_stop

    if processes < 1:
        msg = f"--processes is {processes}; at least one process is needed"
        raise ConfigError(msg, advice="give --processes a positive number")
    values = {
        **asdict(arguments),
        "samples": _names(arguments.samples),
        "campaigns": _names(arguments.campaigns),
    }
    truth = simulate_stop(
        StopOptions(layout=layout, **values), output, overwrite=overwrite, processes=processes
    )
    size = sum((output / name).stat().st_size for name in truth["files"]) / 1e6
    click.echo(f"wrote {len(truth['files']) - 1} files and a fileset to {output}, {size:.1f} MB")
    for name, sample in truth["samples"].items():
        entries = sum(sum(campaign["entries"].values()) for campaign in sample["campaigns"].values())
        click.echo(f"  {name}: {entries} entries, {sample['yields']['all']:.1f} events expected")


def _own(context: click.Context) -> _Arguments:
    """The arguments that both layouts share, of the running command."""
    names = (field.name for field in fields(_Arguments) if field.name in context.params)
    return _Arguments(**{name: context.params[name] for name in names})


@click.command("stop-loopsusy")
@_with_options
@click.option(
    "--theory-weights",
    "theory",
    is_flag=True,
    help="The 107 weights of 7 scale points and 100 PDF replicas, each with its sum of weights.",
)
@click.pass_context
def stop_loopsusy(
    context: click.Context, /, output: Path, overwrite: bool, processes: int, theory: bool, **_: object
) -> None:
    """One tree with objects in MeV; variations are column suffixes."""
    _simulate("loopsusy", output, overwrite, processes, replace(_own(context), theory=theory))


@click.command("stop-histfitter")
@_with_options
@click.option(
    "--trees-of-the-notebook",
    "notebook",
    is_flag=True,
    help="Nominal and 40 variations, as --variations notebook.",
)
@click.pass_context
def stop_histfitter(
    context: click.Context, /, output: Path, overwrite: bool, processes: int, notebook: bool, **_: object
) -> None:
    """One tree of flat variables in GeV per variation."""
    arguments = _own(context)
    if notebook:
        arguments = replace(arguments, variations="notebook")
    _simulate("histfitter", output, overwrite, processes, arguments)
