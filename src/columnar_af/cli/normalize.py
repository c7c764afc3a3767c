"""``columnar-af normalize DIR_DATA DIR_MC``: from the D_s yield to the expected number of τ → 3μ."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("data", metavar="DIR_DATA", type=FOLDER)
@click.argument("simulation", metavar="DIR_MC", type=FOLDER)
@click.option("--fit", type=FILE, help="Mass fits.  [default: those in DIR_DATA]")
@click.option("--shared-shapes", is_flag=True, help="Yields of the simultaneous fit of all eras.")
@click.option("--era", "eras", multiple=True, help="Use this era; may be repeated.  [default: all fitted]")
@click.option(
    "--simulation",
    "choices",
    multiple=True,
    metavar="ERA=DATASET",
    help="Simulated dataset of an era or year.",
)
@click.option("--signal", type=FOLDER, help="Run of tau_to_3mu over simulation, for the efficiencies.")
@click.option("--efficiencies", type=FILE, help="YAML of τ → 3μ efficiencies, in place of --signal.")
@click.option("--search", "searched", type=FOLDER, help="Run of tau_to_3mu over data: background and limit.")
@click.option("--b-fraction", type=float, help="Fraction of D_s from B decays.  [default: fitted]")
@click.option("--constants", type=FILE, help="YAML of branching fractions, in place of ours.")
@click.option("--uncertainties", type=FILE, help="YAML of uncertainties, in place of ours.")
@click.option("--limit/--no-limit", "with_limit", default=True, help="Compute the expected limit.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: DIR_DATA/normalization]"
)
def normalize(
    data: Path,
    simulation: Path,
    fit: Path | None,
    shared_shapes: bool,
    eras: tuple[str, ...],
    choices: tuple[str, ...],
    signal: Path | None,
    efficiencies: Path | None,
    searched: Path | None,
    b_fraction: float | None,
    constants: Path | None,
    uncertainties: Path | None,
    with_limit: bool,
    output: Path | None,
) -> None:
    """Normalize the τ → 3μ search with D_s → φ(μμ)π.

    DIR_DATA is the result of ds_phi_pi over data, fitted with `columnar-af fit ds-mass`; DIR_MC is that over simulation (it
    may be the same folder). Written are tables (text, LaTeX, JSON) and, with --search, datacards.
    """
    from columnar_af.errors import ConfigError
    from columnar_af.normalization.chain import Inputs, write
    from columnar_af.normalization.chain import normalize as compute
    from columnar_af.normalization.tables import report

    if signal and efficiencies:
        msg = "--signal and --efficiencies both give the efficiencies of τ → 3μ"
        raise ConfigError(msg, advice="give one of them")
    chosen = dict(_pair(choice) for choice in choices)
    inputs = Inputs(
        data, simulation, fit, shared_shapes, chosen, eras, signal, efficiencies, searched, b_fraction, constants,
        uncertainties, with_limit,
    )  # fmt: skip
    result = compute(inputs)
    files = write(result, output or data / "normalization")
    click.echo(report(result))
    click.echo(f"\nwrote {len(files)} files to {files[0].parent}")


def _pair(choice: str) -> tuple[str, str]:
    from columnar_af.errors import ConfigError

    era, equals, dataset = choice.partition("=")
    if not (era and equals and dataset):
        msg = f"--simulation {choice}: expected ERA=DATASET, for example 2018=ds_phi_pi_mc_2018"
        raise ConfigError(msg)
    return era, dataset
